# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""An electricity meter's S0 output: energy from the count, power from the pulses of an interval.

Settings: interval_s, pulses_per_kwh, start_wh (the dial when it was installed), power_w_max, debounce_ms, keep_pulses, stuck_s,
tamper_loop.
"""

from node_io.pulse_meter import PulseMeter

_LOOK_MS = 1000
_KWH_J = 3_600_000


class App:
    def __init__(self, board, settings, clock):
        self._board = board
        self._settings = settings
        self._clock = clock
        self._is_asked = False

    def sample_now(self):
        self._is_asked = True
        return True

    async def run(self, report, fault):
        settings = self._settings
        per_kwh = settings["pulses_per_kwh"]
        meter = PulseMeter(self._board, "energy", settings["start_wh"], settings, True, fault)
        reported_ms = self._clock.now_ms()
        was_tampered = None
        since = 0
        meter.start()
        try:
            meter.look(reported_ms)
            self._report(meter, report, None, 0, reported_ms, True)
            was_tampered = meter.is_tampered
            while True:
                await self._clock.sleep_ms(_LOOK_MS)
                now_ms = self._clock.now_ms()
                since += meter.look(now_ms)
                span_ms = now_ms - reported_ms
                is_tamper_news = meter.is_tampered != was_tampered
                is_due = meter.is_due(now_ms, reported_ms, since, settings["interval_s"])
                if not (is_due or self._is_asked or is_tamper_news) or span_ms <= 0:
                    continue
                self._is_asked = False
                # Energy of `since` pulses over the time: W, in steps of 1 W.
                power_w = (since * _KWH_J * 1000 // per_kwh + span_ms // 2) // span_ms
                is_absurd = power_w > settings["power_w_max"] + _KWH_J * 2000 // per_kwh // span_ms
                meter.note("meter", "more power than the supply can give" if is_absurd else "")
                was_tampered = meter.is_tampered
                self._report(meter, report, power_w, since, now_ms, is_tamper_news)
                reported_ms = now_ms
                since = 0
        finally:
            meter.stop()

    def _report(self, meter, report, power_w, new, now_ms, is_urgent):
        settings = self._settings
        meter.make_safe(now_ms, new)
        energy_j = settings["start_wh"] * 3600 + meter.pulses * _KWH_J // settings["pulses_per_kwh"]
        readings = [("energy_in", energy_j), ("pulses", meter.pulses)]
        if power_w is not None:
            readings.append(("power", power_w))
        if is_urgent and settings["tamper_loop"]:
            report([("tamper", meter.is_tampered)], at_ms=now_ms, urgent=meter.is_tampered)
        report(readings, at_ms=now_ms)
