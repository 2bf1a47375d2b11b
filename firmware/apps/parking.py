# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Parking: one stall, one magnetometer. Reports each change at once and its state every so often.

Settings: chip (qmc5883l, lis3mdl or mmc5983ma), heartbeat_s, weakest_nt, occupied_h_max, starts_empty; interval_ms where
the node is always awake; wake_nt, recheck_s, poll_s where it sleeps (parking_sleep.py); max_stay_min, grace_min on a loading bay.

A change carries the time when it happened, not when it was decided: a vehicle has arrived when the field came to rest, and
has left when the field began to move. A stay's length (`dwell`) counts from there. After a restart it counts from the first look: too short, never
too long, so nobody is accused of a stay that nobody saw begin.
"""

from array import array

from node_core.parking_detector import FREE, OCCUPIED, UNKNOWN, ParkingDetector
from node_io import borrowed
from node_io.kept import Kept

_PART = "magnetometer"
_WITH_SELF_TEST = ("lis3mdl", "mmc5983ma")
_RETRY_MS = 10_000
_SILENT_READS_MAX = 5
_KEEP_MS = 3_600_000  # flash wears: what was learnt is saved after a change of state and once an hour
_REST_MS = 10_000  # a field that moves again later than this moves for another reason
_EVENT_MS_MAX = 120_000  # a movement longer ago than this has not made the change
_TESTED_SAMPLES = 16  # before these the detector's own test has too little to go by
_LOOK_MS = 1000  # how often a long pause looks whether somebody asks for a sample


class App:
    def __init__(self, board, settings, clock):
        self._board = board
        self._settings = settings
        self._clock = clock
        self._faults = {}
        self._detector = ParkingDetector(settings["weakest_nt"], settings["occupied_h_max"] * 3600)
        self._step_nt = settings["weakest_nt"] // 2
        self._kept = Kept("parking")
        saved = self._kept.get("line")
        is_known = saved is not None and borrowed.call("node_core.parking_dump", "load", self._detector, saved)
        self._is_zeroing = bool(settings["starts_empty"]) and not is_known
        self._is_asked = False
        self._sleeps = False
        self._sample = array("i", bytes(20))  # x, y, z in nT, temperature in hundredths, overflow
        self._before = array("i", bytes(12))
        self._state = UNKNOWN  # what was last reported
        self._temperature = ""
        self._chip_reason = ""
        self._samples = 0
        self._moving_ms = self._rest_ms = 0  # the latest movement of the field: begin, end
        self._changed_ms = -1
        self._stay = None
        if "max_stay_min" in settings:  # a loading bay
            from node_core.stay import Stay

            limit_min = settings["max_stay_min"]
            self._stay = Stay((limit_min + settings["grace_min"]) * 60_000 if limit_min else 0)
        self._reported_ms = None
        self._kept_ms = 0

    # Commands

    def sample_now(self):
        """Report at the next sample, whatever it says."""
        self._is_asked = True
        if self._sleeps:
            self._kept.put("ask", b"sample")
        return _PART not in self._faults

    def rezero(self):
        """Somebody sees the stall empty: the next still field is the empty one. False where there is no sensor to look with."""
        if _PART in self._faults:
            return False
        self._is_zeroing = True
        if self._sleeps:
            self._kept.put("ask", b"zero")
        return True

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

    # The sensor

    async def run(self, report, fault):
        """Always awake. Never ends."""
        while True:
            try:
                sensor = await self._start(True)
                await self._measure(sensor, report, fault)
            except OSError as error:
                self._failed(error, fault)
            await self._clock.sleep_ms(_RETRY_MS)

    async def wake(self, report, fault, state, why):
        """One wake of a node that sleeps; see parking_sleep.py."""
        from apps.parking_sleep import wake

        return await wake(self, report, fault, state, why)

    async def _start(self, with_test):
        name = self._settings.get("chip", "qmc5883l")
        module = __import__("node_io.drivers." + name, None, None, ("Driver",))
        self._temperature = module.TEMPERATURE
        sensor = module.Driver(self._board.i2c())
        sensor.start()
        if with_test:
            self._samples = 0
            self._chip_reason = ""
            if name in _WITH_SELF_TEST:
                test = borrowed.call("node_io.drivers.%s_test" % name, "self_test", sensor, self._clock.sleep_ms)
                self._chip_reason = await test
        return sensor

    def _failed(self, error, fault):
        """The bus or the chip does not answer. A chip that was interrupted in the middle of an answer may hold the bus."""
        reason = error.args[1] if len(error.args) > 1 else "no answer on I2C (%s)" % error.args[0]
        self._note(_PART, borrowed.call("node_io.i2c_rescue", "rescue", self._board) or reason, fault)

    async def _acquire(self, sensor):
        """Whether `self._sample` is new now."""
        while True:
            wait_ms = sensor.read(self._sample)
            if wait_ms <= 0:
                return not wait_ms
            await self._clock.sleep_ms(wait_ms)

    async def _measure(self, sensor, report, fault):
        """Measure until the sensor fails: by an OSError of the bus, or by saying nothing new."""
        silent = 0
        due_ms = self._clock.now_ms()
        while True:
            due_ms = max(due_ms + self._settings["interval_ms"], self._clock.now_ms())  # late: do not try to catch up
            while not self._is_asked:
                wait_ms = due_ms - self._clock.now_ms()
                if wait_ms <= 0:
                    break
                await self._clock.sleep_ms(min(wait_ms, _LOOK_MS))
            if not await self._acquire(sensor):
                silent += 1
                if silent >= _SILENT_READS_MAX:
                    self._note(_PART, "no new measurements", fault)
                    return
                if self._is_asked:
                    await self._clock.sleep_ms(_LOOK_MS)
                continue
            silent = 0
            self._judge(report, fault)

    # One sample

    def _judge(self, report, fault):
        now_ms = self._clock.now_ms()
        if self._is_field(now_ms, fault):
            self._take(now_ms, report)
            if self._samples == _TESTED_SAMPLES:
                self._report_test(report, fault)

    def _is_field(self, now_ms, fault):
        """Whether `self._sample` can be believed."""
        if self._sample[4]:
            self._note(_PART, "field out of range", fault)
            self._is_asked = False
            return False
        self._note(_PART, "", fault)
        self._follow(now_ms)
        return True

    def _report_test(self, report, fault):
        reason = self._chip_reason or self._detector.self_test()
        self._note("self_test", reason, fault)
        report([("self_test", not reason)])

    def _follow(self, now_ms):
        """Note when the field moves. Allocates nothing but the times."""
        is_moving = False
        for axis in range(3):
            change_nt = self._sample[axis] - self._before[axis]
            if change_nt > self._step_nt or -change_nt > self._step_nt:
                is_moving = True
            self._before[axis] = self._sample[axis]
        if is_moving:
            if now_ms - self._rest_ms > _REST_MS:
                self._moving_ms = now_ms
            self._rest_ms = now_ms
        self._samples += 1

    def _take(self, now_ms, report):
        detector = self._detector
        sample = self._sample
        field_nt = (sample[0], sample[1], sample[2])
        detector.update(field_nt, sample[3], now_ms)
        has_changed = detector.is_still and detector.state != self._state
        at_ms = self._event_ms(now_ms) if has_changed and self._state != UNKNOWN else now_ms
        if self._is_zeroing and detector.is_still:
            self._is_zeroing = False
            detector.is_empty(field_nt, sample[3], now_ms)
            has_changed = True
            at_ms = now_ms
        is_new = detector.is_still and self._reported_ms is None
        is_due = self._reported_ms is not None and now_ms - self._reported_ms >= self._settings["heartbeat_s"] * 1000
        if has_changed or is_new:
            self._state = detector.state
            self._changed_ms = at_ms
            if self._stay is not None:
                self._follow_stay(at_ms, report)
        if has_changed or is_new or is_due or self._is_asked:
            self._is_asked = False
            self._report(report, at_ms, now_ms)
        if self._stay is not None:
            left_ms = self._stay.left_ms(now_ms)
            if left_ms is not None and left_ms <= 0:
                self._stay.is_over = True
                report([("overstay", True), ("dwell", self._stay.length_s(now_ms))], urgent=True)
        if has_changed or now_ms - self._kept_ms >= _KEEP_MS:
            self._kept_ms = now_ms
            line = borrowed.call("node_core.parking_dump", "dump", detector)
            if line is not None:
                self._kept.put("line", line)

    def _event_ms(self, now_ms):
        """When the change that is seen now has happened."""
        at_ms = self._rest_ms if self._detector.state == OCCUPIED else self._moving_ms
        return at_ms if self._changed_ms < at_ms and now_ms - at_ms <= _EVENT_MS_MAX else now_ms

    def _report(self, report, at_ms, now_ms):
        """What is known, as of `at_ms`; what was measured, as of now."""
        self._reported_ms = now_ms
        detector = self._detector
        later_ms = now_ms - at_ms
        readings: list = []
        if self._state != UNKNOWN:
            readings.append(("occupied", self._state == OCCUPIED))
        readings.append(("occupancy_known", self._state != UNKNOWN))
        readings.append(("confidence", detector.confidence_pct(), later_ms))
        if detector.deviation_nt is not None:
            readings.append(("deviation", detector.deviation_nt, later_ms))
        for axis in range(3):
            readings.append(("field_" + "xyz"[axis], self._sample[axis], later_ms))
        readings.append((self._temperature, self._sample[3], later_ms))
        length_s = None if self._stay is None else self._stay.length_s(now_ms)
        if length_s is not None:
            readings.append(("dwell", length_s, later_ms))
        report(readings, at_ms=at_ms)

    def _follow_stay(self, at_ms, report):
        stay = self._stay
        if self._state == OCCUPIED:
            stay.begin(at_ms)
            return
        length_s = stay.length_s(at_ms)
        if length_s is not None and self._state == FREE:
            report([("dwell", length_s)], at_ms=at_ms)
        stay.end()
