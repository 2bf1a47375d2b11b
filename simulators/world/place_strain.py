# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A strain node's place: a bridge of its own."""

from __future__ import annotations

from collections.abc import Iterator

from simulators.world.bridge import StrainSource, SyntheticBridge
from simulators.world.world import Message, World


def place(world: World, node: str) -> StrainPoint:
    """A synthetic bridge whose traffic follows from the world's seed and the node's id."""
    return StrainPoint(SyntheticBridge(world.clock.now_ms(), seed=world.seed + int(node, 16) % 1000))


class StrainPoint:
    """A place on a bridge."""

    def __init__(self, source: StrainSource) -> None:
        self._source = source
        self.restart()

    def restart(self) -> None:
        self._next_ms: int | None = None
        self._temperature_c = -300.0

    def messages(self, now_ms: int, ahead_ms: int) -> Iterator[Message]:
        if self._next_ms is None:
            self._next_ms = (now_ms - ahead_ms) // 1000 * 1000  # a board on a busy host lives a little in the past
        while self._next_ms < now_ms + ahead_ms:
            block = self._source.block(self._next_ms)
            if block is not None:
                yield {
                    "block": "strain",
                    "start_ms": block.start_ms,
                    "period_us": block.period_us,
                    "values": list(block.codes),
                }
            self._next_ms += 1000
        temperature_c = self._source.temperature_c(now_ms)
        if abs(temperature_c - self._temperature_c) > 0.02:
            self._temperature_c = temperature_c
            yield {"at_ms": now_ms, "set": {"temperature_c": round(temperature_c, 3)}}
