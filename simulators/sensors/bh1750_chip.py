# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""BH1750 ambient light sensor at command level, fed with the world's `light_lx` (200 where nothing sets it).

A measurement takes 175 ms at MTreg 69: 120 is the data sheet's usual time, 180 its longest. Read earlier, the old value comes.
Source: Rohm BH1750FVI data sheet, rev. D: instruction set, measurement modes, MTreg.
"""

import simclock as _clock
import world as _world
from noise import Noise

ADDRESS = 0x23
_world.values.setdefault("light_lx", 200.0)
_MEASURE_US = 175_000
_LOW_US = 23_000
_DEFAULT_MTREG = 69


class Bh1750Chip:
    name = "bh1750"

    def __init__(self, seed=1):
        self._noise = Noise(seed)
        self._is_on = False
        self._mtreg = _DEFAULT_MTREG
        self._count = 0
        self._pending = None  # (instant, count)

    def write(self, data):
        for code in data:
            self._obey(code)

    def _obey(self, code):
        if code == 0x00:
            self._is_on = False
            self._pending = None
        elif code == 0x01:
            self._is_on = True
        elif code == 0x07:
            if self._is_on:
                self._count = 0
        elif code & 0xF8 == 0x40:
            self._mtreg = (code & 7) << 5 | self._mtreg & 31
        elif code & 0xE0 == 0x60:
            self._mtreg = self._mtreg & 0xE0 | code & 31
        elif code in (0x10, 0x11, 0x13, 0x20, 0x21, 0x23):
            if not 31 <= self._mtreg <= 254:
                self._mtreg = _DEFAULT_MTREG
            scale = 2 if code & 3 == 1 else 1
            if code & 3 == 3:
                scale = 1
            lux = max(0, _world.values["light_lx"]) * (1 + 0.002 * self._noise.normal())
            count = min(65535, round(lux * 1.2 * self._mtreg / 69 * scale))
            if code & 3 == 3:
                count &= ~3  # 4 lx steps
            duration_us = _LOW_US if code & 3 == 3 else _MEASURE_US * self._mtreg // 69
            self._pending = (_clock.now_us + duration_us, count)

    def read(self, count):
        if self._pending is not None and _clock.now_us >= self._pending[0]:
            self._count = self._pending[1]
            self._pending = None
            self._is_on = False
        return bytes((self._count >> 8, self._count & 0xFF))[:count] + b"\xff" * max(0, count - 2)


Chip = Bh1750Chip
