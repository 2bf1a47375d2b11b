# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A water node's place: the connection of a house or a school of its own."""

from __future__ import annotations

from collections.abc import Iterator

from simulators.world.water_use import WaterUse
from simulators.world.world import Message, World


def place(world: World, node: str) -> WaterConnection:
    """A school whose use follows from the world's seed and the node's id; one in three has a leak of 12 l/h."""
    number = int(node, 16) % 1000
    leak_l_h = 12.0 if number % 3 == 0 else 0.0
    return WaterConnection(WaterUse(world.clock.now_ms(), seed=world.seed + number, kind="school", leak_l_h=leak_l_h))


class WaterConnection:
    """What runs through one meter."""

    def __init__(self, use: WaterUse) -> None:
        self.use = use
        self.restart()

    def restart(self) -> None:
        self._next_ms: int | None = None
        self._flow_l_h = -1.0

    def messages(self, now_ms: int, ahead_ms: int) -> Iterator[Message]:
        if self._next_ms is None:
            self._next_ms = now_ms // 60_000 * 60_000
        while self._next_ms < now_ms + ahead_ms:
            flow_l_h = self.use.flow_l_h(self._next_ms)
            if flow_l_h != self._flow_l_h:
                self._flow_l_h = flow_l_h
                yield {"at_ms": self._next_ms, "set": {"water_l_h": flow_l_h}}
            self._next_ms += 60_000
