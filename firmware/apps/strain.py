# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Strain: one bridge of gauges on an HX711 or an ADS1220, and the temperature beside it.

Every `interval_s` a frame of statistics, the compensated strain, drift, live strain and counted cycles. An event (a load on the structure) is reported at its
end, with its raw samples from before its beginning; a threshold that its engineer has set is reported at once. With `stream` every raw sample
is sent, in runs of a second, and events have none of their own. Settings: the profiles strain-hx711 and strain-ads1220.

    converter -> ring -> _drain -> Monitor    what it means              both in node_core/strain_monitor.py
                                -> Recorder   the raw samples themselves
"""

import time

from node_core.senml import pack_waveform
from node_io import borrowed, strain_block  # not borrowed: loading it as an event begins would cost the event samples

_BUSY_MS = 3000  # joining and greeting hold the program up for longer than the converter's ring lasts
_SILENT_MS = 2000  # settling and the dropped conversions take 0.8 s at 10 a second
_FRAME_BYTES = 1100  # of runs; a frame has room for 1,280 bytes in all
_RUN_BYTES = 70  # what a run needs beside its samples: two records' names, units and times


class App:
    def __init__(self, board, settings, clock):
        borrowed.call("node_io.strain_parts", "equip", self, board, settings, clock)

    def _note(self, part, reason, fault):
        if self._broken.get(part, "") != reason:
            self._broken[part] = reason
            fault(part, reason)

    def sample_now(self):
        """The interval ends now. True: it will, with the next samples."""
        self._is_asked = True
        return True

    def rezero(self):
        """The present static strain is zero, also after a restart. False while there is none, or where it cannot be kept."""
        return borrowed.call("node_io.strain_parts", "rezero", self)

    async def run(self, report, fault):
        settings, clock, converter = self._settings, self._clock, self._converter
        await clock.sleep_ms(_BUSY_MS)
        now_ms = due_ms = heard_ms = started_ms = clock.now_ms()
        due_ms += settings["interval_s"] * 1000
        if settings["stream"]:
            self._recorder.want()
        borrowed.call("node_io.strain_parts", "begin", self, fault)
        try:
            while True:
                # The driver's ring holds 0.7 s: 64 places for an HX711, 128 at 175 a second. But 256 at most: 0.2 s at 1,200.
                await clock.sleep_ms(200 if converter.period_us > 2000 else 50)
                converter.poll()
                count = self._drain(report)
                now_ms = clock.now_ms()
                if count:
                    if now_ms - heard_ms >= settings["hold_s"] * 1000:
                        borrowed.call("node_io.strain_parts", "forget", self)
                    heard_ms = now_ms
                    self._note(converter.name, "", fault)
                    self._judge(report, now_ms)
                elif min(now_ms - heard_ms, now_ms - started_ms) >= _SILENT_MS:
                    self.keep(self._recorder.flush(), report)  # what came before the silence does not wait for its end
                    self.send_runs(report)
                    borrowed.call("node_io.strain_parts", "begin", self, fault)
                    started_ms = now_ms
                if now_ms >= due_ms or self._is_asked:
                    self._is_asked = False
                    due_ms = max(due_ms + settings["interval_s"] * 1000, now_ms)
                    await self._measure(fault)
                    self._drain(report)
                    strain_block.report_block(self, report, fault)
        finally:
            converter.stop()

    async def _measure(self, fault):
        """Temperature and humidity. Without a temperature the thermometer has to be started."""
        if self._is_own and self._monitor.live.is_event:
            return  # it would cost the event a sample; the last temperature is good enough
        reason = ""
        try:
            if self._temperature_cdeg is None:
                self._thermometer.start()
            self._temperature_cdeg, self._humidity_cpct = await self._thermometer.read(self._clock.sleep_ms)
        except OSError as error:
            self._temperature_cdeg = self._humidity_cpct = None
            reason = "no answer on I2C (%d)" % error.errno
        if not self._is_own:  # else the converter's own fault says why
            self._note("sht4x", reason, fault)

    def _drain(self, report):
        """Take what the driver has and hand it on. Returns how many."""
        found = 0
        ticks = time.ticks_us()
        self._last += time.ticks_diff(ticks, self._last_ticks)
        self._last_ticks = ticks
        # The node's clock shows whole milliseconds, so the base seen is up to 1 ms short; the largest is right.
        base = self._clock.now_ms() * 1000 - self._last
        if self._base is None or base > self._base:
            self._base = base
        while True:
            count = self._converter.take(self._codes, self._ticks)
            found += count
            for index in range(count):
                code, ticks = self._codes[index], self._ticks[index]
                run = self._recorder.add(code, ticks)
                if run is not None:
                    self.keep(run, report)
                what = self._monitor.add(code)
                if what:
                    strain_block.event(self, what, self._at_us(ticks), report)
            if count < len(self._codes):
                return found

    def _at_us(self, ticks):
        """Node time of a tick that is not older than some minutes."""
        return self._last + time.ticks_diff(ticks, self._last_ticks) + self._base

    def keep(self, run, report):
        """Pack a run that has ended (None: it has not) for its frame."""
        if run is None or self._frames == -1:
            return
        data = pack_waveform(run[0])
        if sum([len(each[1]) + _RUN_BYTES for each in self._runs]) + len(data) + _RUN_BYTES > _FRAME_BYTES:
            self.send_runs(report)
            if self._frames == -1:
                return
        self._runs.append(((self._at_us(run[1]) + 500) // 1000, data, run[2]))

    def send_runs(self, report):
        runs, self._runs = self._runs, []
        if not runs:
            return
        readings: list = []
        if not self._settings["stream"]:
            if not self._frames or self._day_frames >= self._settings["day_frames"]:
                self._lost += 1
                self._frames = -1
                self._recorder.is_wanted = False
                self._recorder.held = self._recorder.open = 0
                return
            self._frames -= 1
            self._day_frames += 1
            readings.append(("event_number", self._number))  # and its lane, which is more urgent than a stream's
        first_ms = runs[0][0]
        for at_ms, data, period_us in runs:
            readings.append(("waveform", data, at_ms - first_ms))
            readings.append(("sample_period", period_us, at_ms - first_ms))
        report(readings, at_ms=first_ms)

    def loads(self, low, high):
        return [("live_low", self._monitor.nstrain(low)), ("live_high", self._monitor.nstrain(high))]

    def statics(self):
        """Drift: with its thermal part, without it, and the latter's change over an hour, each where it is known."""
        monitor = self._monitor
        rate = None if monitor.rate is None else monitor.rate * 10 // 36  # 1e-9 an hour, 1e-12 a second
        readings = []
        for name, value in (
            ("strain_static", monitor.static()),
            ("strain", monitor.strain(self._temperature_cdeg)),
            ("strain_rate", rate),
        ):
            if value is not None:
                readings.append((name, value))
        return readings

    def _judge(self, report, now_ms):
        live = self._monitor.live
        for name, level in self._monitor.judge(now_ms // 1000, self._temperature_cdeg):
            beside = self.loads(live.event_low, live.event_high) if name == "live" else self.statics()
            report([(name + "_level", level)] + beside, at_ms=now_ms, urgent=True)
