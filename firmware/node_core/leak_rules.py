# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Does water run that nobody uses? Readings of a meter in, leak and burst out. Pure, causal, integers only.

Theory of operation
-------------------
A household, a school, a fountain at night: each has hours without water. A leak has none. Readings may come every
minute or every hour, late, twice, or not at all for days; everything works on their time stamps. The time between readings is cut into
slices of about an hour. A slice is quiet where less than the normal flow (0, or what `accept` was told) plus `leak_ml_h` ran. A pause of
a slice's length without a step of the meter is quiet wherever it lies, and so is a calm night.

  no_zero_hour   No slice was quiet for `leak_h` hours. A slice that is too long to show a quiet hour (no reading for `_GAP_S`) counts
                 as `_GAP_CREDIT_S` at most: silence proves little, but breaks nothing.
  night_minimum  The night is the calmest `_NIGHT_S` in a row of 24 hours, wherever they lie: a node does not always know the hour. More
                 than the normal flow plus `night_ml_h` ran in `nights` nights one after another. Finds what is too small for the
                 first rule; takes longer.
  leak_grew      A leak is known, and for `leak_h` hours no slice was below its smallest flow since then plus `leak_ml_h`.
  burst          `burst_ml_h` or more on the average of `burst_s`, and `_BURST_STEPS` steps of the meter.

A leak's alarm ends after two clean nights: `_CLEAN_S` of readings without a stretch of flow of `_DIRTY_S`, of a gap `_GAP_CREDIT_S` at most. A burst's ends
`_CLEAN_S` after the last one, so what recurs daily is one alarm. So an alarm of one name begins every other day at most.

What a meter says cannot always be so. It runs backwards a little (`_BACK_ML`: water that swings; nothing counts until that is made up),
falls back further (a reset, another meter), or jumps by more than it can pass (`q4_ml_h`). Such a reading is left out; it is believed
when the next one goes on from there, and then its leap counts as no water; jumps upwards one after another are a burst. A reading
older than the last one is left out.

