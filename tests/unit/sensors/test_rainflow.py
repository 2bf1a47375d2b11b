# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Rainflow counts against the standard's example and against an independent program, the `rainflow` package."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
import rainflow as reference
from hypothesis import given
from hypothesis import strategies as st

from simulators.replay import counted as replayed
from tests.support.firmware_module import firmware_module

rainflow = firmware_module("node_core/rainflow.py")
WIDEST = 1 << 40


def counted(series: Sequence[int], gate: int = 1) -> list[tuple[int, int]]:
    """(range, half cycles) of each cycle in the order in which the firmware closes them, and the residue's."""
    counter = rainflow.Rainflow(gate, WIDEST, 1)
    closed = replayed.watch(counter)
    for value in series:
        counter.add(value)
    replayed.end(counter)
    assert sum(halves for _, halves in closed) == counter.histogram[0]
    assert counter.forced == 0
    return closed


def expected(series: Sequence[int]) -> list[tuple[int, int]]:
    """The same by the package; it counts a plateau at the end as a range of 0, which is none."""
    return [(size, int(count * 2)) for size, _, count, _, _ in reference.extract_cycles(series) if size]


def gated_reversals(series: Sequence[int], gate: int) -> list[int]:
    """Reversals of a whole series, found backwards and forwards at leisure: each pair of neighbours is at least a gate apart."""
    points = list(series)
    while True:
        kept = points[:1]
        for value in points[1:]:
            if value == kept[-1]:
                continue
            if len(kept) >= 2 and (value > kept[-1]) == (kept[-1] > kept[-2]):
                kept[-1] = value
            else:
                kept.append(value)
        sizes = [abs(after - before) for before, after in pairwise(kept)]
        if not sizes or min(sizes) >= gate:
            return kept
        place = sizes.index(min(sizes))
        if place == 0:
            points = kept[1:]
        elif place == len(sizes) - 1:
            points = kept[:-1]
        else:
            points = kept[:place] + kept[place + 2 :]


def test_the_standard_s_example_is_counted_as_the_standard_does() -> None:
    """ASTM E1049-85, figure 6: half a cycle of 3, one and a half of 4, half of 6, one of 8, half of 9."""
    found: Counter[int] = Counter()
    for size, halves in counted([-2, 1, -3, 5, -1, 3, -4, 4, -2]):
        found[size] += halves
    assert found == Counter({3: 1, 4: 3, 6: 1, 8: 2, 9: 1})


def test_cycles_close_in_the_standard_s_order_while_the_record_runs() -> None:
    """What is counted before the end is what the package counts before it begins to empty its residue."""
    counter = rainflow.Rainflow(1, WIDEST, 1)
    closed = replayed.watch(counter)
    for value in [-2, 1, -3, 5, -1, 3, -4, 4, -2]:
        counter.add(value)
    half, full = 1, 2
    assert closed == [(3, half), (4, half), (4, full), (8, half)]
    replayed.end(counter)
    assert closed[4:] == [(9, half), (8, half), (6, half)]


@given(st.lists(st.integers(-9, 9), min_size=3, max_size=200))
def test_any_series_of_small_numbers_is_counted_as_the_package_does(series: list[int]) -> None:
    """Full and half cycles, with plateaus, ties and repeated ranges, which small numbers are full of."""
    assert counted(series) == expected(series)


def test_random_series_are_counted_as_the_package_does() -> None:
    """White noise, walks and sums of sines, up to 24 bits and 5,000 samples: every range and count is the package's."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    for _ in range(20):
        count = dice.randrange(3, 5000)
        white = [dice.randrange(-(1 << 23), 1 << 23) for _ in range(count)]
        walk = [0]
        for _ in range(count):
            walk.append(max(-(1 << 23), min((1 << 23) - 1, walk[-1] + dice.randrange(-3000, 3001))))
        for series in (white, walk, [value // 1000 for value in walk]):
            assert counted(series) == expected(series)


@pytest.mark.parametrize("gate", [2, 7, 50, 400])
def test_with_a_gate_the_counts_are_the_package_s_of_the_gated_reversals(gate: int) -> None:
    """Small swings do not count and do not split large ones: the same totals as the package finds in the reversals that are left."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    for _ in range(30):
        series = [0]
        for _ in range(dice.randrange(3, 400)):
            series.append(series[-1] + dice.randrange(-60, 61))
        reversals = gated_reversals(series, gate)
        found = counted(series, gate)
        assert all(size >= gate for size, _ in found)
        if len(reversals) > 2:  # the package counts nothing in two points
            assert found == expected(reversals)
        else:
            assert [halves for _, halves in found] == [1] * (len(reversals) - 1)


def test_a_residue_beyond_its_room_is_counted_half_and_said() -> None:
    """Ranges that shrink for ever fill the stack; then the oldest one counts half, and every range is still counted once."""
    counter = rainflow.Rainflow(1, 100, 20)
    series = [(-1) ** index * (1000 - index) for index in range(500)]
    for value in series:
        counter.add(value)
    assert counter.forced > 0 and len(counter.values) == rainflow.DEPTH + 1
    replayed.end(counter)
    assert sum(counter.histogram) == len(series) - 1


def test_the_histogram_has_half_cycles_by_range() -> None:
    """Range 4 is in the first bin of width 5, 6 to 9 in the second; what is wider than all bins is in the last."""
    counter = rainflow.Rainflow(1, 5, 2)
    for value in [-2, 1, -3, 5, -1, 3, -4, 4, -2, 90, -90]:
        counter.add(value)
    replayed.end(counter)
    assert list(counter.histogram) == [4, 6]
