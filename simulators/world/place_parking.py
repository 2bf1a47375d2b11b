# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A parking node's place: the next stall of the world's street."""

from __future__ import annotations

from collections.abc import Iterator

from simulators.world.street import Street
from simulators.world.world import Message, World

_FIELD_STEP_T = 2e-8  # a smaller change of the field is not worth a line


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
        self._field_t: tuple[float, float, float] | None = None
        self._temperature_c = -300.0

    def messages(self, now_ms: int, ahead_ms: int) -> Iterator[Message]:
        field_t = self._street.field_t(self._stall, now_ms)
        change: Message = {}
        if (
            self._field_t is None
            or max(abs(a - b) for a, b in zip(field_t, self._field_t, strict=True)) > _FIELD_STEP_T
        ):
            self._field_t = field_t
            change["field_t"] = list(field_t)
        temperature_c = self._street.temperature_c(now_ms)
        if abs(temperature_c - self._temperature_c) > 0.02:
            self._temperature_c = temperature_c
            change["temperature_c"] = round(temperature_c, 3)
        if change:
            yield {"at_ms": now_ms, "set": change}
