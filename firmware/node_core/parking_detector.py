# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Is a vehicle above the sensor? Three axes of field and a temperature in, free, occupied or unknown out. Pure and causal.

Interface
---------
ParkingDetector(weakest_nt=1500, occupied_s_max=604_800)
    weakest_nt: a vehicle bends the field by this at least; steps below it are neighbours and weather, at twice it vehicles.
    occupied_s_max: an occupation of this length is more likely a change for good (steel laid, node moved).
update(field_nt, temperature_cdeg, at_ms) -> True where `state` changed
    field_nt: three integers. temperature_cdeg: integer or None (absent or broken). at_ms: time of the sample in ms, any
    zero; samples may be 0.1 s or days apart. ValueError where it goes back: nothing has changed then.
state           UNKNOWN | FREE | OCCUPIED, as of the latest update; WORDS[state] in English
deviation_nt    length of (field - expected empty field) of the latest judged sample, integer; None before the first
is_still        False while the field moves in a stream of samples (a vehicle manoeuvres); such samples are not judged
confidence_pct() 0..100: how sure the detector is of `state`; 0 while unknown
is_empty(field_nt, temperature_cdeg, at_ms)   re-zero: somebody sees the stall empty, now. The state becomes free.
What it knows becomes bytes, and back: parking_dump.py.
self_test() -> "" or a reason: "field stuck", "field implausible", "field noisy", "temperature missing"

Theory of operation
-------------------
A vehicle bends the earth's field by micro-teslas, and temperature moves the reading of the empty stall by as much in a day.
No threshold tells them apart, and a tracker that once takes a parked car for the empty stall is wrong for weeks. So up to
`_KEPT` explanations of everything seen so far run side by side, each with its weight (log probability, the best is 0):

    free:      field = empty + slope * temperature + wander
    occupied:  field = level + slope * temperature + wander,   level - empty = the vehicle

Each explanation tracks empty, slope, wander and level by a Kalman filter, with one covariance for all three axes in units of
the noise that this bay has shown. Slope and wander are seen under a car as well as without; `empty` is seen only without one.
A sample that an explanation did not expect lets it branch:

    Case 1  stays: the wander has moved more than usual, as when the neighbour comes
    Case 2  free -> occupied: a vehicle of unknown direction, its size as learnt from this bay
    Case 3  occupied -> free: only what `empty` foretold fits well
    Case 4  occupied -> occupied: another vehicle, or this one still manoeuvring
    Case 5  one bad sample, forgotten
    Case 6  the empty field itself has changed for good: node lifted, steel laid (very rarely)

Why this heals: cars never bend the field alike, the empty stall comes back to the same field. An explanation that knows the
empty field foretells each return and gains some 10 nats; one that took a car, or the old place, for the empty stall never
foretells anything and dies after two or three visits. The first sample starts with both explanations, free and occupied; the state
is unknown until one has won or `_UNDECIDED_MS` have passed, then the better guess, with little confidence.

  dense     In a stream (`_WINDOW` samples within 10 s) only a field at rest is judged, and at most once a minute while
            nothing changes. Where samples usually come within `_PAIRED_MS`, two have to agree: what drives past is seen
            once. A lone sample, a heartbeat, is judged at once: there is nothing to wait for.
  outliers  The likelihood has heavy tails, and what it forgives teaches less: a step beyond a neighbour's size, as in a row taken
            while a vehicle still moves, hardly moves empty, slope, wander or level. So two explanations are one only where they
            mean the same empty field and expect the same field now.
  scale     The noise follows the bay (a quantile of what was not foretold), the vehicles' size follows its visits.
  escape    After half of occupied_s_max an occupation loses weight until "changed for good" is the better explanation.

