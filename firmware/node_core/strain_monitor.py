# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A structure's strain, code by code: what is good, what is drift, what is load, and what is too much. Pure, and integers only.

    code -> Block (saturated? spike?) -> Live (baseline, live strain, events)
                                      -> Rainflow (cycles: node_core/rainflow.py)
            static strain, live range, change in an hour -> Threshold (what to say)

Theory of operation
-------------------
**Good samples.** A spike is one sample that leaves its two neighbours by more than `spike_codes` while these agree with each other to half of that; so a
sample is judged when the next one has come. Spikes and saturated samples are counted and kept out of everything else.

**Drift and load.** A lorry's crossing (8.5e-6 on a measured bridge) is as large as ten minutes of thermal drift (9.3e-6), so no threshold on
the strain itself can tell them apart: their speed does. `average` codes become one value, which takes the converter's noise down. `baseline`
follows the values with the time constant `baseline_s`, by whole codes and without forgetting remainders, so that any time constant works.
What is left is the live strain.

The live strain reaches `event_codes`, up or down: an event begins, and the baseline stands still. It ends when the live strain has
been below half of that for `quiet_ms`. A load that stays, or a structure that has moved, would hold the baseline for ever: after `hold_s` the present
value is taken as the new baseline (STEP), and the difference counts as static strain. At the start, and after a step, the baseline is the mean
of what has come so far until `baseline_s` have passed. A drift faster than event_codes / baseline_s looks like an event; one of 9.3e-6 in ten
minutes stays below a third of the usual 3e-6.

**Thresholds.** Two levels, warning and alarm; both are off unless an engineer has set them: no figure for "too much" is right for two bridges.
A level is entered at its threshold and left a tenth below it, so that noise at the threshold does not ring twice. What is said is bounded. Entering a
level is said at once, unless the same or a graver one was said within `repeat_s`: then it is only counted (`held`), and said when that time is
over, if it still holds. A graver level than the last one said is never held. Leaving a level that was said is said; a level that lasts is repeated every
`repeat_s`. So a bridge on which every lorry rings says at most four things in `repeat_s`.

**Raw samples.** `Recorder` keeps the latest ones in a ring for as long as an event may still want them. While they are wanted (an event has begun, or every sample
is to be sent) they leave it in runs; a run's first time and its rate give every sample's time. `want` also takes what lies before it in the
ring, which is the pre-trigger. A gap (a lost conversion, a converter that went off) ends the run, counts what is missing and forgets what came before; nothing
is filled in, and no sample leaves the ring twice. Times are microseconds that wrap at 2^30, as an ESP32's ticks do. Between two samples
lie at most 131 ms; half a microsecond is lost with each on average, which is a millisecond in 2,000 samples.

