# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""An energy node's place: the supply of a school of its own."""

from __future__ import annotations

from collections.abc import Iterator

from simulators.world.energy_load import EnergyLoad
from simulators.world.world import Message, World


def place(world: World, node: str) -> EnergySupply:
    """A school whose load follows from the world's seed and the node's id; every second one has photovoltaics."""
    number = int(node, 16) % 1000
    return EnergySupply(
        EnergyLoad(world.clock.now_ms(), seed=world.seed + number, solar_w=6000.0 if number % 2 else 0.0)
    )


class EnergySupply:
    """What one meter measures."""

    def __init__(self, load: EnergyLoad) -> None:
        self.load = load
        self.restart()

    def restart(self) -> None:
        self._next_ms: int | None = None

    def messages(self, now_ms: int, ahead_ms: int) -> Iterator[Message]:
        if self._next_ms is None:
            self._next_ms = now_ms // 60_000 * 60_000
        while self._next_ms < now_ms + ahead_ms:
            yield {"at_ms": self._next_ms, "set": {"power_w": self.load.power_w(self._next_ms)}}
            self._next_ms += 60_000
