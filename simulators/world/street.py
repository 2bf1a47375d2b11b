# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A street with parking stalls side by side: vehicles come and go, and the field above each sensor follows.

A vehicle is three magnetic dipoles along its length (engine, body, rear axle), of its own strength and direction; it drives
in over some seconds, so a sensor also sees it, and its neighbours', approach. Half of the vehicles bend the field above
their stall by more than 25 uT, one in a hundred by less than 5 uT; the next stall's mostly by 0.3 to 2 uT. The empty field is the
earth's, bent by what lies in the ground, and moves with temperature as recorded stalls do: by up to 2 uT a kelvin on one axis.

For development, not for proof: a detector has to earn its trust on recordings.
Dipole field: B = 1e-7 * (3 r (m r) / r^5 - m / r^3), with m in A m2, r in m, B in T.
"""

from __future__ import annotations

import bisect
import math
import random
from typing import NamedTuple

Vector = tuple[float, float, float]

EARTH_T: Vector = (22.4e-6, 1.1e-6, -41.0e-6)  # about Piacenza: 47 uT, 61 degrees down
STALL_WIDTH_M = 2.5
APPROACH_M = 6.0
APPROACH_MS = 6000
_MOMENT_A_M2 = (25.0, 90.0)  # of each of the three dipoles
_HEIGHT_M = (0.45, 0.75)
_LENGTH_M = (-1.3, 0.1, 1.4)
_FOREVER_MS = 1 << 60


class Visit(NamedTuple):
    """One vehicle in one stall. It stands from `arrived_ms` to `leaving_ms`; before and after it drives."""

    arrived_ms: int
    leaving_ms: int
    moments: tuple[Vector, Vector, Vector]
    height_m: float
    off_m: tuple[float, float]  # how far from the stall's middle


def dipole_t(moment: Vector, at: Vector) -> Vector:
    """Field of a dipole at the origin, at the point `at`."""
    r2 = at[0] ** 2 + at[1] ** 2 + at[2] ** 2
    r = math.sqrt(r2)
    along = (moment[0] * at[0] + moment[1] * at[1] + moment[2] * at[2]) * 3 / (r2 * r2 * r)
    inverse = 1 / (r2 * r)
    return (
        1e-7 * (along * at[0] - moment[0] * inverse),
        1e-7 * (along * at[1] - moment[1] * inverse),
        1e-7 * (along * at[2] - moment[2] * inverse),
    )


class Street:
    """`stalls` stalls from `start_ms` on. Everything follows from the seed: asking twice gives the same answer.

    Args:
        free_s, parked_s: mean times of the two states (exponential, and at least 12 s).
        temperature_c, swing_k: mean and half range of a day.
    """

    def __init__(
        self,
        stalls: int,
        start_ms: int,
        *,
        seed: int = 1,
        free_s: float = 900,
        parked_s: float = 2400,
        temperature_c: float = 15.0,
        swing_k: float = 8.0,
    ) -> None:
        self.stalls = stalls
        self.start_ms = start_ms
        self._free_s = free_s
        self._parked_s = parked_s
        self._temperature_c = temperature_c
        self._swing_k = swing_k
        self._dice = [random.Random(f"{seed} stall {index}") for index in range(stalls)]
        self._visits: list[list[Visit]] = [[] for _ in range(stalls)]
        self._planned_ms = [start_ms] * stalls
        self._at_rest: list[tuple[int, int, Vector]] = [
            (0, 0, (0.0, 0.0, 0.0))
        ] * stalls  # from, until, what vehicles add
        self._ground: list[Vector] = []
        self._drift: list[Vector] = []
        for dice in self._dice:
            self._ground.append((dice.gauss(0, 4e-6), dice.gauss(0, 4e-6), dice.gauss(0, 4e-6)))
            self._drift.append((-dice.uniform(1e-7, 6e-7), dice.gauss(0, 1e-7), dice.uniform(3e-7, 2e-6)))

    def temperature_c(self, at_ms: int) -> float:
        """Warmest at three in the afternoon (UTC)."""
        hour = at_ms / 3_600_000 % 24
        return self._temperature_c + self._swing_k * math.cos((hour - 15) * math.pi / 12)

    def is_occupied(self, stall: int, at_ms: int) -> bool | None:
        """The ground truth; None while a vehicle is driving in or out."""
        visit = self._visit_near(stall, at_ms)
        if visit is None:
            return False
        if visit.arrived_ms <= at_ms < visit.leaving_ms:
            return True
        return None if self._distance_m(visit, at_ms) < APPROACH_M else False

    def changes(self, stall: int, until_ms: int) -> list[tuple[int, bool]]:
        """(time, occupied) of every change up to then."""
        self._plan(stall, until_ms)
        found: list[tuple[int, bool]] = []
        for visit in self._visits[stall]:
            for at_ms, state in ((visit.arrived_ms, True), (visit.leaving_ms, False)):
                if at_ms <= until_ms:
                    found.append((at_ms, state))
        return found

    def field_t(self, stall: int, at_ms: int) -> Vector:
        """Flux density above the sensor of `stall`, without the sensor's own noise."""
        warm_k = self.temperature_c(at_ms) - self._temperature_c
        ground, drift, vehicles = self._ground[stall], self._drift[stall], self._vehicles_t(stall, at_ms)
        x, y, z = (EARTH_T[axis] + ground[axis] + drift[axis] * warm_k + vehicles[axis] for axis in range(3))
        return (x, y, z)

    def _vehicles_t(self, stall: int, at_ms: int) -> Vector:
        """What the vehicles near `stall` add. While none of them moves it is computed once."""
        since_ms, until_ms, known = self._at_rest[stall]
        if since_ms <= at_ms < until_ms:
            return known
        until_ms = at_ms + 3_600_000
        moves = False
        field = [0.0, 0.0, 0.0]
        for other in range(max(0, stall - 2), min(self.stalls, stall + 3)):
            visit = self._visit_near(other, at_ms)
            if visit is None:
                following = bisect.bisect_right(self._visits[other], at_ms, key=lambda visit: visit.arrived_ms)
                self._plan(other, until_ms)
                if following < len(self._visits[other]):
                    until_ms = min(until_ms, self._visits[other][following].arrived_ms - APPROACH_MS)
                continue
            away_m = self._distance_m(visit, at_ms)
            moves = moves or away_m > 0
            until_ms = min(until_ms, visit.leaving_ms)
            if away_m >= APPROACH_M:
                continue
            for moment, along_m in zip(visit.moments, _LENGTH_M, strict=True):
                at = (
                    (stall - other) * STALL_WIDTH_M - visit.off_m[0],
                    -(along_m + visit.off_m[1] + away_m),
                    -visit.height_m,
                )
                part = dipole_t(moment, at)
                for axis in range(3):
                    field[axis] += part[axis]
        found = (field[0], field[1], field[2])
        if not moves:
            self._at_rest[stall] = (at_ms, until_ms, found)
        return found

    def _distance_m(self, visit: Visit, at_ms: int) -> float:
        if at_ms < visit.arrived_ms:
            gone = (visit.arrived_ms - at_ms) / APPROACH_MS
        elif at_ms >= visit.leaving_ms:
            gone = (at_ms - visit.leaving_ms) / APPROACH_MS
        else:
            return 0.0
        return min(1.0, gone) * APPROACH_M

    def _visit_near(self, stall: int, at_ms: int) -> Visit | None:
        """The visit that stands, comes or goes at that time."""
        self._plan(stall, at_ms + APPROACH_MS)
        visits = self._visits[stall]
        index = bisect.bisect_right(visits, at_ms + APPROACH_MS, key=lambda visit: visit.arrived_ms) - 1
        if index < 0:
            return None
        visit = visits[index]
        if at_ms < visit.arrived_ms and index and at_ms < visits[index - 1].leaving_ms + APPROACH_MS:
            return visits[index - 1]
        return visit if at_ms < visit.leaving_ms + APPROACH_MS else None

    def _plan(self, stall: int, until_ms: int) -> None:
        dice = self._dice[stall]
        while self._planned_ms[stall] <= until_ms:
            free_ms = int(max(12.0, dice.expovariate(1 / self._free_s)) * 1000)
            parked_ms = int(max(12.0, dice.expovariate(1 / self._parked_s)) * 1000)
            arrived_ms = self._planned_ms[stall] + APPROACH_MS + free_ms
            visit = Visit(
                arrived_ms,
                arrived_ms + parked_ms,
                (_moment(dice), _moment(dice), _moment(dice)),
                dice.uniform(*_HEIGHT_M),
                (dice.gauss(0, 0.15), dice.gauss(0, 0.25)),
            )
            self._visits[stall].append(visit)
            self._planned_ms[stall] = visit.leaving_ms + APPROACH_MS


def _moment(dice: random.Random) -> Vector:
    size = dice.uniform(*_MOMENT_A_M2)
    # Mostly along the earth's field, which magnetises the steel; the rest is the vehicle's own history.
    length = math.sqrt(sum(part * part for part in EARTH_T))
    mixed = [0.75 * part / length + 0.5 * dice.gauss(0, 0.6) for part in EARTH_T]
    norm = math.sqrt(sum(part * part for part in mixed))
    return (size * mixed[0] / norm, size * mixed[1] / norm, size * mixed[2] / norm)
