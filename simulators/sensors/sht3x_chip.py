# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""SHT3x humidity and temperature sensor at command level, fed with the world's `temperature_c` and `humidity_pct`.

The heater stays on over a soft reset, which the data sheet leaves open: a driver must not lean on it.
Source: Sensirion SHT3x-DIS data sheet 7: 2.2 times, 4.3 to 4.13 commands, status, checksum, conversion. Periodic measurement is
modelled only as far as it refuses a single shot and a reset until the break command; clock stretching is not.
"""

import simclock as _clock
import world as _world
from noise import Noise
from sht4x_chip import crc8, words

ADDRESS = 0x44
_ENODEV = 19
# command -> (time until the answer, us; noise of the temperature, K)
_SINGLE = {0x2400: (15500, 0.015), 0x240B: (6500, 0.03), 0x2416: (4500, 0.06)}
_PERIODIC = (0x2032, 0x2130, 0x2236, 0x2334, 0x2737)
_BREAK, _RESET, _STATUS, _CLEAR, _HEATER_ON, _HEATER_OFF = 0x3093, 0x30A2, 0xF32D, 0x3041, 0x306D, 0x3066
_AFTER_RESET = 0x8010  # alert pending, reset detected
_HEATER_BIT = 0x2000
_HEAT_K = 5.0  # "a few degrees"
_WARMING_US = 10_000_000


class Sht3xChip:
    name = "sht3x"

    def __init__(self, seed=1):
        self._noise = Noise(seed)
        self._status = _AFTER_RESET
        self._is_periodic = False
        self._answer = None
        self._ready_us = 0
        self._warm_k = 0.0
        self._warm_at_us = 0
        self.corrupt_next = False  # a test flips one bit of the next answer
        self.heater_sticks = False  # a broken chip: the heater cannot be switched off

    def heat(self, is_on):
        """The heater, as a command switches it; for tests also at the start."""
        self._warm_k = self._warmth_k()
        self._warm_at_us = _clock.now_us
        self._status = self._status | _HEATER_BIT if is_on else self._status & ~_HEATER_BIT

    def _warmth_k(self):
        end_k = _HEAT_K if self._status & _HEATER_BIT else 0.0
        return end_k + (self._warm_k - end_k) * 2.718281828 ** (-(_clock.now_us - self._warm_at_us) / _WARMING_US)

    def write(self, data):
        now_us = _clock.now_us
        if len(data) != 2 or now_us < self._ready_us:
            raise OSError(_ENODEV)
        command = data[0] << 8 | data[1]
        if self._is_periodic and (command in _SINGLE or command == _RESET):
            raise OSError(_ENODEV)
        self._answer = None
        if command == _RESET:
            self._is_periodic = False
            self._status = self._status & _HEATER_BIT | _AFTER_RESET
            self._ready_us = now_us + 1500
        elif command == _BREAK:
            self._is_periodic = False
            self._ready_us = now_us + 1000
        elif command == _STATUS:
            word = bytes((self._status >> 8, self._status & 0xFF))
            self._answer = word + bytes((crc8(word),))
        elif command == _CLEAR:
            self._status &= _HEATER_BIT
        elif command == _HEATER_ON:
            self.heat(True)
        elif command == _HEATER_OFF:
            if not self.heater_sticks:
                self.heat(False)
        elif command in _PERIODIC:
            self._is_periodic = True
        elif command in _SINGLE:
            self._measure(now_us, *_SINGLE[command])
        else:
            raise OSError(_ENODEV)

    def _measure(self, at_us, duration_us, noise_k):
        self._ready_us = at_us + duration_us
        temperature_c = _world.values["temperature_c"] + self._warmth_k() + noise_k * self._noise.normal()
        humidity_pct = _world.values["humidity_pct"] + 0.03 * self._noise.normal()
        raw_t = round((temperature_c + 45) * 65535 / 175)
        raw_rh = round(max(0, min(100, humidity_pct)) * 65535 / 100)
        self._answer = words(max(0, min(65535, raw_t)), raw_rh)

    def read(self, count):
        if self._answer is None or _clock.now_us < self._ready_us:
            raise OSError(_ENODEV)  # no acknowledgement while it measures, or where nothing was asked
        data = bytearray(self._answer)
        self._answer = None
        if self.corrupt_next:
            self.corrupt_next = False
            data[1] ^= 0x10
        return data[:count] + b"\xff" * (count - len(data))


Chip = Sht3xChip
