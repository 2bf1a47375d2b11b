# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""VEML7700 ambient light sensor at register level, fed with the world's `light_lx`.

Above 1 klx it counts too little, as the vendor's correction supposes. An integration takes 10 % longer than nominal; one during which the
setting is changed without shutting down mixes both settings.
Source: Vishay data sheet 84286, rev. 1.7, and application note 84323.
"""

import simclock as _clock
import world as _world
from noise import Noise

ADDRESS = 0x10
_world.values.setdefault("light_lx", 200.0)
_GAIN = (1, 2, 1 / 8, 1 / 4)
_TIME_MS = {12: 25, 8: 50, 0: 100, 1: 200, 2: 400, 3: 800}
_START_US = 2500


def corrected(lux):
    """The application note's curve: what the light is where the linear scale says `lux`."""
    return lux * (((6.0135e-13 * lux - 9.3924e-9) * lux + 8.1488e-5) * lux + 1.0023) if lux >= 1000 else lux


def _seen(lux):
    """The inverse: what the linear scale says."""
    low, high = 0.0, 30_000.0
    for _ in range(60):
        middle = (low + high) / 2
        if corrected(middle) < lux:
            low = middle
        else:
            high = middle
    return high


class Veml7700Chip:
    name = "veml7700"

    def __init__(self, seed=1):
        self._noise = Noise(seed)
        self._configuration = 1
        self._pointer = 0
        self._count = 0
        self._pending = None  # (instant, count)

    def write(self, data):
        self._pointer = data[0]
        if len(data) == 3 and data[0] == 0:
            self._configure(data[1] | data[2] << 8)

    def _configure(self, value):
        before, self._configuration = self._configuration, value
        if value & 1:
            self._pending = None
            return
        count = self._counts(value)
        if not before & 1 and before != value:
            count = (count + self._counts(before)) // 2
        self._pending = (_clock.now_us + _START_US + self._duration_us(value), count)

    def _duration_us(self, configuration):
        return _TIME_MS.get(configuration >> 6 & 15, 100) * 1100

    def _counts(self, configuration):
        gain, time_ms = _GAIN[configuration >> 11 & 3], _TIME_MS.get(configuration >> 6 & 15, 100)
        lux = _seen(max(0, _world.values["light_lx"]) * (1 + 0.001 * self._noise.normal()))
        return min(65535, round(lux / (0.0042 * (2 / gain) * (800 / time_ms))))

    def read(self, count):
        if self._pending is not None and _clock.now_us >= self._pending[0]:
            self._count = self._pending[1]
            self._pending = (_clock.now_us + self._duration_us(self._configuration), self._counts(self._configuration))
        word = {0: self._configuration, 4: self._count, 5: self._count, 7: 0xC481}.get(self._pointer, 0)
        return bytes((word & 0xFF, word >> 8))[:count] + b"\xff" * max(0, count - 2)


Chip = Veml7700Chip
