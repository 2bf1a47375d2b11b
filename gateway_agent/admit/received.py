# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Which sequence numbers of each node and epoch we have. Pure (docs/wire.md, 2).

Theory of operation
-------------------
A node names with each frame its floor, the lowest number that it still
holds. Numbers below the highest floor seen are closed. Above it we keep inclusive ranges, ascending and disjoint,
at most 64 a node and epoch, and 32 more for alarms. Numbers mostly arrive in order, so the last range is tried first and the common case
costs a comparison and an addition.

The same structure is kept twice: once for what was *received* (repeats are recognised against it) and once for what
is *synced* (acknowledgements come from it). Only the first has a limit: the second is a part of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from gateway_agent.model import Kid

RANGES_MAX = 64
ALARM_RANGES_MAX = 96
EPOCHS_PER_NODE_MAX = 256

NEW, REPEAT, BELOW_FLOOR, TOO_MANY_RANGES = "new", "repeat", "BelowFloor", "TooManyRanges"


class Numbers:
    """Sequence numbers of one node and epoch."""

    __slots__ = ("floor", "highs", "lows")

    def __init__(self, floor: int = 0, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self.floor = floor
        self.lows: list[int] = []
        self.highs: list[int] = []
        for low, high in ranges:
            self.lows.append(low)
            self.highs.append(high)

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        return tuple(zip(self.lows, self.highs, strict=True))

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self.lows, number) - 1
        return place >= 0 and number <= self.highs[place]

    def judge(self, number: int, floor: int, ranges_max: int = RANGES_MAX) -> str:
        """What a frame with this number and floor is; changes nothing. `floor` is never above `number`."""
        highs = self.highs
        if highs and number == highs[-1] + 1:
            return NEW  # the common case: the next one (above the floor, because ranges are)
        if number in self:
            return REPEAT
        if number < self.floor:
            return BELOW_FLOOR
        if len(highs) >= ranges_max:
            # A floor that rises with this very frame makes room first.
            closed = bisect_right(self.highs, floor - 1)
            if len(highs) - closed >= ranges_max and not self._touches(number):
                return TOO_MANY_RANGES
        return NEW

    def _touches(self, number: int) -> bool:
        place = bisect_right(self.lows, number)
        return (place > 0 and self.highs[place - 1] == number - 1) or (
            place < len(self.lows) and self.lows[place] == number + 1
        )

    def add(self, number: int) -> None:
        """Note one number."""
        highs = self.highs
        if highs and number == highs[-1] + 1:
            highs[-1] = number
        else:
            self.add_range(number, number)

    def add_range(self, low: int, high: int) -> None:
        """Note an inclusive range, joining what it touches or overlaps."""
        lows, highs = self.lows, self.highs
        first = bisect_right(highs, low - 2)  # first range that ends at low - 1 or later
        behind = bisect_right(lows, high + 1)  # first range that starts after high + 1
        if first < behind:
            low, high = min(low, lows[first]), max(high, highs[behind - 1])
        lows[first:behind] = [low]
        highs[first:behind] = [high]

    def raise_floor(self, floor: int) -> None:
        """Close the numbers below `floor`: they need no memory any more. A range that it cuts is shortened."""
        if floor <= self.floor:
            return
        self.floor = floor
        lows, highs = self.lows, self.highs
        if lows and lows[0] < floor:
            closed = bisect_right(highs, floor - 1)
            del lows[:closed], highs[:closed]
            if lows and lows[0] < floor:
                lows[0] = floor


class NumberTable:
    """`Numbers` of every node and epoch, bounded: of one node the 256 epochs first heard last are kept.

    A forgotten epoch costs a repeat upstream at worst, and the collector stores a reading once.
    """

    def __init__(self, epochs_per_node_max: int = EPOCHS_PER_NODE_MAX) -> None:
        self._numbers: dict[Kid, Numbers] = {}
        self._epochs_of_node: dict[bytes, list[Kid]] = {}
        self._epochs_per_node_max = epochs_per_node_max
        self.epochs_forgotten = 0
        self.find = self._numbers.get  # once a frame: the dictionary itself answers

    def load(self, received: Mapping[Kid, tuple[int, Iterable[tuple[int, int]]]]) -> None:
        """Take over what a recovery found."""
        for kid, (floor, ranges) in received.items():
            numbers = self.of(kid)
            for low, high in ranges:
                numbers.add_range(low, high)
            numbers.raise_floor(floor)

    def of(self, kid: Kid) -> Numbers:
        """The numbers of `kid`, made where there are none. Call only for a kid that has authenticated."""
        numbers = self._numbers.get(kid)
        if numbers is None:
            numbers = self._numbers[kid] = Numbers()
            epochs = self._epochs_of_node.setdefault(kid[:6], [])
            epochs.append(kid)
            if len(epochs) > self._epochs_per_node_max:
                del self._numbers[epochs.pop(0)]
                self.epochs_forgotten += 1
        return numbers

    def newest_kids(self) -> list[Kid]:
        """Of each node the epoch first heard last."""
        return [epochs[-1] for epochs in self._epochs_of_node.values()]

    def kids(self) -> list[Kid]:
        return list(self._numbers)
