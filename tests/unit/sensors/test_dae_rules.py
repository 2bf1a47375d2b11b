# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Presence, status light, alarms and dates of a defibrillator's cabinet."""

from __future__ import annotations

import ast
import datetime
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.firmware_module import FIRMWARE, firmware_module

rules = firmware_module("node_core/dae_rules.py")
light = firmware_module("node_core/status_light.py")
judge = firmware_module("node_core/light_verdict.py")
calendar = firmware_module("node_core/dae_dates.py")

DARK_UV, ON_UV = 150_000, 80_000
UNKNOWN, OK, FAULT = judge.UNKNOWN, judge.OK, judge.FAULT
SENSE = st.sampled_from([True, False, None])
WINDOW_MS = 35_000
DAY_MS = rules.DAY_MS
LOOKS = 15  # of 3,500 samples each


def look(samples: list[tuple[int, int]], expected: int | None = None, steady_green_ok: bool = True) -> tuple[int, str]:
    """The verdict over (green, red) samples in uV above the dark, 10 ms apart, where `expected` (all of these) belong to a look."""
    watcher = light.StatusLight(ON_UV)
    for index, (green_uv, red_uv) in enumerate(samples):
        watcher.add(DARK_UV + green_uv, DARK_UV + red_uv, DARK_UV + green_uv, index * 10)
    expected = len(samples) if expected is None else expected
    verdict: tuple[int, str] = judge.verdict(watcher, 800, 10_000, expected, steady_green_ok)
    return verdict


def blinking(
    dice: random.Random, period_ms: int, on_ms: int, bright_uv: int, ambient_uv: int = 0, jitter_ms: int = 0
) -> list[tuple[int, int]]:
    """A green light through its filters, with the converter's noise, and a leak that both photodiodes see."""
    samples, next_ms, until_ms = [], dice.randrange(period_ms), -1
    for at_ms in range(0, WINDOW_MS, 10):
        if at_ms >= next_ms:
            until_ms, next_ms = at_ms + on_ms, next_ms + period_ms + dice.randint(-jitter_ms, jitter_ms)
        lit_uv = bright_uv if at_ms < until_ms else 0
        leak_uv = int(ambient_uv * dice.uniform(0.2, 1.0))  # flicker, sampled anywhere
        samples.append(
            (int(lit_uv + leak_uv + dice.gauss(0, 4000)), int(lit_uv * 0.1 + leak_uv * 0.8 + dice.gauss(0, 4000)))
        )
    return samples