Runs unchanged on MicroPython and CPython. Adding a code allocates nothing until a run is complete: no number exceeds the 30 bits that an ESP32 holds without an object on its heap
(the sum of an interval holds while 800 samples stay within 1.3 million codes of the first one).
"""

from array import array

STARTED = 1  # what `add` returns; 0 when nothing has changed
ENDED = 2
STEP = 3
_SLICE_S = 300  # the rate is over twelve of them
_TICKS = (1 << 30) - 1


def divide_round(number, divisor):
    """number / divisor to the nearest integer, halves away from zero; the divisor is positive."""
    if number < 0:
        return -((-number * 2 + divisor) // (2 * divisor))
    return (number * 2 + divisor) // (2 * divisor)


class Block:
    """Statistics of one interval."""

    def __init__(self, spike_codes=0):
        self.spike_codes = spike_codes
        self.older = self.newer = None  # the two latest samples; the younger one is not yet judged
        self.first = 0  # good sample of the interval
        self.total = self.steps = 0  # of the good ones less `first`; of the differences to the next one, by size
        self.count = self.good = self.saturated = self.spikes = 0

    def add(self, code):
        """One sample. Returns the one before it where that is good, else None."""
        before, sample = self.older, self.newer
        self.older, self.newer = sample, code
        if sample is None:
            return None
        self.count += 1
        if sample >= 0x7FFFFF or sample <= -0x800000:  # the end of scale: the true value may lie anywhere beyond
            self.saturated += 1
            return None
        step = abs(code - sample)
        limit = self.spike_codes
        if limit and before is not None and step > limit and abs(sample - before) > limit:
            if abs(code - before) * 2 <= limit:
                self.spikes += 1
                return None
        if not self.good:
            self.first = sample
        self.good += 1
        self.total += sample - self.first
        self.steps += min(step, 1 << 17)
        return sample

    def end(self):
        """(count, good, mean, noise, saturated, spikes) of the interval; the next one begins. Mean and noise are None without a good sample.

        The latest sample waits for its neighbour and counts in the next interval.
        """
        mean = noise = None
        good = self.good
        if good:
            mean = self.first + divide_round(self.total, good)
            noise = divide_round(self.steps * 886, good * 1000)
        result = (self.count, good, mean, noise, self.saturated, self.spikes)
        self.count = self.good = self.saturated = self.spikes = self.total = self.steps = 0
        return result


class Live:
    """Codes in, one each `period_us`; live strain and events out. All strains are in codes."""

    def __init__(self, period_us, average, event_codes, baseline_s, hold_s, quiet_ms):
        period_us *= average  # of a value
        self.average = average
        self.event_codes = event_codes
        # Values in one step of the baseline: a second's, but 64 of up to 2^23 codes still add up to less than 2^30.
        self.values_max = max(1, min(64, 1_000_000 // period_us))
        self.steps_max = max(1, baseline_s * 1_000_000 // (period_us * self.values_max))
        self.hold_s = max(1, hold_s * 1_000_000 // period_us)  # from here on in values, as the next one
        self.quiet_ms = max(1, quiet_ms * 1000 // period_us)
        self.restart()

    def restart(self):
        """Forget the baseline: the next second is the new one. An event that is open ends without being told."""
        self.baseline = None
        self.live = None  # the latest value less the baseline
        self.low = self.high = 0  # live strain since whoever reports it has set both to 0
        self.is_event = False
        self.event_low = self.event_high = 0  # of the open event or the last one; 0 is the baseline
        self.step = 0  # how far the last STEP moved the baseline
        self.length = self.quiet = 0  # values of the open event, and how many of its last ones were quiet
        self.total = self.count = 0  # codes of the next value
        self.sum = self.values = 0  # values of the next step of the baseline
        self.steps = self.remaining = 0  # steps that the baseline is the mean of; what the last one's division has left

    def add(self, code):
        """One code; returns what it has changed."""
        self.total += code
        self.count += 1
        if self.count < self.average:
            return 0
        value = self.total // self.count
        self.total = self.count = 0
        if self.baseline is None:
            self.baseline = value
        live = value - self.baseline
        if not self.steps:
            self._learn(live)
            return 0
        self.live = live
        self.low = min(self.low, live)
        self.high = max(self.high, live)
        if self.is_event:
            return self._go_on(live)
        if abs(live) < self.event_codes:
            self._learn(live)
            return 0
        self.is_event = True
        self.event_low = min(0, live)
        self.event_high = max(0, live)
        self.length = self.quiet = 0
        return STARTED

    def _go_on(self, live):
        self.event_low = min(self.event_low, live)
        self.event_high = max(self.event_high, live)
        self.length += 1
        self.quiet = self.quiet + 1 if abs(live) * 2 < self.event_codes else 0
        if self.quiet < self.quiet_ms and self.length < self.hold_s:
            return 0
        self.is_event = False
        self.sum = self.values = 0
        if self.quiet >= self.quiet_ms:
            return ENDED
        self.step = live
        self.baseline += live
        self.steps = 1
        self.remaining = 0
        return STEP

    def _learn(self, live):
        """Take one value into the mean of its second, and the mean of a whole second into the baseline."""
        self.sum += live
        self.values += 1
        if self.values < self.values_max:
            return
        total = self.remaining + self.sum // self.values
        self.sum = self.values = 0
        if self.steps < self.steps_max:
            self.steps += 1
        step = total // self.steps
        self.remaining = total - step * self.steps
        self.baseline += step


class Threshold:
    """`warning` and `alarm` are sizes, both in the same unit; 0 is off. Levels: 0 none, 1 warning, 2 alarm. `held` may be read and set to 0."""

    def __init__(self, warning, alarm, repeat_s):
        self.limits = (warning, alarm)
        self.repeat_s = repeat_s
        self.level = 0
        self.told = 0  # what the city believes
        self.worst = 0  # that was said since `said_s`
        self.said_s = None
        self.held = 0

    def judge(self, size, now_s):
        """The level to say now, or None where there is nothing new to say. `size` None: not known, all stays as it is."""
        if size is None:
            return None
        before = self.level
        level = 0
        for index in (1, 2):
            limit = self.limits[index - 1]
            if limit and (size >= limit or (before >= index and size * 10 > limit * 9)):
                level = index
        self.level = level
        is_due = self.said_s is None or now_s - self.said_s >= self.repeat_s
        if level < self.told:
            self.told = level
            return level
        if not level or (level == self.told and not is_due):
            return None
        if is_due or level > self.worst:
            self.told = self.worst = level
            self.said_s = now_s
            return level
        self.held += level > before
        return None


class Monitor:
    """Made by node_core/strain_setup.py. `zero_code` and `reference_cdeg` may be set; the parts may be read; `limits` holds the thresholds that are set, by name."""

    def __init__(self, settings, block, live, cycles, limits):
        self.settings = settings
        self.zero_code = settings["zero_code"]
        self.reference_cdeg = settings["reference_cdeg"]
        self.block = block
        self.live = live
        self.cycles = cycles
        self.limits = limits
        self.slices = []  # (s, strain without its thermal part), one each `_SLICE_S`
        self.rate = None  # change of that over the last hour, nstrain

    def add(self, code):
        """One code; returns what has changed: STARTED, ENDED or STEP of an event, or 0."""
        code = self.block.add(code)
        if code is None:
            return 0
        self.cycles.add(code)
        return self.live.add(code)

    def nstrain(self, codes):
        """A difference of codes as strain."""
        return divide_round(codes * self.settings["pstrain_per_code"], 1000)

    def static(self):
        """The baseline as strain, thermal drift included; None while it is not known."""
        return None if self.live.baseline is None else self.nstrain(self.live.baseline - self.zero_code)

    def strain(self, temperature_cdeg):
        """The baseline as strain without its thermal part: coefficient * (temperature - reference). None where that is not known.

        Example of a coefficient: 11.7e-6 a kelvin for steel. With the coefficient 0 no temperature is needed.
        """
        static, pstrain_per_k = self.static(), self.settings["pstrain_per_k"]
        if static is None or not pstrain_per_k:
            return static
        if temperature_cdeg is None:
            return None
        return static - divide_round(pstrain_per_k * (temperature_cdeg - self.reference_cdeg), 100_000)

    def judge(self, now_s, temperature_cdeg):
        """What to say of the thresholds now: a list of (name, level), usually empty.

        What they are about: the strain without its thermal part; from the lowest to the highest live strain of an open event, the baseline being
        one of them; and the change of the former over the last hour, which needs that hour without a hole.
        """
        strain, live, slices = self.strain(temperature_cdeg), self.live, self.slices
        if self.block.newer in (0x7FFFFF, -0x800000):
            strain = None  # at the end of scale the baseline stands, whatever the structure and its temperature do
        if strain is None or (slices and now_s - slices[-1][0] >= 2 * _SLICE_S):
            self.forget_rate()
        if strain is not None and (not slices or now_s - slices[-1][0] >= _SLICE_S):
            slices.append((now_s, strain))
            if len(slices) > 12:
                start, first = slices.pop(0)
                self.rate = divide_round((strain - first) * 3600, now_s - start)
        said = []
        for name, limit in self.limits.items():
            size = strain if name == "static" else self.rate
            if name == "live":
                size = self.nstrain(live.event_high - live.event_low) if live.is_event else 0
            level = limit.judge(None if size is None else abs(size), now_s)
            if level is not None:
                said.append((name, level))
        return said

    def forget_rate(self):
        """The strain jumps for a reason that is not the structure's."""
        self.rate = None
        del self.slices[:]