Limits: a neighbour that bends the field here as much as a weak vehicle counts as one, and a weaker vehicle is not seen. What
was proved: docs/parking-detector.md. Inside, fields are in uT, temperatures in 10 K, times in hours.
"""

from array import array
from math import exp, log, sqrt

try:
    from micropython import const
except ImportError:  # CPython
    const = int  # type: ignore


UNKNOWN = 0
FREE = 1
OCCUPIED = 2
WORDS = ("unknown", "free", "occupied")

# An explanation is an array of floats.
_WEIGHT = const(0)
_TAKEN = const(1)  # 1 while a vehicle is there
_EMPTY = const(2)  # three axes each
_SLOPE = const(5)
_WANDER = const(8)
_LEVEL = const(11)
_COV = const(14)  # ee es ew el ss sw sl ww wl ll
_AGE = const(24)  # hours in this state
_BAD = const(25)  # bad samples in a row
_PRIOR = const(26)  # what the vehicle's size has added to the weight
_LENGTH = const(27)

# How many, how often, how much. Chosen on simulated bays (docs/parking-detector.md); a factor of 1.5 to either side changes little.
_KEPT = const(7)
_FORGOTTEN = -25.0  # nats
_NOISE = 0.3  # variance of a measurement, in units of the noise squared
_WANDER_VAR = 6.0
_WANDER_H = 3.0  # the wander's memory
_LAG_H = 0.3  # the field follows the thermometer so late; also smooths coarse steps
_EMPTY_DRIFT = 0.25 / 24  # variance an hour
_SLOPE_DRIFT = 0.3 / 24
_SLOPE_FIRST_UT = 10.0  # for 10 K
_SURPRISE = 6.0  # squared distance from which an explanation branches
_CHANGE_H = 2.5  # mean time of a state
_CHANGE_MIN = 0.04  # a sample is often sent because something changed
_LOG_SWAP = -3.7  # the same for one vehicle after another
_LOG_SETTLE = -2.0  # a vehicle that came within _SETTLE_H moves again
_SETTLE_H = 0.033
_NEIGHBOUR = 0.7  # how much of the weakest vehicle
_LOG_BAD = -6.0
_LOG_RESET = -18.0
_FAR_UT = 25.0  # scale of bad samples and of new places
_SPREAD = 0.9  # of the logarithm of vehicles' sizes
_FIRST_FREE = 0.75  # who installs a node mostly sees the stall
_UNKNOWN_VAR = 1e4
_UNSEEN_UT = 15.0  # of the empty field, while the car of the first sample still stands on it
_LIFTED_UT = 400.0

_WINDOW = const(4)
_STREAM_MS = const(10_000)
_QUIET_MS = const(60_000)
_PAIRED_MS = const(12_000)
_UNDECIDED_MS = const(600_000)
_STUCK_MS = const(86_400_000)
_LEAP_CDEG = const(800)  # no stall warms so much within _LEAP_MS: a bad reading, unless it comes again and again
_LEAP_MS = const(7_200_000)
_LEAPS_MAX = const(3)


def _gains(h, t, taken):
    """Covariance of the four unknowns with the expected field, and the variance of that."""
    c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 = h[_COV : _COV + 10]
    if taken:
        g0 = c3 + t * c1 + c2
        g3 = c9 + t * c6 + c8
    else:
        g0 = c0 + t * c1 + c2
        g3 = c3 + t * c6 + c8
    g1 = (c6 if taken else c1) + t * c4 + c5
    g2 = (c8 if taken else c2) + t * c5 + c7
    return (g0, g1, g2, g3, max(0.0, (g3 if taken else g0) + t * g1 + g2))


def _away(h, z, t, place):
    """Field minus what is expected with the stall at `place` (_EMPTY or _LEVEL)."""
    t0 = h[_SLOPE] * t + h[_WANDER]
    t1 = h[_SLOPE + 1] * t + h[_WANDER + 1]
    t2 = h[_SLOPE + 2] * t + h[_WANDER + 2]
    return (z[0] - h[place] - t0, z[1] - h[place + 1] - t1, z[2] - h[place + 2] - t2)


def _length2(v):
    return v[0] * v[0] + v[1] * v[1] + v[2] * v[2]


def _likely(d2, variance):
    """Log density but for a constant: heavy tails, 5 degrees of freedom, three axes."""
    return -2.62 - 4.0 * log(1 + d2 / (5 * variance)) - 1.5 * log(variance)


def _shrink(h, gains, variance):
    at = _COV
    for row in range(4):
        part = gains[row] / variance
        for column in range(row, 4):
            h[at] -= part * gains[column]
            at += 1
    for place in (_COV, _COV + 4, _COV + 7, _COV + 9):  # single precision could make them negative
        if h[place] < 1e-4:
            h[place] = 1e-4


def _correct(h, away, gains, variance, d2, step):
    """The likelihood's heavy tails teach less, too: what is larger than a neighbour's `step` moves little."""
    variance *= max(1.0, (5 + d2 / (variance + step)) / 8)
    for at in range(12):  # empty, slope, wander, level
        h[_EMPTY + at] += gains[at // 3] * away[at % 3] / variance
    _shrink(h, gains, variance)


def _unlink(h, places):
    for place in places:
        h[_COV + place] = 0.0


class ParkingDetector:
    def __init__(self, weakest_nt=1500, occupied_s_max=604_800):
        if weakest_nt <= 0 or occupied_s_max <= 0:
            raise ValueError("weakest_nt and occupied_s_max have to be above 0")
        self._weakest = weakest_nt / 1000.0
        self._escape_h = occupied_s_max / 7200.0
        self._explanations = []
        self._noise = [0.3, 0.3, 0.3]  # uT
        self._size = 2.3  # logarithm of the usual vehicle, uT
        self._zero_cdeg = None  # temperatures count from the first
        self._cdeg = self._leaps = 0
        self._warming = 0.0  # mean step of the temperature, 0.01 K
        self._t = 0.0
        self._step = 0.0  # of the thermometer
        self._last_ms = self._judged_ms = None
        self._known_ms = 0  # when a best guess is due
        self._window = []
        self._usual_ms = 0  # between two samples
        self._judged = (0.0, 0.0, 0.0)
        self._taken = 0.0  # probability
        self._is_loaded = False
        self._has_temperature = True
        self._same = None
        self._same_ms = self._same_count = 0
        self.state = UNKNOWN
        self.deviation_nt = None
        self.is_still = False

    def is_empty(self, field_nt, temperature_cdeg, at_ms):
        """Somebody looks at the stall and says: empty, now."""
        z = self._begin(field_nt, temperature_cdeg, at_ms)
        h = self._new(z)
        if self._explanations:
            best = self._explanations[0]
            h[_SLOPE : _SLOPE + 3] = best[_SLOPE : _SLOPE + 3]
            h[_COV + 4] = best[_COV + 4]
        self._rebase(h, z)
        self._explanations = [h]
        self._known_ms = at_ms
        self._window = []
        self._taken = 0.0
        self.deviation_nt = 0
        self.state = FREE

    def update(self, field_nt, temperature_cdeg, at_ms):
        """One sample; True where the state changed. See the module's text."""
        before = self.state
        if self._last_ms is not None and at_ms < self._last_ms and not self._is_loaded:
            raise ValueError("time goes back")
        self._watch(field_nt, at_ms)
        window = self._window
        since_ms = at_ms - window[-1][0] if window else 0
        agreeing = 0  # so many samples have to
        if len(window) == _WINDOW and 0 <= at_ms - window[0][0] <= _STREAM_MS:
            if since_ms < 700:
                return False  # more often than needed
            agreeing = _WINDOW
        elif 0 < since_ms <= 2 * self._usual_ms <= 2 * _PAIRED_MS:
            agreeing = 2
        if since_ms > 0:  # a median that follows
            usual_ms = self._usual_ms or since_ms
            self._usual_ms = usual_ms * (21 if since_ms > usual_ms else 19) // 20
        window.append((at_ms, field_nt))
        if len(window) > _WINDOW:
            window.pop(0)
        if agreeing:
            field_nt = self._resting(agreeing)
            self.is_still = field_nt is not None
            if field_nt is None:
                return False
            if 0 <= at_ms - self._judged_ms < _QUIET_MS:
                limit = max(0.3, 2 * max(self._noise))
                for axis in (0, 1, 2):
                    if abs(field_nt[axis] / 1000.0 - self._judged[axis]) > limit:
                        break
                else:
                    return False
        self.is_still = True
        last_ms = self._last_ms
        t_before = self._t
        z = self._begin(field_nt, temperature_cdeg, at_ms)
        if not self._explanations:
            self._first(z, at_ms)
        else:
            if at_ms < last_ms:  # the clock began anew
                self._known_ms += at_ms - last_ms
            hours = 6.0 if at_ms < last_ms else (at_ms - last_ms) / 3.6e6
            self._t = t_before + (self._t - t_before) * (1 - exp(-hours / _LAG_H))
            self._judge(z, hours, self._t - t_before)
        self._decide(z, at_ms)
        return self.state != before

    def _watch(self, field_nt, at_ms):
        field_nt = tuple(field_nt)
        if field_nt != self._same or at_ms < self._same_ms:
            self._same = field_nt
            self._same_ms = at_ms
            self._same_count = 0
        self._same_count += 1

    def _resting(self, count):
        """Mean of the last `count` samples, or None while the field moves."""
        limit = max(800, 6000 * max(self._noise))
        mean = []
        for axis in (0, 1, 2):
            values = [each[1][axis] for each in self._window[-count:]]
            if max(values) - min(values) > limit:
                return None
            mean.append(sum(values) // count)
        return mean

    def _begin(self, field_nt, temperature_cdeg, at_ms):
        self._has_temperature = temperature_cdeg is not None
        if temperature_cdeg is None:
            temperature_cdeg = self._cdeg
        elif self._zero_cdeg is None:
            self._zero_cdeg = self._cdeg = temperature_cdeg
        elif self._leaps < _LEAPS_MAX and self._is_leap(abs(temperature_cdeg - self._cdeg), at_ms - self._last_ms):
            self._leaps += 1
            temperature_cdeg = self._cdeg
        else:
            self._leaps = 0
        step = abs(temperature_cdeg - self._cdeg) / 1000.0
        if step and (not self._step or step < self._step):
            self._step = step
        self._cdeg = temperature_cdeg
        self._t = (temperature_cdeg - (self._zero_cdeg or 0)) / 1000.0
        self._last_ms = self._judged_ms = at_ms
        self._is_loaded = False
        self._judged = (field_nt[0] / 1000.0, field_nt[1] / 1000.0, field_nt[2] / 1000.0)
        noise = self._noise
        self._unit = (noise[0] * noise[1] * noise[2]) ** (1 / 3)
        return self._judged

    def _is_leap(self, step_cdeg, span_ms):
        """Whether no temperature moves so; how it usually moves is learnt, as a raw one may have other units."""
        limit_cdeg = max(_LEAP_CDEG, 10 * self._warming)
        self._warming += 0.05 * (min(step_cdeg, 2000) - self._warming)
        return step_cdeg > limit_cdeg and 0 <= span_ms < _LEAP_MS

    def _new(self, z):
        """Free, the field as it is now, the slope unknown."""
        t = self._t
        h = array("f", bytes(4 * _LENGTH))
        for axis in (0, 1, 2):
            h[_EMPTY + axis] = h[_LEVEL + axis] = z[axis]
        slope = (_SLOPE_FIRST_UT / self._unit) ** 2
        h[_COV] = _WANDER_VAR + t * t * slope
        h[_COV + 1] = -t * slope
        h[_COV + 4] = slope
        h[_COV + 7] = 0.1
        return h

    def _first(self, z, at_ms):
        self._known_ms = at_ms + _UNDECIDED_MS
        free = self._new(z)
        free[_WEIGHT] = log(_FIRST_FREE)
        taken = self._new(z)
        taken[_TAKEN] = 1.0
        for place in (6, 3, 9):  # as with `empty`
            taken[_COV + place] = taken[_COV + 1] if place == 6 else taken[_COV] - _WANDER_VAR
        taken[_COV + 9] += _WANDER_VAR
        taken[_COV] += (_UNSEEN_UT / self._unit) ** 2
        self._weigh_vehicle(taken)
        taken[_WEIGHT] = log(1 - _FIRST_FREE)
        self._explanations = [free, taken]

    def _judge(self, z, hours, warmed):
        """Foretell, compare, branch, and keep the best."""
        noise = self._noise
        unit = self._unit
        t = self._t
        fade = exp(-hours / _WANDER_H)
        change = min(0.5, max(_CHANGE_MIN, hours / _CHANGE_H))
        log_change, log_stay = log(change), log(1 - change)
        scale = max(1.0, exp(0.5 * (self._size - 2.3)))  # where vehicles are large, neighbours are as well
        small = self._weakest * scale / unit
        step = (_NEIGHBOUR * small) ** 2
        wander_var = (_WANDER_VAR + (0.53 * small) ** 2) * (1 - fade * fade)
        far2 = (_FAR_UT / unit) ** 2
        density = -log(noise[0]) - log(noise[1]) - log(noise[2])
        found = []
        foretold = None
        best = self._explanations[0]
        for h in self._explanations:
            # Foretell.
            for place in (_WANDER, _WANDER + 1, _WANDER + 2, _COV + 2, _COV + 5, _COV + 8):
                h[place] *= fade
            steep = max(abs(h[_SLOPE]) / noise[0], abs(h[_SLOPE + 1]) / noise[1], abs(h[_SLOPE + 2]) / noise[2])
            late = 0.25 * warmed * min(1.0, 0.5 / (hours + 0.001)) * steep  # the field follows warming late
            h[_COV + 7] = fade * fade * h[_COV + 7] + wander_var + late * late
            h[_COV] += _EMPTY_DRIFT * hours
            h[_COV + 4] += _SLOPE_DRIFT * hours
            taken = h[_TAKEN] > 0
            if taken and h[_COV] * unit * unit > 0.4 * _UNSEEN_UT * _UNSEEN_UT:
                # Learnt noise rescales the variance, but tells nothing of the size of a car that was never seen without.
                h[_COV] = (_UNSEEN_UT / unit) ** 2
            if taken:
                h[_COV + 3] += _EMPTY_DRIFT * hours
                h[_COV + 9] += _EMPTY_DRIFT * hours
            h[_AGE] += hours
            measured = _NOISE + (0.2 * self._step) ** 2 * (steep * steep + h[_COV + 4])
            away = _away(h, z, t, _LEVEL if taken else _EMPTY)
            gains = _gains(h, t, taken)
            variance = gains[4] + measured
            n2 = self._noise2(away)
            weight = h[_WEIGHT]
            if n2 > _SURPRISE * variance or hours > 1:
                far = density + _likely(_length2(away) / (unit * unit), far2)
                other = array("f", h)
                other[_BAD] = other[_AGE] = 0.0
                if taken:
                    # Case 3.
                    from_empty = _away(h, z, t, _EMPTY)
                    m2 = self._noise2(from_empty)
                    gains_e = _gains(h, t, False)
                    var_e = gains_e[4] + measured
                    other[_TAKEN] = 0.0
                    if h[_COV] * unit * unit > 25.0:  # `empty` was never seen: any vehicle's size does
                        left = self._vehicle(_length2(away), variance)
                    else:
                        left = density + _likely(m2, var_e)
                    other[_WEIGHT] = weight + log_change + left
                    _correct(other, from_empty, gains_e, var_e, m2, step)
                    _unlink(other, (3, 6, 8, 9))
                    other[_PRIOR] = 0.0
                    found.append(other)
                    # Case 4.
                    other = array("f", h)
                    other[_BAD] = other[_PRIOR] = 0.0
                    if h[_AGE] < _SETTLE_H:
                        other[_WEIGHT] = weight + _LOG_SETTLE
                    else:
                        other[_WEIGHT] = weight + log_change + _LOG_SWAP
                        other[_AGE] = 0.0
                    self._arrive(other, z, measured)
                    found.append(other)
                else:
                    # Case 2.
                    other[_TAKEN] = 1.0
                    other[_WEIGHT] = weight + log_change
                    self._arrive(other, z, measured)
                    found.append(other)
                # Case 5.
                if h[_BAD] < 2:
                    other = array("f", h)
                    other[_BAD] += 1
                    other[_WEIGHT] = weight + _LOG_BAD + far
                    found.append(other)
                # Case 6.
                other = array("f", h)
                other[_TAKEN] = other[_AGE] = other[_BAD] = other[_PRIOR] = 0.0
                other[_WEIGHT] = weight + _LOG_RESET + log(1 + hours / 24) + far
                self._rebase(other, z)
                found.append(other)
            # Case 1.
            h[_BAD] = 0.0
            if h is best:
                foretold = (away, variance)
            h[_WEIGHT] = weight + log_stay + density + _likely(n2, variance)
            _correct(h, away, gains, variance, n2, step)
            if taken:
                over_h = h[_AGE] - self._escape_h
                if over_h > 0:
                    h[_WEIGHT] -= 12.0 * min(hours, over_h) / self._escape_h
                self._weigh_vehicle(h)
            found.append(h)
        self._keep(found)
        if foretold and best is self._explanations[0]:
            self._learn_noise(foretold[0], foretold[1])

    def _noise2(self, v):
        noise = self._noise
        x, y, z = v[0] / noise[0], v[1] / noise[1], v[2] / noise[2]
        return x * x + y * y + z * z

    def _vehicle(self, ut2, variance):
        """Log density of a vehicle that bends the field by so much, in any direction."""
        ut2 += variance * self._unit * self._unit + 1e-6  # never 0
        weak = 4 * self._weakest * self._weakest * max(1.0, exp(self._size - 2.3)) / ut2
        size = 0.5 * log(ut2)
        off = (size - self._size) / _SPREAD
        return -weak * weak - 3.345 - 3 * size - 0.5 * off * off

    def _weigh_vehicle(self, h):
        """A vehicle that turns out to be no vehicle loses weight later too."""
        ut2 = 0.0
        for axis in (0, 1, 2):
            part = h[_LEVEL + axis] - h[_EMPTY + axis]
            ut2 += part * part
        prior = self._vehicle(ut2, max(0.0, h[_COV] + h[_COV + 9] - 2 * h[_COV + 3]))
        h[_WEIGHT] += prior - h[_PRIOR]
        h[_PRIOR] = prior

    def _arrive(self, h, z, measured):
        t = self._t
        for axis in (0, 1, 2):
            h[_LEVEL + axis] = z[axis] - t * h[_SLOPE + axis] - h[_WANDER + axis]
        _unlink(h, (3, 6, 8))
        h[_COV + 9] = _UNKNOWN_VAR
        gains = _gains(h, t, True)
        _shrink(h, gains, gains[4] + measured)
        self._weigh_vehicle(h)

    def _rebase(self, h, z):
        t = self._t
        for axis in (0, 1, 2):
            h[_EMPTY + axis] = z[axis] - t * h[_SLOPE + axis]
            h[_WANDER + axis] = 0.0
        _unlink(h, (1, 2, 3, 5, 6, 8, 9))
        h[_COV] = _UNKNOWN_VAR
        h[_COV + 7] = _WANDER_VAR
        gains = _gains(h, t, False)
        _shrink(h, gains, gains[4] + _NOISE)

    def _keep(self, found):
        """The best, each different from the others."""
        found.sort(key=lambda h: -h[_WEIGHT])
        top = found[0][_WEIGHT]
        kept: list = []
        for h in found:
            h[_WEIGHT] -= top
            if h[_WEIGHT] < _FORGOTTEN:
                break
            for other in kept:
                if other[_TAKEN] == h[_TAKEN] and other[_BAD] == h[_BAD] and self._is_same(other, h):
                    other[_WEIGHT] += log(1 + exp(h[_WEIGHT] - other[_WEIGHT]))
                    break
            else:
                if len(kept) < _KEPT:
                    kept.append(h)
        kept.sort(key=lambda h: -h[_WEIGHT])
        self._explanations = kept

    def _is_same(self, a, b):
        """Do both mean the same empty field, and expect the same one now?"""
        t = self._t
        taken = a[_TAKEN] > 0
        for place, wander in ((_EMPTY, 0), (_LEVEL if taken else _EMPTY, 1)):
            is_level = taken and wander
            apart = []
            for axis in (0, 1, 2):
                part = a[place + axis] - b[place + axis] + t * (a[_SLOPE + axis] - b[_SLOPE + axis])
                apart.append(part + wander * (a[_WANDER + axis] - b[_WANDER + axis]))
            if self._noise2(apart) >= 4 * (_NOISE + min(_gains(a, t, is_level)[4], _gains(b, t, is_level)[4])):
                return False
        return True

    def _learn_noise(self, away, variance):
        """So that 85 of 100 samples lie within 1.44 deviations."""
        limit = 1.44 * sqrt(variance)
        noise = self._noise
        for axis in (0, 1, 2):
            factor = 1.0255 if abs(away[axis]) > limit * noise[axis] else 0.9955
            noise[axis] = min(5.0, max(0.1, noise[axis] * factor))

    def _decide(self, z, at_ms):
        total = taken = 0.0
        for h in self._explanations:
            share = exp(h[_WEIGHT])
            total += share
            if h[_TAKEN]:
                taken += share
        taken = self._taken = taken / total
        away = sqrt(_length2(_away(self._explanations[0], z, self._t, _EMPTY)))
        self.deviation_nt = int(away * 1000)
        state = self.state
        if state == UNKNOWN and at_ms < self._known_ms and 0.05 < taken < 0.95:
            return
        self.state = OCCUPIED if taken > 0.5 else FREE
        if self.state == OCCUPIED:
            if state == FREE:
                self._size += 0.05 * (log(max(0.5, away)) - self._size)
                self._size = min(4.8, max(1.6, self._size))
            if away > max(_LIFTED_UT, 12 * exp(self._size)) and self._explanations[0][_AGE] < 1:
                self.state = UNKNOWN  # hardly a vehicle: somebody moves the node

    def confidence_pct(self):
        """How much more likely the state is than its opposite; 0 while unknown."""
        if self.state == UNKNOWN:
            return 0
        return int(100 * abs(2 * self._taken - 1) + 0.5)

    def self_test(self):
        """ "" where nothing speaks against the sensor, else the reason."""
        if self._same is None:
            return ""
        if self._same_count > 100 and self._judged_ms - self._same_ms > _STUCK_MS:
            return "field stuck"
        if not 1.0 < _length2(self._judged) < 4e6:
            return "field implausible"
        if min(self._noise) > 3.0:
            return "field noisy"
        return "" if self._has_temperature else "temperature missing"
