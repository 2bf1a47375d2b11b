# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Parking: one stall, one magnetometer. Reports each change at once and its state every so often.

Settings: interval_ms, heartbeat_s, enter_nt, leave_nt, still_nt, occupied_h_max, starts_empty.
"""

from node_core.parking_detector import FREE, OCCUPIED, UNKNOWN, ParkingDetector
from node_io.drivers.qmc5883l import Qmc5883l
from node_io.kept import Kept

_PART = "magnetometer"
_RETRY_MS = 10_000
_SILENT_READS_MAX = 5
_KEEP_MS = 3_600_000  # flash wears: the line is saved after a change of state and once an hour


class App:
    def __init__(self, board, settings, clock):
        self._board = board
        self._settings = settings
        self._clock = clock
        self._faults = {}
        self._detector = ParkingDetector(
            settings["enter_nt"], settings["leave_nt"], settings["still_nt"], settings["occupied_h_max"] * 3600
        )
        self._starts_empty = settings["starts_empty"]
        self._kept = Kept("parking")
        saved = self._kept.get("line")
        if saved is not None:
            self._detector.load(saved)
        self._sample = None
        self._reported_ms = None
        self._kept_ms = 0

    def faults(self):
        """What is broken now: part -> reason."""
        return self._faults

    def _note(self, reason, fault):
        if self._faults.get(_PART, "") != reason:
            if reason:
                self._faults[_PART] = reason
            else:
                del self._faults[_PART]
            fault(_PART, reason)

    async def run(self, report, fault):
        while True:
            try:
                sensor = Qmc5883l(self._board.i2c())
                sensor.start()
                await self._measure(sensor, report, fault)
            except OSError as error:
                self._note("no answer on I2C ({})".format(error.errno), fault)
            await self._clock.sleep_ms(_RETRY_MS)

    async def _measure(self, sensor, report, fault):
        """Measure until the sensor fails: by an OSError of the bus, or by saying nothing new."""
        silent = 0
        due_ms = self._clock.now_ms()
        while True:
            due_ms += self._settings["interval_ms"]
            wait_ms = due_ms - self._clock.now_ms()
            if wait_ms < 0:  # late: do not try to catch up
                due_ms -= wait_ms
            await self._clock.sleep_ms(max(0, wait_ms))
            sample = sensor.read()
            if sample is None:
                silent += 1
                if silent >= _SILENT_READS_MAX:
                    self._note("no new measurements", fault)
                    return
                continue
            silent = 0
            if sample[4]:
                self._note("field out of range", fault)
                continue
            self._note("", fault)
            self._take(sample, report)

    def _take(self, sample, report):
        now_ms = self._clock.now_ms()
        field_nt = sample[:3]
        self._sample = sample
        has_changed = self._detector.update(field_nt, sample[3], now_ms)
        if self._starts_empty and self._detector.is_still and self._detector.state == UNKNOWN:
            self._starts_empty = False
            if self._detector.dump() is None:
                self._detector.is_empty(field_nt, sample[3], now_ms)
                has_changed = True
        if self._detector.is_still:
            is_first = self._reported_ms is None
            is_due = not is_first and now_ms - self._reported_ms >= self._settings["heartbeat_s"] * 1000
            if has_changed or is_first or is_due:
                self._report(report, now_ms)
        if has_changed or now_ms - self._kept_ms >= _KEEP_MS:
            self._kept_ms = now_ms
            line = self._detector.dump()
            if line is not None:
                self._kept.put("line", line)

    def _report(self, report, now_ms):
        self._reported_ms = now_ms
        detector = self._detector
        readings = []
        if detector.state != UNKNOWN:
            readings.append(("occupied", detector.state == OCCUPIED))
        readings.append(("occupancy_known", detector.state in (FREE, OCCUPIED)))
        readings.append(("confidence", detector.confidence_pct()))
        if detector.deviation_nt is not None:
            readings.append(("deviation", detector.deviation_nt))
        x_nt, y_nt, z_nt, temperature_cdeg, _ = self._sample
        readings.append(("field_x", x_nt))
        readings.append(("field_y", y_nt))
        readings.append(("field_z", z_nt))
        readings.append(("temperature_relative", temperature_cdeg))
        report(readings, at_ms=now_ms)
