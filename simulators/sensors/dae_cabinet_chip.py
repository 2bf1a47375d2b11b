# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A defibrillator's cabinet on the board's pins: contacts that bounce, two photodiodes before the status light, two dividers.

    {"chip": "dae_cabinet", "door": 13, "switch": 15, "tamper": 14, "green": 34, "red": 36, "battery": 35, "power": 39}

Keys of the world that it adds:

    door_closed, dae_on_switch, cover_closed   contacts: true is closed, which pulls the pin low
    dae_g               weight on the load cell, g; sets `strain_code`, from which the HX711's model converts
    lamp                "green", "red", "amber", or "" for none
    lamp_uv             what its photodiode gives while it is on, uV above the dark; the other one sees a tenth (amber: six tenths)
    lamp_on_ms, lamp_period_ms, lamp_phase_ms   blinking; period 0 is a steady light
    lamp2               a second lamp that alternates with the first, "" for none
    ambient_uv          daylight or a lamp that leaks in, on both photodiodes; the red one sees `ambient_red` of it (0.8)
    flicker_pct         of the ambient light, at 100 Hz
    battery_v, cabinet_v  before the dividers, 5 to 1
"""

import machine
import simclock as _clock
import world as _world
from noise import Noise

FLOOR_UV = 142_000  # an ESP32's converter sees nothing below
RATIO = 5
CODES_PER_KG = 858_993  # a 5 kg cell of 2 mV/V at gain 128
ZERO_CODE = 40_000
_BOUNCES_US = (900, 1500, 2600, 3800, 5200)
_DEFAULTS = {
    "door_closed": True,
    "dae_on_switch": True,
    "cover_closed": True,
    "dae_g": 2500,
    "lamp": "green",
    "lamp_uv": 700_000,
    "lamp_on_ms": 120,
    "lamp_period_ms": 3000,
    "lamp_phase_ms": 700,
    "lamp2": "",
    "ambient_uv": 0,
    "ambient_red": 0.8,
    "flicker_pct": 0,
    "battery_v": 12.8,
    "cabinet_v": 12.2,
}
for _key in _DEFAULTS:
    _world.values.setdefault(_key, _DEFAULTS[_key])
_SEEN = {"green": (1.0, 0.1), "red": (0.1, 1.0), "amber": (0.6, 1.0), "": (0.0, 0.0)}


class _Contact:
    def __init__(self, number, key):
        self._wire = machine.connect_pin(number, level=1)
        self._key = key
        self._level = None
        self.follow()

    def follow(self):
        """Take the world's state over; a change bounces for some milliseconds."""
        level = 0 if _world.values[self._key] else 1
        if level == self._level:
            return
        if self._level is not None:  # it ends as it began: with the new level
            for count, after_us in enumerate(_BOUNCES_US):
                _clock.at(_clock.now_us + after_us, self._bounce(level if count % 2 == 0 else 1 - level))
        self._level = level
        self._wire.drive(level)

    def _bounce(self, level):
        return lambda at_us: self._wire.drive(level)


class DaeCabinetChip:
    name = "dae_cabinet"

    def __init__(self, part, seed):
        self._noise = Noise(seed)
        self._contacts = [
            _Contact(part[wire], key)
            for wire, key in (("door", "door_closed"), ("switch", "dae_on_switch"), ("tamper", "cover_closed"))
        ]
        machine.connect_adc(part["green"], lambda: self.light_uv(0))
        machine.connect_adc(part["red"], lambda: self.light_uv(1))
        machine.connect_adc(part["battery"], lambda: self._volts("battery_v"))
        machine.connect_adc(part["power"], lambda: self._volts("cabinet_v"))
        self._grams = None
        _world.watch(self._follow)
        self._follow()

    def _follow(self):
        for contact in self._contacts:
            contact.follow()
        if _world.values["dae_g"] != self._grams:
            self._grams = _world.values["dae_g"]
            _world.values["strain_code"] = ZERO_CODE + round(self._grams * CODES_PER_KG / 1000)
            _world.values["strain_noise_codes"] = 300  # a third of a gram

    def _volts(self, key):
        return max(FLOOR_UV, _world.values[key] * 1e6 / RATIO) + 2000 * self._noise.normal()

    def light_uv(self, side):
        """What photodiode 0 (green) or 1 (red) gives at this instant."""
        values = _world.values
        period_ms = values["lamp_period_ms"]
        lamp = values["lamp"]
        if period_ms:
            place_ms = (_clock.now_us // 1000 - values["lamp_phase_ms"]) % period_ms
            if place_ms >= values["lamp_on_ms"]:
                lamp = values["lamp2"] if (place_ms + period_ms // 2) % period_ms < values["lamp_on_ms"] else ""
        light_uv = values["lamp_uv"] * _SEEN[lamp][side]
        ambient_uv = values["ambient_uv"] * (values["ambient_red"] if side else 1)
        if values["flicker_pct"]:
            # A rectified mains wave without sines: a parabola each 10 ms, of mean 1.
            x = _clock.now_us % 10_000 / 5000 - 1
            ambient_uv *= 1 + values["flicker_pct"] / 100 * (0.5 - 1.5 * x * x)
        return FLOOR_UV + light_uv + ambient_uv + 3000 * self._noise.normal()


def attach(part, seed):
    return DaeCabinetChip(part, seed)
