# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What runs through a water meter: people who wash, flush and cook, minute by minute, and a leak where one is wanted.

For development, not for proof: the leak rules earn their trust on recordings. Everything follows from the seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Literal

_DAY_MS = 86_400_000
_MINUTES = 1440


class WaterUse:
    """A household or a school from `start_ms` on.

    Args:
        leak_l_h, leak_from_ms: from then on (None: from the start) so much runs all the time.
        initial_l: what the meter's dial shows at the start.
    """

    def __init__(
        self,
        start_ms: int,
        *,
        seed: int = 1,
        kind: Literal["household", "school"] = "household",
        leak_l_h: float = 0.0,
        leak_from_ms: int | None = None,
        initial_l: float = 0.0,
    ) -> None:
        self.start_ms = start_ms
        self.initial_l = initial_l
        self._seed = seed
        self._kind = kind
        self._leak_l_h = leak_l_h
        self._leak_from_ms = start_ms if leak_from_ms is None else leak_from_ms
        self._days: dict[int, list[float]] = {}
        self._sums: list[float] = [0.0]  # litres before each day since the start's, without the leak
        dice = random.Random(f"{seed} {kind}")
        self._people = dice.randint(1, 4)
        self._waters_garden = dice.random() < 0.1

    def flow_l_h(self, at_ms: int) -> float:
        """Constant within each minute."""
        leak = self._leak_l_h if at_ms >= self._leak_from_ms else 0.0
        return self._day(at_ms // _DAY_MS)[at_ms % _DAY_MS // 60_000] * 60 + leak

    def litres(self, at_ms: int) -> float:
        """What the meter's dial shows."""
        leak_h = max(0, at_ms - max(self.start_ms, self._leak_from_ms)) / 3_600_000
        return self.initial_l + self._used(at_ms) - self._used(self.start_ms) + leak_h * self._leak_l_h

    def rows(self, until_ms: int, period_s: int, resolution_l: float = 1.0) -> Iterator[tuple[int, float]]:
        """(time in s, total in litres), as a recording has them."""
        for at_ms in range(self.start_ms, until_ms, period_s * 1000):
            yield at_ms // 1000, self.litres(at_ms) // resolution_l * resolution_l

    def _used(self, at_ms: int) -> float:
        first = self.start_ms // _DAY_MS
        day = at_ms // _DAY_MS
        while len(self._sums) <= day - first:
            self._sums.append(self._sums[-1] + sum(self._day(first + len(self._sums) - 1)))
        minute, rest_ms = divmod(at_ms % _DAY_MS, 60_000)
        today = self._day(day)
        return self._sums[day - first] + sum(today[:minute]) + today[minute] * rest_ms / 60_000

    def _day(self, day: int) -> list[float]:
        """Litres of each minute of a day since 1970."""
        minutes = self._days.get(day)
        if minutes is None:
            minutes = [0.0] * _MINUTES
            dice = random.Random(f"{self._seed} {self._kind} {day}")
            uses = self._household(dice) if self._kind == "household" else self._school(dice, (day + 3) % 7 < 5)
            for minute, litres, length in uses:
                for step in range(length):
                    minutes[min(_MINUTES - 1, minute + step)] += litres / length
            self._days[day] = minutes
        return minutes

    def _household(self, dice: random.Random) -> Iterator[tuple[int, float, int]]:
        """(minute, litres, minutes) of each use."""
        if dice.random() < 0.05:
            return  # nobody is at home
        for _ in range(self._people):
            for _ in range(dice.randint(3, 6)):
                yield dice.randint(390, 1410), dice.uniform(6, 9), 1
            for _ in range(dice.randint(6, 16)):
                yield dice.randint(390, 1410), dice.uniform(0.5, 5), 1
            if dice.random() < 0.8:
                yield dice.choice((420, 450, 1230, 1290)) + dice.randint(-20, 20), dice.uniform(35, 70), 7
            if dice.random() < 0.15:
                yield dice.randint(60, 330), dice.uniform(6, 9), 1
        if dice.random() < 0.4:
            start = dice.randint(540, 1260)
            for wash in range(3):
                yield start + 25 * wash, 15.0, 3
        if self._waters_garden:
            yield 1290, dice.uniform(80, 200), 30

    def _school(self, dice: random.Random, is_weekday: bool) -> Iterator[tuple[int, float, int]]:
        if not is_weekday:
            return
        for _ in range(dice.randint(120, 220)):
            yield int(dice.triangular(460, 840, 640)), dice.uniform(2, 9), 1
        for _ in range(dice.randint(5, 12)):
            yield dice.randint(870, 1080), dice.uniform(8, 15), 2
