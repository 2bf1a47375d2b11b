# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The leak rules' decisions, on hand-made days and on households of the simulator."""

from __future__ import annotations

import itertools
import os
import random
from typing import Any

import pytest

from simulators.world.water_use import WaterUse
from tests.support.leak_figures import HOUR_S, Row, find_leaks, leak_rules, share_calm
from tests.support.single_precision import load_single

LEAK, BURST, GREW = leak_rules.LEAK, leak_rules.BURST, leak_rules.GREW
DAY_S = 86400
START_MS = 1_790_000_000_000 // 86_400_000 * 86_400_000
SEED = int(os.environ.get("STARTCITY_SEED", "20261122"))


class Meter:
    """A meter that is read every `period_s`."""

    def __init__(self, period_s: int = HOUR_S, **settings: int) -> None:
        self.rules = leak_rules.LeakRules(**settings)
        self.period_s = period_s
        self.now_s = 0
        self.total_ml = 5_000_000
        self.rules.update(0, self.total_ml)

    def run(self, hours: float, flow_l_h: float) -> int:
        """So long at this flow; the alarms afterwards."""
        for _ in range(int(hours * HOUR_S) // self.period_s):
            self.read(self.period_s, flow_l_h)
        alarms: int = self.rules.alarms
        return alarms

    def read(self, span_s: int, flow_l_h: float) -> int:
        self.now_s += span_s
        self.total_ml += int(flow_l_h * 1000 * span_s / HOUR_S)
        self.rules.update(self.now_s, self.total_ml // 1000 * 1000)
        alarms: int = self.rules.alarms
        return alarms

    def days(self, count: int, leak_l_h: float = 0, night_h: int = 8) -> int:
        """Days with use by day and a quiet night."""
        for _ in range(count):
            self.run(24 - night_h, 20 + leak_l_h)
            self.run(night_h, leak_l_h)
        alarms: int = self.rules.alarms
        return alarms


def households(count: int, days: int, period_s: int = HOUR_S, **settings: Any) -> list[list[Row]]:
    found = []
    for index in range(count):
        use = WaterUse(START_MS, seed=SEED + index, **settings)
        found.append([(at_s, int(litres) * 1000) for at_s, litres in use.rows(START_MS + days * 86_400_000, period_s)])
    return found


@pytest.mark.parametrize("period_s", [60, 900, HOUR_S])
def test_a_leak_of_5_litres_an_hour_is_found_after_a_day_without_a_pause(period_s: int) -> None:
    """No alarm in a week with nights; with 5 l/h more one within 24 hours, whether rows come each minute or each hour."""
    meter = Meter(period_s)
    assert meter.days(7) == 0
    assert meter.run(21, 25) == 0
    assert meter.run(3, 5) == LEAK and leak_rules.RULES[meter.rules.rule] == "no_zero_hour"


def test_less_than_the_threshold_is_no_leak() -> None:
    """3 l/h by night are below both rules where the night's threshold is 4."""
    assert Meter(night_ml_h=4000).days(14, leak_l_h=3) == 0


def test_three_quiet_hours_a_day_are_enough() -> None:
    """A house in which somebody is up at all hours but three has no leak; with one quiet hour only its nights become suspicious."""
    meter = Meter()
    for _ in range(30):
        meter.run(20, 40)
        assert meter.run(3, 0) == 0
    for _ in range(4):
        meter.run(20, 40)
        meter.run(1, 0)
    assert meter.rules.alarms == LEAK and leak_rules.RULES[meter.rules.rule] == "night_minimum"


def test_a_small_leak_is_found_by_its_nights() -> None:
    """3 l/h is too little for the hourly rule; three nights show it, no fewer."""
    meter = Meter(60)
    assert meter.days(5) == 0
    assert meter.days(2, leak_l_h=3) == 0
    assert meter.days(2, leak_l_h=3) == LEAK and leak_rules.RULES[meter.rules.rule] == "night_minimum"


def test_an_alarm_ends_after_two_clean_nights_and_not_before() -> None:
    """A mended leak keeps its alarm for 48 hours of readings with pauses."""
    meter = Meter()
    meter.days(3)
    assert meter.days(2, leak_l_h=8) == LEAK
    assert meter.days(1) == LEAK
    assert meter.days(2) == 0
    assert meter.days(10) == 0


@pytest.mark.parametrize("period_h", [3, 6, 24])
def test_an_alarm_ends_where_rows_are_hours_apart(period_h: int) -> None:
    """Rows too sparse to show an hour's pause: a mended leak's alarm ends all the same, one that runs on keeps it."""
    for hourly_first in (True, False):
        meter = Meter()
        if hourly_first:
            meter.days(3)
            assert meter.days(4, leak_l_h=3) == LEAK  # by its nights
        meter.period_s = period_h * HOUR_S
        assert meter.run(12 * 24, 9) & LEAK
        assert meter.run(24, 0) & LEAK
        assert meter.run(9 * 24, 0) == 0


def test_the_same_alarm_begins_every_other_day_at_most() -> None:
    """Whatever runs, two beginnings of one alarm are 48 hours apart or more."""
    dice = random.Random(SEED)
    for _ in range(20):
        meter = Meter(burst_ml_h=100_000)
        began: dict[int, list[int]] = {LEAK: [], BURST: [], GREW: []}
        before = 0
        for _ in range(3000):
            flow = dice.choice((0, 0, 5, 9, 200)) if dice.random() < 0.03 else 6
            alarms = meter.read(HOUR_S, flow)
            for bit, times in began.items():
                if alarms & bit & ~before:
                    times.append(meter.now_s)
            before = alarms
        assert began[LEAK] and began[BURST], f"STARTCITY_SEED={SEED}"
        for times in began.values():
            assert all(b - a >= 2 * DAY_S for a, b in itertools.pairwise(times)), f"STARTCITY_SEED={SEED}"


def test_a_leak_that_grows_is_told_again() -> None:
    """A known leak of 8 l/h that becomes 14 is a second alarm; one that stays is not."""
    meter = Meter()
    assert meter.days(4, leak_l_h=8) == LEAK
    assert meter.days(6, leak_l_h=8) == LEAK
    assert meter.days(2, leak_l_h=14) == LEAK | GREW


def test_a_leak_that_was_half_mended_can_grow_from_there() -> None:
    """20 l/h that became 8 and then 14 is a leak that has grown, although it was more before."""
    meter = Meter()
    assert meter.days(3, leak_l_h=20) == LEAK
    assert meter.days(2, leak_l_h=8) == LEAK
    assert meter.days(2, leak_l_h=14) == LEAK | GREW


def test_a_burst_is_told_within_the_hour_and_held_for_two_days() -> None:
    """2 m3/h for half an hour rings, ten minutes of it do not; the alarm ends two days after the last of it."""
    meter = Meter(60)
    assert meter.run(1 / 6, 2000) == 0
    assert meter.run(2, 10) == 0
    assert meter.run(0.7, 2000) == BURST
    assert meter.days(1) & BURST
    assert not meter.days(2) & BURST


def test_more_than_the_meter_can_pass_is_a_burst_too() -> None:
    """Beyond Q4 a reading is doubted; when it goes on like that, it is believed."""
    meter = Meter(60)
    meter.run(1, 0)
    assert meter.run(2 / 60, 9000) == 0 and meter.rules.is_implausible
    assert meter.run(2 / 60, 9000) & BURST


def test_what_is_accepted_is_no_leak_but_more_is() -> None:
    """A fountain of 10 l/h is normal after `accept`; 5 more are a leak."""
    meter = Meter()
    assert meter.days(3, leak_l_h=10) == LEAK
    meter.rules.accept()
    assert meter.days(6, leak_l_h=10) == 0
    assert meter.days(2, leak_l_h=15) == LEAK


@pytest.mark.parametrize("pause_min", [180, 240, 300])
@pytest.mark.parametrize("from_min", [120, 165, 180, 215])
def test_a_pause_of_one_slice_is_enough_wherever_it_lies(pause_min: int, from_min: int) -> None:
    """With pulses of 10 l a pause of three hours breaks the run although slices are 2.5 hours; a leak of 4 l/h has none."""
    rules = leak_rules.LeakRules(resolution_ml=10_000, nights=255)
    for flow_ml_h in (0, 4800):
        total_ml = rules.consumed_ml
        base_s = rules._last_s or 0
        for at_s in range(300, 6 * DAY_S, 300):
            is_pause = from_min * 60 <= at_s % DAY_S < (from_min + pause_min) * 60
            total_ml += (0 if is_pause else 3333) + flow_ml_h // 12
            rules.update(base_s + at_s, total_ml // 10_000 * 10_000)
            assert flow_ml_h or not rules.alarms, at_s
    assert rules.alarms & LEAK


@pytest.mark.parametrize("pulse_l", [50, 100, 250, 1000])
def test_pulses_too_coarse_for_a_pause_raise_no_alarm(pulse_l: int) -> None:
    """A house with quiet nights and a pulse of 50 l or more has neither leak nor burst; three such pulses in the window are one."""
    rules = leak_rules.LeakRules(resolution_ml=pulse_l * 1000)
    total_ml = 0
    for at_s in range(0, 15 * DAY_S, 300):
        total_ml += 3333 if 7 <= at_s // HOUR_S % 24 < 22 else 0
        rules.update(at_s, total_ml // (pulse_l * 1000) * pulse_l * 1000)
        assert rules.alarms == 0, at_s
    assert rules.is_too_coarse and rules.night_ml_h is None
    if pulse_l < 1000:
        for step in range(1, 12):
            rules.update(at_s + step * 300, (total_ml + step * 400_000) // (pulse_l * 1000) * pulse_l * 1000)
        assert rules.alarms == BURST


@pytest.mark.parametrize("new_total_ml", [0, 123_000, 900_000_000])
def test_a_reset_or_another_meter_is_neither_use_nor_leak(new_total_ml: int) -> None:
    """The first reading after it is left out, the second goes on from there, and consumption holds only what ran."""
    meter = Meter()
    meter.days(2)
    used_ml = meter.rules.consumed_ml
    meter.total_ml = new_total_ml
    meter.read(HOUR_S, 7)
    assert meter.rules.is_implausible and meter.rules.left_out == 1
    meter.read(HOUR_S, 7)
    meter.read(HOUR_S, 7)
    assert not meter.rules.is_implausible and meter.rules.leaps == 1 and meter.rules.left_out == 0
    assert meter.rules.consumed_ml == used_ml + 14_000 and meter.rules.alarms == 0


@pytest.mark.parametrize("error_ml", [-1_000_000, 1_000_000])
def test_one_wrong_reading_changes_nothing(error_ml: int) -> None:
    """A glitch far up or down is left out; the total after it is the old one's."""
    meter, other = Meter(), Meter()
    for each in (meter, other):
        each.days(2)
    meter.rules.update(meter.now_s + 60, meter.total_ml + error_ml)
    assert meter.rules.is_implausible
    for each in (meter, other):
        each.days(1)
    assert meter.rules.consumed_ml == other.rules.consumed_ml and meter.rules.left_out == 1
    assert meter.rules.alarms == 0 and meter.rules.leaps == 0


def test_water_that_swings_back_is_not_counted_twice() -> None:
    """A meter that turns back by 3 l and on again by 3 l has used nothing."""
    meter = Meter()
    for _ in range(40):
        meter.total_ml -= 3000
        meter.read(HOUR_S, 0)
        meter.read(HOUR_S, 3)
    assert meter.rules.consumed_ml == 0 and meter.rules.alarms == 0 and meter.rules.left_out == 0


def test_rows_that_come_twice_or_late_are_left_out() -> None:
    """A repeated row is nothing; an older or a contradicting one is counted as left out."""
    meter = Meter()
    meter.run(5, 10)
    before = meter.rules.consumed_ml
    meter.rules.update(meter.now_s, meter.total_ml)
    assert meter.rules.left_out == 0
    meter.rules.update(meter.now_s, meter.total_ml + 1000)
    meter.rules.update(meter.now_s - 1800, meter.total_ml)
    assert meter.rules.left_out == 2 and meter.rules.consumed_ml == before


def test_a_clock_that_was_set_back_is_followed() -> None:
    """Rows that are days older than the last one are a new beginning, not left out for days."""
    meter = Meter()
    meter.run(5 * 24, 1)
    meter.now_s -= 4 * DAY_S
    assert meter.run(30, 10) == LEAK


def test_silence_proves_little() -> None:
    """Days without a reading are no leak; a leak is found although a day of readings is missing."""
    meter = Meter()
    meter.days(2)
    assert meter.read(4 * DAY_S, 12) == 0
    assert meter.run(8, 0) == 0
    for _ in range(6):
        meter.read(7 * HOUR_S, 12)
    assert meter.rules.alarms == LEAK


def test_coarse_pulses_need_a_longer_pause_and_find_the_same_leak() -> None:
    """With 10 l a pulse the slices are 2.5 h: 5 l/h are found within 30 hours, a household's nights are not alarming."""
    meter = Meter(60, resolution_ml=10_000)
    for minute in range(20 * 1440):
        litres = 20 / 60 if minute % 1440 < 960 else 0.0
        meter.now_s += 60
        meter.total_ml += int(litres * 1000)
        meter.rules.update(meter.now_s, meter.total_ml // 10_000 * 10_000)
        assert not meter.rules.alarms
    for _ in range(30 * 60):
        meter.now_s += 60
        meter.total_ml += 84
        meter.rules.update(meter.now_s, meter.total_ml // 10_000 * 10_000)
    assert meter.rules.alarms == LEAK


def test_what_is_dumped_goes_on_as_if_nothing_had_happened() -> None:
    """Over a sleep (the clock goes on) a dump and a load between any two rows change nothing, and fit a sleeping node's memory."""
    dice = random.Random(SEED)
    rows = households(1, 25, leak_l_h=6, leak_from_ms=START_MS + 12 * 86_400_000)[0]
    rows += [(rows[-1][0] + 300 * step, rows[-1][1] + 200_000 * step) for step in range(1, 60)]  # a burst
    rows += [(rows[-1][0] + 3600 * step, 50_000 + 5000 * step) for step in range(1, 60)]  # another meter
    rows[200] = (rows[200][0], rows[200][1] - 900_000)  # a glitch
    through, asleep = leak_rules.LeakRules(), leak_rules.LeakRules()
    seen = 0
    for at_s, total_ml in rows:
        through.update(at_s, total_ml)
        asleep.update(at_s, total_ml)
        assert asleep.dump() == through.dump(), f"STARTCITY_SEED={SEED}"
        assert asleep.is_implausible == through.is_implausible
        seen |= through.alarms
        if dice.random() < 0.5:
            data = asleep.dump()
            assert len(data) <= 200
            asleep = leak_rules.LeakRules()
            assert asleep.load(data, True)
    assert seen & LEAK and seen & BURST


def test_a_step_is_one_reading() -> None:
    """The function that a small board calls gives what the object gives."""
    settings = {"leak_l_h": 4, "leak_h": 22, "night_l_h": 2, "nights": 3, "burst_l_h": 1500, "burst_min": 30}
    settings |= {"q4_l_h": 5000, "pulse_ml": 1000}
    rules = leak_rules.LeakRules()
    state = None
    for at_s, total_ml in households(1, 6, leak_l_h=6)[0]:
        rules.update(at_s, total_ml)
        state, alarms, night_ml_h, is_implausible = leak_rules.step(settings, state, True, at_s, total_ml, False)
        assert (state, alarms, night_ml_h) == (rules.dump(), rules.alarms, rules.night_ml_h) and not is_implausible
    assert alarms == LEAK
    state, alarms, _, _ = leak_rules.step(settings, state, True, at_s + 60, total_ml, True)
    assert alarms == 0


def test_a_power_cut_keeps_what_was_learnt() -> None:
    """After a load without the clock the alarm stays, and its end takes two clean nights from then."""
    meter = Meter()
    meter.days(2, leak_l_h=8)
    data = meter.rules.dump()
    meter.rules = leak_rules.LeakRules()
    assert meter.rules.load(data) and meter.rules.alarms == LEAK
    meter.now_s = 0
    assert meter.days(1) == LEAK
    assert meter.days(2) == 0


@pytest.mark.parametrize("data", [None, b"", b"\x09" + bytes(107), bytes(10)])
def test_a_damaged_dump_is_a_new_beginning(data: bytes | None) -> None:
    """Bytes of another version or length are refused and change nothing."""
    rules = leak_rules.LeakRules()
    assert not rules.load(data) and rules.alarms == 0
    rules.update(0, 0)
    rules.update(3600, 1000)
    assert rules.consumed_ml == 1000


def test_households_are_calm_and_their_leaks_are_found() -> None:
    """On the simulator's households nine of ten raise two alarms a month or fewer, and 95 of 100 leaks begin an alarm in 48 hours."""
    homes = households(24, 40)
    calm = share_calm(homes)
    found = find_leaks(homes, random.Random(SEED), 60, (5, 8, 15, 40))
    print(f"STARTCITY_SEED={SEED}: {calm:.0%} calm, {found}")
    assert calm >= 0.9 and found.began >= 57


def test_single_precision_decides_the_same() -> None:
    """The rules use integers only, so an ESP32's floats cannot change them: the rewritten module gives the same bytes."""
    single = load_single("firmware/node_core/leak_rules.py")
    rows = households(1, 30, leak_l_h=7, leak_from_ms=START_MS + 15 * 86_400_000)[0]
    ours, theirs = leak_rules.LeakRules(), single.LeakRules()
    for at_s, total_ml in rows:
        ours.update(at_s, total_ml + 2_000_000_000_000)
        theirs.update(at_s, total_ml + 2_000_000_000_000)
        assert ours.dump() == theirs.dump()
    assert ours.alarms & LEAK