class Recorder:
    """`missed` may be read and set to 0, `is_wanted` to False: what is open then can still leave; `held` and `open` to 0: it stays."""

    def __init__(self, period_us, run_samples, before):
        self.period_us = period_us
        self.run_samples = run_samples
        self.before = before
        self.size = size = before + run_samples
        self.codes = array("i", bytes(4 * size))
        self.steps = array("H", bytes(2 * size))  # half the microseconds since the sample before
        self.place = 0  # where the next sample goes
        self.held = 0  # consecutive samples behind it that have not left yet
        self.open = 0  # of these, the latest so many are to leave
        self.is_wanted = False
        self.last = None  # the latest sample's time
        self.missed = 0

    def add(self, code, ticks_us):
        """One sample; returns the run that it ended as `flush` does, or None."""
        run = None
        period_us = self.period_us
        step = 0
        if self.last is not None:
            step = (ticks_us - self.last) & _TICKS
            if step * 2 > period_us * 3:
                self.missed += max(1, (step * 2 + period_us) // (2 * period_us) - 1)
                run = self.flush()
                self.held = self.open = 0
        self.last = ticks_us
        self.codes[self.place] = code
        self.steps[self.place] = min(step >> 1, 0xFFFF)
        self.place = (self.place + 1) % self.size
        if self.held < self.size:
            self.held += 1
        if self.is_wanted:
            self.open += 1
            if self.open >= self.run_samples:
                return self.flush()
        return run

    def want(self):
        """From now on samples leave, and as many as there are of those from before: call `flush` until it gives None."""
        if not self.is_wanted:
            self.is_wanted = True
            self.open = min(self.held, self.before)

    def flush(self):
        """The oldest wanted samples, at most a run of them: (codes, time of the first, mean time between two; 0 for a single one). Or None."""
        count = min(self.open, self.run_samples)
        if not count:
            return None
        size = self.size
        first = self.place - self.open
        codes = [self.codes[(first + index) % size] for index in range(count)]
        length = sum([self.steps[(first + index) % size] for index in range(1, count)]) * 2
        after = sum([self.steps[(first + index) % size] for index in range(count, self.open)]) * 2
        steps = count - 1 or 1
        self.open -= count
        self.held = self.open  # what has left is not before the next event
        return codes, (self.last - length - after) & _TICKS, (length * 2 + steps) // (2 * steps)
