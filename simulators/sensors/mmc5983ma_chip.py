# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""MMC5983MA three-axis magnetometer at register level, fed with the world's `field_t` (tesla) and `temperature_c`.

Each axis is a bridge with an offset that drifts with temperature, and a magnetisation that SET and RESET turn to one side or the other;
after power-up, and after a field of more than 10 gauss, it is weak until one of them comes. With `"int": PIN` in the wiring its INT pin drives
that pin when a measurement has ended, if control 0 allows it. Keys of the world's `values`:

    mmc5983ma_drift_gauss_per_k   of the bridges' offsets
    mmc5983ma_coil_broken         True: SET and RESET do nothing

Source: MEMSIC MMC5983MA data sheet, revision A: register map and details, noise and times by bandwidth. The size of offset and
drift is assumed. The control registers can only be written: they read as 0. Not modelled: SPI, the saturation check (St_enp, St_enm), OTP.
"""

import machine
import simclock as _clock
import world as _world
from noise import Noise

ADDRESS = 0x30
_world.values.setdefault("mmc5983ma_drift_gauss_per_k", [0.0006, -0.0004, 0.0009])
_world.values.setdefault("mmc5983ma_coil_broken", False)

_LSB_PER_GAUSS = 16384
_MIDDLE = 131072
_TIME_US = (8000, 4000, 2000, 500)
_NOISE_T = (4e-8, 6e-8, 8e-8, 1.2e-7)  # by bandwidth; 0.4 mG at 100 Hz
_RATE_HZ = (0, 1, 10, 20, 50, 100, 200, 1000)
_SET_EVERY = (1, 25, 75, 100, 250, 500, 1000, 2000)
_TEMPERATURE, _STATUS, _CONTROL_0, _CONTROL_1, _CONTROL_2, _ID = 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x2F
_MEASURED, _MEASURED_T, _OTP_READ = 1, 2, 0x10
_WEAK = 0.4
_TURNS_GAUSS = 10


class Mmc5983maChip:
    name = "mmc5983ma"

    def __init__(self, seed=1, pin=None):
        self._noise = Noise(seed)
        self._offset_gauss = [self._noise.normal() * 0.1 for _ in range(3)]
        self._pin = pin
        self._event = None
        self._side = 1
        self._strength = _WEAK
        self.power_up()

    def power_up(self):
        self._registers = bytearray(64)
        self._registers[_ID] = 0x30
        self._registers[_STATUS] = _OTP_READ
        self._control = [0, 0, 0, 0]  # what was written to 0x09 .. 0x0C
        self._pointer = 0
        self._field_done_us = None
        self._temperature_done_us = None
        self._since_set = 0
        self._plan()
        self._show()

    def _plan(self):
        """An event is needed only for the pin: who reads looks at the time by itself."""
        if self._event is not None:
            _clock.cancel(self._event)
            self._event = None
        if self._pin is not None and self._control[0] & 4 and self._field_done_us is not None:
            self._event = _clock.at(self._field_done_us, self._at)

    def _at(self, now_us):
        self._event = None
        self._catch_up()
        self._plan()

    def _is_continuous(self):
        return self._control[2] & 8 and self._control[2] & 7

    def _catch_up(self):
        now_us = _clock.now_us
        if self._field_done_us is not None and now_us >= self._field_done_us:
            if self._is_continuous():
                period_us = 1_000_000 // _RATE_HZ[self._control[2] & 7]
                missed = (now_us - self._field_done_us) // period_us
                self._field_done_us += (missed + 1) * period_us
            else:
                missed = 0
                self._field_done_us = None
            self._measure(missed + 1)
        if self._temperature_done_us is not None and now_us >= self._temperature_done_us:
            self._temperature_done_us = None
            count = round((_world.values["temperature_c"] + 75) / 0.8)
            self._registers[_TEMPERATURE] = max(0, min(255, count))
            self._registers[_STATUS] |= _MEASURED_T

    def _magnetise(self, side):
        if not _world.values["mmc5983ma_coil_broken"]:
            self._side = side
            self._strength = 1.0
            self._since_set = 0

    def _measure(self, count):
        if self._control[0] & 0x20:  # automatic SET: before each measurement, or every so many of the continuous ones
            self._since_set += count
            every = _SET_EVERY[(self._control[2] >> 4) & 7] if self._is_continuous() else 1
            if not self._is_continuous() or (self._control[2] & 0x80 and self._since_set >= every):
                self._magnetise(1)
        registers = self._registers
        warm_k = _world.values["temperature_c"] - 25
        registers[6] = 0
        for axis in range(3):
            field_t = _world.values["field_t"][axis]
            if abs(field_t) * 1e4 > _TURNS_GAUSS:
                self._strength = _WEAK
            noise_t = _NOISE_T[self._control[1] & 3] * self._noise.normal()
            gauss = self._side * self._strength * field_t * 1e4 + noise_t * 1e4
            gauss += self._offset_gauss[axis] + _world.values["mmc5983ma_drift_gauss_per_k"][axis] * warm_k
            count = max(0, min(0x3FFFF, _MIDDLE + round(gauss * _LSB_PER_GAUSS)))
            registers[2 * axis] = count >> 10
            registers[2 * axis + 1] = count >> 2 & 0xFF
            registers[6] |= (count & 3) << (6 - 2 * axis)
        registers[_STATUS] |= _MEASURED
        self._show()

    def _show(self):
        if self._pin is not None:
            self._pin.drive(1 if self._control[0] & 4 and self._registers[_STATUS] & _MEASURED else 0)

    def write(self, data):
        if not data:
            return
        self._catch_up()
        self._pointer = data[0]
        for value in data[1:]:
            self._set(self._pointer, value)
            self._pointer += 1

    def _set(self, register, value):
        if register == _STATUS:
            self._registers[_STATUS] &= ~(value & (_MEASURED | _MEASURED_T))
            self._show()
            return
        if not _CONTROL_0 <= register <= _CONTROL_0 + 3:
            return
        if register == _CONTROL_1 and value & 0x80:
            self.power_up()
            return
        self._control[register - _CONTROL_0] = value
        time_us = _TIME_US[self._control[1] & 3]
        if register == _CONTROL_0:
            self._control[0] = value & 0x24  # the rest clear themselves
            if value & 0x18:
                self._magnetise(1 if value & 0x08 else -1)
            if value & 1 and self._field_done_us is None:
                self._registers[_STATUS] &= ~_MEASURED
                self._field_done_us = _clock.now_us + time_us
            elif value & 2 and self._temperature_done_us is None:  # not both at once
                self._registers[_STATUS] &= ~_MEASURED_T
                self._temperature_done_us = _clock.now_us + time_us
        elif register == _CONTROL_2:
            self._since_set = 0
            self._field_done_us = None
            if self._is_continuous():
                self._field_done_us = _clock.now_us + 1_000_000 // _RATE_HZ[value & 7]
        self._plan()
        self._show()

    def read(self, count):
        self._catch_up()
        data = bytearray()
        for _ in range(count):
            data.append(self._registers[self._pointer & 0x3F])
            self._pointer += 1
        return data


Chip = Mmc5983maChip


def attach(part, seed):
    """Connect the chip to its I2C pins and, where the wiring names it, to the pin of its interrupt."""
    pin = machine.connect_pin(part["int"], level=0) if "int" in part else None
    chip = Mmc5983maChip(seed, pin)
    machine.connect_i2c(part["scl"], part["sda"], part.get("address", ADDRESS), chip)
    return chip
