# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Is a car above the sensor? Three axes of field and a temperature in, free, occupied or unknown out. Pure and causal.

Theory of operation
-------------------
A car bends the earth's field by micro-teslas, temperature moves the sensor's reading by as much over a day. So the field of
the empty stall is kept per axis as a line over temperature, `baseline + slope * (T - T_reference)`, by recursive least squares
with forgetting, learnt only while the stall is free, still, and near the line: a parked car teaches nothing.

  gate        Only a still field is judged: the last `WINDOW` samples stay within `still_nt` on each axis. While
              the field moves (a car manoeuvres, the neighbour leaves) the state stays as it is.
  hysteresis  Deviation = length of (field - line). Above `enter_nt` the stall becomes occupied, below `leave_nt` free; between, nothing
              changes. Three axes, not the magnitude alone: a car can leave |B| as it was.
  unknown     A node that boots knows no line, and a car may stand on it. It then collects the still levels that it sees; the empty
              stall is the level that comes back (to `leave_nt`), because two cars never bend the field in the same way. Until then the
              answer is unknown. An installer who sees the empty stall says so with `is_empty`, and a saved line (`dump`)
              is believed again after a restart.
  escape      Occupied for `occupied_s_max` means that more likely something changed for good (the node was moved, steel
              was laid): the state becomes unknown and levels are collected anew.

