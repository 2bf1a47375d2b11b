# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A recording of strain through the firmware's own monitor: `python -m simulators.replay strain`, docs/replay.md.

One code of the simulated converter is 1e-9 of strain. The settings and their defaults are those of the profile strain-hx711, but for
`period_us`: 0 takes the time between the first two rows.
"""

import json
import sys

import counted
import rows
from node_core.strain_monitor import ENDED, STARTED, STEP
from node_core.strain_setup import new_monitor

_MAY_BE_ZERO = ["period_us", "spike_codes", "zero_code", "pstrain_per_k", "reference_cdeg"]
_MAY_BE_ZERO += [kind + level + "_nstrain" for kind in ("static_", "live_", "rate_") for level in ("warning", "alarm")]
SETTINGS = rows.settings(
    {
        "period_us": 0,
        "spike_codes": 200_000,
        "zero_code": 0,
        "pstrain_per_k": 0,
        "reference_cdeg": 2000,
        "event_nstrain": 3000,
        "baseline_s": 60,
        "hold_s": 300,
        "quiet_ms": 1000,
        "gate_nstrain": 2000,
        "bin_nstrain": 5000,
        "static_warning_nstrain": 0,
        "static_alarm_nstrain": 0,
        "live_warning_nstrain": 0,
        "live_alarm_nstrain": 0,
        "rate_warning_nstrain": 0,
        "rate_alarm_nstrain": 0,
        "repeat_s": 3600,
    },
    may_be_zero=_MAY_BE_ZERO,
)
SETTINGS["pstrain_per_code"] = 1000
_JUDGE_US = 200_000  # as often as the application empties its converter's ring
_USTRAIN_MAX = 10**9  # the whole length; beyond the converter's full scale it counts as full scale
_WORDS = ("", "warning", "alarm")


def _ustrain(nstrain):
    return None if nstrain is None else nstrain / 1000


class Replay:
    def __init__(self):
        self._monitor = self._closed = None
        self._period_us = 0
        self._first = None  # the first row waits for the second, which says the period
        self._last_us = self._judged_us = None
        self._cdeg = None
        self._halves = 0
        self.rows = 0
        self.events = 0
        self.ranges = {}  # range in 1e-9 -> half cycles

    def take(self, row):
        """[time in us, strain in 1e-9, temperature in 0.01 degrees or None]: the row's answer."""
        at_us, nstrain, self._cdeg = row
        if self._last_us is not None and at_us <= self._last_us:
            raise ValueError("the time does not go forward")
        gap_us = 0 if self._last_us is None else at_us - self._last_us
        self._last_us = at_us
        self.rows += 1
        if self._monitor is None:
            period_us = SETTINGS["period_us"] if SETTINGS["period_us"] > 0 else gap_us
            if not period_us:
                self._first = nstrain
                return self._empty(at_us)
            self._period_us = period_us
            self._monitor = new_monitor(SETTINGS, period_us)
            self._closed = counted.watch(self._monitor.cycles)
            self._judged_us = at_us
            if self._first is not None:
                self._add(self._first)
        elif gap_us >= max(SETTINGS["hold_s"] * 1_000_000, 3 * self._period_us):  # as the application after a silence
            self._monitor.block.older = self._monitor.block.newer = None  # what waits for its neighbour is from before
            self._monitor.live.restart()
            self._monitor.forget_rate()
        change = self._add(nstrain)
        return self._answer(at_us, change)

    def _add(self, nstrain):
        change = self._monitor.add(max(-0x800000, min(0x7FFFFF, nstrain)))
        if change == STARTED:
            self.events += 1
        self._count()
        return change

    def _count(self):
        while self._closed:
            size, halves = self._closed.pop()
            self.ranges[size] = self.ranges.get(size, 0) + halves
            self._halves += halves

    def _judge(self, at_us, change):
        """What the node would say now."""
        if not change and at_us - self._judged_us < _JUDGE_US:
            return []
        self._judged_us = at_us
        said = self._monitor.judge(at_us // 1_000_000, self._cdeg)
        return [name + " " + (_WORDS[level] or "over") for name, level in said]

    def _empty(self, at_us):
        return {
            "time_s": at_us / 1_000_000,
            "live_ustrain": None,
            "static_ustrain": None,
            "strain_ustrain": None,
            "event": False,
            "events": self.events,
            "alarms": [],
            "cycles": self._halves / 2,
        }

    def now(self):
        """The state as it is, whatever the next row says."""
        answer = self._empty(0)
        monitor = self._monitor
        if monitor is None:
            return answer
        answer["live_ustrain"] = _ustrain(monitor.live.live)
        answer["static_ustrain"] = _ustrain(monitor.static())
        answer["strain_ustrain"] = _ustrain(monitor.strain(self._cdeg))
        answer["event"] = monitor.live.is_event
        for name in monitor.limits:
            level = monitor.limits[name].level
            if level:
                answer["alarms"].append(name + " " + _WORDS[level])
        return answer

    def _answer(self, at_us, change):
        live = self._monitor.live
        said = self._judge(at_us, change)
        answer = self.now()
        answer["time_s"] = at_us / 1_000_000
        if said:
            answer["said"] = said
        if change in (ENDED, STEP):
            answer["event_range_ustrain"] = _ustrain(live.event_high - live.event_low)
        if change == STEP:
            answer["step_ustrain"] = _ustrain(live.step)
        return answer

    def finish(self):
        """The record's totals, what is still open counted as half cycles."""
        forced = 0
        if self._monitor is not None:
            counted.end(self._monitor.cycles)
            self._count()
            forced = self._monitor.cycles.forced
        halves = [[size, self.ranges[size]] for size in sorted(self.ranges)]
        return {"rows": self.rows, "events": self.events, "halves_of_nstrain": halves, "forced": forced}


replay = Replay()
try:
    rows.run(
        [("time_s", 6, rows.TIME_S_MAX), ("strain_ustrain", 3, _USTRAIN_MAX)],
        [("temperature_degc", 2, 1000)],
        replay.take,
        replay.now,
    )
finally:
    print(json.dumps(replay.finish()), file=sys.stderr)