@settings(max_examples=LOOKS, deadline=None)
@given(st.integers(0, 2**32), st.integers(900, 9000), st.integers(30, 400), st.integers(250_000, 2_500_000))
def test_an_even_green_light_is_ready(seed: int, period_ms: int, on_ms: int, bright_uv: int) -> None:
    """Any period that the profile allows, short flashes, weak and strong, with noise, jitter and a little leaking light."""
    dice = random.Random(seed)
    leak_uv = min(bright_uv // 12, ON_UV * 3 // 4)
    samples = blinking(dice, period_ms, on_ms, bright_uv, ambient_uv=leak_uv, jitter_ms=period_ms // 20)
    assert look(samples) == (OK, "green, blinking")


@settings(max_examples=LOOKS, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 2_900_000), st.floats(0.5, 2.0))
def test_without_a_colour_nothing_is_claimed(seed: int, ambient_uv: int, balance: float) -> None:
    """Darkness, daylight, flicker, clouds and steps of both photodiodes together are unknown: neither ready nor faulty.

    They may differ by a factor of two.
    """
    dice = random.Random(seed)
    level, samples = 0.5, []
    for _ in range(WINDOW_MS // 10):
        level = dice.random() if dice.random() < 0.02 else level
        leak_uv = ambient_uv * level * dice.uniform(0.3, 1.0)
        green_uv, red_uv = (leak_uv * min(1, balance), leak_uv * min(1, 1 / balance))
        samples.append((int(green_uv + dice.gauss(0, 3000)), int(red_uv + dice.gauss(0, 3000))))
    assert look(samples)[0] == UNKNOWN


@settings(max_examples=LOOKS, deadline=None)
@given(st.integers(0, 2**32), st.integers(100, 8000), st.integers(60, 600), st.integers(250_000, 2_500_000))
def test_red_is_never_ready(seed: int, period_ms: int, on_ms: int, bright_uv: int) -> None:
    """A red light at any pace is a fault, also beside a green one that blinks as it should."""
    dice = random.Random(seed)
    red = [(red_uv, green_uv) for green_uv, red_uv in blinking(dice, period_ms, on_ms, bright_uv)]
    assert look(red) == (FAULT, "red")
    green = blinking(dice, 3000, 100, bright_uv)
    both = [g if max(g) > max(r) else r for g, r in zip(green, red, strict=True)]
    assert look(both) == (FAULT, "red")


GREEN, OFF, RED = (600_000, 60_000), (0, 0), (60_000, 600_000)
CASES = [
    ("green all the time", [GREEN] * 3500, (OK, "green")),
    ("green with a short dip", [*[GREEN] * 1700, *[OFF] * 5, *[GREEN] * 1795], (OK, "green")),
    ("dark", [OFF] * 3500, (UNKNOWN, "no light")),
    ("bright on both", [(600_000, 500_000)] * 3500, (UNKNOWN, "ambient light")),
    ("five flashes a second", ([GREEN] * 10 + [OFF] * 10) * 175, (FAULT, "green in another pattern")),
    ("double flashes", ([GREEN] * 10 + [OFF] * 20 + [GREEN] * 10 + [OFF] * 260) * 12, (FAULT, "green in another pattern")),
    ("a flash each 12 s", ([OFF] * 1190 + [GREEN] * 10) * 3, (FAULT, "green in another pattern")),
    ("one flash", [*[OFF] * 1000, *[GREEN] * 12, *[OFF] * 2400], (UNKNOWN, "too few flashes")),
    ("it stops in the middle", [*(([OFF] * 290 + [GREEN] * 10) * 5), *[OFF] * 2000], (UNKNOWN, "unsure")),
    ("it begins in the middle", [*[OFF] * 2000, *(([OFF] * 290 + [GREEN] * 10) * 5)], (UNKNOWN, "unsure")),
    ("one red sample among green flashes", [*(([OFF] * 290 + [GREEN] * 10) * 11), RED], (UNKNOWN, "unsure")),
    ("hardly looked at", [GREEN] * 99, (UNKNOWN, "not looked at")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "samples", "expected"), CASES, ids=[name for name, *_ in CASES])
def test_each_pattern_has_its_meaning(name: str, samples: list[tuple[int, int]], expected: tuple[int, str]) -> None:
    """Patterns that a light shows, and what is said of them."""
    assert look(samples) == expected


def test_a_lamp_that_is_switched_between_two_readings_has_no_colour() -> None:
    """Hard-edged lamps in step with the sampling: the green photodiode saw it, the red one no longer, the second green one not either."""
    watcher = light.StatusLight(ON_UV)
    for at_ms in range(0, 2 * WINDOW_MS, 10):
        is_flank = at_ms // 1000 % 2 == 0
        watcher.add(DARK_UV + (900_000 if is_flank else 0), DARK_UV, DARK_UV, at_ms)
    assert judge.verdict(watcher, 800, 10_000, 7000, True) == (UNKNOWN, "no light")


def test_flashes_that_were_missed_make_no_fault() -> None:
    """A board that was busy for a while sees an uneven pattern: unknown, not faulty."""
    watcher = light.StatusLight(ON_UV)
    for at_ms in range(0, WINDOW_MS, 10):
        if 9_000 < at_ms < 15_500:
            continue
        is_lit = at_ms % 3000 < 100
        green_uv = DARK_UV + (600_000 if is_lit else 0)
        watcher.add(green_uv, DARK_UV, green_uv, at_ms)
    assert judge.verdict(watcher, 800, 10_000, 3500, True) == (UNKNOWN, "unsure")


def test_steady_green_is_ready_only_where_the_model_does_so() -> None:
    """A cabinet lit green from outside looks the same: without the setting nobody knows."""
    assert look([GREEN] * 3500, steady_green_ok=False) == (UNKNOWN, "green all the time")
    assert look([GREEN] * 3500, steady_green_ok=True) == (OK, "green")
    assert look(([OFF] * 290 + [GREEN] * 10) * 11, steady_green_ok=False) == (OK, "green, blinking")


def test_green_that_was_hardly_seen_is_not_ready() -> None:
    """Fewer than half of a look's samples, or a steady green with a pause in which it may have gone out: unknown."""
    assert look([GREEN] * 1700, expected=3500) == (UNKNOWN, "unsure")
    assert look(([OFF] * 290 + [GREEN] * 10) * 5, expected=3500) == (UNKNOWN, "unsure")
    assert look([GREEN] * 1750, expected=3500) == (OK, "green")
    watcher = light.StatusLight(ON_UV)
    refused = light.StatusLight(ON_UV)
    for at_ms in range(0, WINDOW_MS, 10):
        if not 9_000 < at_ms < 15_500:
            watcher.add(DARK_UV + 600_000, DARK_UV, DARK_UV + 600_000, at_ms)
        again_uv = DARK_UV + (600_000 if at_ms % 330 == 0 else 0)  # 97 % of them differ from one reading to the next
        refused.add(DARK_UV + 600_000, DARK_UV, again_uv, at_ms)
    assert judge.verdict(watcher, 800, 10_000, 3500, True) == (UNKNOWN, "unsure")
    assert refused.samples >= 100 and judge.verdict(refused, 800, 10_000, 3500, True) == (UNKNOWN, "unsure")


AMBER = (360_000, 600_000)


@pytest.mark.parametrize("other", [AMBER, (600_000, 600_000), (160_000, 300_000), (48_000, 80_000), (80_000, 64_000)])
def test_green_beside_flashes_of_another_colour_is_not_ready(other: tuple[int, int]) -> None:
    """Green and amber in turn is a warning on many models, also where the amber is dim; what is below `on_uv` counts as dark."""
    flashes = ([GREEN] * 10 + [OFF] * 140 + [other] * 10 + [OFF] * 140) * 11
    assert look(flashes) == (UNKNOWN, "unsure")
    assert look(([GREEN] * 10 + [other] * 290) * 11) == (UNKNOWN, "unsure"), "steady between the green flashes"
    assert look(([GREEN] * 10 + [OFF] * 140 + [(79_000, 79_000)] * 10 + [OFF] * 140) * 11) == (OK, "green, blinking")
    edges = [OFF] * 289 + [GREEN] * 10 + [(85_000, 30_000)]
    assert look(edges * 11) == (OK, "green, blinking"), "a flash that ends within a sample"


@settings(max_examples=LOOKS, deadline=None)
@given(
    st.integers(0, 2**32), st.integers(0, 2_500_000), st.integers(0, 3000), st.integers(30, 400), st.floats(0.5, 2.0)
)
def test_amber_is_never_ready(seed: int, amber_uv: int, period_ms: int, on_ms: int, balance: float) -> None:
    """Alone it is unknown or a fault, at any brightness, steady or blinking, on photodiodes that differ by a factor of two; and beside
    a green light that blinks as it should no look with an amber one that is on is ready."""
    dice = random.Random(seed)
    alone, both = [], []
    for at_ms in range(0, WINDOW_MS, 10):
        is_on = not period_ms or at_ms % max(period_ms, 2 * on_ms) < on_ms
        amber = amber_uv if is_on else 0
        seen = (amber * 0.6 * min(1, balance) + dice.gauss(0, 3000), amber * min(1, 1 / balance) + dice.gauss(0, 3000))
        alone.append((int(seen[0]), int(seen[1])))
        both.append(GREEN if 2000 <= at_ms % 3000 < 2100 else alone[-1])
    assert look(alone)[0] != OK
    if amber_uv > 2.5 * ON_UV:
        assert look(both)[0] != OK


@given(st.lists(st.tuples(SENSE, SENSE, st.integers(1, 60)), max_size=60))
def test_present_needs_both_senses(steps: list[tuple[bool | None, bool | None, int]]) -> None:
    """Whatever happens: two seconds after they stopped to agree nobody says present; both together are believed at once."""
    presence = rules.Presence()
    looks = 0
    for switch, weight, count in steps:
        for _ in range(count):
            presence.update(switch, weight)
            looks = 0 if switch is weight and switch is not None else looks + 1
            if not looks:
                assert presence.state == (rules.PRESENT if switch else rules.REMOVED)
            elif looks > 21:
                assert presence.state != rules.PRESENT and presence.is_settled
                if None not in (switch, weight) or switch is weight is None:
                    assert presence.state == rules.UNKNOWN
                elif False in (switch, weight):
                    assert presence.state == rules.REMOVED, "the other sense is broken"


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.integers(1, 400_000)), max_size=80))
def test_an_alarm_rings_once_ends_once_and_is_repeated_daily(steps: list[tuple[bool | None, int]]) -> None:
    """Told states alternate, except for repeats a day or more after the last word; none rings before its delay."""
    alarms = rules.Alarms((0, 30, 0))
    told: list[tuple[int, bool]] = []
    now_ms, true_since = 0, None
    for condition, for_ms in steps:
        for now_ms in range(now_ms, now_ms + for_ms, 5000):  # noqa: B020
            true_since = (now_ms if true_since is None else true_since) if condition else None
            said = alarms.update(1, condition, now_ms)
            if said is None:
                continue
            if not told or told[-1][1] != said:
                assert said or told, "an end without a beginning"
                assert not said or (true_since is not None and now_ms - true_since >= 30_000)
            else:
                assert said and now_ms - told[-1][0] >= DAY_MS
            told.append((now_ms, said))
            assert alarms.raised == (2 if said else 0), "another alarm's bit"


