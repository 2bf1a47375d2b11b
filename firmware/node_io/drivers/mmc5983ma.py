# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""MMC5983MA magnetometer on I2C: 18 bits, range 8 gauss, and a coil that turns its bridges' magnetisation round.

A measurement after SET is `field + offset`, one after RESET is `-field + offset`: half their difference is the field without
the bridge's offset, and without that offset's drift with temperature. So each sample is SET, measure, RESET, measure, and
the temperature, asked for one by one: about 30 ms, and the chip sleeps between two samples. The chip's continuous mode can
set itself every so many measurements, but only this order removes the offset.

Its pin says only that a measurement has ended: it has no threshold and cannot wake a board when the field changes.
Source: MEMSIC MMC5983MA data sheet, revision A, "Register map", "Register details" and "Using SET and RESET".
"""

import time
from array import array

from micropython import const

ADDRESS = const(0x30)
_STATUS = const(0x08)
_TEMPERATURE = const(0x07)
_CONTROL_0 = const(0x09)
_CONTROL_1 = const(0x0A)
_PRODUCT_ID = const(0x2F)
_ID = const(0x30)
_MEASURE_FIELD = const(0x01)  # in control 0; the same bit of the status says that it is done
_MEASURE_TEMPERATURE = const(0x02)  # the same
_SET = const(0x08)
_RESET = const(0x10)
_SOFT_RESET = const(0x80)
_CONVERSION_MS = const(9)  # 8 ms at a bandwidth of 100 Hz, the quietest
_TRIES_MAX = const(5)
_COUNT_MAX = const(0x3FFFF)
_ENODEV = const(19)

TEMPERATURE = "temperature"


def axis_count(registers, axis):
    """The 18 bits of an axis from the seven bytes of registers 0x00 to 0x06; 131,072 is no field."""
    low = registers[6] >> (6 - 2 * axis) & 3
    return registers[2 * axis] << 10 | registers[2 * axis + 1] << 2 | low


def field_nt(difference):
    """The field from (count after SET) - (count after RESET). 16,384 counts a gauss: a count is 3125/512 nT."""
    return (difference * 3125 + 512) // 1024  # below 2^30: no large integer is made


class Mmc5983ma:
    def __init__(self, i2c, address=ADDRESS):
        self._i2c = i2c
        self._address = address
        self._byte = bytearray(1)
        self._registers = bytearray(7)
        self.after_set = array("i", bytes(12))
        self.after_reset = array("i", bytes(12))
        self._step = 0  # 0 nothing asked, 1 measuring after SET, 2 after RESET, 3 temperature
        self._tries = 0

    def _write(self, register, value):
        self._byte[0] = value
        self._i2c.writeto_mem(self._address, register, self._byte)

    def _read(self, register):
        self._i2c.readfrom_mem_into(self._address, register, self._byte)
        return self._byte[0]

    def start(self):
        """Reset the chip. It measures when it is asked to.

        Raises:
            OSError: nothing answers, or another chip does (ENODEV, with its id as the second argument).
        """
        chip_id = self._read(_PRODUCT_ID)
        if chip_id != _ID:
            raise OSError(_ENODEV, "another chip answers (id 0x%02x)" % chip_id)
        self._write(_CONTROL_1, _SOFT_RESET)
        time.sleep_ms(15)  # the data sheet: 10 ms
        self._write(_CONTROL_1, 0)
        self._step = 0

    def _ask(self, coil):
        self._write(_CONTROL_0, coil)
        time.sleep_ms(1)
        self._write(_CONTROL_0, _MEASURE_FIELD)

    def _take(self, counts):
        self._i2c.readfrom_mem_into(self._address, 0, self._registers)
        for axis in range(3):
            counts[axis] = axis_count(self._registers, axis)

    def read(self, sample):
        """One step towards the next sample; see qmc5883l.py for what it returns and raises."""
        step = self._step
        if step == 0:
            self._ask(_SET)
            self._step = 1
            return _CONVERSION_MS
        done = self._read(_STATUS) & (_MEASURE_TEMPERATURE if step == 3 else _MEASURE_FIELD)
        if not done:
            self._tries += 1
            if self._tries < _TRIES_MAX:
                return 2
            self._step = self._tries = 0
            return -1
        self._tries = 0
        if step == 1:
            self._take(self.after_set)
            self._ask(_RESET)
        elif step == 2:
            self._take(self.after_reset)
            self._write(_CONTROL_0, _MEASURE_TEMPERATURE)
        else:
            self._step = 0
            self._combine(sample)
            sample[3] = self._read(_TEMPERATURE) * 80 - 7500
            return 0
        self._step = step + 1
        return _CONVERSION_MS

    def _combine(self, sample):
        sample[4] = 0
        for axis in range(3):
            first = self.after_set[axis]
            second = self.after_reset[axis]
            if not (0 < first < _COUNT_MAX and 0 < second < _COUNT_MAX):
                sample[4] = 1
            sample[axis] = field_nt(first - second)

    def stop(self):
        """Nothing to do: between two samples the chip draws less than 1 uA by itself."""


Driver = Mmc5983ma
