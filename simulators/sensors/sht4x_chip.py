# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""SHT4x humidity and temperature sensor at command level, fed with the world's `temperature_c` and `humidity_pct`.

Source: Sensirion SHT4x data sheet 6.5 (2023): 4.5 commands and times, 4.4 checksum, 4.6 conversion, 4.8 serial number.
"""

import struct

import simclock as _clock
import world as _world
from noise import Noise

ADDRESS = 0x44
_ENODEV = 19
# command -> (time until the answer, us; noise of the temperature, K)
_MEASURE = {0xFD: (8300, 0.02), 0xF6: (4500, 0.035), 0xE0: (1600, 0.05)}
# command -> (heating time, us; warmth of the die at the end, K)
_HEAT = {
    0x39: (1_000_000, 60),
    0x32: (100_000, 20),
    0x2F: (1_000_000, 35),
    0x24: (100_000, 12),
    0x1E: (1_000_000, 7),
    0x15: (100_000, 3),
}
_RESET, _SERIAL = 0x94, 0x89
_COOLING_US = 5_000_000


def crc8(data):
    """Polynomial 0x31, initial value 0xFF, no final XOR; 0xBEEF gives 0x92."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ 0x31 if crc & 0x80 else crc << 1
            crc &= 0xFF
    return crc


def words(*values):
    """Each 16-bit word followed by its checksum."""
    data = b""
    for value in values:
        word = struct.pack(">H", value)
        data += word + bytes((crc8(word),))
    return data


class Sht4xChip:
    name = "sht4x"

    def __init__(self, seed=1):
        self._noise = Noise(seed)
        self._serial = (seed * 40503) & 0xFFFFFFFF
        self._answer = None
        self._ready_us = 0
        self._warm_k = 0
        self._warm_at_us = 0
        self.corrupt_next = False  # a test flips one bit of the next answer

    def write(self, data):
        now_us = _clock.now_us
        if len(data) != 1 or now_us < self._ready_us:
            raise OSError(_ENODEV)
        command = data[0]
        self._answer = None
        if command == _RESET:
            self._ready_us = now_us + 1000
        elif command == _SERIAL:
            self._answer = words(self._serial >> 16, self._serial & 0xFFFF)
        elif command in _MEASURE:
            duration_us, noise_k = _MEASURE[command]
            self._measure(now_us, duration_us, noise_k)
        elif command in _HEAT:
            duration_us, warm_k = _HEAT[command]
            self._warm_k = warm_k
            self._warm_at_us = now_us + duration_us
            self._measure(now_us + duration_us, duration_us, 0.02)
            self._ready_us = now_us + duration_us + 8300
        else:
            raise OSError(_ENODEV)

    def _measure(self, at_us, duration_us, noise_k):
        self._ready_us = _clock.now_us + duration_us
        temperature_c = _world.values["temperature_c"] + noise_k * self._noise.normal()
        since_us = at_us - self._warm_at_us
        if self._warm_k and 0 <= since_us < 5 * _COOLING_US:
            temperature_c += self._warm_k * 2.718281828 ** (-since_us / _COOLING_US)
        humidity_pct = _world.values["humidity_pct"]  # the word may go beyond 0 to 100 %: a driver has to cut
        raw_t = round((temperature_c + 45) * 65535 / 175)
        raw_rh = round((humidity_pct + 6) * 65535 / 125)
        self._answer = words(max(0, min(65535, raw_t)), max(0, min(65535, raw_rh)))

    def read(self, count):
        if self._answer is None or _clock.now_us < self._ready_us:
            raise OSError(_ENODEV)  # no acknowledgement while it measures, or where nothing was asked
        data = bytearray(self._answer)
        self._answer = None
        if self.corrupt_next:
            self.corrupt_next = False
            data[1] ^= 0x10
        return data[:count] + b"\xff" * (count - len(data))


Chip = Sht4xChip
