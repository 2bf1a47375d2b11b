# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""QMC5883L magnetometer on I2C. Give it a bus; it measures continuously at 10 Hz, range 8 gauss, over-sampling 512.

Its pin says only that a measurement is ready: it cannot wake a sleeping board when the field changes. It has no self-test.
Every magnetometer's driver has `start`, `read`, `stop` and `TEMPERATURE` as this one; what is needed at the start alone, a self-test,
is in a module of its own (`<chip>_test.py`). Reading allocates nothing.
Source: QST QMC5883L data sheet 1.0, sections 7 (set-up) and 9 (registers).
"""

import time

from micropython import const

ADDRESS = const(0x0D)
_STATUS = const(0x06)
_CONTROL_1 = const(0x09)
_CONTROL_2 = const(0x0A)
_SET_RESET = const(0x0B)
_CHIP_ID = const(0x0D)
_ENODEV = const(19)
_OVERFLOW = const(2)
_READY = const(1)
_CONTINUOUS_10HZ_8G_512 = const(0x11)
_SOFT_RESET = const(0x80)

REGISTERS_BYTES = const(9)  # 0x00 to 0x08: three axes, status, temperature
TEMPERATURE = "temperature_relative"  # 100 counts a kelvin, but its zero is the chip's own


def _word(registers, i):
    value = registers[i] | registers[i + 1] << 8
    return value - 65536 if value & 0x8000 else value


def decode(registers, sample):
    """Nine bytes from register 0 on into `sample`: x_nt, y_nt, z_nt, temperature_cdeg, overflow (0 or 1).

    3,000 counts a gauss at 8 gauss, so one count is 100/3 nT, rounded half up. Overflow: an axis left the range, and its
    value is the range's end.
    """
    for axis in range(3):
        sample[axis] = (_word(registers, 2 * axis) * 200 + 3) // 6
    sample[3] = _word(registers, 7)
    sample[4] = 1 if registers[6] & _OVERFLOW else 0


class Qmc5883l:
    def __init__(self, i2c, address=ADDRESS):
        self._i2c = i2c
        self._address = address
        self._registers = bytearray(REGISTERS_BYTES)
        self._byte = bytearray(1)

    def _write(self, register, value):
        self._byte[0] = value
        self._i2c.writeto_mem(self._address, register, self._byte)

    def start(self):
        """Reset the chip and begin to measure.

        Raises:
            OSError: nothing answers, or another chip does (ENODEV, with its id as the second argument).
        """
        self._i2c.readfrom_mem_into(self._address, _CHIP_ID, self._byte)
        if self._byte[0] != 0xFF:
            raise OSError(_ENODEV, "another chip answers (id 0x%02x)" % self._byte[0])
        self._write(_CONTROL_2, _SOFT_RESET)
        time.sleep_ms(1)
        self._write(_SET_RESET, 1)  # recommended; without it the offset wanders
        self._write(_CONTROL_2, 0x01)  # no interrupt pin
        self._write(_CONTROL_1, _CONTINUOUS_10HZ_8G_512)

    def read(self, sample):
        """One step towards the next measurement.

        Args:
            sample: five integers to fill, as `decode` does; for example array("i", bytes(20)).

        Returns:
            0: `sample` is new. More: call again after so many milliseconds. Less: nothing is newer than the last one read.

        Raises:
            OSError: the bus fails.
        """
        self._i2c.readfrom_mem_into(self._address, _STATUS, self._byte)
        status = self._byte[0]
        if not status & _READY:
            return -1
        self._i2c.readfrom_mem_into(self._address, 0, self._registers)
        self._registers[6] |= status & _OVERFLOW
        decode(self._registers, sample)
        return 0

    def stop(self):
        """Standby: 3 uA instead of 100."""
        self._write(_CONTROL_1, 0)


Driver = Qmc5883l