Limits: a car that leaves during a restart and one that comes meanwhile are told apart only by the saved line. A neighbour's
car that bends the field by more than `enter_nt` here counts as ours. Fields in nT, temperature in hundredths of a kelvin (relative is enough), times in ms.
"""

import struct

UNKNOWN = 0
FREE = 1
OCCUPIED = 2
WORDS = ("unknown", "free", "occupied")

WINDOW = 4  # samples that have to agree
_LEARN_MS = 30_000  # how often a free stall teaches the line
_FORGET = 0.999  # per lesson: half is forgotten after 6 hours
_TRUST_MAX = 50.0  # bound of the covariance, so that a night without change does not make the next lesson wild
_SLOPE_SCALE = 10.0  # kelvin; keeps both unknowns of similar size
_LEVELS_MAX = 6
_DUMP = "<BIi6f"
_DUMP_VERSION = 1


class Line:
    """Three fields as straight lines over temperature, learnt by recursive least squares."""

    def __init__(self, field_nt, temperature_cdeg):
        self.reference_cdeg = temperature_cdeg
        self.base = [float(value) for value in field_nt]
        self.slope = [0.0, 0.0, 0.0]  # nT per _SLOPE_SCALE kelvin
        self._p00, self._p01, self._p11 = 1.0, 0.0, 1.0

    def _warmth(self, temperature_cdeg):
        return (temperature_cdeg - self.reference_cdeg) / (100.0 * _SLOPE_SCALE)

    def expected(self, temperature_cdeg):
        warmth = self._warmth(temperature_cdeg)
        return [base + slope * warmth for base, slope in zip(self.base, self.slope)]

    def deviation_nt(self, field_nt, temperature_cdeg):
        total = 0.0
        for value, expected in zip(field_nt, self.expected(temperature_cdeg)):
            total += (value - expected) ** 2
        return total**0.5

    def learn(self, field_nt, temperature_cdeg):
        warmth = self._warmth(temperature_cdeg)
        gain_0 = self._p00 + self._p01 * warmth
        gain_1 = self._p01 + self._p11 * warmth
        scale = _FORGET + gain_0 + gain_1 * warmth
        gain_0 /= scale
        gain_1 /= scale
        expected = self.expected(temperature_cdeg)
        for axis in range(3):
            error = field_nt[axis] - expected[axis]
            self.base[axis] += gain_0 * error
            self.slope[axis] += gain_1 * error
        row_0, row_1 = self._p00 + warmth * self._p01, self._p01 + warmth * self._p11
        self._p00 = min(_TRUST_MAX, (self._p00 - gain_0 * row_0) / _FORGET)
        self._p11 = min(_TRUST_MAX, (self._p11 - gain_1 * row_1) / _FORGET)
        self._p01 = (self._p01 - gain_0 * row_1) / _FORGET
        limit = (self._p00 * self._p11) ** 0.5
        self._p01 = max(-limit, min(limit, self._p01))


class ParkingDetector:
    def __init__(self, enter_nt=3000, leave_nt=1800, still_nt=800, occupied_s_max=345_600):
        if not 0 < leave_nt < enter_nt:
            raise ValueError("leave_nt has to lie between 0 and enter_nt")
        self.enter_nt = enter_nt
        self.leave_nt = leave_nt
        self.still_nt = still_nt
        self._occupied_ms_max = occupied_s_max * 1000
        self._window = []
        self._line = None
        self._levels = []  # still levels seen while the line is unknown: [field, temperature, visits]
        self._level = None  # the one that we stand at
        self._since_ms = 0
        self._learnt_ms = None
        self.state = UNKNOWN
        self.deviation_nt = None  # from the line, of the latest still sample
        self.is_still = False

    def is_empty(self, field_nt, temperature_cdeg, at_ms):
        """Somebody looks at the stall and says: empty, now."""
        self._line = Line(field_nt, temperature_cdeg)
        self._enter(FREE, at_ms)

    def update(self, field_nt, temperature_cdeg, at_ms):
        """One sample; True where the state changed.

        Args:
            field_nt: three integers. temperature_cdeg: the sensor's own, relative is enough.
            at_ms: time of the sample, rising.
        """
        before = self.state
        self._window.append(field_nt)
        if len(self._window) > WINDOW:
            self._window.pop(0)
        field = self._still_field()
        self.is_still = field is not None
        if field is not None:
            if self._line is None:
                self._look_for_line(field, temperature_cdeg, at_ms)
            else:
                self._judge(field, temperature_cdeg, at_ms)
        return self.state != before

    def _still_field(self):
        """Mean of the window, or None while the field moves."""
        if len(self._window) < WINDOW:
            return None
        mean = []
        for axis in range(3):
            values = [field[axis] for field in self._window]
            if max(values) - min(values) > self.still_nt:
                return None
            mean.append(sum(values) / WINDOW)
        return mean

    def _judge(self, field, temperature_cdeg, at_ms):
        deviation = self._line.deviation_nt(field, temperature_cdeg)
        self.deviation_nt = int(deviation)
        if deviation >= self.enter_nt:
            if self.state != OCCUPIED:
                self._enter(OCCUPIED, at_ms)
        elif deviation <= self.leave_nt:
            if self.state != FREE:
                self._enter(FREE, at_ms)
        if self.state == FREE and deviation <= self.leave_nt:
            if self._learnt_ms is None or at_ms - self._learnt_ms >= _LEARN_MS:
                self._learnt_ms = at_ms
                self._line.learn(field, temperature_cdeg)
        elif self.state == OCCUPIED and at_ms - self._since_ms >= self._occupied_ms_max:
            self._forget(field, temperature_cdeg, at_ms)

    def _forget(self, field, temperature_cdeg, at_ms):
        """Case escape: the line is no longer believed, but its level stays the best candidate."""
        old = self._line.expected(temperature_cdeg)
        self._line = None
        self.deviation_nt = None
        self._levels = [[old, temperature_cdeg, 1], [field, temperature_cdeg, 1]]
        self._level = self._levels[1]
        self._enter(UNKNOWN, at_ms)

    def _look_for_line(self, field, temperature_cdeg, at_ms):
        """Case unknown: which still level comes back?"""
        nearest = None
        nearest_nt = self.leave_nt
        for level in self._levels:
            distance = sum((a - b) ** 2 for a, b in zip(field, level[0])) ** 0.5
            if distance <= nearest_nt:
                nearest, nearest_nt = level, distance
        if nearest is None:
            if self._level is not None:
                distance = sum((a - b) ** 2 for a, b in zip(field, self._level[0])) ** 0.5
                if distance < self.enter_nt:
                    return  # neither here nor there
            self._level = [field, temperature_cdeg, 1]
            self._levels.append(self._level)
            if len(self._levels) > _LEVELS_MAX:
                self._levels.pop(0)
            return
        if nearest is self._level:
            nearest[0] = field  # temperature moves it while we stand there
            nearest[1] = temperature_cdeg
            return
        self._level = nearest
        nearest[0] = field
        nearest[1] = temperature_cdeg
        nearest[2] += 1
        if nearest[2] >= 2:
            self._line = Line(field, temperature_cdeg)
            self._levels = []
            self._level = None
            self.deviation_nt = 0
            self._enter(FREE, at_ms)

    def _enter(self, state, at_ms):
        self.state = state
        self._since_ms = at_ms

    def confidence_pct(self):
        """How far the latest still sample is from the threshold that would change the state; 0 while unknown."""
        if self.state == UNKNOWN or self.deviation_nt is None:
            return 0
        if self.state == OCCUPIED:
            margin = (self.deviation_nt - self.leave_nt) * 100 // (2 * self.enter_nt)
        else:
            margin = (self.enter_nt - self.deviation_nt) * 100 // self.enter_nt
        return max(0, min(100, margin))

    def dump(self):
        """The line as bytes to keep over a restart, or None where there is none."""
        if self._line is None:
            return None
        line = self._line
        return struct.pack(
            _DUMP, _DUMP_VERSION, self.enter_nt, line.reference_cdeg, *(list(line.base) + list(line.slope))
        )

    def load(self, data):
        """Believe a saved line; the state stays unknown until the first still sample. False where the bytes are not one."""
        if len(data) != struct.calcsize(_DUMP):
            return False
        parts = struct.unpack(_DUMP, data)
        if parts[0] != _DUMP_VERSION:
            return False
        line = Line(parts[3:6], parts[2])
        line.slope = list(parts[6:9])
        for value in line.base + line.slope:
            if not -1e7 < value < 1e7:
                return False
        self._line = line
        return True
