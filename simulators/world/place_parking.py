# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A parking node's place: the next stall of the world's street."""

from __future__ import annotations

from collections.abc import Iterator

from simulators.world.street import Street
from simulators.world.world import Message, World

_FIELD_STEP_T = 2e-8  # a smaller change of the field is not worth a line
_TEMPERATURE_STEP_C = 0.02
_STEP_MS = 500  # a vehicle that parks moves half a metre meanwhile


def place(world: World, node: str) -> ParkingStall:
    """The next stall that is free for a sensor; remembered in `world.stalls`."""
    world.stalls[node] = len(world.stalls)
    return ParkingStall(world.street, world.stalls[node])


class ParkingStall:
    """A stall of a street."""

    def __init__(self, street: Street, stall: int) -> None:
        self._street = street
        self._stall = stall
        self.restart()

    def restart(self) -> None:
        self._next_ms: int | None = None
        self._field_t: tuple[float, float, float] | None = None
        self._temperature_c = -300.0

    def messages(self, now_ms: int, ahead_ms: int) -> Iterator[Message]:
        """Lines for the time up to `ahead_ms` from now, so that a board feels each at its own instant, however fast it runs."""
        if self._next_ms is None:
            self._next_ms = now_ms
        while self._next_ms <= now_ms + ahead_ms:
            change = self._change(self._next_ms)
            if change:
                yield {"at_ms": self._next_ms, "set": change}
            self._next_ms += _STEP_MS

    def _change(self, at_ms: int) -> Message:
        change: Message = {}
        field_t = self._street.field_t(self._stall, at_ms)
        before = self._field_t
        if before is None or max(abs(a - b) for a, b in zip(field_t, before, strict=True)) > _FIELD_STEP_T:
            self._field_t = field_t
            change["field_t"] = list(field_t)
        temperature_c = self._street.temperature_c(at_ms)
        if abs(temperature_c - self._temperature_c) > _TEMPERATURE_STEP_C:
            self._temperature_c = temperature_c
            change["temperature_c"] = round(temperature_c, 3)
        return change
