# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The parking detector's decisions, on hand-made fields and on a street of dipoles."""

from __future__ import annotations

import random
from typing import Any

import pytest

from simulators.world.street import Street
from tests.support.firmware_module import firmware_module

parking = firmware_module("node_core/parking_detector.py")
UNKNOWN, FREE, OCCUPIED = parking.UNKNOWN, parking.FREE, parking.OCCUPIED
EMPTY, CAR, OTHER_CAR, NEIGHBOUR = (
    (22000, 1000, -40000),
    (35000, -4000, -52000),
    (19000, 6000, -33000),
    (900, -700, 800),
)


class Stall:
    """Feeds a detector once a second."""

    def __init__(self, detector: Any, temperature_cdeg: int = 1500) -> None:
        self.detector = detector
        self.now_ms = 0
        self.temperature_cdeg = temperature_cdeg
        self.changes = 0

    def stay(self, field: tuple[int, int, int], seconds: int = 20) -> int:
        for _ in range(seconds):
            self.now_ms += 1000
            self.changes += self.detector.update(field, self.temperature_cdeg, self.now_ms)
        state: int = self.detector.state
        return state


def learnt() -> Stall:
    stall = Stall(parking.ParkingDetector())
    stall.detector.is_empty(EMPTY, 1500, 0)
    stall.stay(EMPTY, 300)
    return stall


def moved(field: tuple[int, int, int], by: tuple[int, int, int]) -> tuple[int, int, int]:
    return (field[0] + by[0], field[1] + by[1], field[2] + by[2])


def test_nothing_is_claimed_before_the_empty_stall_is_known() -> None:
    """A node that boots says unknown, whether a car stands on it or not, for as long as nothing changes."""
    for field in (EMPTY, CAR):
        assert Stall(parking.ParkingDetector()).stay(field, 3600) == UNKNOWN


@pytest.mark.parametrize("first", [EMPTY, CAR], ids=["booted empty", "booted under a car"])
def test_the_level_that_comes_back_is_the_empty_stall(first: tuple[int, int, int]) -> None:
    """Two cars never bend the field alike, so the first level seen twice is the empty one."""
    stall = Stall(parking.ParkingDetector())
    for field in (first, OTHER_CAR, (28000, 9000, -47000)):
        stall.stay(field, 60)
        if first == CAR:
            stall.stay(EMPTY, 60)
    assert stall.stay(EMPTY, 60) == FREE
    assert stall.stay(CAR, 60) == OCCUPIED
    assert stall.stay(EMPTY, 60) == FREE


def test_a_neighbour_s_car_and_a_passing_one_change_nothing() -> None:
    """A field bent by less than the threshold, or one that moves all the time, is no change of this stall."""
    stall = learnt()
    stall.changes = 0
    assert stall.stay(moved(EMPTY, NEIGHBOUR), 60) == FREE
    for second in range(30):
        assert stall.stay(moved(EMPTY, (4000 * (second % 2), 3000, second * 900)), 1) == FREE
    assert stall.stay(EMPTY) == FREE and stall.changes == 0


def test_between_the_two_thresholds_the_state_stays() -> None:
    """Hysteresis: the same field is free after free, and occupied after occupied."""
    stall = learnt()
    between = moved(EMPTY, (2400, 0, 0))
    assert stall.stay(between) == FREE
    stall.stay(CAR)
    assert stall.stay(between) == OCCUPIED
    assert stall.stay(EMPTY) == FREE


def test_a_car_that_leaves_the_magnitude_as_it_was_is_seen() -> None:
    """Three axes count, not |B|: a field turned but not lengthened is a car."""
    stall = learnt()
    assert stall.stay((-22000, 1000, -40000)) == OCCUPIED


