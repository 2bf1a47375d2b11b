# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a climate sensor may say, and whether the board warms it. Pure, integers only.

Self-heating looks like this: the reading rises after the start, fast at first and then less and less, because the case
settles at a new temperature (time constants of 5 to 20 minutes). Weather goes on as it began. So the rise over half an hour counts
only where more than three fifths of it came in the first half.
"""

WINDOW_MS = 1_800_000
_SAME_MAX = 100  # the noise of every sensor here is a step or more: so many equal readings are none


class SelfHeating:
    def __init__(self):
        self._first = None
        self._middle = None
        self.rise_cdeg = None  # once it is known: hundredths of a kelvin, 0 where it looks like weather

    def add(self, temperature_cdeg, awake_ms):
        """True with the reading that ends the half hour."""
        if self.rise_cdeg is not None:
            return False
        if self._first is None:
            if awake_ms > WINDOW_MS // 15:
                self.rise_cdeg = 0  # no reading while it was cold: nothing to compare with
            self._first = temperature_cdeg
        elif self._middle is None and awake_ms >= WINDOW_MS // 2:
            self._middle = temperature_cdeg
        elif awake_ms >= WINDOW_MS and self._middle is not None:
            rise, early = temperature_cdeg - self._first, self._middle - self._first
            self.rise_cdeg = rise if rise > 0 and early * 5 > rise * 3 else 0
            return True
        return False


class Plausible:
    """Judges a sensor's readings: within what it can measure, and not for ever the same."""

    def __init__(self, limits, may_stay=False):
        """`limits`: (least, most) of each value. `may_stay`: they may be the same for ever, as light is in the dark."""
        self._limits = limits
        self._may_stay = may_stay
        self._before = None
        self._same = 0

    def reason(self, values):
        """What is wrong with these values; empty where nothing is."""
        for place in range(len(values)):
            least, most = self._limits[place]
            if not least <= values[place] <= most:
                return "a value that it cannot measure"
        if values == self._before and not self._may_stay:
            self._same += 1
        else:
            self._same = 0
            self._before = values
        return "the same values again and again" if self._same >= _SAME_MAX else ""


def is_jump(values, before, jumps):
    """Whether a value is more than its `jumps` (0: may do so) away from the one before; `before` may hold None, or be None."""
    if before is None:
        return False
    for place in range(len(values)):
        if jumps[place] and before[place] is not None and abs(values[place] - before[place]) > jumps[place]:
            return True
    return False
