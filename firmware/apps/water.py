# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A water meter with a pulse output (reed): volume, flow, and whether water runs that nobody uses.

`run` is for a board that stays awake, `wake` for one on a battery (apps/water_sleep.py). The leak rules (node_core/leak_rules.py) are loaded
for each of their readings and forgotten: only their state stays in memory.
Settings: interval_s, pulse_ml, start_l (the dial when it was installed), q4_l_h, debounce_ms, keep_pulses, stuck_s, tamper_loop, and the
rules' own: leak_l_h, leak_h, night_l_h, nights, burst_l_h, burst_min.
"""

from node_io import borrowed
from node_io.kept import Kept

ALARMS = ("leak", "burst", "leak_grew")  # the bits of the rules' alarms, from the lowest
_LOOK_MS = 1000
_ROW_MS = 300_000
_KEEP_MS = 3_600_000
FIRST_MS = 900_000
REPEAT_MS = 604_800_000  # somebody has to be told again


def step(app, state, goes_on, now_ms, volume_ml, is_accepted):
    """One reading through the leak rules."""
    return borrowed.call(
        "node_core.leak_rules", "step", app.settings, state, goes_on, now_ms // 1000, volume_ml, is_accepted
    )


def flow_steps(ml, span_ms):
    """Volume over time in steps of 1e-9 m3/s."""
    return (ml * 1_000_000 + span_ms // 2) // span_ms


def pulse_reason(settings):
    """What is wrong with the pulse for the leak rules (`LeakRules.is_too_coarse`), or ""."""
    is_too_coarse = 2 * settings["pulse_ml"] > settings["leak_l_h"] * 1000 * settings["leak_h"]
    return "too coarse for leak_l_h: only bursts are looked for" if is_too_coarse else ""


def alarm_readings(alarms):
    return [(name, bool(alarms >> bit & 1)) for bit, name in enumerate(ALARMS)]


def volume_readings(volume_ml, pulses, reported_ml, span_ms, night_ml_h):
    """What a report says; `span_ms` is the time since the last one, 0 where there was none."""
    readings = [("volume", volume_ml), ("pulses", pulses)]
    if span_ms > 0:
        readings.append(("consumption", volume_ml - reported_ml))
        readings.append(("flow", flow_steps(volume_ml - reported_ml, span_ms)))
    if night_ml_h is not None:
        readings.append(("flow_night", flow_steps(night_ml_h, 3_600_000)))
    return readings


class App:
    stays = True  # a sleeping node keeps it while it sends: `on_sample` belongs to the wake

    def __init__(self, board, settings, clock):
        self.board = board
        self.settings = settings
        self.clock = clock
        self.on_sample = None  # of a board that is awake for a moment only
        self._sleeps = self._is_asked = self._is_accepted = False
        self.can_accept = False  # there is a night, or a leak, that could be the normal flow

    def sample_now(self):
        if self.on_sample is not None:
            self.on_sample()
        self._is_asked = True
        return True

    def rezero(self):
        """What runs at night now is normal here; False before the first night. A board that sleeps does it at its next look."""
        if not self.can_accept:
            return False
        self._is_accepted = True
        return Kept("water").put("rezero", b"1") if self._sleeps else True

    def volume_ml(self, pulses):
        return self.settings["start_l"] * 1000 + pulses * self.settings["pulse_ml"]

    async def wake(self, report, fault, state, why):
        from apps import water_sleep

        self._sleeps = True
        return water_sleep.wake(self, report, fault, state, why)

    async def run(self, report, fault):
        from node_io.pulse_meter import PulseMeter

        meter = PulseMeter(self.board, "water", self.settings["start_l"], self.settings, False, fault)
        meter.start()
        try:
            await self._measure(meter, report)
        finally:
            meter.stop()

    async def _measure(self, meter, report):
        kept = Kept("water")
        now_ms = self.clock.now_ms()
        reported_ms = told_ms = now_ms
        row_ms = kept_ms = now_ms - _KEEP_MS
        reported = was_tampered = night_ml_h = None
        rules = kept.get("rules")
        goes_on = False
        meter.note("pulse", pulse_reason(self.settings))
        alarms = since = 0
        while True:
            since += meter.look(now_ms)
            volume_ml = self.volume_ml(meter.pulses)
            has_changed = False
            if now_ms - row_ms >= _ROW_MS or self._is_accepted:
                row_ms = now_ms
                before = alarms
                rules, alarms, night_ml_h, is_implausible = step(
                    self, rules, goes_on, now_ms, volume_ml, self._is_accepted
                )
                goes_on = True
                self.can_accept = night_ml_h is not None or bool(alarms & 1)
                has_changed = alarms != before
                if self._is_accepted:
                    self._is_accepted = False
                    kept_ms = now_ms - _KEEP_MS
                meter.note("meter", "runs faster than it can" if is_implausible else "")
            if has_changed or reported is None or (alarms and now_ms - told_ms >= REPEAT_MS):
                told_ms = now_ms
                report(alarm_readings(alarms), at_ms=now_ms, urgent=bool(alarms))
            if meter.is_tampered != was_tampered and self.settings["tamper_loop"]:
                was_tampered = meter.is_tampered
                report([("tamper", was_tampered)], at_ms=now_ms, urgent=was_tampered)
            is_due = meter.is_due(now_ms, reported_ms, since, self.settings["interval_s"])
            if is_due or self._is_asked or has_changed or reported is None:
                self._is_asked = False
                meter.make_safe(now_ms, since)
                span_ms = now_ms - reported_ms
                readings = volume_readings(volume_ml, meter.pulses, reported, span_ms, night_ml_h)
                if now_ms < FIRST_MS:  # whoever stands beside it may ask for these
                    readings += alarm_readings(alarms)
                report(readings, at_ms=now_ms)
                reported = volume_ml
                reported_ms = now_ms
                since = 0
            if has_changed or now_ms - kept_ms >= _KEEP_MS:
                kept_ms = now_ms
                kept.put("rules", rules)
            await self.clock.sleep_ms(_LOOK_MS)
            now_ms = self.clock.now_ms()
