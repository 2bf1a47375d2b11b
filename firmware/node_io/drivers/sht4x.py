# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""SHT4x humidity and temperature sensor on I2C. Give it a bus.

Source: Sensirion SHT4x data sheet 6.5: 4.5 commands, 4.4 checksum, 4.6 conversion (humidity is -6 + 125 S / 65535, unlike the SHT3x).
The heater is never used: it answers only to its own commands, and the soft reset of `start` ends one that is on.
"""

import time

from micropython import const

from node_io.drivers.sensirion import temperature_cdeg, two_words

ADDRESS = const(0x44)
_MEASURE_HIGH = b"\xfd"
_SOFT_RESET = b"\x94"
_MEASURE_MS = const(10)  # at most 8.3
_RESET_MS = const(2)


def decode(answer):
    """Six bytes into (temperature_cdeg, humidity_cpct): hundredths of a degree Celsius and of a percent.

    Humidity is clipped to 0 to 100 %, as the data sheet asks.

    Raises:
        OSError: a checksum is wrong (EIO).
    """
    raw_t, raw_rh = two_words(answer)
    humidity_cpct = -600 + (12500 * raw_rh * 2 + 65535) // 131070
    return temperature_cdeg(raw_t), max(0, min(10_000, humidity_cpct))


class Sht4x:
    def __init__(self, i2c, address=ADDRESS):
        self._i2c = i2c
        self._address = address
        self._answer = bytearray(6)

    def start(self):
        """Soft reset: ends a measurement, and a heater that somebody left on. False: this chip cannot say whether one was.

        Raises:
            OSError: nothing answers.
        """
        self._i2c.writeto(self._address, _SOFT_RESET)
        time.sleep_ms(_RESET_MS)
        return False

    async def read(self, sleep_ms):
        """Measure with high repeatability. `sleep_ms` is the coroutine to wait with.

        Raises:
            OSError: the bus fails, or a checksum is wrong.
        """
        self._i2c.writeto(self._address, _MEASURE_HIGH)
        await sleep_ms(_MEASURE_MS)
        self._i2c.readfrom_into(self._address, self._answer)
        return decode(self._answer)


Driver = Sht4x
