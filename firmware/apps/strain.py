# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Strain: one bridge on an HX711, and the temperature beside it.

Every `interval_s` a frame of statistics and the compensated strain; with `stream` also every raw sample, in runs of one second.
Settings: period_us, interval_s, stream, run_samples, frame_runs, spike_codes, zero_code, pstrain_per_code, pstrain_per_k, reference_cdeg.
"""

import time
from array import array

from node_core.strain_processing import Block, Stream, compensate, pack_waveform
from node_io.drivers.hx711 import Hx711
from node_io.drivers.sht4x import Sht4x

_DRAIN_MS = 200  # the driver's ring holds 3 s
_TAKE = 64
_SILENT_MS = 2000  # settling and the dropped conversions take 0.8 s at 10 a second
_FRAME_BYTES_MAX = 900  # waveforms in one frame; a frame has room for 1,280 bytes in all
_CONVERTER, _BRIDGE, _THERMOMETER = "hx711", "bridge", "sht4x"


class App:
    def __init__(self, board, settings, clock):
        self._settings = settings
        self._clock = clock
        self._faults = {}
        self._converter = Hx711(board.pin("hx711_dout"), board.pin("hx711_sck"))
        self._thermometer = Sht4x(board.i2c())
        self._is_thermometer_started = False
        self._temperature_cdeg = None
        self._humidity_cpct = None
        self._stream = Stream(settings["period_us"], settings["run_samples"])
        self._block = Block(settings["spike_codes"])
        self._runs = []  # packed and waiting for their frame: (at_ms, bytes, period_us)
        self._codes = array("i", bytes(4 * _TAKE))
        self._ticks_us = array("i", bytes(4 * _TAKE))
        self._last_ticks_us = time.ticks_us()
        self._last_us = 0  # microseconds since `_last_ticks_us` was first taken
        self._offset_us = None  # node time minus that

    def faults(self):
        """What is broken now: part -> reason."""
        return self._faults

    def _note(self, part, reason, fault):
        if self._faults.get(part, "") != reason:
            if reason:
                self._faults[part] = reason
            else:
                del self._faults[part]
            fault(part, reason)

    async def run(self, report, fault):
        self._converter.start()
        interval_ms = self._settings["interval_s"] * 1000
        due_ms = self._clock.now_ms() + interval_ms
        heard_ms = restarted_ms = self._clock.now_ms()
        try:
            while True:
                await self._clock.sleep_ms(_DRAIN_MS)
                self._converter.poll()
                count = self._drain(report)
                now_ms = self._clock.now_ms()
                if count:
                    heard_ms = now_ms
                    self._note(_CONVERTER, "", fault)
                elif min(now_ms - heard_ms, now_ms - restarted_ms) >= _SILENT_MS:
                    self._keep(self._stream.flush(), report)  # what came before the silence does not wait for its end
                    self._send_runs(report)
                    stays_low = self._converter.line_low
                    self._converter.line_low = 0
                    self._note(_CONVERTER, "data line stays low" if stays_low else "no conversions", fault)
                    restarted_ms = now_ms
                    self._converter.start()
                if now_ms >= due_ms:
                    due_ms = max(due_ms + interval_ms, now_ms)
                    await self._read_temperature(fault)
                    self._drain(report)
                    self._report_block(report, fault)
        finally:
            self._converter.stop()

    async def _read_temperature(self, fault):
        try:
            if not self._is_thermometer_started:
                self._thermometer.start()
                self._is_thermometer_started = True
            self._temperature_cdeg, self._humidity_cpct = await self._thermometer.read(self._clock.sleep_ms)
            self._note(_THERMOMETER, "", fault)
        except OSError as error:
            self._is_thermometer_started = False
            self._temperature_cdeg = self._humidity_cpct = None
            self._note(_THERMOMETER, "no answer on I2C ({})".format(error.errno), fault)

    def _drain(self, report):
        """Take what the driver has, give each sample its node time, and hand it on. Returns how many."""
        total = 0
        now_us = self._last_us + time.ticks_diff(time.ticks_us(), self._last_ticks_us)
        # The node's clock shows whole milliseconds, so the offset seen is up to 1 ms short; the largest is right.
        offset_us = self._clock.now_ms() * 1000 - now_us
        if self._offset_us is None or offset_us > self._offset_us:
            self._offset_us = offset_us
        while True:
            count = self._converter.take(self._codes, self._ticks_us)
            total += count
            for index in range(count):
                ticks_us = self._ticks_us[index]
                self._last_us += time.ticks_diff(ticks_us, self._last_ticks_us)
                self._last_ticks_us = ticks_us
                self._sample(self._codes[index], self._last_us, report)
            if count < _TAKE:
                break
        behind_us = time.ticks_diff(time.ticks_us(), self._last_ticks_us)
        if behind_us > 60_000_000:  # no samples for a minute: keep the difference far from the wrap at 2^30
            self._last_us += behind_us
            self._last_ticks_us = time.ticks_add(self._last_ticks_us, behind_us)
        return total

    def _sample(self, code, at_us, report):
        self._block.add(code)
        self._keep(self._stream.add(code, at_us), report)

    def _keep(self, run, report):
        """Pack a run that has ended (None: it has not) for its frame."""
        if run is None or not self._settings["stream"]:
            return
        data = pack_waveform(run.codes)
        waiting_bytes = sum(len(entry[1]) for entry in self._runs)
        if self._runs and waiting_bytes + len(data) > _FRAME_BYTES_MAX:
            self._send_runs(report)
        self._runs.append(((run.at_us + self._offset_us + 500) // 1000, data, run.period_us()))
        if len(self._runs) >= self._settings["frame_runs"]:
            self._send_runs(report)

    def _send_runs(self, report):
        if not self._runs:
            return
        first_ms = self._runs[0][0]
        readings = []
        for at_ms, data, period_us in self._runs:
            readings.append(("waveform", data, at_ms - first_ms))
            readings.append(("sample_period", period_us, at_ms - first_ms))
        self._runs = []
        report(readings, at_ms=first_ms)

    def _report_block(self, report, fault):
        settings = self._settings
        count, good, mean, low, high, saturated, spikes = self._block.end()
        if not count and self._temperature_cdeg is None:
            return  # nothing is plugged in: the faults say so
        missed = self._stream.take_missed()
        readings = [("samples", count), ("missed", missed), ("saturated", saturated), ("spikes", spikes)]
        if mean is not None:
            readings.append(("code_mean", mean))
            readings.append(("code_min", low))
            readings.append(("code_max", high))
            strain = compensate(
                mean,
                settings["zero_code"],
                settings["pstrain_per_code"],
                self._temperature_cdeg,
                settings["reference_cdeg"],
                settings["pstrain_per_k"],
            )
            if self._temperature_cdeg is not None:
                readings.append(("strain", strain))
            else:
                readings.append(("strain_uncompensated", strain))
        if self._temperature_cdeg is not None:
            readings.append(("temperature", self._temperature_cdeg))
            readings.append(("humidity", self._humidity_cpct))
        if count:
            self._note(
                _BRIDGE,
                "saturated: a wire is broken, or the bridge is out of range" if saturated * 2 > count else "",
                fault,
            )
        report(readings, at_ms=self._clock.now_ms())
