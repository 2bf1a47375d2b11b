# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""BH1750 ambient light sensor on I2C. Give it a bus.

One measurement with the normal time; where that is at its end of scale one with the shortest, where it is almost
dark one with the longest and finest. Between measurements the chip is off.

Source: Rohm BH1750FVI data sheet, rev. D: instruction set, measurement time (120 ms, 180 ms at most, in proportion to MTreg),
lux = counts / 1.2 * (69 / MTreg), and half of that in high resolution mode 2.
"""

from micropython import const

ADDRESS = const(0x23)
_POWER_ON = b"\x01"
_ONCE = b"\x20"  # high resolution, then power down
_ONCE_2 = b"\x21"  # high resolution 2: half a count's worth
_MTREG = const(69)
_MTREG_MIN = const(31)
_MTREG_MAX = const(254)
_MEASURE_MS_MAX = const(180)  # at MTreg 69
_FULL = const(0xFFFF)
_DIM_COUNTS = const(100)


def decode(answer, mtreg=_MTREG, is_fine=False):
    """Two bytes, most significant first, into hundredths of a lux."""
    count = answer[0] << 8 | answer[1]
    return (count * (2875 if is_fine else 5750) + mtreg // 2) // mtreg


class Bh1750:
    def __init__(self, i2c, address=ADDRESS):
        self._i2c = i2c
        self._address = address
        self._answer = bytearray(2)
        self._byte = bytearray(1)

    def start(self):
        """False: it has no heater.

        Raises:
            OSError: nothing answers.
        """
        self._i2c.writeto(self._address, _POWER_ON)
        return False

    def _put(self, value):
        self._byte[0] = value
        self._i2c.writeto(self._address, self._byte)

    async def _measure(self, sleep_ms, mtreg, is_fine):
        self._i2c.writeto(self._address, _POWER_ON)
        self._put(0x40 | mtreg >> 5)
        self._put(0x60 | mtreg & 31)
        self._i2c.writeto(self._address, _ONCE_2 if is_fine else _ONCE)
        await sleep_ms(_MEASURE_MS_MAX * mtreg // _MTREG + 1)
        self._i2c.readfrom_into(self._address, self._answer)
        return decode(self._answer, mtreg, is_fine)

    async def read(self, sleep_ms):
        """Hundredths of a lux, as a tuple of one. At the end of scale (121,557 lx) what the full count means.

        Raises:
            OSError: the bus fails.
        """
        light_clx = await self._measure(sleep_ms, _MTREG, False)
        count = self._answer[0] << 8 | self._answer[1]
        if count == _FULL:
            light_clx = await self._measure(sleep_ms, _MTREG_MIN, False)
        elif count < _DIM_COUNTS:
            light_clx = await self._measure(sleep_ms, _MTREG_MAX, True)
        return (light_clx,)


Driver = Bh1750
