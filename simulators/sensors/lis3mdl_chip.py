# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""LIS3MDL three-axis magnetometer at register level, fed with the world's `field_t` (tesla) and `temperature_c`.

With `"int": PIN` in the wiring its INT pin drives that pin, by an event for each conversion while the interrupt is on; so
it also works while the board sleeps. Keys of the world's `values`:

    lis3mdl_self_test_gauss       what the self-test bit adds to each axis
    lis3mdl_offsets               "subtract": as AN4602 has it. "reserved": a chip that keeps its calibration there, so that what is
                                  written does not read back and spoils the output (reported on the maker's forum)
    lis3mdl_threshold_on_output   False: the threshold sees the field before the offsets are subtracted
    lis3mdl_int_broken            True: the pin's wire is cut

Source: ST LIS3MDL data sheet DocID024204 rev 6, tables 3 (self-test, noise) and 16 (registers), section 7; AN4602. Only the noise of
the ultra-high-performance mode is published; the other modes' is assumed from their number of averages. An I2C read that goes on beyond
the axes begins with x again, as users report. Not modelled: SPI, big-endian output (BLE), FAST_READ.
"""

import struct

import machine
import simclock as _clock
import world as _world
from noise import Noise

ADDRESS = 0x1C
for _key, _value in (
    ("lis3mdl_self_test_gauss", [2.0, 2.0, 0.5]),
    ("lis3mdl_offsets", "subtract"),
    ("lis3mdl_threshold_on_output", True),
    ("lis3mdl_int_broken", False),
):
    _world.values.setdefault(_key, _value)

_LSB_PER_GAUSS = (6842, 3421, 2281, 1711)
_PERIOD_US = (1_600_000, 800_000, 400_000, 200_000, 100_000, 50_000, 25_000, 12_500)
_FAST_PERIOD_US = (1000, 1786, 3333, 6452)  # by operating mode: 1000, 560, 300, 155 Hz
_NOISE_T = (9e-7, 6.4e-7, 4.5e-7, 3.2e-7)  # x and y, by operating mode; z has 1.28 times as much
_OFFSETS, _OUT, _TEMPERATURE = 0x05, 0x28, 0x2E
_CTRL_1, _CTRL_2, _CTRL_3, _CTRL_5, _STATUS = 0x20, 0x21, 0x22, 0x24, 0x27
_INT_CFG, _INT_SRC, _INT_THS = 0x30, 0x31, 0x32
_WRITABLE = (5, 6, 7, 8, 9, 10, 0x20, 0x21, 0x22, 0x23, 0x24, 0x30, 0x32, 0x33)


class Lis3mdlChip:
    name = "lis3mdl"

    def __init__(self, seed=1, pin=None):
        self._noise = Noise(seed)
        self._own_offsets = struct.pack("<hhh", *[round(self._noise.normal() * 60) for _ in range(3)])
        self._pin = pin
        self._event = None
        self.conversions = 0
        self.power_up()

    def power_up(self):
        self._registers = bytearray(64)
        self._registers[0x0F] = 0x3D
        self._registers[_OFFSETS : _OFFSETS + 6] = self._own_offsets
        self._soft_reset()
        self._pointer = 0
        self._goes_on = False

    def _soft_reset(self):
        registers = self._registers
        registers[0x20:0x25] = b"\x10\x00\x03\x00\x00"
        registers[_INT_CFG : _INT_THS + 2] = b"\xe8\x00\x00\x00"
        registers[_STATUS] = 0
        self._held = [False] * 3  # block data update: an axis whose low byte was read and whose high byte was not
        self._next_us = None
        self._plan()
        self._show()

    def _mode(self):
        return (self._registers[_CTRL_1] >> 5) & 3

    def _period_us(self):
        control = self._registers[_CTRL_1]
        if self._registers[_CTRL_3] & 0x20:
            return _PERIOD_US[0]
        return _FAST_PERIOD_US[self._mode()] if control & 2 else _PERIOD_US[(control >> 2) & 7]

    def _plan(self):
        """While the interrupt is on, every conversion counts; else only the latest one that somebody could read."""
        if self._event is not None:
            _clock.cancel(self._event)
            self._event = None
        if self._registers[_INT_CFG] & 1 and self._next_us is not None:
            self._event = _clock.at(self._next_us, self._at)

    def _at(self, now_us):
        self._event = None
        self._catch_up()
        self._plan()

    def _catch_up(self):
        if self._next_us is None or _clock.now_us < self._next_us:
            return
        period_us = self._period_us()
        missed = (_clock.now_us - self._next_us) // period_us
        is_single = self._registers[_CTRL_3] & 3 == 1
        self._next_us = None if is_single else self._next_us + (missed + 1) * period_us
        self._convert(missed)
        if is_single:
            self._registers[_CTRL_3] |= 3

    def _convert(self, missed):
        self.conversions += 1
        registers = self._registers
        scale = _LSB_PER_GAUSS[(registers[_CTRL_2] >> 5) & 3]
        offsets = struct.unpack("<hhh", registers[_OFFSETS : _OFFSETS + 6])
        own = struct.unpack("<hhh", self._own_offsets)
        is_subtracting = _world.values["lis3mdl_offsets"] == "subtract"
        seen = []
        for axis in range(3):
            noise_t = _NOISE_T[self._mode()] * (1.28 if axis == 2 else 1) * self._noise.normal()
            gauss = (_world.values["field_t"][axis] + noise_t) * 1e4
            if registers[_CTRL_1] & 1:
                gauss += _world.values["lis3mdl_self_test_gauss"][axis]
            before = round(gauss * scale)
            moved = offsets[axis] - own[axis]
            after = max(-32768, min(32767, before - moved if is_subtracting else before + 5 * moved))
            seen.append(after if _world.values["lis3mdl_threshold_on_output"] else max(-32768, min(32767, before)))
            if not self._held[axis]:
                struct.pack_into("<h", registers, _OUT + 2 * axis, after)
        overrun = 0xF0 if missed or registers[_STATUS] & 8 else 0
        registers[_STATUS] = 0x0F | overrun
        if registers[_CTRL_1] & 0x80:
            count = round((_world.values["temperature_c"] - 25) * 8)
            struct.pack_into("<h", registers, _TEMPERATURE, max(-32768, min(32767, count)))
        if registers[_INT_CFG] & 1:
            self._compare(seen)

    def _compare(self, seen):
        registers = self._registers
        threshold = struct.unpack("<H", registers[_INT_THS : _INT_THS + 2])[0] & 0x7FFF
        source = 0
        for axis in range(3):
            if registers[_INT_CFG] & (0x80 >> axis):
                source |= 0x80 >> axis if seen[axis] > threshold else 0
                source |= 0x10 >> axis if seen[axis] < -threshold else 0
        if source:
            source |= 1
        is_latched = not registers[_INT_CFG] & 2
        registers[_INT_SRC] = source | (registers[_INT_SRC] if is_latched else 0)
        self._show()

    def _show(self):
        if self._pin is None or _world.values["lis3mdl_int_broken"]:
            return
        is_active = self._registers[_INT_CFG] & 1 and self._registers[_INT_SRC] & 1
        level = 1 if self._registers[_INT_CFG] & 4 else 0
        if not self._registers[_INT_CFG] & 1:
            level = 1
        self._pin.drive(level if is_active else 1 - level)

    def write(self, data):
        if not data:
            return
        self._catch_up()
        self._pointer = data[0] & 0x7F
        self._goes_on = bool(data[0] & 0x80)
        for value in data[1:]:
            self._set(self._pointer, value)
            self._step()

    def _step(self):
        if self._goes_on:
            self._pointer = _OUT if self._pointer == _OUT + 5 else (self._pointer + 1) & 0x3F

    def _set(self, register, value):
        registers = self._registers
        if register not in _WRITABLE:
            return
        if _OFFSETS <= register < _OFFSETS + 6 and _world.values["lis3mdl_offsets"] != "subtract":
            value ^= 0x55
        registers[register] = value
        if register == _CTRL_2 and value & 4:
            self._soft_reset()
        elif register == _CTRL_2 and value & 8:
            registers[_OFFSETS : _OFFSETS + 6] = self._own_offsets
            registers[_CTRL_2] &= ~8
        elif register in (_CTRL_1, _CTRL_3):
            self._next_us = _clock.now_us + self._period_us() if registers[_CTRL_3] & 3 in (0, 1) else None
            self._plan()
        elif register == _INT_CFG:
            if not value & 1:
                registers[_INT_SRC] = 0
            self._plan()
            self._show()

    def read(self, count):
        self._catch_up()
        data = bytearray()
        registers = self._registers
        for _ in range(count):
            pointer = self._pointer & 0x3F
            data.append(registers[pointer])
            if _OUT <= pointer < _OUT + 6:
                axis = (pointer - _OUT) // 2
                self._held[axis] = bool(registers[_CTRL_5] & 0x40) and not pointer & 1
                registers[_STATUS] &= ~(0x11 << axis | 0x88)
            elif pointer == _INT_SRC:
                registers[_INT_SRC] = 0
                self._show()
            self._step()
        return data


Chip = Lis3mdlChip


def attach(part, seed):
    """Connect the chip to its I2C pins and, where the wiring names it, to the pin of its interrupt."""
    pin = machine.connect_pin(part["int"], level=0) if "int" in part else None
    chip = Lis3mdlChip(seed, pin)
    machine.connect_i2c(part["scl"], part["sda"], part.get("address", ADDRESS), chip)
    return chip
