# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Report on change, the self-heating guard and plausibility of the climate application."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.firmware_module import FIRMWARE, firmware_module

gate = firmware_module("node_core/change_gate.py")
rules = firmware_module("node_core/climate_rules.py")
VALUES = st.lists(st.one_of(st.none(), st.integers(-5000, 15_000)), min_size=1, max_size=200)
WHOLE_NUMBERS_ONLY = [
    "apps/climate.py",
    "node_core/change_gate.py",
    "node_core/climate_rules.py",
    "node_io/drivers/sensirion.py",
    "node_io/drivers/sht3x.py",
    "node_io/drivers/sht4x.py",
    "node_io/drivers/bme280.py",
    "node_io/drivers/bh1750.py",
    "node_io/drivers/veml7700.py",
]


@given(VALUES, st.integers(1, 500), st.integers(0, 50))
def test_what_was_reported_is_never_a_step_away(values: list[int | None], step: int, percent: int) -> None:
    """After each sample the last report is less than a step from it, or of the same absence, and not older than the heartbeat."""
    watch = gate.ChangeGate([(step, percent)], 10)
    reported, at_ms = None, None
    for second, value in enumerate(values):
        if watch.is_due([value], second * 1000):
            watch.reported([value], second * 1000)
            reported, at_ms = value, second * 1000
        assert at_ms is not None and second * 1000 - at_ms < 10_000
        assert (value is None) == (reported is None)
        if value is not None and reported is not None:
            assert abs(value - reported) < max(step, abs(reported) * percent // 100)


@given(VALUES, st.integers(0, 2**50))
def test_the_gate_goes_on_after_a_sleep(values: list[int | None], now_ms: int) -> None:
    """What is kept over a sleep decides as if there had been none, in 8 bytes and 4 a value."""
    steps = [(100, 0)] * len(values)
    before, after = gate.ChangeGate(steps, 60), gate.ChangeGate(steps, 60)
    before.reported(values, now_ms)
    assert len(before.dump()) == 8 + 4 * len(values) and after.load(before.dump())
    for later in (0, 59_999, 60_000):
        for other in (values, [None] * len(values), [7 if value is None else value + 100 for value in values]):
            assert before.is_due(other, now_ms + later) == after.is_due(other, now_ms + later)
    assert not gate.ChangeGate([*steps, (1, 0)], 60).load(before.dump())


@pytest.mark.parametrize(
    ("name", "minutes", "rise_cdeg", "found"),
    [
        ("a case that settles", [0, 5, 10, 15, 20, 25, 30], [0, 100, 160, 195, 215, 225, 230], 230),
        ("weather that goes on", [0, 5, 10, 15, 20, 25, 30], [0, 40, 80, 120, 160, 200, 240], 0),
        ("cooling down", [0, 15, 30], [0, -100, -120], 0),
        ("no sensor until it was warm", [5, 15, 30], [0, 100, 120], 0),
    ],
)  # fmt: skip
def test_self_heating_is_a_rise_that_slows_down(
    name: str, minutes: list[int], rise_cdeg: list[int], found: int
) -> None:
    """Only a rise of which more than three fifths came in the first half of the half hour counts, from a cold start."""
    guard = rules.SelfHeating()
    ends = [guard.add(2000 + rise, at * 60_000) for at, rise in zip(minutes, rise_cdeg, strict=True)]
    assert guard.rise_cdeg == found, name
    assert sum(ends) == (minutes[0] == 0), "the reading that ends it is announced once"


def test_implausible_values_are_named() -> None:
    """Both limits belong to what a sensor can measure; a hundred equal readings are none."""
    judge = rules.Plausible([(-4000, 12_500), (0, 10_000)])
    assert [judge.reason(values) for values in ((-4000, 0), (12_500, 10_000))] == ["", ""]
    for values in ((-4001, 0), (12_501, 0), (0, -1), (0, 10_001)):
        assert judge.reason(values) == "a value that it cannot measure"
    reasons = [judge.reason((2000, 5000)) for _ in range(102)]
    assert reasons[:100] == [""] * 100 and reasons[101] == "the same values again and again"
    assert judge.reason((2001, 5000)) == ""
    night = rules.Plausible([(0, 13_000_000)], True)
    assert {night.reason((0,)) for _ in range(500)} == {""} and night.reason((-1,)), "light may stay where it is"
    assert rules.is_jump((2501, 5000), [2000, 5000], [500, 0]) and not rules.is_jump((2500, 9), [2000, 5000], [500, 0])
    assert not rules.is_jump((9000, 1), [None, 5000], [500, 0]) and not rules.is_jump((1, 1), None, [500, 0])


@pytest.mark.parametrize("path", WHOLE_NUMBERS_ONLY)
def test_climate_code_computes_in_whole_numbers(path: str) -> None:
    """A board's floats have 24 bits; here there is none: no float constant, no true division, no float call."""
    for node in ast.walk(ast.parse((FIRMWARE / path).read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"line {node.lineno}"
        assert not (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)), f"line {node.lineno}"
        assert not (isinstance(node, ast.Name) and node.id in ("float", "math")), f"line {node.lineno}"


def test_a_clock_that_began_anew_makes_a_report_due() -> None:
    """A last report that lies in the future is one of another clock: it holds nothing back."""
    watch = gate.ChangeGate([(20, 0)], 3600)
    watch.reported([2000], 86_400_000)
    assert watch.is_due([2000], 700) and not watch.is_due([2000], 86_400_001)
