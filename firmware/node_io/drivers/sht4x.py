# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""SHT4x humidity and temperature sensor on I2C. Give it a bus.

Source: Sensirion SHT4x data sheet 6.5: 4.5 commands, 4.4 checksum, 4.6 conversion (humidity is -6 + 125 S / 65535, unlike the SHT3x).
The heater is never used: it answers only to its own commands, and the soft reset of `start` ends one that is on.
"""

import time

from micropython import const

ADDRESS = const(0x44)
_MEASURE_HIGH = b"\xfd"
_SOFT_RESET = b"\x94"
_MEASURE_MS = const(10)  # at most 8.3
_RESET_MS = const(2)
_EIO = const(5)


def crc8(data, start, end):
    """CRC-8 of data[start:end]: polynomial 0x31, first value 0xFF. 0xBEEF gives 0x92."""
    crc = 0xFF
    for index in range(start, end):
        crc ^= data[index]
        for _ in range(8):
            crc = ((crc << 1) ^ 0x31) & 0xFF if crc & 0x80 else crc << 1
    return crc


def decode(answer):
    """Six bytes into (temperature_cdeg, humidity_cpct): hundredths of a degree Celsius and of a percent.

    Humidity is clipped to 0 to 100 %, as the data sheet asks.

    Raises:
        OSError: a checksum is wrong (EIO).
    """
    if crc8(answer, 0, 2) != answer[2] or crc8(answer, 3, 5) != answer[5]:
        raise OSError(_EIO)
    raw_t = answer[0] << 8 | answer[1]
    raw_rh = answer[3] << 8 | answer[4]
    temperature_cdeg = -4500 + (17500 * raw_t * 2 + 65535) // 131070
    humidity_cpct = -600 + (12500 * raw_rh * 2 + 65535) // 131070
    return temperature_cdeg, max(0, min(10_000, humidity_cpct))


class Sht4x:
    def __init__(self, i2c, address=ADDRESS):
        self._i2c = i2c
        self._address = address
        self._answer = bytearray(6)

    def start(self):
        """Soft reset: ends a measurement, and a heater that somebody left on.

        Raises:
            OSError: nothing answers.
        """
        self._i2c.writeto(self._address, _SOFT_RESET)
        time.sleep_ms(_RESET_MS)

    async def read(self, sleep_ms):
        """Measure with high repeatability. `sleep_ms` is the coroutine to wait with.

        Raises:
            OSError: the bus fails, or a checksum is wrong.
        """
        self._i2c.writeto(self._address, _MEASURE_HIGH)
        await sleep_ms(_MEASURE_MS)
        self._i2c.readfrom_into(self._address, self._answer)
        return decode(self._answer)
