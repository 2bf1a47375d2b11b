# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""LIS3MDL magnetometer on I2C: 16 bits, range 4 gauss, and a pin that can wake a sleeping board (lis3mdl_watch.py).

A sample is the mean of eight conversions in ultra-high-performance mode at 155 Hz (320 nT of noise each, so 115 nT).

Source: ST LIS3MDL data sheet DocID024204 rev 6, tables 3 (noise) and 16 (registers), section 7.
"""

import time
from array import array

from micropython import const

ADDRESSES = (0x1C, 0x1E)  # pin SDO/SA1 low, high
_WHO_AM_I = const(0x0F)
_ID = const(0x3D)
_CTRL_1 = const(0x20)
_CTRL_2 = const(0x21)
_CTRL_3 = const(0x22)
_CTRL_4 = const(0x23)
_CTRL_5 = const(0x24)
_STATUS = const(0x27)
_OUT_X = const(0x28)
_TEMPERATURE = const(0x2E)
_ON_AND_ON = const(0x80)  # in the register's address: the next byte is the next register's
_REBOOT = const(0x08)
_SOFT_RESET = const(0x04)
_FAST_155HZ = const(0xE2)  # temperature on, ultra-high performance
_NEW_DATA = const(0x08)
_FULL_SCALE = const(27368)  # 4 gauss; the numbers go on beyond it, unspecified
_MEAN_OF = const(8)
_CONVERSION_MS = const(7)
_TRIES_MAX = const(24)
_ENODEV = const(19)

TEMPERATURE = "temperature"


def word(registers, i):
    value = registers[i] | registers[i + 1] << 8
    return value - 65536 if value & 0x8000 else value


class Lis3mdl:
    def __init__(self, i2c, address=None):
        self._i2c = i2c
        self._addresses = ADDRESSES if address is None else (address,)
        self._address = self._addresses[0]
        self._byte = bytearray(1)
        self.registers = bytearray(6)
        self._pair = memoryview(self.registers)[:2]  # made once: slicing allocates
        self._totals = array("i", bytes(12))
        self.latest = array("i", bytes(12))  # sums of eight conversions, of the last whole sample
        self._begin()

    def write(self, register, value):
        self._byte[0] = value
        self._i2c.writeto_mem(self._address, register, self._byte)

    def get(self, register):
        self._i2c.readfrom_mem_into(self._address, register, self._byte)
        return self._byte[0]

    def axes(self, register, values=None):
        """Six bytes from `register` on into `self.registers`, or from `values` into the chip."""
        if values is None:
            self._i2c.readfrom_mem_into(self._address, register | _ON_AND_ON, self.registers)
        else:
            self._i2c.writeto_mem(self._address, register | _ON_AND_ON, values)

    def _find(self):
        for address in self._addresses:
            self._address = address
            try:
                return self.get(_WHO_AM_I)
            except OSError as error:
                if address == self._addresses[-1]:
                    raise error

    def start(self):
        """Reset the chip, restore its calibration, and begin to measure.

        Raises:
            OSError: nothing answers, or another chip does (ENODEV, with its id as the second argument).
        """
        chip_id = self._find()
        if chip_id != _ID:
            raise OSError(_ENODEV, "another chip answers (id 0x%02x)" % chip_id)
        self.write(_CTRL_2, _SOFT_RESET)
        time.sleep_ms(1)
        self.write(_CTRL_2, _REBOOT)
        time.sleep_ms(10)
        self.write(_CTRL_5, 0x40)  # the two bytes of an axis belong together until both are read
        self.write(_CTRL_4, 0x0C)  # z in ultra-high performance, too
        self.write(_CTRL_2, 0)
        self.write(_CTRL_1, _FAST_155HZ)
        self.write(_CTRL_3, 0)
        self._begin()

    def _begin(self):
        self._count = self._tries = self._is_beyond = 0
        for axis in range(3):
            self._totals[axis] = 0

    def read(self, sample):
        """One step towards the next sample; see qmc5883l.py for what it returns and raises."""
        if not self.get(_STATUS) & _NEW_DATA:
            self._tries += 1
            if self._tries < _TRIES_MAX:
                return 2
            self._begin()
            return -1
        self.axes(_OUT_X)
        for axis in range(3):
            count = word(self.registers, 2 * axis)
            if not -_FULL_SCALE <= count <= _FULL_SCALE:
                self._is_beyond = 1
            self._totals[axis] += count
        self._count += 1
        if self._count < _MEAN_OF:
            return _CONVERSION_MS
        for axis in range(3):
            total = self._totals[axis]
            self.latest[axis] = total
            # 6,842 counts a gauss. No number here reaches 2^30, so none becomes a large integer, which would allocate.
            sample[axis] = total + (total * 2829 + 1710) // 3421
        # On their own: reading on from the axes begins with x again.
        self._i2c.readfrom_mem_into(self._address, _TEMPERATURE | _ON_AND_ON, self._pair)
        sample[3] = word(self._pair, 0) * 25 // 2 + 2500  # 8 counts a kelvin, 0 is 25 degC
        sample[4] = self._is_beyond
        self._begin()
        return 0

    def stop(self):
        """Power down: 1 uA."""
        self.write(_CTRL_3, 3)


Driver = Lis3mdl
