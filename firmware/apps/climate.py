# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Climate: temperature and humidity, with some sensors pressure, and light where a second sensor is there.

Reports when a value has changed by its step, and every so often anyway. On mains it measures all the time (`run`); on a
battery it wakes, measures before anything is warm, and sleeps (`wake`). The heaters of the sensors are never used.
Settings: sensor (sht4x, sht3x, bme280), address, interval_s, heartbeat_s, step_cdeg, step_cpct; with light: light (bh1750, veml7700),
light_address, step_light_pct; with pressure: step_pa; on mains: self_heating_cdeg.
"""

import time

from node_core.change_gate import ChangeGate
from node_core.climate_rules import Plausible, SelfHeating, is_jump
from node_io import borrowed

# name, least and most that the sensor can measure, largest step from one reading to the next that is believed at once
_TEMPERATURE, _HUMIDITY = ("temperature", -4000, 12500, 500), ("humidity", 0, 10000, 3000)
_SENSORS = {
    "sht4x": (_TEMPERATURE, _HUMIDITY),
    "sht3x": (_TEMPERATURE, _HUMIDITY),
    "bme280": (("temperature", -4000, 8500, 500), _HUMIDITY, ("pressure", 30000, 110000, 1000)),
}
_LIGHTS = {"": (), "bh1750": (("light", 0, 13000000, 0),), "veml7700": (("light", 0, 14000000, 0),)}
_DIM_CLX = 1000  # below 10 lx a change of so much is worth a report, whatever its ratio
_COOLING_MS = 300_000
_ASKED_MS = 1000
_AWAKE_S_MAX = 3600  # after an hour a board is as warm as it gets
_REASONS = {
    5: "wrong checksum",
    16: "the measurement does not end",
    19: "no answer on I2C",
}


class _Part:
    """A sensor: its driver, what it measures, and what is wrong with it."""

    def __init__(self, name, board, address, quantities):
        driver = __import__("node_io.drivers." + name, None, None, ("Driver",)).Driver
        self.name = name
        self.quantities = quantities
        self._board = board
        self._driver = driver(board.i2c(), address)
        # What may jump, light, may stay as well: a night is dark for hours, with not a step of noise.
        self._plausible = Plausible([quantity[1:3] for quantity in quantities], not any([q[3] for q in quantities]))
        self._is_started = False
        self._warm_until_ms = None

    async def read(self, clock, before, fault):
        """A value for each quantity, or None for all. `before`: what was last reported of them, or None."""
        jumps = [quantity[3] for quantity in self.quantities]
        try:
            if not self._is_started:
                if self._driver.start():
                    self._warm_until_ms = clock.now_ms() + _COOLING_MS
                    fault("heater", "was on at the start: off now, no values until it is cool")
                self._is_started = True
            values = await self._driver.read(clock.sleep_ms)
            if is_jump(values, before, jumps):
                again = await self._driver.read(clock.sleep_ms)
                reason = "readings that differ from one moment to the next" if is_jump(again, values, jumps) else ""
                values = again
            else:
                reason = ""
            reason = reason or self._plausible.reason(values)
        except OSError as error:
            self._is_started = False
            reason = _REASONS.get(error.errno)
            if reason is None:
                # 116 (ETIMEDOUT, which is 110 elsewhere), or a number of the chip's own driver: no sensor's fault.
                reason = borrowed.call("node_io.i2c_rescue", "rescue", self._board) or "the I2C bus is stuck"
            reason = "%s (%d)" % (reason, error.errno)
        fault(self.name, reason)
        if self._warm_until_ms is not None:
            if clock.now_ms() < self._warm_until_ms:
                reason = "warm"
            elif not reason:
                self._warm_until_ms = None
                fault("heater", "")
        return [None] * len(jumps) if reason else values


class App:
    def __init__(self, board, settings, clock):
        self._clock = clock
        self._settings = settings
        self._parts = []
        for name, known, address in (
            (settings["sensor"], _SENSORS, settings["address"]),
            (settings.get("light", ""), _LIGHTS, settings.get("light_address")),
        ):
            if name not in known:
                raise ValueError('there is no sensor "%s" here; write one of %s' % (name, ", ".join(sorted(known))))
            if name:
                self._parts.append(_Part(name, board, address, known[name]))
        steps = {
            "temperature": (settings["step_cdeg"], 0),
            "humidity": (settings["step_cpct"], 0),
            "pressure": (settings.get("step_pa", 0), 0),
            "light": (_DIM_CLX, settings.get("step_light_pct", 0)),
        }
        self._names = [quantity[0] for part in self._parts for quantity in part.quantities]
        self._gate = ChangeGate([steps[name] for name in self._names], settings["heartbeat_s"])
        self._heating = SelfHeating()
        self._is_asked = False
        self._runs = False

    def sample_now(self):
        """A node that sleeps measures at its next wake anyway."""
        self._is_asked = self._runs
        return self._runs

    async def run(self, report, fault):
        """Never ends."""
        self._runs = True
        interval_ms = self._settings["interval_s"] * 1000
        due_ms = self._clock.now_ms()
        while True:
            values = await self._sample(report, fault, self._clock.now_ms() // 1000)
            self._guard(values, report, fault)
            due_ms = max(due_ms + interval_ms, self._clock.now_ms())
            while not self._is_asked and self._clock.now_ms() < due_ms:
                await self._clock.sleep_ms(min(_ASKED_MS, due_ms - self._clock.now_ms()))

    async def wake(self, report, fault, state, why):
        """One measurement of a node that sleeps; what to keep, how long to sleep, and no pin that wakes it."""
        if state:
            self._gate.load(state)
        await self._sample(report, fault, time.ticks_diff(time.ticks_ms(), 0) // 1000)
        return self._gate.dump(), self._settings["interval_s"], []

    async def _sample(self, report, fault, awake_s):
        """Measure everything; report it where that is due. Returns the values, None for each that there is none of."""
        at_ms = self._clock.now_ms()
        is_asked, self._is_asked = self._is_asked, False
        values: list = []
        for part in self._parts:
            before = self._gate.values
            if before is not None:
                before = before[len(values) : len(values) + len(part.quantities)]
            values.extend(await part.read(self._clock, before, fault))
        if is_asked or self._gate.is_due(values, at_ms):
            readings = [
                (self._names[place], values[place]) for place in range(len(values)) if values[place] is not None
            ]
            if readings:
                readings.append(("self_heat_s", min(awake_s, _AWAKE_S_MAX)))
                report(readings, at_ms=at_ms)
                self._gate.reported(values, at_ms)
        return values

    def _guard(self, values, report, fault):
        """Warn where the reading has risen since the start as it does when the board warms its sensor."""
        if values[0] is None or not self._heating.add(values[0], self._clock.now_ms()):
            return
        rise_cdeg = self._heating.rise_cdeg
        report([("self_heating", rise_cdeg)])
        if rise_cdeg > self._settings["self_heating_cdeg"]:
            text = "%d.%02d K since the start: move the sensor away from the board"
            fault("self-heating", text % (rise_cdeg // 100, rise_cdeg % 100))
