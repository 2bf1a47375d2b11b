# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What becomes of ADC codes: statistics of a block, compensation, and runs of raw samples. Pure, and integers only.

Theory of operation
-------------------
Each sample is a code and a time in microseconds of node time. `Stream` cuts the samples into runs: a run has up to
`run_max` samples, each about one period after the one before, so its first time and the rate give every sample's time.
A gap (a lost conversion, a converter that went off) ends the run and counts what is missing; nothing is filled in.

`Block` counts over an interval. Saturated samples and spikes are counted, flagged and kept: in the raw run always, in the mean
only where they are neither. A spike is one sample that leaves its two neighbours by more than `spike_codes` while
these agree with each other to half of that; so a sample is judged when the next one has come.

Runs unchanged on MicroPython and CPython.
"""

CODE_MAX = 0x7FFFFF
CODE_MIN = -0x800000


def is_saturated(code):
    """The converter's end of scale: the true value may lie anywhere beyond."""
    return code >= CODE_MAX or code <= CODE_MIN


def pack_waveform(codes):
    """Differences (the first from 0), zig-zag, LEB128: docs/wire.md, 3."""
    out = bytearray()
    before = 0
    for code in codes:
        step = code - before
        before = code
        word = (step << 1) if step >= 0 else ((-step) << 1) - 1
        while word > 0x7F:
            out.append(word & 0x7F | 0x80)
            word >>= 7
        out.append(word)
    return bytes(out)


def divide_round(number, divisor):
    """number / divisor to the nearest integer, halves away from zero; the divisor is positive."""
    if number < 0:
        return -((-number * 2 + divisor) // (2 * divisor))
    return (number * 2 + divisor) // (2 * divisor)


def compensate(code, zero_code, pstrain_per_code, temperature_cdeg, reference_cdeg, pstrain_per_k):
    """A code into strain in units of 1e-9, freed of the thermal part.

    strain = (code - zero) * scale - coefficient * (temperature - reference). `temperature_cdeg` None leaves the thermal part in.
    Example: scale 931e-12 a code (quarter bridge, gauge factor 2, gain 128), coefficient 11.7e-6 a kelvin for steel.
    """
    pstrain = (code - zero_code) * pstrain_per_code
    if temperature_cdeg is not None:
        pstrain -= divide_round(pstrain_per_k * (temperature_cdeg - reference_cdeg), 100)
    return divide_round(pstrain, 1000)


class Run:
    """Consecutive samples. `at_us` is the first one's time; `last_us` the last one's."""

    def __init__(self, code, at_us):
        self.codes = [code]
        self.at_us = at_us
        self.last_us = at_us

    def period_us(self):
        """Mean time between two samples; 0 for a single one."""
        count = len(self.codes) - 1
        return divide_round(self.last_us - self.at_us, count) if count else 0


class Stream:
    """Cuts samples into runs."""

    def __init__(self, period_us, run_max):
        self.period_us = period_us
        self._run_max = run_max
        self._run = None
        self._last_us = None
        self.missed = 0

    def add(self, code, at_us):
        """One sample; returns the run that it ended, or None."""
        ended = None
        if self._last_us is not None:
            gap_us = at_us - self._last_us
            if gap_us * 2 > self.period_us * 3:
                self.missed += max(1, divide_round(gap_us, self.period_us) - 1)
                ended, self._run = self._run, None
        self._last_us = at_us
        if self._run is None:
            self._run = Run(code, at_us)
        else:
            self._run.codes.append(code)
            self._run.last_us = at_us
        if len(self._run.codes) >= self._run_max:
            if ended is None:
                ended, self._run = self._run, None
        return ended

    def flush(self):
        """The run that is still open, or None."""
        ended, self._run = self._run, None
        return ended

    def take_missed(self):
        missed, self.missed = self.missed, 0
        return missed


class Block:
    """Statistics of one interval."""

    def __init__(self, spike_codes=0):
        self._spike_codes = spike_codes
        self._older = None  # the two latest samples; the younger one is not yet judged
        self._newer = None
        self._clear()

    def _clear(self):
        self.count = 0
        self.good = 0
        self.total = 0
        self.low = None
        self.high = None
        self.saturated = 0
        self.spikes = 0

    def add(self, code):
        if self._newer is not None:
            self._judge(self._older, self._newer, code)
        self._older, self._newer = self._newer, code

    def _judge(self, before, code, after):
        self.count += 1
        if is_saturated(code):
            self.saturated += 1
            return
        limit = self._spike_codes
        if limit and before is not None and after is not None:
            if abs(code - before) > limit and abs(code - after) > limit and abs(after - before) * 2 <= limit:
                self.spikes += 1
                return
        self.good += 1
        self.total += code
        if self.low is None or code < self.low:
            self.low = code
        if self.high is None or code > self.high:
            self.high = code

    def mean(self):
        """Mean of the good samples, or None where there is none."""
        return divide_round(self.total, self.good) if self.good else None

    def end(self):
        """(count, good, mean, low, high, saturated, spikes) of the interval; the next one begins.

        The latest sample waits for its neighbour and counts in the next interval.
        """
        answer = (self.count, self.good, self.mean(), self.low, self.high, self.saturated, self.spikes)
        self._clear()
        return answer
