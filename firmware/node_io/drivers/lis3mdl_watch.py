# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Let a LIS3MDL watch the field while the board sleeps: its pin wakes the board when an axis has changed by a threshold.

The chip compares the absolute value of each axis with one threshold, and an empty stall's field is far from zero. So the present
field is written into the chip's offset registers, which subtract it, and the threshold then works on the change. Those registers are
documented by AN4602 and by the LSM9DS1's data sheet (the same magnetometer); the LIS3MDL's own calls them reserved, and
there is a report of a chip that keeps its calibration there and does not subtract. Hence `arm` believes nothing: it adds to what the
chip held, lets the threshold look at some conversions of the field that has not changed, and says no where it is not silent.
The driver's `start` restores the chip's own values by its reboot bit.

Source: ST LIS3MDL data sheet DocID024204 rev 6, table 16 and section 7 (INT_CFG, INT_SRC, INT_THS); AN4602, hard-iron registers.
"""

from micropython import const
from node_io.drivers.lis3mdl import word
from node_io.drivers.lis3mdl_mean import mean

_OFFSET_X = const(0x05)
_CTRL_1 = const(0x20)
_CTRL_2 = const(0x21)
_INT_CFG = const(0x30)
_INT_SRC = const(0x31)
_INT_THS = const(0x32)
_REBOOT = const(0x08)
_SLOW_1_25HZ = const(0x64)  # temperature off, ultra-high performance, 1.25 Hz: about 17 uA
_LATCHED_HIGH = const(0xED)  # three axes, active high, latched until INT_SRC is read, enabled
_NO_INTERRUPT = const(0xE8)
_MEAN_OF = const(8)


async def arm(driver, threshold_nt, sleep_ms):
    """After a sample of a still field: pull the pin high, for good, once an axis differs from it by `threshold_nt`.

    Returns:
        True: the chip watches, at 1.25 Hz. False: this chip cannot; it measures as before.

    Raises:
        OSError: the bus fails.
    """
    driver.axes(_OFFSET_X)
    offsets = bytearray(6)
    for axis in range(3):
        value = word(driver.registers, 2 * axis) + driver.latest[axis] // _MEAN_OF
        value = max(-32768, min(32767, value)) & 0xFFFF
        offsets[2 * axis] = value & 0xFF
        offsets[2 * axis + 1] = value >> 8
    driver.axes(_OFFSET_X, offsets)
    threshold = max(1, min(0x7FFF, threshold_nt * 68 // 1000))  # 6,842 counts are 100,000 nT
    driver.write(_INT_THS, threshold & 0xFF)
    driver.write(_INT_THS + 1, threshold >> 8)
    await mean(driver, 1, sleep_ms)  # the conversion that was under way has not seen the offsets
    driver.write(_INT_CFG, _LATCHED_HIGH)
    await mean(driver, 3, sleep_ms)
    if not driver.get(_INT_SRC) & 1:
        driver.write(_CTRL_1, _SLOW_1_25HZ)
        return True
    driver.write(_INT_CFG, _NO_INTERRUPT)
    driver.write(_CTRL_2, _REBOOT)  # not by writing back: what is written may not be what is kept
    await sleep_ms(10)
    return False