def test_temperature_moves_the_line_and_a_car_does_not() -> None:
    """An empty field that drifts by 500 nT a kelvin over 16 K stays free; under a car nothing is learnt."""
    stall = learnt()
    drift = (-200, 80, 500)

    def field(temperature_cdeg: int) -> tuple[int, int, int]:
        warm_k = (temperature_cdeg - 1500) / 100
        return (int(22000 + drift[0] * warm_k), int(1000 + drift[1] * warm_k), int(-40000 + drift[2] * warm_k))

    for step in list(range(1500, 3100, 5)) + list(range(3100, 1500, -5)):
        stall.temperature_cdeg = step
        assert stall.stay(field(step), 60) == FREE, (step, stall.detector.deviation_nt)
    before = stall.detector.dump()
    assert stall.stay(CAR, 3600) == OCCUPIED
    assert stall.detector.dump() == before
    stall.temperature_cdeg = 3000  # it has become warm under the car: the slope is known, so leaving is seen
    assert stall.stay(field(3000)) == FREE


def test_an_occupation_without_end_becomes_unknown_and_heals() -> None:
    """Steel laid for good looks like a car for ever: after the limit the answer is unknown, then learnt anew."""
    stall = Stall(parking.ParkingDetector(occupied_s_max=7200))
    stall.detector.is_empty(EMPTY, 1500, 0)
    steel = moved(EMPTY, (6000, -3000, 2000))
    assert stall.stay(steel, 7000) == OCCUPIED
    assert stall.stay(steel, 600) == UNKNOWN
    stall.stay(moved(steel, (13000, -5000, -12000)), 60)
    assert stall.stay(steel, 60) == FREE
    assert stall.stay(moved(steel, (9000, 4000, -8000)), 60) == OCCUPIED


def test_a_saved_line_is_believed_after_a_restart_and_garbage_is_not() -> None:
    """With the line a rebooted node knows at once, even under a car; other bytes are refused."""
    saved = learnt().detector.dump()
    for field, state in ((EMPTY, FREE), (CAR, OCCUPIED)):
        detector = parking.ParkingDetector()
        assert detector.state == UNKNOWN and detector.load(saved)
        assert Stall(detector).stay(field) == state
    detector = parking.ParkingDetector()
    for garbage in (b"", saved[:-1], b"\xff" * len(saved), b"\x02" + saved[1:]):
        assert not detector.load(garbage), garbage
    assert detector.dump() is None


def test_settings_that_contradict_each_other_are_refused() -> None:
    """Leaving below entering, or the state would flutter."""
    with pytest.raises(ValueError, match="leave_nt"):
        parking.ParkingDetector(enter_nt=1000, leave_nt=1000)


@pytest.mark.parametrize("seed", [1, 2])
def test_on_a_street_of_dipoles_it_is_right_almost_always(seed: int) -> None:
    """Three stalls, five hours, temperature and neighbours: at least 97 % of the judged seconds are right, few unknown."""
    start_ms = 1_790_000_000_000
    street = Street(3, start_ms, seed=seed)
    noise = random.Random(seed)
    for stall in range(3):
        detector = parking.ParkingDetector()
        right = judged = unknown = 0
        settled_ms = start_ms
        before: bool | None = None
        for at_ms in range(start_ms, start_ms + 5 * 3_600_000, 2000):
            field_nt = tuple(round(value * 1e9 + noise.gauss(0, 60)) for value in street.field_t(stall, at_ms))
            temperature_cdeg = round((street.temperature_c(at_ms) - 21) * 100)
            detector.update(field_nt, temperature_cdeg, at_ms - start_ms)
            truth = street.is_occupied(stall, at_ms)
            if truth is None or truth != before:
                settled_ms = at_ms + 12_000
            before = truth
            if at_ms < settled_ms or at_ms < start_ms + 2 * 3_600_000:
                continue
            judged += 1
            unknown += detector.state == UNKNOWN
            right += detector.state == (OCCUPIED if truth else FREE)
        print(f"seed {seed} stall {stall}: right {right} of {judged}, unknown {unknown}")
        assert judged > 4000 and right >= 0.97 * judged, (
            f"seed {seed} stall {stall}: right {right} unknown {unknown} of {judged}"
        )
