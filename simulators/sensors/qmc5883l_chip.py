# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""QMC5883L three-axis magnetometer at register level, fed with the world's `field_t` (tesla) and `temperature_c`.

With `"int": PIN` in the wiring its DRDY pin drives that pin: high from the end of a measurement until the data are read.

Source: QST QMC5883L data sheet 1.0, sections 5 (I2C), 6 (modes), 9 (registers). Not modelled: self-heating, and the 150 ms after power-up.
"""

import struct

import machine
import simclock as _clock
import world as _world
from noise import Noise

ADDRESS = 0x0D
_ODR_HZ = (10, 50, 100, 200)
_LSB_PER_GAUSS = (12000, 3000)
_NOISE_T = (5e-8, 7e-8, 1e-7, 1.4e-7)  # by over-sampling; 1 mG and less
_UNSET_OFFSET_LSB = 300  # without the recommended set/reset period the bridge keeps a random magnetisation
_TEMPERATURE_ZERO_C = 21.5  # the register's zero is this chip's own and not calibrated
_TEMPERATURE_LSB_PER_K = 100
_DRDY, _OVL, _DOR = 1, 2, 4


class Qmc5883lChip:
    name = "qmc5883l"

    def __init__(self, seed=1, pin=None):
        self._noise = Noise(seed)
        self._pin = pin
        self._event = None
        self.power_up()

    def power_up(self):
        self._registers = bytearray(14)
        self._registers[0x0D] = 0xFF  # chip id
        self._pointer = 0
        self._next_us = None
        self._show()

    def _show(self):
        """The pin, and the event of its next edge: only the pin needs one."""
        if self._pin is None:
            return
        is_on = not self._registers[0x0A] & 1
        self._pin.drive(1 if is_on and self._registers[6] & _DRDY else 0)
        if self._event is not None:
            _clock.cancel(self._event)
            self._event = None
        if is_on and self._next_us is not None:
            self._event = _clock.at(self._next_us, self._at)

    def _at(self, now_us):
        self._event = None
        self._catch_up()
        self._show()

    def _period_us(self):
        return 1_000_000 // _ODR_HZ[(self._registers[9] >> 2) & 3]

    def _catch_up(self):
        """Do the latest of the conversions that have ended meanwhile; older ones nobody could have read."""
        if self._next_us is None or _clock.now_us < self._next_us:
            return
        period_us = self._period_us()
        skipped = (_clock.now_us - self._next_us) // period_us
        self._next_us += (skipped + 1) * period_us
        self._convert(skipped)

    def _convert(self, skipped):
        registers = self._registers
        control = registers[9]
        lsb_per_gauss = _LSB_PER_GAUSS[1 if control & 0x30 == 0x10 else 0]
        noise_t = _NOISE_T[control >> 6]
        status = _DRDY
        if skipped or registers[6] & _DRDY:
            status |= _DOR
        counts = []
        for field_t in _world.values["field_t"]:
            count = round((field_t + noise_t * self._noise.normal()) * 1e4 * lsb_per_gauss)
            if registers[0x0B] != 1:
                count += _UNSET_OFFSET_LSB
            if not -32768 <= count <= 32767:
                status |= _OVL
                count = max(-32768, min(32767, count))
            counts.append(count)
        struct.pack_into("<hhh", registers, 0, *counts)
        registers[6] = status
        warm_k = _world.values["temperature_c"] - _TEMPERATURE_ZERO_C
        struct.pack_into("<h", registers, 7, max(-32768, min(32767, round(warm_k * _TEMPERATURE_LSB_PER_K))))

    def write(self, data):
        if not data:
            return
        self._catch_up()
        self._pointer = data[0]
        for value in data[1:]:
            self._set(self._pointer, value)
            self._pointer += 1

    def _set(self, register, value):
        if register == 0x0A and value & 0x80:
            self.power_up()
        elif register == 9:
            self._registers[9] = value
            self._next_us = _clock.now_us + self._period_us() if value & 3 == 1 else None
        elif register in (0x0A, 0x0B):
            self._registers[register] = value
        self._show()

    def read(self, count):
        self._catch_up()
        data = bytearray()
        for _ in range(count):
            pointer = self._pointer
            data.append(self._registers[pointer] if pointer < 14 else 0)
            if pointer < 6:
                self._registers[6] &= ~(_DRDY | _DOR)
            if pointer == 6 and self._registers[0x0A] & 0x40:
                self._pointer = 0
            else:
                self._pointer = pointer + 1
        self._show()
        return data


Chip = Qmc5883lChip


def attach(part, seed):
    """Connect the chip to its I2C pins and, where the wiring names it, to the pin of its DRDY output."""
    pin = machine.connect_pin(part["int"], level=0) if "int" in part else None
    chip = Qmc5883lChip(seed, pin)
    machine.connect_i2c(part["scl"], part["sda"], part.get("address", ADDRESS), chip)
    return chip
