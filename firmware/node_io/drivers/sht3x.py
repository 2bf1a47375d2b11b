# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""SHT3x humidity and temperature sensor (SHT30, SHT31, SHT35) on I2C. Give it a bus.

Source: Sensirion SHT3x-DIS data sheet 7: 4.3 single shot, 4.8 break, 4.9 reset, 4.10 heater, 4.11 status register, 4.12 checksum,
4.13 conversion (humidity is 100 S / 65535, unlike the SHT4x).

The heater stays on until somebody switches it off, also over a restart of the node; a forgotten one has cost
many a user 3 to 7 K. So `start` reads its bit, switches it off and makes sure.
"""

import time

from micropython import const

from node_io.drivers.sensirion import EIO, crc8, temperature_cdeg, two_words

ADDRESS = const(0x44)
_MEASURE_HIGH = b"\x24\x00"  # single shot, high repeatability, no clock stretching
_BREAK = b"\x30\x93"
_SOFT_RESET = b"\x30\xa2"
_HEATER_OFF = b"\x30\x66"
_STATUS = b"\xf3\x2d"
_HEATER_BIT = const(0x20)  # bit 13 of the status: bit 5 of its first byte
_MEASURE_MS = const(17)  # at most 15.5
_RESET_MS = const(2)  # at most 1.5


def decode(answer):
    """Six bytes into (temperature_cdeg, humidity_cpct): hundredths of a degree Celsius and of a percent.

    Raises:
        OSError: a checksum is wrong (EIO).
    """
    raw_t, raw_rh = two_words(answer)
    return temperature_cdeg(raw_t), (10_000 * raw_rh * 2 + 65535) // 131070


class Sht3x:
    def __init__(self, i2c, address=ADDRESS):
        self._i2c = i2c
        self._address = address
        self._answer = bytearray(6)
        self._status = bytearray(3)

    def start(self):
        """End whatever it is doing and switch the heater off. True: the heater was on, and the chip is still warm.

        Raises:
            OSError: nothing answers, a checksum is wrong, or the heater stays on (EIO).
        """
        try:
            self._i2c.writeto(self._address, _BREAK)  # without it a periodic measurement goes on over the reset
        except OSError:
            time.sleep_ms(_MEASURE_MS)  # it was measuring, and hears nothing until the end
        time.sleep_ms(1)
        was_on = self._is_heating()
        self._i2c.writeto(self._address, _SOFT_RESET)
        time.sleep_ms(_RESET_MS)
        if was_on:
            self._i2c.writeto(self._address, _HEATER_OFF)
            if self._is_heating():
                raise OSError(EIO)
        return was_on

    def _is_heating(self):
        self._i2c.writeto(self._address, _STATUS)
        self._i2c.readfrom_into(self._address, self._status)
        if crc8(self._status, 0, 2) != self._status[2]:
            raise OSError(EIO)
        return bool(self._status[0] & _HEATER_BIT)

    async def read(self, sleep_ms):
        """Measure with high repeatability. `sleep_ms` is the coroutine to wait with.

        Raises:
            OSError: the bus fails, or a checksum is wrong.
        """
        self._i2c.writeto(self._address, _MEASURE_HIGH)
        await sleep_ms(_MEASURE_MS)
        self._i2c.readfrom_into(self._address, self._answer)
        return decode(self._answer)


Driver = Sht3x
