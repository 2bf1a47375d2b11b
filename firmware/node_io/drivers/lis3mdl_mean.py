# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A mean of some raw conversions of a LIS3MDL, for its self-test and for arming its interrupt."""

from micropython import const
from node_io.drivers.lis3mdl import word

_STATUS = const(0x27)
_OUT_X = const(0x28)
_NEW_DATA = const(0x08)
_TRIES_MAX = const(24)


async def mean(driver, count, sleep_ms):
    """Means of the three axes over `count` conversions, in counts; the first one is thrown away: it may have begun before a change.

    Raises:
        OSError: the bus fails, or no measurement ends.
    """
    totals = [0, 0, 0]
    for i in range(count + 1):
        tries = 0
        while not driver.get(_STATUS) & _NEW_DATA:
            tries += 1
            if tries > _TRIES_MAX:
                raise OSError(110, "no measurement ends")
            await sleep_ms(4)
        driver.axes(_OUT_X)
        for axis in range(3):
            if i:
                totals[axis] += word(driver.registers, 2 * axis)
    return [total // count for total in totals]
