# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""BME280 at register level, fed with the world's `temperature_c`, `humidity_pct` and `pressure_pa` (its own key, 101325).

Raw words are found by bisection in the data sheet's *floating-point* formulas, so that a mistake in a driver's integers shows.
The calibration's temperature and pressure words are those of the BMP280 data sheet's worked example.

Source: Bosch BME280 data sheet 1.23: 4.2.3 (8.1 for floats), 5.3 and 5.4 registers, 6.2 I2C (a write is pairs of register and value;
only reading counts on), 9.1 times. Not modelled: the filter, SPI, 3-wire.
"""

import struct

import simclock as _clock
import world as _world
from noise import Noise

ADDRESS = 0x76
_world.values.setdefault("pressure_pa", 101_325)
TRIM_1 = (27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000)
TRIM_2 = (75, 370, 0, 313, 50, 30)  # H1 to H6: a usual chip's
_COPYING_US = 2000
_HEATING_K = 1.5  # measuring without a pause warms the die


def fine_of(raw_t):
    t1, t2, t3 = TRIM_1[:3]
    x = raw_t / 131072 - t1 / 8192
    return (raw_t / 16384 - t1 / 1024) * t2 + x * x * t3


def temperature_of(raw_t):
    return fine_of(raw_t) / 5120


def pressure_of(raw_p, fine):
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = TRIM_1[3:]
    x = fine / 2 - 64000
    y = (x * x * p6 / 32768 + x * p5 * 2) / 4 + p4 * 65536
    x = (1 + (p3 * x * x / 524288 + p2 * x) / 524288 / 32768) * p1
    p = (1048576 - raw_p - y / 4096) * 6250 / x
    return p + (p9 * p * p / 2147483648 + p * p8 / 32768 + p7) / 16


def humidity_of(raw_h, fine):
    h1, h2, h3, h4, h5, h6 = TRIM_2
    x = fine - 76800
    h = (raw_h - (h4 * 64 + h5 / 16384 * x)) * (h2 / 65536 * (1 + h6 / 67108864 * x * (1 + h3 / 67108864 * x)))
    return h * (1 - h1 * h / 524288)


def _raw(function, value, bits, is_falling=False):
    """The word below `1 << bits` whose meaning is nearest to `value`, at the ends where it is beyond."""
    low, high = 0, (1 << bits) - 1
    while low < high:
        middle = (low + high) // 2
        if (function(middle) > value) if is_falling else (function(middle) < value):
            low = middle + 1
        else:
            high = middle
    if low and abs(function(low - 1) - value) < abs(function(low) - value):
        low -= 1
    return low


class Bme280Chip:
    name = "bme280"

    def __init__(self, seed=1):
        self._noise = Noise(seed)
        self.never_ready = False  # a broken chip: the measurement does not end
        self._reset()

    def _reset(self):
        registers = bytearray(256)
        struct.pack_into("<HhhHhhhhhhhh", registers, 0x88, *TRIM_1)
        h1, h2, h3, h4, h5, h6 = TRIM_2
        registers[0xA1] = h1
        struct.pack_into("<hBbBbb", registers, 0xE1, h2, h3, h4 >> 4, (h4 & 15) | (h5 & 15) << 4, h5 >> 4, h6)
        registers[0xD0] = 0x60
        registers[0xF7:0xFF] = b"\x80\x00\x00\x80\x00\x00\x80\x00"
        self._registers = registers
        self._pointer = 0
        self._humidity = 0  # the oversampling that the last write to ctrl_meas has taken over
        self._copied_us = _clock.now_us + _COPYING_US
        self._done_us = None

    def write(self, data):
        if len(data) == 1:
            self._pointer = data[0]
            return
        for place in range(0, len(data) - 1, 2):
            self._set(data[place], data[place + 1])

    def _set(self, register, value):
        self._catch_up()
        if register == 0xE0 and value == 0xB6:
            self._reset()
        elif register in (0xF2, 0xF5):
            self._registers[register] = value
        elif register == 0xF4:
            self._registers[0xF4] = value
            self._humidity = self._registers[0xF2] & 7
            if value & 3 in (1, 2):
                samples = [1 << code - 1 if code else 0 for code in (value >> 5, value >> 2 & 7, self._humidity)]
                duration_us = 1250 + 2300 * sum(samples) + 575 * ((samples[1] > 0) + (samples[2] > 0))
                self._done_us = _clock.now_us + duration_us

    def _catch_up(self):
        if self._registers[0xF4] & 3 == 3:
            self._convert(_HEATING_K)
        elif self._done_us is not None and _clock.now_us >= self._done_us and not self.never_ready:
            self._done_us = None
            self._registers[0xF4] &= 0xFC
            self._convert(0)

    def _convert(self, warm_k):
        control, values, noise = self._registers[0xF4], _world.values, self._noise
        raw_t = _raw(temperature_of, values["temperature_c"] + warm_k + 0.005 * noise.normal(), 20)
        fine = fine_of(raw_t)
        pressure_pa = values["pressure_pa"] + 3.3 * noise.normal()
        raw_p = _raw(lambda raw: pressure_of(raw, fine), pressure_pa, 20, True)
        raw_h = _raw(lambda raw: humidity_of(raw, fine), values["humidity_pct"] + 0.07 * noise.normal(), 16)
        if not control >> 5:
            raw_t = 0x80000
        if not control >> 2 & 7:
            raw_p = 0x80000
        if not self._humidity:
            raw_h = 0x8000
        self.hold(raw_p, raw_t, raw_h)

    def hold(self, raw_p, raw_t, raw_h):
        """Put these words into the data registers."""
        data = b"".join([bytes((raw >> 12, raw >> 4 & 0xFF, raw << 4 & 0xF0)) for raw in (raw_p, raw_t)])
        self.hold_bytes(data + bytes((raw_h >> 8, raw_h & 0xFF)))

    def hold_bytes(self, data):
        """The same as the eight bytes from 0xF7 on."""
        self._registers[0xF7:0xFF] = data

    def read(self, count):
        self._catch_up()
        is_measuring = self._done_us is not None
        self._registers[0xF3] = (8 if is_measuring else 0) | (1 if _clock.now_us < self._copied_us else 0)
        data = bytearray(count)
        for place in range(count):
            data[place] = self._registers[(self._pointer + place) & 0xFF]
        return data


Chip = Bme280Chip
