# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""VEML7700 ambient light sensor on I2C. Give it a bus.

It looks for a gain and an integration time with which the light makes 100 to 10,000 counts, and begins where it was the
last time. Between measurements the chip is shut down.

Source: Vishay VEML7700 data sheet 84286, rev. 1.7 (registers; 0.0042 lx a count at gain 2 and 800 ms, 140 klx; earlier revisions said
0.0036 and 120, wrongly, as Vishay's product change notice says), application note 84323 (auto-range, correction above 1 klx).
"""

from micropython import const

ADDRESS = const(0x10)
_CONFIGURATION = const(0)
_LIGHT = const(4)
_SHUT_DOWN = const(1)
_COUNTS_MIN = const(100)
_COUNTS_MAX = const(10_000)
_LINEAR_CLX = const(100_000)  # 1 klx
_CLX_MAX = const(14_000_000)  # 140 klx: beyond it the correction is an extrapolation
# From the least sensitive to the most: configuration (gain in bits 12:11, time in 9:6), time in ms, and a count's worth in 0.0042 lx.
_RANGES = (
    (0x1300, 25, 512),  # gain 1/8
    (0x1200, 50, 256),
    (0x1000, 100, 128),
    (0x1800, 100, 64),  # gain 1/4
    (0x0000, 100, 16),  # gain 1
    (0x0800, 100, 8),  # gain 2
    (0x0840, 200, 4),
    (0x0880, 400, 2),
    (0x08C0, 800, 1),
)
_FIRST_RANGE = const(2)


def correct(light_clx):
    """Hundredths of a lux, corrected for the sensor's curve above 1 klx.

    lux * (((6.0135e-13 L - 9.3924e-9) L + 8.1488e-5) L + 1.0023), in integers: exact, where a board's floats have 24 bits.
    """
    if light_clx < _LINEAR_CLX:
        return light_clx
    factor = (60135 * light_clx - 93_924_000_000) * light_clx + 81_488 * 10**12
    factor = factor * light_clx + 10_023 * 10**19
    return min(_CLX_MAX, (factor * light_clx + 5 * 10**22) // 10**23)


def decode(answer, place):
    """Two bytes, least significant first, measured with that range's gain and time, into hundredths of a lux."""
    count = answer[0] | answer[1] << 8
    return correct((count * 42 * _RANGES[place][2] + 50) // 100)


class Veml7700:
    def __init__(self, i2c, address=ADDRESS):
        self._i2c = i2c
        self._address = address
        self._word = bytearray(2)
        self._place = _FIRST_RANGE

    def _configure(self, value):
        self._word[0] = value & 0xFF
        self._word[1] = value >> 8
        self._i2c.writeto_mem(self._address, _CONFIGURATION, self._word)

    def start(self):
        """False: it has no heater.

        Raises:
            OSError: nothing answers.
        """
        self._configure(_SHUT_DOWN)
        return False

    async def _measure(self, sleep_ms):
        configuration, duration_ms, _ = _RANGES[self._place]
        self._configure(configuration | _SHUT_DOWN)  # else the first result mixes the old setting with the new
        self._configure(configuration)
        await sleep_ms(duration_ms + duration_ms // 4 + 5)  # 2.5 ms to start, and its oscillator's tolerance
        self._i2c.readfrom_mem_into(self._address, _LIGHT, self._word)
        return self._word[0] | self._word[1] << 8

    async def read(self, sleep_ms):
        """Hundredths of a lux, as a tuple of one; at most 140 klx. `sleep_ms` is the coroutine to wait with.

        Raises:
            OSError: the bus fails.
        """
        for _ in range(len(_RANGES)):
            count = await self._measure(sleep_ms)
            light_clx = decode(self._word, self._place)
            if count > _COUNTS_MAX and self._place:
                self._place -= 1
            elif count < _COUNTS_MIN and self._place < len(_RANGES) - 1:
                self._place += 1
            else:
                break
        self._configure(_SHUT_DOWN)
        return (light_clx,)


Driver = Veml7700
