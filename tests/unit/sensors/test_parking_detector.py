# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The parking detector's decisions on hand-made fields: heartbeats ten minutes apart, and a stream of a sample a second."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from tests.support.firmware_module import firmware_module

parking = firmware_module("node_core/parking_detector.py")
parking_dump = firmware_module("node_core/parking_dump.py")
UNKNOWN, FREE, OCCUPIED = parking.UNKNOWN, parking.FREE, parking.OCCUPIED
Field = tuple[int, int, int]
EMPTY: Field = (22000, 1000, -40000)
CARS: list[Field] = [(35000, -4000, -52000), (19000, 6000, -33000), (28000, 9000, -47000), (12000, -8000, -44000)]
HEARTBEAT_S = 600


class Stall:
    """Feeds a detector; a little noise, so that nothing is exactly equal."""

    def __init__(self, detector: Any = None, temperature_cdeg: int | None = 1500) -> None:
        self.detector = detector or parking.ParkingDetector()
        self.now_ms = 0
        self.temperature_cdeg = temperature_cdeg
        self.changes = 0
        self._dice = random.Random(1)

    def noisy(self, field: Field) -> Field:
        x, y, z = (value + round(self._dice.gauss(0, 60)) for value in field)
        return (x, y, z)

    def stay(self, field: Field, seconds: int = 3600, step_s: int = HEARTBEAT_S) -> int:
        for _ in range(max(1, seconds // step_s)):
            self.now_ms += step_s * 1000
            self.changes += self.detector.update(self.noisy(field), self.temperature_cdeg, self.now_ms)
        state: int = self.detector.state
        return state

    def stream(self, field: Field, seconds: int = 20) -> int:
        return self.stay(field, seconds, 1)


def learnt() -> Stall:
    stall = Stall()
    stall.detector.is_empty(EMPTY, 1500, 0)
    stall.stay(EMPTY, 86_400)
    stall.changes = 0
    return stall


def moved(field: Field, by: Field) -> Field:
    return (field[0] + by[0], field[1] + by[1], field[2] + by[2])


def test_a_boot_claims_nothing_and_then_guesses_with_little_confidence() -> None:
    """Whether a car stands on it or not: unknown for ten minutes, then the likelier state; never confident about it."""
    for field in (EMPTY, CARS[0]):
        stall = Stall()
        assert stall.stay(field, 540, 60) == UNKNOWN and stall.detector.confidence_pct() == 0
        assert stall.stay(field, 180, 60) == FREE
        assert stall.stay(field, 4 * 3600) == FREE and stall.detector.confidence_pct() < 75


@pytest.mark.parametrize("first", [None, CARS[0]], ids=["booted empty", "booted under a car"])
@pytest.mark.parametrize("step_s", [1, 20, HEARTBEAT_S])
def test_the_field_that_comes_back_is_the_empty_stall(first: Field | None, step_s: int) -> None:
    """Cars never bend the field alike: after three visits the states are right, wherever it began, at any pace of samples."""
    stall = Stall()
    stall.stay(first or EMPTY, 3600, step_s)
    for car in CARS[1:]:
        stall.stay(EMPTY, 3600, step_s)
        stall.stay(car, 3600, step_s)
    assert stall.stay(EMPTY, 3600, step_s) == FREE
    assert stall.detector.confidence_pct() > 90
    assert stall.stay(CARS[0], 3600, step_s) == OCCUPIED
    assert stall.stay(EMPTY, 3600, step_s) == FREE


@pytest.mark.parametrize("car_nt", [5000, 13000, 40000])
@pytest.mark.parametrize("noise_nt", [50, 300])
@pytest.mark.parametrize("quiet_h", [2, 3, 6])
def test_quiet_hours_tell_nothing_about_a_car_that_was_not_seen(car_nt: int, noise_nt: int, quiet_h: int) -> None:
    """An empty stall at a sample a minute, however quiet, then a first car: free, occupied and free again. The noise that is learnt
    meanwhile must not make "a car stood there from the first sample on" likelier, as a car's size has nothing to do with it."""
    detector = parking.ParkingDetector()
    dice = random.Random(quiet_h)
    for minute in range(quiet_h * 60 + 200):
        has_car = 0 <= minute - quiet_h * 60 < 80
        x, y, z = (value + round(dice.gauss(0, noise_nt)) for value in EMPTY)
        detector.update((x + car_nt * has_car, y, z), 1500, minute * 60_000)
        if minute >= 120:
            assert detector.state == (OCCUPIED if has_car else FREE), (minute, detector.confidence_pct())


def test_a_car_that_stood_there_at_the_first_sample_is_found_out() -> None:
    """The other way round: the first change after quiet hours is that car's leaving. From the second car on, the states are right."""
    stall = Stall()
    stall.stay(CARS[0], 4 * 3600, 60)
    stall.stay(EMPTY, 3600, 60)
    assert stall.stay(CARS[1], 3600, 60) == OCCUPIED
    assert stall.stay(EMPTY, 60, 60) == FREE and stall.detector.confidence_pct() > 90
    assert stall.stay(CARS[2], 60, 60) == OCCUPIED and stall.detector.confidence_pct() > 90


def test_one_heartbeat_is_enough_to_see_a_car_come_and_go() -> None:
    """Ten minutes between two rows: each row is judged at once, there is nothing to wait for."""
    stall = learnt()
    for car in CARS:
        assert stall.stay(car, HEARTBEAT_S) == OCCUPIED
        assert stall.stay(EMPTY, HEARTBEAT_S) == FREE
    assert stall.changes == 2 * len(CARS)


def test_a_stream_is_judged_when_the_field_rests_and_within_ten_seconds() -> None:
    """While a car manoeuvres nothing is judged; the car is seen within ten seconds of standing still, its leaving too."""
    stall = learnt()
    stall.stream(EMPTY, 30)
    for second in range(25):
        assert stall.stream(moved(EMPTY, (4000 * (second % 2), 3000, second * 900)), 1) == FREE
        assert second < 4 or not stall.detector.is_still
    assert stall.stream(CARS[0], 10) == OCCUPIED and stall.detector.is_still
    assert stall.stream(EMPTY, 10) == FREE


@pytest.mark.parametrize("step_s", [5, 10])
def test_what_drives_past_between_two_near_samples_is_not_judged(step_s: int) -> None:
    """Samples some seconds apart: one that the next does not confirm changes nothing, a vehicle that stays is seen at its second."""
    stall = learnt()
    stall.stay(EMPTY, 3600, step_s)
    for car in CARS:
        assert stall.stay(car, step_s, step_s) == FREE and not stall.detector.is_still
        assert stall.stay(EMPTY, 20 * step_s, step_s) == FREE
    assert stall.stay(CARS[0], 2 * step_s, step_s) == OCCUPIED
    assert stall.stay(EMPTY, step_s, step_s) == OCCUPIED and stall.stay(EMPTY, step_s, step_s) == FREE


def test_a_heartbeat_and_the_packets_of_a_change_are_judged_one_by_one() -> None:
    """A device that says each change at once, some seconds after its heartbeat: nothing has to be confirmed."""
    stall = learnt()
    stall.stay(EMPTY, 8 * HEARTBEAT_S)
    for car in CARS:
        assert stall.stay(car, 10, 10) == OCCUPIED and stall.stay(car, 2 * HEARTBEAT_S) == OCCUPIED
        assert stall.stay(EMPTY, 10, 10) == FREE and stall.stay(EMPTY, 2 * HEARTBEAT_S) == FREE


def test_a_neighbour_s_car_changes_nothing() -> None:
    """Steps of up to 1.5 uT that come and go are the neighbours'; a car is still seen through them."""
    stall = learnt()
    for step in ((900, -700, 800), (-600, 300, 400), (900, -700, 800)):
        assert stall.stay(moved(EMPTY, step), 4 * 3600) == FREE
        assert stall.stay(EMPTY, 4 * 3600) == FREE
    assert stall.changes == 0
    assert stall.stay(moved(CARS[1], (900, -700, 800)), 3600) == OCCUPIED
    assert stall.stay(moved(EMPTY, (900, -700, 800)), 3600) == FREE


def test_a_car_that_leaves_the_magnitude_as_it_was_is_seen() -> None:
    """Three axes count, not |B|: a field turned but not lengthened is a car."""
    stall = learnt()
    assert stall.stay((-22000, 1000, -40000), HEARTBEAT_S) == OCCUPIED


def test_temperature_moves_the_empty_field_and_a_car_does_not() -> None:
    """Two uT a kelvin over twelve kelvin a day: free stays free; a car through a warm day is still one, and then gone."""
    stall = learnt()

    def field(base: Field, temperature_cdeg: int) -> Field:
        warm_k = (temperature_cdeg - 1500) / 100
        return moved(base, (int(-500 * warm_k), int(200 * warm_k), int(2000 * warm_k)))

    day = [1500 + round(600 * math.sin(step * math.pi / 72)) for step in range(144)]
    for visit in range(4):
        for step, temperature_cdeg in enumerate(day):
            stall.temperature_cdeg = temperature_cdeg
            has_car = visit == 3 and 30 <= step < 100
            state = stall.stay(field(CARS[1] if has_car else EMPTY, temperature_cdeg), HEARTBEAT_S)
            assert state == (OCCUPIED if has_car else FREE), (visit, step, stall.detector.deviation_nt)


def test_a_thermometer_s_wild_readings_move_nothing() -> None:
    """85 degC, -127 degC or 0 in single rows, as thermometers say at a reset: no state changes, with or without a car; a thermometer
    that stays where it leapt to is followed."""
    stall = learnt()
    dice = random.Random(3)

    def field(base: Field, temperature_cdeg: int) -> Field:
        warm_k = (temperature_cdeg - 1500) / 100
        return moved(base, (int(-500 * warm_k), int(200 * warm_k), int(2000 * warm_k)))

    wrong = 0
    for step in range(7 * 144):
        temperature_cdeg = 1500 + round(600 * math.sin(step * math.pi / 72))
        has_car = step >= 144 and step % 48 >= 30
        is_wild = 144 <= step < 6 * 144 and dice.random() < 0.05
        stall.temperature_cdeg = dice.choice((8500, -12700, -5500)) if is_wild else temperature_cdeg
        state = stall.stay(field(CARS[step // 48 % 4] if has_car else EMPTY, temperature_cdeg), HEARTBEAT_S)
        wrong += state != (OCCUPIED if has_car else FREE)
    assert wrong <= 2
    stall.temperature_cdeg = 1500 - 1100
    for _ in range(3):
        stall.stay(field(EMPTY, 1500), HEARTBEAT_S)
    assert stall.stay(field(EMPTY, 1500 - 1100), 6 * HEARTBEAT_S) == FREE
    assert stall.stay(field(CARS[0], 1500 - 1100), HEARTBEAT_S) == OCCUPIED


def test_a_thermometer_in_other_units_is_believed() -> None:
    """Raw tenths of a degree, a row an hour: 15 "degrees" between two rows are weather, once that is learnt."""
    stall = learnt()
    wrong = 0
    for step in range(12 * 24):
        warm_k = 6 * math.sin(step * math.pi / 12)
        stall.temperature_cdeg = 1500 + round(warm_k * 1000)
        has_car = step % 8 >= 5
        base = CARS[step // 8 % 4] if has_car else EMPTY
        state = stall.stay(moved(base, (int(-500 * warm_k), int(200 * warm_k), int(2000 * warm_k))), 3600, 3600)
        wrong += step >= 24 and state != (OCCUPIED if has_car else FREE)
    assert wrong <= 2


@pytest.mark.parametrize("by", [(6000, -3000, 2000), (-30000, 25000, 40000)], ids=["steel", "re-installed"])
def test_a_change_for_good_heals_within_a_few_visits(by: Field) -> None:
    """Steel laid or a node put back turned: the new empty field is known after four visits, and the old one forgotten."""
    stall = learnt()
    for car in CARS:
        stall.stay(car, 7200)
        stall.stay(EMPTY, 7200)
    for car in CARS:
        stall.stay(moved(EMPTY, by), 7200)
        stall.stay(moved(car, by), 7200)
    assert stall.stay(moved(EMPTY, by), 7200) == FREE
    assert stall.stay(moved(CARS[2], by), 7200) == OCCUPIED


def test_an_occupation_without_end_heals_by_itself() -> None:
    """A steel plate on a stall that nobody uses: occupied at first, free again at about the limit; a week's parking is kept."""
    stall = Stall(parking.ParkingDetector(occupied_s_max=4 * 86_400))
    stall.detector.is_empty(EMPTY, 1500, 0)
    stall.stay(EMPTY, 86_400)
    steel = moved(EMPTY, (6000, -3000, 2000))
    assert stall.stay(steel, 2 * 86_400) == OCCUPIED
    assert stall.stay(steel, 6 * 86_400) == FREE


def test_one_bad_sample_is_forgotten() -> None:
    """A single wild row under a car, or over an empty stall, leaves the state right at the next row."""
    stall = learnt()
    stall.stay((90000, -70000, 20000), HEARTBEAT_S)
    assert stall.stay(EMPTY, HEARTBEAT_S) == FREE
    stall.stay(CARS[0], 3600)
    stall.stay((-90000, 70000, 20000), HEARTBEAT_S)
    assert stall.stay(CARS[0], HEARTBEAT_S) == OCCUPIED
    assert stall.stay(EMPTY, HEARTBEAT_S) == FREE


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_rows_taken_while_the_vehicle_still_moves_teach_nothing(steps: int) -> None:
    """A large vehicle reported before it stands and before it is gone: no row after these takes it for the empty stall."""
    stall = learnt()
    for turn in range(4):
        sign = 1 if turn % 2 else -1
        going, parked, leaving = (
            moved(EMPTY, (part[0] * sign, part[1], part[2]))
            for part in ((36000, -49500, -8500), (38500, -53000, -10000), (7000, -10000, -4500))
        )
        stall.stay(going, 30, 30)
        for _ in range(2 + steps):
            assert stall.stay(parked, 40, 40) == OCCUPIED
        assert stall.stay(parked, 3600 * (1 + turn)) == OCCUPIED
        stall.stay(leaving, 20, 20)
        stall.stay(EMPTY, 70, 70)
        assert stall.stay(EMPTY, HEARTBEAT_S) == FREE
        assert stall.stay(EMPTY, 7200) == FREE


def test_what_is_far_beyond_a_neighbours_step_teaches_less_than_the_step_itself() -> None:
    """The likelihood forgives a row that fits nothing, and so must what is learnt of it; a small step counts in full."""
    before = learnt().detector._explanations[0]
    gains, taught = parking._gains(before, 0.0, False), []
    for away_ut in (0.1, 1.0, 100.0):
        after = list(before)
        parking._correct(after, (away_ut, 0.0, 0.0), gains, gains[4] + 1, away_ut**2, 1.0)
        taught.append(after[parking._EMPTY] - before[parking._EMPTY])
    assert taught[1] == pytest.approx(10 * taught[0], rel=1e-3)
    assert 0 < taught[2] < taught[1] / 2


def test_a_field_that_no_vehicle_makes_is_unknown() -> None:
    """Somebody turns the node upside down: neither free nor occupied is said."""
    stall = learnt()
    assert stall.stay((-400_000, 1000, 300_000), HEARTBEAT_S) == UNKNOWN


def test_time_that_goes_back_is_refused_and_changes_nothing() -> None:
    """A ValueError, and the next good sample is judged as if nothing had been."""
    stall = learnt()
    before = parking_dump.dump(stall.detector)
    with pytest.raises(ValueError, match="time goes back"):
        stall.detector.update(CARS[0], 1500, stall.now_ms - 1)
    assert parking_dump.dump(stall.detector) == before
    stall.detector.update(EMPTY, 1500, stall.now_ms)  # the same time again is no error
    assert stall.stay(CARS[0], HEARTBEAT_S) == OCCUPIED


def test_without_a_thermometer_it_works_and_says_so() -> None:
    """None for the temperature, always or from some time on."""
    stall = Stall(temperature_cdeg=None)
    for car in CARS:
        stall.stay(EMPTY, 7200)
        stall.stay(car, 7200)
    assert stall.stay(EMPTY, 7200) == FREE and stall.detector.self_test() == "temperature missing"
    stall.temperature_cdeg = 2100  # it comes late: no step of the field belongs to it
    assert stall.stay(EMPTY, 7200) == FREE and stall.detector.self_test() == ""


def test_what_was_learnt_survives_in_250_bytes() -> None:
    """A detector made anew from its dump at each sample, as after deep sleep, decides like one that never slept."""
    awake, asleep = learnt(), learnt()
    fields = [EMPTY, CARS[0], EMPTY, CARS[1], moved(EMPTY, (500, 300, -400)), CARS[2], EMPTY]
    for field in fields:
        for _ in range(12):
            saved = parking_dump.dump(asleep.detector)
            assert len(saved) <= 250
            asleep.detector = parking.ParkingDetector()
            assert parking_dump.load(asleep.detector, saved)
            assert asleep.detector.state == awake.detector.state
            assert asleep.stay(field, HEARTBEAT_S) == awake.stay(field, HEARTBEAT_S)


def test_after_a_power_cut_the_clock_may_begin_anew() -> None:
    """With the dump a node knows at once, even under a car, though its time starts at zero again."""
    saved = parking_dump.dump(learnt().detector)
    for field, state in ((EMPTY, FREE), (CARS[0], OCCUPIED)):
        detector = parking.ParkingDetector()
        assert parking_dump.load(detector, saved)
        assert Stall(detector).stay(field, HEARTBEAT_S) == state


def test_bytes_that_are_no_dump_are_refused() -> None:
    """Cut, zeroed, of another version, a bit turned: False, and the detector is as new."""
    saved = parking_dump.dump(learnt().detector)
    detector = parking.ParkingDetector()
    garbage = [b"", b"\0", saved[:-1], saved + b"\0", b"\xff" * len(saved), bytes(len(saved)), b"\x01" + saved[1:]]
    garbage += [saved[:at] + bytes((saved[at] ^ 16,)) + saved[at + 1 :] for at in range(len(saved))]
    for each in garbage:
        assert not parking_dump.load(detector, each), each
    assert parking_dump.dump(detector) is None and detector.state == UNKNOWN


def test_a_re_zero_corrects_it_at_once() -> None:
    """Under a car it was sure of something else; somebody looks and says empty: free, and cars are seen from there."""
    stall = learnt()
    stall.stay(CARS[0], 7200)
    there = moved(EMPTY, (9000, 9000, 9000))
    stall.detector.is_empty(there, 1500, stall.now_ms)
    assert stall.detector.state == FREE and stall.detector.deviation_nt == 0
    assert stall.stay(there, 3600) == FREE
    assert stall.stay(moved(there, (0, -9000, 4000)), HEARTBEAT_S) == OCCUPIED
    assert stall.stay(there, HEARTBEAT_S) == FREE


def test_the_self_test_names_what_is_wrong() -> None:
    """A field that never changes, or one that is no field at all."""
    stuck, dead = parking.ParkingDetector(), parking.ParkingDetector()
    for row in range(200):
        stuck.update(EMPTY, 1500, row * 600_000)
        assert row > 100 or stuck.self_test() == ""
    assert stuck.self_test() == "field stuck"
    dead.update((0, 0, 0), 1500, 0)
    assert dead.self_test() == "field implausible"
    assert learnt().detector.self_test() == ""


def test_settings_that_mean_nothing_are_refused() -> None:
    """A vehicle of no size, an escape without time."""
    for settings in ({"weakest_nt": 0}, {"occupied_s_max": 0}):
        with pytest.raises(ValueError, match="above 0"):
            parking.ParkingDetector(**settings)
