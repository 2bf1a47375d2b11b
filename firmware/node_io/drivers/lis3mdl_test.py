# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Self-test of a LIS3MDL: the chip adds a field of its own, whose size the data sheet gives at 12 gauss.

Source: ST LIS3MDL data sheet DocID024204 rev 6, table 3 (ST); the order is that of the maker's example.
"""

from micropython import const
from node_io.drivers.lis3mdl_mean import mean

_CTRL_1 = const(0x20)
_CTRL_2 = const(0x21)
_12_GAUSS = const(0x40)
_SELF_TEST_80HZ = const(0x1C)
_COUNTS = ((2281, 6843), (2281, 6843), (228, 2281))  # 1 to 3 gauss on x and y, 0.1 to 1 on z


async def self_test(driver, sleep_ms):
    """Why the chip is not believed, or "". Afterwards the driver is as after its start.

    Raises:
        OSError: the bus fails.
    """
    driver.write(_CTRL_2, _12_GAUSS)
    driver.write(_CTRL_1, _SELF_TEST_80HZ)
    await sleep_ms(20)
    without = await mean(driver, 5, sleep_ms)
    driver.write(_CTRL_1, _SELF_TEST_80HZ | 1)
    await sleep_ms(60)
    change = await mean(driver, 5, sleep_ms)
    driver.start()
    for axis in range(3):
        low, high = _COUNTS[axis]
        if not low <= abs(change[axis] - without[axis]) <= high:
            return "self-test: axis %s does not feel the chip's own coil" % "xyz"[axis]
    return ""
