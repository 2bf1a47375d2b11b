# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A defibrillator's cabinet: is it there, is it well, does somebody use or abuse it.

Presence by a switch under the defibrillator and a scale below it; door and cover contacts; the defibrillator's status light through two
photodiodes; the cabinet's temperature; two voltages. A removal is reported at once and urgently, its alarm follows after `removed_s`.
Every alarm rings once, ends once, and is repeated once a day while it lasts, also over restarts. What is needed once an hour or
less (expiry dates, the register, what outlives a restart) is in dae_paper.py, the thermometer in dae_air.py.

Settings: weight_g, weight_tolerance_g, codes_per_kg, zero_code, pads_expiry, battery_expiry (dates, or empty), status_s (a look at the
light each so many seconds), watch_s (how long it lasts), on_uv, blink_ms_min, blink_ms_max, steady_green_ok, unseen_h, removed_s, door_s, heater_s (0: there is
no heater), divider_milli, power_min_mv, battery_low_mv (0: not wired), air_s (the temperature each so many seconds), heartbeat_s.
"""

from micropython import const

from node_core.dae_rules import PRESENT, REMOVED, UNKNOWN, Alarms, Presence, grams_of, is_beyond
from node_core.status_light import StatusLight
from node_io import borrowed
from node_io.drivers.contact import Contact
from node_io.drivers.scale import Scale

_TICK_MS = const(100)
_LIGHT_MS = const(10)
_JUDGE_MS = const(1000)
_FIRST_MS = const(4000)  # by then both senses of presence have spoken
_LOOK_AFTER_MS = const(5000)  # the door has closed: whoever closed it is gone, and the light is no longer touched
_HOUR_MS = const(3_600_000)
_PAPER_MS = const(180_000)  # after the start: by then every sense has been heard
_MARGIN_CDEG = const(100)
_MARGIN_MV = const(200)
_READINGS = const(8)
_OK, _FAULT = 1, 2  # as node_core/light_verdict.py says
WORDS = ("unknown", "ok", "fault")
# In the order of their bits in what outlives a restart: a new one goes to the end.
ALARMS = (
    "removed",
    "presence_unsure",
    "door_left_open",
    "tampered",
    "status_fault",
    "status_unseen",
    "temperature_warning",
    "temperature_critical",
    "heater_failed",
    "power_lost",
    "battery_low",
)


class App:
    def __init__(self, board, settings, clock):
        self.settings = settings
        self.clock = clock
        self.door = Contact(board.pin("door"))
        self.switch = Contact(board.pin("presence_switch"))
        self._cover = Contact(board.pin("tamper"))
        self.scale = Scale(board.pin("hx711_dout"), board.pin("hx711_sck"))
        self.zero_code = settings["zero_code"]
        self.board = board
        self._power = board.adc("cabinet_power")
        self._battery = board.adc("battery_sense")
        self._green = board.adc("status_light")
        self._red = board.adc("status_light_red")
        self._light = StatusLight(settings["on_uv"])
        self.presence = Presence()
        air_s = settings["air_s"] + 30  # two measurements in a row
        self.alarms = Alarms(
            (settings["removed_s"], 60, settings["door_s"], 0, 0, 0, air_s, air_s, settings["heater_s"], 60, 60)
        )
        self._is_asked = False
        self.status = 0
        self.pattern = "not looked at"
        self._faulty = 0  # looks in a row
        self._verdict_ms = None  # when the last look ended, while it counts
        self._watch_ms = None  # since when the light is being looked at
        now_ms = clock.now_ms()
        self._next_ms = now_ms + _LOOK_AFTER_MS  # of the next look
        # When the light was last seen well; the first start, where it never has been. What was kept over a restart may move it back.
        self.ok_ms = now_ms
        self.is_ok_ours = False  # and that was since this start
        self._temperature_cdeg = None
        self.extremes = None  # lowest and highest temperature since the last register entry
        self.paper = borrowed.call("apps.dae_paper", "load", self, now_ms)

    # Commands

    def sample_now(self):
        """Measure and report everything within a second; a look at the light begins, where the door is closed."""
        self._is_asked = True
        self._next_ms = self.clock.now_ms()
        return True

    def rezero(self):
        """The cabinet is empty now: this weight is zero. Refused while the switch says that the defibrillator is there."""
        return borrowed.call("apps.dae_paper", "rezero", self)

    # The loop

    async def run(self, report, fault):
        """Never ends. A look each tenth of a second; a hundred samples a second while the light is being watched."""
        judge_ms = self.clock.now_ms()
        air_ms = due_ms = judge_ms + _FIRST_MS
        paper_ms = judge_ms + _PAPER_MS
        borrowed.call("apps.dae_paper", "check", self, fault)
        while True:
            now_ms = self.clock.now_ms()
            self._look(now_ms, report, fault)
            if now_ms >= air_ms or self._is_asked:
                air_ms = now_ms + self.settings["air_s"] * 1000
                self._measure_air(fault)
            if now_ms >= due_ms or self._is_asked:
                due_ms = now_ms + self.settings["heartbeat_s"] * 1000
                self._is_asked = False
                self._report_all(now_ms, report)
            if now_ms >= judge_ms:
                judge_ms = now_ms + _JUDGE_MS
                if self._judge(now_ms, report):
                    borrowed.call("apps.dae_paper", "save", self, now_ms)
                if now_ms >= paper_ms:
                    paper_ms = now_ms + (_PAPER_MS if self.clock.city_ms() is None else _HOUR_MS)
                    borrowed.call("apps.dae_paper", "tend", self, now_ms, report, fault)
            await self._watch(now_ms, report)

    def _look(self, now_ms, report, fault):
        """Contacts and scale; what has changed is reported at once."""
        self.scale.look(now_ms)
        fault("scale", self.scale.reason if self.settings["codes_per_kg"] else "codes_per_kg is 0")
        if self.door.look():
            report([("door_open", not self.door.is_closed)], at_ms=now_ms)
            self._next_ms = now_ms + _LOOK_AFTER_MS
        self.switch.look()
        self._cover.look()
        weighs = self._weighs()
        if self.presence.update(self.switch.is_closed, weighs):
            report(self._presence_readings(), at_ms=now_ms, urgent=self.presence.state != PRESENT)
            self._forget_light(now_ms, report)  # it is gone, or another one stands there
        reason = ""
        if self.presence.state == UNKNOWN and self.presence.is_settled:
            words = {True: "there", False: "gone", None: "nothing" if self.grams() is None else "another weight"}
            reason = "the switch says %s, the scale says %s" % (words[self.switch.is_closed], words[weighs])
        fault("presence", reason)

    def grams(self):
        """The weight since the zero, or None."""
        code, codes_per_kg = self.scale.code, self.settings["codes_per_kg"]
        return None if code is None or not codes_per_kg else grams_of(code - self.zero_code, codes_per_kg)

    def _weighs(self):
        """Whether the scale carries the defibrillator: True, False, None where it cannot say or carries something else."""
        grams = self.grams()
        if grams is None:
            return None
        weight_g = self.settings["weight_g"]
        if grams < weight_g // 3:
            return False
        tolerance_g = min(self.settings["weight_tolerance_g"], weight_g * 2 // 3)
        if self.presence.state == PRESENT:
            tolerance_g += tolerance_g // 5  # a weight at the bound does not come and go
        return True if abs(grams - weight_g) <= tolerance_g else None

    def _presence_readings(self):
        readings: list = [("presence", self.presence.state)]
        grams = self.grams()
        if grams is not None:
            readings.append(("weight", grams))
        if self.door.is_closed is not None:
            readings.append(("door_open", not self.door.is_closed))
        return readings

    def _status_readings(self):
        return [("status", WORDS[self.status]), ("status_pattern", self.pattern)]

    def _report_all(self, now_ms, report):
        """In one frame: frames of several lanes would travel by themselves."""
        readings = self._presence_readings() + self._status_readings()
        for name, value in (
            ("temperature", self._temperature_cdeg),
            ("battery_voltage", self._millivolts(self._battery, "battery_low_mv")),
            ("cabinet_voltage", self._millivolts(self._power, "power_min_mv")),
        ):
            if value is not None:
                readings.append((name, value))
        report(readings, at_ms=now_ms)

    def _measure_air(self, fault):
        self._temperature_cdeg, reason = borrowed.call("apps.dae_air", "temperature", self.board)
        fault("thermometer", reason)
        temperature = self._temperature_cdeg
        if temperature is not None:
            low, high = self.extremes or (temperature, temperature)
            self.extremes = (min(low, temperature), max(high, temperature))

    def _millivolts(self, adc, bound):
        """The mean of a few readings through the divider; None where the input is not wired."""
        if not self.settings[bound]:
            return None
        total_uv = sum([adc.read_uv() for _ in range(_READINGS)])
        return total_uv // _READINGS * self.settings["divider_milli"] // 1_000_000

    def _judge(self, now_ms, report):
        """Every alarm's condition. Those that begin, end or have lasted another day are reported; True where there are such."""
        settings = self.settings
        temperature = self._temperature_cdeg
        battery = self._millivolts(self._battery, "battery_low_mv")
        power = self._millivolts(self._power, "power_min_mv")
        raised = self.alarms.raised
        state = self.presence.state
        warm = critical = cold = lost = low = None
        if power is not None:
            lost = is_beyond(power, settings["power_min_mv"], 99_999, _MARGIN_MV, raised >> 9 & 1)
        if battery is not None:
            low = is_beyond(battery, settings["battery_low_mv"], 99_999, _MARGIN_MV, raised >> 10 & 1)
        if temperature is not None:
            warm = is_beyond(temperature, 200, 4500, _MARGIN_CDEG, raised >> 6 & 1)
            critical = is_beyond(temperature, 0, 5000, _MARGIN_CDEG, raised >> 7 & 1)
            if settings["heater_s"] and not lost:  # without power nobody can say whether the heater would do
                cold = is_beyond(temperature, 500, 99_999, _MARGIN_CDEG, raised >> 8 & 1)
        if self._verdict_ms is not None:
            if now_ms - self._verdict_ms > (2 * settings["status_s"] + settings["watch_s"]) * 1000:
                self._forget_light(now_ms, report)
        door, cover = self.door.is_closed, self._cover.is_closed
        conditions = (
            None if state == UNKNOWN else state == REMOVED,
            state == UNKNOWN,
            None if door is None else not door,
            None if cover is None else not cover,
            (None, False, True if self._faulty > 1 else None)[self.status],
            True if now_ms - self.ok_ms >= settings["unseen_h"] * _HOUR_MS else False if self.is_ok_ours else None,
            warm,
            critical,
            cold,
            lost,
            low,
        )
        is_news = False
        for place in range(len(conditions)):
            told = self.alarms.update(place, conditions[place], now_ms)
            if told is not None:
                report([(ALARMS[place], told)], at_ms=now_ms, urgent=True)
                is_news = True
        return is_news

    # The status light

    def _forget_light(self, now_ms, report):
        """What was seen no longer counts; look again soon."""
        self._watch_ms = self._verdict_ms = None
        self._next_ms = now_ms + _LOOK_AFTER_MS
        self._faulty = 0
        if self.pattern != "not looked at":
            self.status, self.pattern = 0, "not looked at"
            report(self._status_readings(), at_ms=now_ms)

    async def _watch(self, now_ms, report):
        """A tenth of a second: waiting, or looking at the light."""
        if self.door.is_closed is not True or self.presence.state == REMOVED:
            self._watch_ms = None  # a look through an open door says nothing
        elif self._watch_ms is None and now_ms >= self._next_ms:
            self._watch_ms = now_ms
            self._light.begin()
        if self._watch_ms is None:
            await self.clock.sleep_ms(_TICK_MS)
            return
        for _ in range(_TICK_MS // _LIGHT_MS):
            at_ms = self.clock.now_ms() - self._watch_ms
            self._light.add(self._green.read_uv(), self._red.read_uv(), self._green.read_uv(), at_ms)
            await self.clock.sleep_ms(_LIGHT_MS)
        if now_ms - self._watch_ms < self.settings["watch_s"] * 1000:
            return
        self._watch_ms = None
        self._next_ms = now_ms + self.settings["status_s"] * 1000
        before = self.status, self.pattern
        self._verdict_ms = now_ms
        self.status, self.pattern = borrowed.call(
            "node_core.light_verdict", "look_verdict", self._light, self.settings, 1000 // _LIGHT_MS
        )
        if self.status == _FAULT:
            self._faulty += 1
            if self._faulty == 1:
                self._next_ms = now_ms + _LOOK_AFTER_MS  # look again before anybody is called
        elif self.status == _OK:  # a look that saw nothing does not excuse the fault before it
            self._faulty = 0
            self.is_ok_ours = True
            self.ok_ms = now_ms
        if before != (self.status, self.pattern):
            report(self._status_readings(), at_ms=now_ms)
