# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Rules of a defibrillator's cabinet: presence by two senses, and alarms that ring once. Pure, integers only.

Times in ms are node time and only ever subtracted.
"""

UNKNOWN, PRESENT, REMOVED = "unknown", "present", "removed"
DAY_MS = 86_400_000
_SETTLE_LOOKS = 20  # two seconds: nobody lifts a weight and releases a switch at the same instant


class Presence:
    """Two independent senses, each True, False or None (it cannot say). Only both together say present.

    They also say removed together, at once. A sense that says so alone is believed where the other is broken, for a removal
    must not be missed; where the other contradicts it, nobody knows.
    """

    def __init__(self):
        self.state = UNKNOWN
        self.is_settled = False  # both senses have had their time to speak
        self._looks = 0  # since they last agreed

    def update(self, switch, weight):
        """A look at both, ten times a second; True where the state has changed."""
        state = self.state
        if switch is not None and switch == weight:
            self._looks = 0
            self.is_settled = True
            state = PRESENT if switch else REMOVED
        elif self._looks < _SETTLE_LOOKS:
            self._looks += 1
        else:
            self.is_settled = True
            has_no_doubt = switch is not True and weight is not True and (switch is False or weight is False)
            state = REMOVED if has_no_doubt else UNKNOWN
        changed = state != self.state
        self.state = state
        return changed


class Alarms:
    """Each is raised once when its condition has held for its delay, ended once when it no longer does, and repeated once a day."""

    def __init__(self, delays_s):
        self.raised = 0  # a bit for each
        self._delays_s = delays_s
        self._since_ms = [None] * len(delays_s)  # when the condition last became another
        self._told_ms = [0] * len(delays_s)

    def restore(self, raised, now_ms):
        """These had been told before a restart."""
        self.raised = raised & ((1 << len(self._delays_s)) - 1)
        self._told_ms = [now_ms] * len(self._delays_s)

    def update(self, place, condition, now_ms):
        """True or False where that is to be reported now, else None. Condition None: nobody can say, and all stays as it is."""
        is_raised = bool(self.raised >> place & 1)
        if condition is None:
            self._since_ms[place] = None
            return None
        if condition == is_raised:
            self._since_ms[place] = None
            if not condition or now_ms - self._told_ms[place] < DAY_MS:
                return None
        else:
            if self._since_ms[place] is None:
                self._since_ms[place] = now_ms
            if condition and now_ms - self._since_ms[place] < self._delays_s[place] * 1000:
                return None
            self._since_ms[place] = None
            self.raised ^= 1 << place
        self._told_ms[place] = now_ms
        return condition


def grams_of(codes, codes_per_kg):
    """A difference of a load cell's codes, rounded down. In steps, so that no number on the way exceeds the 30 bits that an ESP32 holds without
    its heap (16 to ten million codes a kilogram): a look at the scale comes ten times a second."""
    rest = codes % codes_per_kg * 100
    return codes // codes_per_kg * 1000 + rest // codes_per_kg * 10 + rest % codes_per_kg * 10 // codes_per_kg


def is_beyond(value, low, high, margin, was_beyond):
    """Whether `value` is below `low` or above `high`; coming back needs `margin` more, so that noise at a bound rings nothing."""
    if not was_beyond:
        margin = 0
    return value < low + margin or value > high - margin