Limits: use that never pauses for an hour is a leak to these rules; `accept` makes the present flow the normal one. Pulses coarser than
`leak_ml_h` in an hour lengthen the slices (`resolution_ml`), and so the pause that is needed. Where two slices are longer than `leak_h`
(`is_too_coarse`) no pause can be told from a leak: only bursts are looked for. Figures: docs/family-meters.md.
"""

import struct

LEAK = 1
BURST = 2
GREW = 4
NAMES = ((LEAK, "leak"), (BURST, "burst"), (GREW, "leak_grew"))
RULES = ("", "no_zero_hour", "night_minimum")

_HOUR_S = 3600
_DAY_S = 86_400
_GAP_S = 7500  # an hourly reading may be missed once
_GAP_CREDIT_S = 28_800
_NIGHT_S = 10_800
_DIRTY_S = 72_000
_CLEAN_S = 172_800
_BACK_ML = 20_000
_BURST_STEPS = 3
_FORM = "<BBBBBqiiiiiiiiiiqqqqqqq10i10i"
_VERSION = 2
_PAIRS_KEPT = 5
_NONE = -1


def _packed(pairs):
    """The last pairs, flat; (0, 0) where there are fewer."""
    found = []
    for first, second in pairs[-_PAIRS_KEPT:]:
        found += [first, min(second, 0x7FFFFFFF)]
    return found + [0] * (2 * _PAIRS_KEPT - len(found))


def _unpacked(flat):
    return [(flat[i], flat[i + 1]) for i in range(0, len(flat), 2) if flat[i]]


def step(settings, state, goes_on, now_s, total_ml, is_accepted):
    """One reading through the rules as a function, for a board that cannot keep them in memory between two readings.

    Args:
        settings: of the node (apps/water.py).
        state: of the last step, or None.
        goes_on: whether the clock has gone on since then (`LeakRules.load`).
        is_accepted: what runs now is normal (`LeakRules.accept`).

    Returns:
        (state, alarms, night_ml_h, is_implausible).
    """
    rules = LeakRules(
        settings["leak_l_h"] * 1000,
        settings["leak_h"],
        settings["night_l_h"] * 1000,
        settings["nights"],
        settings["burst_l_h"] * 1000,
        settings["burst_min"] * 60,
        settings["q4_l_h"] * 1000,
        settings["pulse_ml"],
    )
    rules.load(state, goes_on)
    rules.update(now_s, total_ml)
    if is_accepted:
        rules.accept()
    return rules.dump(), rules.alarms, rules.night_ml_h, rules.is_implausible


class LeakRules:
    """Feed with `update`.

    Attributes:
        alarms: bits LEAK, BURST, GREW of what is going on.
        rule: index into RULES, which one saw the leak.
        flow_ml_h: between the last two readings; None before.
        night_ml_h: of the last night; None before the first.
        consumed_ml: since the first reading.
        left_out: readings that were not believed, or came too late.
        leaps: resets and jumps that were believed after all.
        is_implausible: the last reading was left out because the meter cannot have done that.
        is_too_coarse: the meter's steps are too large to look for leaks.
    """

    def __init__(
        self,
        leak_ml_h=4000,
        leak_h=22,
        night_ml_h=2000,
        nights=3,
        burst_ml_h=1_500_000,
        burst_s=1800,
        q4_ml_h=5_000_000,
        resolution_ml=1000,
    ):
        self._leak_ml_h = leak_ml_h
        self._leak_s = leak_h * _HOUR_S
        self._night_ml_h = night_ml_h
        self._nights = nights
        self._burst_ml_h = burst_ml_h
        self._burst_s = burst_s
        self._q4_ml_h = q4_ml_h
        self._resolution_ml = resolution_ml
        # A leak of `leak_ml_h` shows in each slice, as one step of the meter or more.
        self._slice_s = max(_HOUR_S, resolution_ml * _HOUR_S // max(1, leak_ml_h))
        self._night_pause_s = max(_NIGHT_S, resolution_ml * _HOUR_S // max(1, night_ml_h))
        self.is_too_coarse = 2 * resolution_ml > leak_ml_h * leak_h
        self.alarms = self.rule = self.left_out = self.leaps = self.consumed_ml = 0
        self.flow_ml_h = self.night_ml_h = None
        self.is_implausible = False
        self._normal_ml_h = 0
        self._known_ml_h = _NONE  # smallest flow of the leak that is known
        self._run_s = self._grew_s = self._clean_s = self._day_s = self._bad_nights = 0
        self._run_min_ml_h = self._calm_ml_h = _NONE
        self._burst_left_s = 0
        self._slices = []  # (seconds, ml): the last `_NIGHT_S`
        self._last_s = None
        self._top_ml = self._said_ml = 0  # the highest total, and the last one
        self._slice_from_s = self._slice_from_ml = 0
        self._step_s = 0  # when the total has last risen
        self._anchors = []  # (time, total) of the burst's window, a third of it apart
        self._leap = None  # (time, total) of a reading that is not believed yet
        self._leaps_in_a_row = 0

    def update(self, now_s, total_ml):
        """Take one reading: time in seconds from any origin, the meter's total. True where `alarms` has changed."""
        self.is_implausible = False
        if self._last_s is None:
            self._start(now_s, total_ml)
            return False
        if now_s <= self._last_s:
            self.left_out += now_s < self._last_s or total_ml != self._said_ml
            if now_s < self._last_s - _CLEAN_S:  # somebody has set the clock: it is the new one that goes on
                self._start(now_s, total_ml)
            return False
        if not self._is_plausible(self._last_s, self._top_ml, now_s, total_ml):
            return self._take_leap(now_s, total_ml)
        self._leap = None
        self._leaps_in_a_row = 0
        before = self.alarms
        span_s = now_s - self._last_s
        gained_ml = max(0, total_ml - self._top_ml)
        self._top_ml += gained_ml
        self._said_ml = total_ml
        self._last_s = now_s
        self.consumed_ml += gained_ml
        self.flow_ml_h = gained_ml * _HOUR_S // span_s
        self._watch_burst(now_s, span_s)
        if not self.is_too_coarse:
            self._watch_leak(now_s, span_s, gained_ml)
        return self.alarms != before

    def _watch_leak(self, now_s, span_s, gained_ml):
        pause_s = 0 if gained_ml else now_s - self._step_s
        if gained_ml:
            before_s = now_s - span_s
            if (
                before_s - self._step_s >= self._slice_s and before_s > self._slice_from_s
            ):  # none of the pause counts as flow
                self._take_slice(before_s - self._slice_from_s, 0, True)
                self._slice_from_s = before_s
                self._slice_from_ml = self._top_ml - gained_ml
            self._step_s = now_s
        if pause_s >= self._night_pause_s:
            self._calm_ml_h = 0
        slice_s = now_s - self._slice_from_s
        is_pause = pause_s >= self._slice_s > pause_s - span_s  # now it is long enough
        # A row of half a slice or more is a slice of its own: the next one would make it too long.
        if is_pause or slice_s >= self._slice_s - min(self._slice_s // 2, span_s // 2):
            self._take_slice(slice_s, self._top_ml - self._slice_from_ml, is_pause)
            self._slice_from_s = now_s
            self._slice_from_ml = self._top_ml

    def _take_leap(self, now_s, total_ml):
        """A reading that cannot be so, unless the next one goes on from it; three in a row upwards: water runs as it never should."""
        leap = self._leap
        self._leap = (now_s, total_ml)
        self.left_out += 1
        self.is_implausible = True
        if leap is not None and self._is_plausible(leap[0], leap[1], now_s, total_ml):
            self.left_out -= 2
            self.leaps += 1
            self.is_implausible = False
            self._leap = None
            self._start(leap[0], leap[1])
            return self.update(now_s, total_ml)
        is_upwards = leap is not None and total_ml > leap[1]
        self._leaps_in_a_row = self._leaps_in_a_row + 1 if is_upwards else 0
        if self._leaps_in_a_row < 2:
            return False
        self._start(now_s, total_ml)
        self._leap = None
        self._leaps_in_a_row = 0
        self._burst_left_s = _CLEAN_S
        has_changed = not self.alarms & BURST
        self.alarms |= BURST
        return has_changed

    def accept(self):
        """The leak that is known, or else what ran in the last night, is normal here: nobody has to look for it."""
        if self.alarms & LEAK:
            self._normal_ml_h = self._known_ml_h
        elif self.night_ml_h is not None:
            self._normal_ml_h = self.night_ml_h
        self.alarms &= BURST
        self.rule = self._run_s = self._grew_s = self._bad_nights = 0
        self._run_min_ml_h = self._known_ml_h = _NONE

    def dump(self):
        """What has been learnt, as bytes."""
        night = _NONE if self.night_ml_h is None else self.night_ml_h
        last_s = _NONE if self._last_s is None else self._last_s
        leap = (_NONE, 0) if self._leap is None else self._leap
        pairs = _packed(self._slices) + _packed([(last_s - at_s + 1, self._top_ml - ml) for at_s, ml in self._anchors])
        return struct.pack(
            _FORM, _VERSION, self.alarms, self.rule, self._bad_nights, self._leaps_in_a_row, self.consumed_ml,
            self._run_s, self._run_min_ml_h, self._grew_s, self._clean_s, self._day_s,
            self._calm_ml_h, night, self._known_ml_h, self._normal_ml_h, self._burst_left_s,
            last_s, self._top_ml, self._slice_from_s, self._slice_from_ml, self._step_s, *leap, *pairs,
        )  # fmt: skip

    def load(self, data, goes_on=False):
        """Take over what `dump` gave. False where it is another version's, or damaged.

        Args:
            goes_on: the clock has gone on too, as over a sleep: the next reading follows the last one. Otherwise how long it
                was is not known, and what ran meanwhile belongs to no hour.
        """
        if data is None or len(data) != struct.calcsize(_FORM) or data[0] != _VERSION:
            return False
        (
            _, self.alarms, self.rule, self._bad_nights, leaps_in_a_row, self.consumed_ml,
            self._run_s, self._run_min_ml_h, self._grew_s, self._clean_s, self._day_s,
            self._calm_ml_h, night, self._known_ml_h, self._normal_ml_h, self._burst_left_s,
            last_s, top_ml, from_s, from_ml, step_s, leap_s, leap_ml, *pairs,
        ) = struct.unpack(_FORM, data)  # fmt: skip
        self.night_ml_h = None if night == _NONE else night
        if goes_on and last_s != _NONE:
            self._start(last_s, top_ml)
            self._slice_from_s, self._slice_from_ml, self._step_s = from_s, from_ml, step_s
            self._slices = _unpacked(pairs[: 2 * _PAIRS_KEPT])
            self._anchors = [(last_s + 1 - span_s, top_ml - ml) for span_s, ml in _unpacked(pairs[2 * _PAIRS_KEPT :])]
            if leap_s != _NONE:
                self._leap = (leap_s, leap_ml)
                self._leaps_in_a_row = leaps_in_a_row
        return True

    def _start(self, now_s, total_ml):
        self._last_s = self._slice_from_s = self._step_s = now_s
        self._top_ml = self._said_ml = self._slice_from_ml = total_ml
        self._anchors = [(now_s, total_ml)]

    def _is_plausible(self, from_s, from_ml, now_s, total_ml):
        span_s = now_s - from_s
        gained_ml = total_ml - from_ml
        return span_s > 0 and -_BACK_ML <= gained_ml <= self._q4_ml_h * span_s // _HOUR_S + 2 * self._resolution_ml

    def _take_slice(self, slice_s, ml, is_pause):
        flow = 0 if is_pause else ml * _HOUR_S // slice_s
        pause_s = self._last_s - self._step_s  # may become long enough
        is_gap = slice_s > max(_GAP_S, 2 * self._slice_s)
        credit_s = min(slice_s, _GAP_CREDIT_S) if is_gap else slice_s
        if flow < self._normal_ml_h + self._leak_ml_h:
            self._run_s = 0
            self._run_min_ml_h = _NONE
        else:
            self._run_s += credit_s
            if not is_gap and (self._run_min_ml_h < 0 or flow < self._run_min_ml_h):
                self._run_min_ml_h = flow
        if self._run_s >= _DIRTY_S:
            self._clean_s = 0
        else:
            self._clean_s = min(_CLEAN_S, self._clean_s + credit_s)
        if not is_gap:
            self._take_night(slice_s, ml)
        elif slice_s >= _NIGHT_S and flow < self._normal_ml_h + self._night_ml_h:
            self._bad_nights = 0  # calm on the average: its calmest hours were
        if self.alarms & LEAK:
            if not is_gap:  # a leak that has become smaller can grow from there
                self._known_ml_h = min(self._known_ml_h, flow)
            self._watch_known(flow, credit_s)
        elif self._run_s - pause_s >= self._leak_s or self._bad_nights >= self._nights:
            self.alarms |= LEAK
            self.rule = 1 if self._run_s - pause_s >= self._leak_s else 2
            smallest = flow if self._run_min_ml_h < 0 else self._run_min_ml_h
            self._known_ml_h = max(smallest, self.night_ml_h or 0, self._leak_ml_h)
            self._grew_s = self._clean_s = 0

    def _watch_known(self, flow, credit_s):
        if flow < self._known_ml_h + self._leak_ml_h:
            self._grew_s = 0
        else:
            self._grew_s += credit_s
            if self._grew_s >= self._leak_s:
                self.alarms |= GREW
        if self._clean_s >= _CLEAN_S and not self._bad_nights:
            self.alarms &= ~(LEAK | GREW)
            self.rule = self._grew_s = 0

    def _take_night(self, slice_s, ml):
        slices = self._slices
        slices.append((slice_s, ml))
        length_s = night_ml = 0
        for each_s, each_ml in slices:
            length_s += each_s
            night_ml += each_ml
        if length_s >= _NIGHT_S:
            calm = night_ml * _HOUR_S // length_s
            if self._calm_ml_h < 0 or calm < self._calm_ml_h:
                self._calm_ml_h = calm
            while len(slices) > 1 and length_s >= _NIGHT_S:
                length_s -= slices.pop(0)[0]
        self._day_s += slice_s
        if self._day_s >= _DAY_S:
            if self._calm_ml_h >= 0:
                self.night_ml_h = self._calm_ml_h
                is_bad = self.night_ml_h >= self._normal_ml_h + self._night_ml_h
                self._bad_nights = min(255, self._bad_nights + 1) if is_bad else 0
            self._day_s = 0
            self._calm_ml_h = _NONE

    def _watch_burst(self, now_s, span_s):
        anchors = self._anchors
        while len(anchors) > 1 and now_s - anchors[1][0] >= self._burst_s:
            anchors.pop(0)
        self._burst_left_s = max(0, self._burst_left_s - span_s)
        window_s = now_s - anchors[0][0]
        ran_ml = self._top_ml - anchors[0][1]
        is_much = ran_ml >= _BURST_STEPS * self._resolution_ml and ran_ml * _HOUR_S >= self._burst_ml_h * window_s
        if window_s >= self._burst_s and is_much:
            self._burst_left_s = _CLEAN_S
            self.alarms |= BURST
        elif not self._burst_left_s:
            self.alarms &= ~BURST
        if now_s - anchors[-1][0] >= self._burst_s // 3:
            anchors.append((now_s, self._top_ml))
