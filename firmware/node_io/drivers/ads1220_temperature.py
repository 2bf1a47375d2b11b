# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The thermometer inside an ADS1220, where no other one is beside the bridge. Give it the converter's driver.

Source: TI ADS1220 data sheet SBAS501, 8.3.13.
"""

import time

from micropython import const

_EIO = const(5)
_AGE_MS = const(60_000)  # each reading costs a sample of the bridge, and an event of the next second its pre-trigger


class Thermometer:
    def __init__(self, adc):
        self._adc = adc
        self._cdeg = None
        self._ticks = time.ticks_ms()

    def start(self):
        """Nothing to do: the converter has been started."""
        self._cdeg = None

    async def read(self, sleep_ms):
        """Hundredths of a degree, up to a minute old, and None for the humidity. `sleep_ms` is the coroutine to wait with.

        Raises:
            OSError: the converter gives no conversion to ask it with.
        """
        if self._cdeg is None or time.ticks_diff(time.ticks_ms(), self._ticks) >= _AGE_MS:
            adc = self._adc
            adc.temperature_word = self._cdeg = None
            adc.wants_temperature = True
            for _ in range(10):
                await sleep_ms(adc.period_us // 2000 + 5)
                if adc.temperature_word is not None:
                    break
            else:
                adc.wants_temperature = False
                raise OSError(_EIO, "no conversions")
            self._cdeg = temperature_cdeg(adc.temperature_word)
            self._ticks = time.ticks_ms()
        return self._cdeg, None


def temperature_cdeg(word):
    """The first 14 of 24 bits, two's complement, 0.03125 degrees each, as hundredths of a degree, rounded."""
    steps = word >> 10
    if steps & 0x2000:
        steps -= 0x4000
    return (steps * 25 + 4) >> 3
