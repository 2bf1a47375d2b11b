# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""BME280 temperature, humidity and pressure sensor on I2C. Give it a bus.

It measures in forced mode and sleeps in between: measuring all the time warms the die by a kelvin and more.

Source: Bosch BME280 data sheet 1.23 (BST-BME280-DS001): 4.2.2 trimming, 4.2.3 compensation (32-bit integers, pressure
64-bit), 5.4 registers, 9.1 measurement time (9.3 ms at most with single samples). The worked example of the temperature and pressure
formulas stands in the BMP280 data sheet, 3.12, which has the same ones.
"""

import struct
import time

from micropython import const

ADDRESS = const(0x76)
_CALIBRATION_1 = const(0x88)
_CHIP_ID = const(0xD0)
_RESET = const(0xE0)
_CALIBRATION_2 = const(0xE1)
_CTRL_HUM = const(0xF2)
_STATUS = const(0xF3)
_CTRL_MEAS = const(0xF4)
_DATA = const(0xF7)
_IS_A_BME280 = const(0x60)  # a BMP280, which has no humidity, says 0x58
_SOFT_RESET = const(0xB6)
_COPYING = const(1)
_MEASURING = const(8)
_HUMIDITY_ONCE = const(1)
_FORCED_ONCE = const(0x25)  # temperature and pressure one sample each, forced mode
_START_MS = const(3)
_MEASURE_MS = const(10)
_TRIES_MAX = const(5)
_EIO = const(5)
_EBUSY = const(16)
_ENODEV = const(19)


def trimming(first, second):
    """Calibration of one chip: 26 bytes from 0x88 on and 7 from 0xE1 on, as (T1 T2 T3, P1 ... P9, H1 ... H6).

    Raises:
        OSError: the chip's memory was not read (EIO).
    """
    t_and_p = struct.unpack("<HhhHhhhhhhhh", first)
    if t_and_p[0] in (0, 0xFFFF) or t_and_p[3] in (0, 0xFFFF):
        raise OSError(_EIO)
    h2, h3, h4, both, h5, h6 = struct.unpack("<hBbBbb", second)
    return t_and_p + (first[25], h2, h3, h4 << 4 | both & 0x0F, h5 << 4 | both >> 4, h6)


def compensate(trim, raw_t, raw_p, raw_h):
    """Raw words into (temperature_cdeg, humidity_cpct, pressure_pa), with the data sheet's integer formulas."""
    t1, t2, t3, p1, p2, p3, p4, p5, p6, p7, p8, p9, h1, h2, h3, h4, h5, h6 = trim
    off = (raw_t >> 4) - t1
    fine = (((raw_t >> 3) - (t1 << 1)) * t2 >> 11) + ((off * off >> 12) * t3 >> 14)
    temperature_cdeg = (fine * 5 + 128) >> 8

    a = fine - 128000
    b = a * a * p6 + (a * p5 << 17) + (p4 << 35)
    a = (a * a * p3 >> 8) + (a * p2 << 12)
    a = ((1 << 47) + a) * p1 >> 33
    pressure_pa = 0
    if a > 0:
        p = ((1048576 - raw_p << 31) - b) * 3125 // a
        p = (p + (p9 * (p >> 13) * (p >> 13) >> 25) + (p8 * p >> 19) >> 8) + (p7 << 4)
        pressure_pa = (p + 128) >> 8

    a = fine - 76800
    slope = (((a * h6 >> 10) * ((a * h3 >> 11) + 32768) >> 10) + 2097152) * h2 + 8192 >> 14
    a = ((raw_h << 14) - (h4 << 20) - h5 * a + 16384 >> 15) * slope
    a -= ((a >> 15) * (a >> 15) >> 7) * h1 >> 4
    a = max(0, min(419430400, a))
    return temperature_cdeg, ((a >> 12) * 100 + 512) >> 10, pressure_pa


def decode(trim, data):
    """Eight bytes from 0xF7 on into what `compensate` gives.

    Raises:
        OSError: the registers still hold their value after a reset: nothing was measured (EBUSY).
    """
    raw_p = data[0] << 12 | data[1] << 4 | data[2] >> 4
    raw_t = data[3] << 12 | data[4] << 4 | data[5] >> 4
    raw_h = data[6] << 8 | data[7]
    if raw_t == 0x80000 or raw_p == 0x80000 or raw_h == 0x8000:
        raise OSError(_EBUSY)
    return compensate(trim, raw_t, raw_p, raw_h)


class Bme280:
    def __init__(self, i2c, address=ADDRESS):
        self._i2c = i2c
        self._address = address
        self._byte = bytearray(1)
        self._data = bytearray(8)
        self._trim = ()

    def _write(self, register, value):
        self._byte[0] = value
        self._i2c.writeto_mem(self._address, register, self._byte)

    def _status(self):
        self._i2c.readfrom_mem_into(self._address, _STATUS, self._byte)
        return self._byte[0]

    def start(self):
        """Reset the chip and read its calibration. False: it has no heater.

        Raises:
            OSError: nothing answers, another chip does (ENODEV), or it does not come out of its reset (EBUSY).
        """
        self._i2c.readfrom_mem_into(self._address, _CHIP_ID, self._byte)
        if self._byte[0] != _IS_A_BME280:
            raise OSError(_ENODEV)
        self._write(_RESET, _SOFT_RESET)
        for _ in range(_TRIES_MAX):
            time.sleep_ms(_START_MS)
            if not self._status() & _COPYING:
                break
        else:
            raise OSError(_EBUSY)
        first = self._i2c.readfrom_mem(self._address, _CALIBRATION_1, 26)
        self._trim = trimming(first, self._i2c.readfrom_mem(self._address, _CALIBRATION_2, 7))
        return False

    async def read(self, sleep_ms):
        """Measure once; what `compensate` gives. `sleep_ms` is the coroutine to wait with.

        Raises:
            OSError: the bus fails, or the measurement does not end (EBUSY).
        """
        self._write(_CTRL_HUM, _HUMIDITY_ONCE)  # takes effect with the next write
        self._write(_CTRL_MEAS, _FORCED_ONCE)
        for _ in range(_TRIES_MAX):
            await sleep_ms(_MEASURE_MS)
            if not self._status() & _MEASURING:
                break
        else:
            raise OSError(_EBUSY)
        self._i2c.readfrom_mem_into(self._address, _DATA, self._data)
        return decode(self._trim, self._data)


Driver = Bme280
