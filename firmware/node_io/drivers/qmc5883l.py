# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""QMC5883L magnetometer on I2C. Give it a bus; it measures continuously at 10 Hz, range 8 gauss, over-sampling 512.

Source: QST QMC5883L data sheet 1.0, sections 7 (set-up) and 9 (registers).
"""

import struct
import time

from micropython import const

ADDRESS = const(0x0D)
_STATUS = const(0x06)
_CONTROL_1 = const(0x09)
_CONTROL_2 = const(0x0A)
_SET_RESET = const(0x0B)
_CHIP_ID = const(0x0D)
_ENODEV = const(19)
_ETIMEDOUT = const(110)
_OVERFLOW = const(2)
_READY = const(1)
_CONTINUOUS_10HZ_8G_512 = const(0x11)
_SOFT_RESET = const(0x80)
_WAIT_MS = const(300)

REGISTERS_BYTES = const(9)  # 0x00 to 0x08: three axes, status, temperature


def decode(registers):
    """Nine bytes from register 0 on into (x_nt, y_nt, z_nt, temperature_cdeg, is_overflow).

    3,000 counts a gauss at 8 gauss, so one count is 100/3 nT, rounded half up. The temperature is relative: 100 counts
    a kelvin, its zero is the chip's own. `is_overflow`: an axis left the range, and its value is the range's end.
    """
    x, y, z, status, temperature_cdeg = struct.unpack("<hhhBh", registers)
    return ((x * 200 + 3) // 6, (y * 200 + 3) // 6, (z * 200 + 3) // 6, temperature_cdeg, bool(status & _OVERFLOW))


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
            OSError: nothing answers, or another chip does (ENODEV).
        """
        self._i2c.readfrom_mem_into(self._address, _CHIP_ID, self._byte)
        if self._byte[0] != 0xFF:
            raise OSError(_ENODEV)
        self._write(_CONTROL_2, _SOFT_RESET)
        time.sleep_ms(1)
        self._write(_SET_RESET, 1)  # recommended; without it the offset wanders
        self._write(_CONTROL_2, 0x01)  # no interrupt pin
        self._write(_CONTROL_1, _CONTINUOUS_10HZ_8G_512)

    def read(self):
        """The newest measurement as `decode` gives it, or None where none is newer than the last one read.

        Raises:
            OSError: the bus fails.
        """
        self._i2c.readfrom_mem_into(self._address, _STATUS, self._byte)
        if not self._byte[0] & _READY:
            return None
        status = self._byte[0]
        self._i2c.readfrom_mem_into(self._address, 0, self._registers)
        self._registers[6] |= status & _OVERFLOW
        return decode(self._registers)

    def stop(self):
        """Standby: 3 uA instead of 100."""
        self._write(_CONTROL_1, 0)