def test_an_alarm_that_lasts_is_repeated_once_a_day() -> None:
    """Ten days of the same: ten or eleven words, and one at the end; a restart in between adds none."""
    alarms = rules.Alarms((0,))
    told = [at_s for at_s in range(0, 10 * 86_400, 60) if alarms.update(0, True, at_s * 1000)]
    assert told == [day * 86_400 for day in range(10)]
    again = rules.Alarms((0,))
    again.restore(alarms.raised, 0)
    assert [again.update(0, True, at_ms) for at_ms in (0, 60_000, DAY_MS - 1)] == [None] * 3
    assert again.update(0, True, DAY_MS) is True and again.update(0, False, DAY_MS + 1) is False
    assert again.update(0, None, DAY_MS + 2) is None


def test_noise_at_a_bound_rings_nothing() -> None:
    """Coming back needs the margin."""
    assert rules.is_beyond(199, 200, 4500, 100, False) and not rules.is_beyond(200, 200, 4500, 100, False)
    assert rules.is_beyond(299, 200, 4500, 100, True) and not rules.is_beyond(300, 200, 4500, 100, True)
    assert rules.is_beyond(4501, 200, 4500, 100, False) and rules.is_beyond(4401, 200, 4500, 100, True)
    assert not rules.is_beyond(4400, 200, 4500, 100, True)


