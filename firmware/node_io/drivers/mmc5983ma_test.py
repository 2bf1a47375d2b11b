# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Self-test of an MMC5983MA: SET and RESET have to turn its bridges round, and what they leave in common is the offset.

The data sheet gives no limits for it; these are ours.
"""

from array import array

from micropython import const

_FIELD_NT_MIN = const(5000)  # somewhere on earth the field is 23 uT; a vehicle may weaken it
_OFFSET_COUNTS_MAX = const(32768)  # 2 gauss, a quarter of the range


async def self_test(driver, sleep_ms):
    """Why the chip is not believed, or "".

    Raises:
        OSError: the bus fails.
    """
    sample = array("i", bytes(20))
    wait_ms = driver.read(sample)
    while wait_ms > 0:
        await sleep_ms(wait_ms)
        wait_ms = driver.read(sample)
    if wait_ms < 0:
        return "no measurement ends"
    if max(abs(sample[0]), abs(sample[1]), abs(sample[2])) < _FIELD_NT_MIN:
        return "self-test: SET and RESET make no difference"
    for axis in range(3):
        offset = (driver.after_set[axis] + driver.after_reset[axis]) // 2 - 131072
        if abs(offset) > _OFFSET_COUNTS_MAX:
            return "self-test: the offset of axis %s is out of range" % "xyz"[axis]
    return ""
