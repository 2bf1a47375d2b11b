# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A cabinet node's place: a wall outside, people who look in, and now and then somebody who takes the defibrillator and brings it back.

The cabinet follows the air slowly, its heater keeps it at five degrees, the status light blinks green. Everything follows from the seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from simulators.world.place_climate import Weather
from simulators.world.world import Message, World

WEIGHT_G = 2500
_HEATER_C = 5.0


class Episode(NamedTuple):
    """Somebody at the door."""

    opened_ms: int
    shut_ms: int
    taken_ms: int | None  # None: only a look
    returned_ms: int


class Cabinet:
    """What happens at one cabinet from `start_ms` on; `quiet_s` is the mean time between two episodes."""

    def __init__(self, start_ms: int, seed: int, quiet_s: float = 120.0) -> None:
        self._dice = random.Random(f"{seed} cabinet")
        self._weather = Weather(seed)
        self._quiet_s = quiet_s
        self._episodes: list[Episode] = []
        self._planned_ms = start_ms

    def episode_near(self, at_ms: int) -> Episode | None:
        """The one that is going on or was the last to begin, None before the first."""
        while self._planned_ms <= at_ms:
            dice = self._dice
            opened_ms = self._planned_ms + int(1000 * (30 + dice.expovariate(1 / self._quiet_s)))
            if dice.random() < 0.4:
                taken_ms = opened_ms + dice.randrange(2000, 5000)
                returned_ms = taken_ms + dice.randrange(20_000, 90_000)
                episode = Episode(opened_ms, returned_ms + 4000, taken_ms, returned_ms)
            else:
                episode = Episode(opened_ms, opened_ms + dice.randrange(5000, 80_000), None, opened_ms)
            self._episodes.append(episode)
            self._planned_ms = episode.shut_ms
        begun = [episode for episode in self._episodes if episode.opened_ms <= at_ms]
        return begun[-1] if begun else None

    def at(self, at_ms: int) -> dict[str, object]:
        """Door, defibrillator and temperature at true time `at_ms`: the truth to compare a node with."""
        episode = self.episode_near(at_ms)
        is_open = episode is not None and at_ms < episode.shut_ms
        is_out = (
            episode is not None and episode.taken_ms is not None and episode.taken_ms <= at_ms < episode.returned_ms
        )
        air = self._weather.at(at_ms)
        return {
            "door_closed": not is_open,
            "dae_on_switch": not is_out,
            "dae_g": 0 if is_out else WEIGHT_G,
            "ambient_uv": int(min(2_000_000, air.light_lx * 40)) if is_open else 0,
            "temperature_c": round(max(_HEATER_C, air.temperature_c), 2),
            "humidity_pct": round(air.humidity_pct, 1),
        }


def place(world: World, node: str) -> CabinetPlace:
    """A cabinet of its own, by the world's seed and the node's id."""
    return CabinetPlace(Cabinet(world.clock.now_ms(), world.seed + int(node, 16)))


class CabinetPlace:
    """Tells a board what has changed at its cabinet."""

    def __init__(self, cabinet: Cabinet) -> None:
        self.cabinet = cabinet
        self.restart()

    def restart(self) -> None:
        self._told: dict[str, object] = {}

    def messages(self, now_ms: int, ahead_ms: int) -> Iterator[Message]:
        state = self.cabinet.at(now_ms)
        change = {key: value for key, value in state.items() if self._told.get(key) != value}
        if change:
            self._told = state
            yield {"at_ms": now_ms, "set": change}