@given(st.dates(datetime.date(2000, 1, 1), datetime.date(2199, 12, 31)))
def test_dates_are_those_of_the_calendar(date: datetime.date) -> None:
    """ISO dates and day numbers, both ways, leap days included."""
    day = (date - datetime.date(1970, 1, 1)).days
    assert calendar.day_of(date.isoformat()) == day and calendar.date_of(day) == date.isoformat()


@pytest.mark.parametrize(
    "text", ["", "2027-02-29", "2027-13-01", "2027-00-10", "2027-04-31", "2027-4-01", "27-04-01", "2027/04/01", "soon", "1999-01-01"]
)  # fmt: skip
def test_what_is_no_date_is_refused(text: str) -> None:
    """A date that an installer mistyped is never taken for another."""
    with pytest.raises(ValueError, match="not a date"):
        calendar.day_of(text)


def test_expiry_levels() -> None:
    """90, 30 and 7 days before, and after the day itself."""
    assert [calendar.level_of(days) for days in (500, 91, 90, 31, 30, 8, 7, 0, -1)] == [0, 0, 1, 1, 2, 2, 3, 3, 4]


@pytest.mark.parametrize(
    "path",
    [
        "node_core/dae_rules.py",
        "node_core/dae_dates.py",
        "node_core/status_light.py",
        "node_core/light_verdict.py",
        "apps/dae.py",
        "apps/dae_paper.py",
        "node_io/drivers/scale.py",
    ],
)
def test_the_cabinet_computes_in_whole_numbers(path: str) -> None:
    """A board's floats have 24 bits; here there is none: no float constant, no true division."""
    for node in ast.walk(ast.parse((FIRMWARE / path).read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"line {node.lineno}"
        assert not (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)), f"line {node.lineno}"
