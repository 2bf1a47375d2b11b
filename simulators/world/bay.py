# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""One in-ground parking bay over months, as its sensor would send it: a row every ten minutes and one at each change.

Made hard on purpose, from what recorded bays do (docs/parking-detector.md): each axis of the empty field follows temperature by
up to 2 uT/K, with a lag, a curve and a thermometer of coarse steps; it wanders, and drifts over the season. Vehicles bend it by
1.5 to 60 uT, a resident's almost alike each time; the neighbours' by 0.3 to 3 uT. A car may stand on the sensor at the first row, the
sensor may be lifted and put back, steel may be laid beside it, days may be missing, rows doubled, changes unreported, and a row may be
taken while a vehicle manoeuvres.

For development, not for proof. Everything follows from the seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import NamedTuple

Vector = tuple[float, float, float]

DAY_S = 86_400
HEARTBEAT_S = 600
_GRID_S = 300  # weather and wander are drawn this often


class Row(NamedTuple):
    """One row of a recording, and the truth."""

    time_s: int
    temperature_degc: float
    field_ut: Vector
    occupied: bool


class Bay:
    """What kind of bay a seed gives: read the attributes, then `rows()`.

    Args:
        days: length of the record.
        traps: False leaves out the first car, the lifting, the steel, the gaps and the spoilt rows.
    """

    def __init__(self, seed: int, days: float = 182, *, traps: bool = True) -> None:
        self.seed = seed
        self.days = days
        dice = self._dice = random.Random(f"bay {seed}")
        unit_ut = dice.uniform(0.035, 0.07)
        self.slope_ut: Vector = (
            -unit_ut * dice.uniform(6, 17),
            unit_ut * dice.uniform(-8, 8),
            unit_ut * dice.uniform(13, 39),
        )
        self.curve_per_k = dice.gauss(0, 0.002)
        self.lag_s = dice.choice([0, 0, 600, 1200, 2400])
        self.temperature_step_k = dice.choice([0.01, 0.1, 0.25, 0.5, 1.0])
        self.noise_ut = dice.uniform(0.02, 0.12)
        self.field_step_ut = dice.choice([0.01, unit_ut, 0.1])
        self.wander_ut = dice.uniform(0.05, 0.4)
        self.drift_ut = dice.uniform(0.02, 0.2)  # in a day
        self.car_ut = dice.uniform(5, 22)  # median
        self.car_spread = dice.uniform(0.4, 0.75)
        self.visits_a_day = math.exp(dice.uniform(math.log(0.5), math.log(40)))
        self.share_occupied = min(0.9, max(0.04, dice.betavariate(1.2, 1.4)))
        self.is_daytime = dice.random() < 0.6  # visits follow the clock
        self.resident = dice.uniform(0.3, 0.8) if dice.random() < 0.3 else 0.0  # share of visits
        self.neighbour_ut = dice.uniform(0.3, 1.6) if dice.random() < 0.7 else 0.0
        self.unreported = dice.choice([0.0, 0.02, 0.1, 0.3])  # share of changes without a row
        self.manoeuvres = dice.choice([0.0, 0.2, 0.5])  # share of changes whose row was taken too early
        self.first_occupied = dice.random() < 0.25
        self.lifted_s = self.steel_s = -1
        self.gaps: list[tuple[int, int]] = []
        length_s = int(days * DAY_S)
        if traps:
            if dice.random() < 0.25:
                self.lifted_s = int(dice.uniform(0.05, 0.95) * length_s)
                self.gaps.append((self.lifted_s, self.lifted_s + int(dice.uniform(600, 2 * DAY_S))))
            if dice.random() < 0.3:
                self.steel_s = int(dice.uniform(0.05, 0.95) * length_s)
            for _ in range(dice.choice([0, 1, 2, 5])):
                begin = int(dice.uniform(0, length_s))
                self.gaps.append((begin, begin + int(math.exp(dice.uniform(math.log(7200), math.log(10 * DAY_S))))))
        self._is_spoilt = traps
        if not traps:
            self.first_occupied = False

    def rows(self) -> Iterator[Row]:
        """Every row in the order of the record, which is almost that of time."""
        dice = random.Random(f"rows {self.seed}")
        length_s = int(self.days * DAY_S)
        weather, warm, wander = self._nature(dice, length_s)
        visits = self._visits(dice, length_s, self.visits_a_day, self.share_occupied, self.first_occupied, self._car)
        neighbours = []
        if self.neighbour_ut:
            for _ in range(2):
                middle = tuple(dice.gauss(0, 0.6) * self.neighbour_ut for _ in range(3))

                def other(inner: random.Random, middle: tuple[float, ...] = middle) -> Vector:
                    x, y, z = (part + inner.gauss(0, 0.2) * self.neighbour_ut for part in middle)
                    size = math.exp(inner.gauss(0, 0.3)) * min(1.0, 2.0 / math.sqrt(x * x + y * y + z * z))
                    return (x * size, y * size, z * size)

                rate = self.visits_a_day * math.exp(dice.gauss(0, 0.5))
                neighbours.append(self._visits(dice, length_s, rate, dice.uniform(0.1, 0.8), False, other))
        base = _turned(dice, (22.0, 1.0, -41.0), 0.2)
        base = (base[0] + dice.gauss(0, 8), base[1] + dice.gauss(0, 8), base[2] + dice.gauss(0, 8))
        lifted_base = _turned(dice, base, 0.5)
        steel = _vector(dice, math.exp(dice.uniform(math.log(3), math.log(25))))
        at, beside = 0, [0, 0]
        for time_s, before_change in self._times(dice, length_s, visits):
            if any(begin <= time_s < end for begin, end in self.gaps):
                continue
            while at + 1 < len(visits) and visits[at + 1][0] <= time_s:
                at += 1
            arrived_s, left_s, car = visits[at]
            is_occupied = arrived_s <= time_s < left_s
            field = list(base if self.lifted_s < 0 or time_s < self.lifted_s else lifted_base)
            if 0 <= self.steel_s <= time_s:
                field = [a + b for a, b in zip(field, steel, strict=True)]
            if before_change:  # the vehicle is on its way in or out
                share = dice.uniform(0.1, 1.3)
                field = [a + b * share + dice.gauss(0, 0.3) * abs(b) for a, b in zip(field, car, strict=True)]
            elif is_occupied:
                field = [a + b for a, b in zip(field, car, strict=True)]
            for index, others in enumerate(neighbours):
                while beside[index] + 1 < len(others) and others[beside[index] + 1][0] <= time_s:
                    beside[index] += 1
                arrived_s, left_s, car = others[beside[index]]
                if arrived_s <= time_s < left_s:
                    field = [a + b for a, b in zip(field, car, strict=True)]
            place, part = divmod(time_s / _GRID_S, 1.0)
            cell = int(place)
            felt_k = warm[cell] + (warm[cell + 1] - warm[cell]) * part - 10
            for axis in range(3):
                moved = self.slope_ut[axis] * felt_k * (1 + self.curve_per_k * felt_k) + wander[axis][cell]
                moved += (wander[axis][cell + 1] - wander[axis][cell]) * part
                field[axis] = _rounded(field[axis] + moved + dice.gauss(0, self.noise_ut), self.field_step_ut)
            shown = _rounded(weather[cell] + (weather[cell + 1] - weather[cell]) * part, self.temperature_step_k)
            if self._is_spoilt and dice.random() < 2e-4:
                field = [value + dice.gauss(0, 60) for value in field]
            row = Row(time_s, shown, (field[0], field[1], field[2]), is_occupied)
            yield row
            if self._is_spoilt and dice.random() < 1e-3:
                yield row

    def _nature(self, dice: random.Random, length_s: int) -> tuple[list[float], list[float], list[list[float]]]:
        """On the grid: the thermometer's truth, what the field feels of it, and wander and drift of each axis."""
        season = dice.uniform(0, 2 * math.pi)
        swing_k = dice.uniform(2, 7)
        front_k, felt = 0.0, 0.0
        weather: list[float] = []
        warm: list[float] = []
        wander: list[list[float]] = [[], [], []]
        quick, slow = [0.0] * 3, [0.0] * 3
        keep = math.exp(-_GRID_S / dice.uniform(3600, 6 * 3600))
        for cell in range(length_s // _GRID_S + 3):
            day = cell * _GRID_S / DAY_S
            front_k += -front_k * 0.003 + dice.gauss(0, 0.16)
            sun = max(0.0, math.cos((day % 1 - 0.58) * 2 * math.pi))
            now = 9 + 6 * math.sin(season + day * 2 * math.pi / 365) + front_k
            now += swing_k * (1.6 * sun - 0.5)
            now = min(28.0, max(-8.0, now))
            weather.append(now)
            felt = now if cell == 0 or self.lag_s == 0 else felt + (now - felt) * (1 - math.exp(-_GRID_S / self.lag_s))
            warm.append(felt)
            for axis in range(3):
                strength = self.wander_ut * (0.6, 0.6, 1.0)[axis]
                quick[axis] = quick[axis] * keep + dice.gauss(0, strength * math.sqrt(1 - keep * keep))
                slow[axis] += dice.gauss(0, self.drift_ut * math.sqrt(_GRID_S / DAY_S))
                wander[axis].append(quick[axis] + slow[axis])
        return weather, warm, wander

    def _visits(self, dice, length_s, rate, share, is_first, make) -> list[tuple[int, int, Vector]]:  # type: ignore[no-untyped-def]
        """(arrived, left, field) in order; one in two hundred stays for days."""
        parked_s = max(240.0, share * DAY_S / rate)
        free_s = max(120.0, (1 - share) * DAY_S / rate)
        now = 0.0 if is_first else dice.expovariate(1 / free_s)
        visits = [(-2, -1, (0.0, 0.0, 0.0))]
        while now < length_s:
            stay_s = max(60.0, math.exp(dice.gauss(math.log(parked_s) - 0.32, 0.8)))
            if dice.random() < 0.005:
                stay_s = dice.uniform(1, 6) * DAY_S
            visits.append((int(now), int(now + stay_s), make(dice)))
            now += stay_s + max(20.0, dice.expovariate(1 / free_s))
            if self.is_daytime and (now / DAY_S) % 1 > 0.9 and dice.random() < 0.8:
                now = (now // DAY_S + 1 + dice.uniform(0.25, 0.4)) * DAY_S
        return visits

    def _car(self, dice: random.Random) -> Vector:
        if dice.random() < self.resident:
            own = random.Random(f"resident {self.seed}")
            x, y, z = self._signature(own)
            return (x * dice.gauss(1, 0.12), y * dice.gauss(1, 0.12), z * dice.gauss(1, 0.12))
        return self._signature(dice)

    def _signature(self, dice: random.Random) -> Vector:
        return _vector(dice, min(60.0, max(1.5, self.car_ut * math.exp(dice.gauss(0, self.car_spread)))))

    def _times(
        self, dice: random.Random, length_s: int, visits: list[tuple[int, int, Vector]]
    ) -> list[tuple[int, bool]]:
        """(time, taken while the vehicle moved) of every row."""
        times: list[tuple[int, bool]] = []
        for arrived_s, left_s, _ in visits[1:]:
            for change_s in (arrived_s, left_s):
                if change_s > length_s or dice.random() < self.unreported:
                    continue
                if dice.random() < self.manoeuvres:
                    times.append((change_s + (1 if change_s == arrived_s else -2), True))
                times.append((change_s + int(dice.uniform(3, 20)), False))
        phase = dice.randrange(HEARTBEAT_S)
        times.extend((at, False) for at in range(phase, length_s, HEARTBEAT_S))
        times.sort()
        return times


def _rounded(value: float, step: float) -> float:
    return round(value / step) * step


def _vector(dice: random.Random, size: float) -> Vector:
    """Any direction, the vertical more often."""
    parts = [dice.gauss(0, 1), dice.gauss(0, 0.8), dice.gauss(0, 1.3)]
    norm = math.sqrt(sum(part * part for part in parts))
    return (size * parts[0] / norm, size * parts[1] / norm, size * parts[2] / norm)


def _turned(dice: random.Random, field: Vector, angle: float) -> Vector:
    """Turned about all three axes by about `angle` radians."""
    x, y, z = field
    for _ in range(2):
        turn = dice.gauss(0, angle)
        x, y = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
        turn = dice.gauss(0, angle)
        y, z = y * math.cos(turn) - z * math.sin(turn), y * math.sin(turn) + z * math.cos(turn)
    return (x, y, z)
