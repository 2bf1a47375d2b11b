# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A climate node's place: the air of a street over day and night, and the light of its sky.

For development and demonstrations, no weather model: daily curves, a slow wander of its own for each place, clouds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from simulators.world.world import Message, World

_HOUR_MS = 3_600_000
_SUN_LX = 90_000
_MOON_LX = 0.2
_LAMP_LX = 12.0  # of the street at night


class Air(NamedTuple):
    """What the sensors of one place feel."""

    temperature_c: float
    humidity_pct: float
    pressure_pa: float
    light_lx: float


class Weather:
    """The air of one place at any instant; everything follows from the seed."""

    def __init__(self, seed: int) -> None:
        self._phase = seed % 997 / 997 * 2 * math.pi

    def _wander(self, at_ms: int, hours: float) -> float:
        """-1 to 1, slow and without a visible period."""
        angle = at_ms / _HOUR_MS / hours * 2 * math.pi
        return (math.sin(angle + self._phase) + math.sin(1.618 * angle + 2 * self._phase)) / 2

    def at(self, at_ms: int) -> Air:
        """The air at true time `at_ms` (ms since 1970). Warmest at three in the afternoon (UTC), sun from six to eighteen."""
        hour = at_ms / _HOUR_MS % 24
        temperature_c = 16 + 7 * math.cos((hour - 15) * math.pi / 12) + 2 * self._wander(at_ms, 31)
        humidity_pct = max(15.0, min(99.0, 65 - 3.2 * (temperature_c - 16) + 8 * self._wander(at_ms, 17)))
        pressure_pa = 100_900 + 900 * self._wander(at_ms, 90)
        sun = max(0.0, math.sin((hour - 6) * math.pi / 12))
        clouds = 0.55 + 0.45 * self._wander(at_ms, 1.7)
        light_lx = max(_MOON_LX, _SUN_LX * sun * sun * clouds)
        return Air(temperature_c, humidity_pct, pressure_pa, light_lx if sun > 0.02 else max(_LAMP_LX, light_lx))


def place(world: World, node: str) -> ClimatePlace:
    """A place of its own, by the world's seed and the node's id."""
    return ClimatePlace(Weather(world.seed + int(node, 16)))


class ClimatePlace:
    """Tells a board its air when that has changed by more than its sensors' noise."""

    def __init__(self, weather: Weather) -> None:
        self.weather = weather
        self.restart()

    def restart(self) -> None:
        self._told: Air | None = None

    def messages(self, now_ms: int, ahead_ms: int) -> Iterator[Message]:
        air, told = self.weather.at(now_ms), self._told
        if (
            told is None
            or abs(air.temperature_c - told.temperature_c) > 0.02
            or abs(air.humidity_pct - told.humidity_pct) > 0.05
            or abs(air.pressure_pa - told.pressure_pa) > 3
            or abs(air.light_lx - told.light_lx) > 0.01 * told.light_lx
        ):
            self._told = air
            yield {"at_ms": now_ms, "set": {name: round(value, 3) for name, value in air._asdict().items()}}
