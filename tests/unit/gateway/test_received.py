# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Received numbers of docs/wire.md section 2: case tables, and a comparison with plain sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_agent.admit.received import BELOW_FLOOR, NEW, RANGES_MAX, REPEAT, TOO_MANY_RANGES, Numbers, NumberTable
from gateway_agent.model import Kid

EVERY_OTHER = [(number, number) for number in range(10, 10 + 2 * RANGES_MAX, 2)]


@pytest.mark.parametrize(
    ("floor", "ranges", "number", "frame_floor", "verdict"),
    [
        pytest.param(0, [], 0, 0, NEW, id="the first frame of an epoch is new"),
        pytest.param(0, [(0, 4)], 5, 0, NEW, id="the next number is new"),
        pytest.param(0, [(0, 4)], 9, 0, NEW, id="a number behind a hole is new"),
        pytest.param(0, [(0, 4)], 4, 0, REPEAT, id="the last number again is a repeat"),
        pytest.param(0, [(0, 4), (9, 9)], 2, 0, REPEAT, id="a number inside an old range is a repeat"),
        pytest.param(5, [(7, 9)], 4, 4, BELOW_FLOOR, id="an unreceived number below the floor is closed"),
        pytest.param(5, [(7, 9)], 5, 5, NEW, id="the floor itself is open"),
        pytest.param(0, EVERY_OTHER, 500, 0, TOO_MANY_RANGES, id="a 65th range is refused"),
        pytest.param(0, EVERY_OTHER, 0, 0, TOO_MANY_RANGES, id="a 65th range before the others is refused too"),
        pytest.param(0, EVERY_OTHER, 11, 0, NEW, id="a number that joins two ranges is never refused"),
        pytest.param(0, EVERY_OTHER, 9, 0, NEW, id="a number that extends a range downwards is never refused"),
        pytest.param(0, EVERY_OTHER, EVERY_OTHER[-1][1] + 1, 0, NEW, id="the next number is never refused"),
        pytest.param(0, EVERY_OTHER, 500, 12, NEW, id="a frame whose own floor closes a range makes room for itself"),
    ],
)
def test_a_frames_verdict_follows_floor_and_ranges(floor, ranges, number, frame_floor, verdict) -> None:
    """What a frame is depends on the highest floor, the ranges above it and the 64-range limit, and asking changes nothing."""
    numbers = Numbers(floor, ranges)
    before = (numbers.floor, numbers.ranges)
    assert numbers.judge(number, frame_floor) == verdict
    assert (numbers.floor, numbers.ranges) == before


@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 30)),
        max_size=300,
    )
)
def test_numbers_behave_like_a_set_with_a_floor(frames: list[tuple[int, int]]) -> None:
    """Ranges stay ascending, disjoint and apart, at most 64, and hold exactly the accepted numbers above the floor."""
    numbers = Numbers()
    held: set[int] = set()
    floor = 0
    for number, behind in frames:
        frame_floor = max(0, number - behind)
        verdict = numbers.judge(number, frame_floor)
        if number in held:
            assert verdict == REPEAT
        elif number < floor:
            assert verdict == BELOW_FLOOR
        elif verdict == NEW:
            numbers.raise_floor(frame_floor)
            numbers.add(number)
            floor = max(floor, frame_floor)
            held = {old for old in held | {number} if old >= floor}
        else:
            assert verdict == TOO_MANY_RANGES
            assert len(numbers.ranges) == RANGES_MAX
        flat = [number for low, high in numbers.ranges for number in range(low, high + 1)]
        assert flat == sorted(held)
        assert len(numbers.ranges) <= RANGES_MAX
        assert all(
            later[0] > earlier[1] + 1 for earlier, later in zip(numbers.ranges, numbers.ranges[1:], strict=False)
        )


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 20))))
def test_added_ranges_join_what_they_touch_or_overlap(ranges: list[tuple[int, int]]) -> None:
    """Adding whole ranges in any order, overlapping or not, gives their union."""
    numbers = Numbers()
    union: set[int] = set()
    for low, length in ranges:
        numbers.add_range(low, low + length)
        union |= set(range(low, low + length + 1))
    assert [number for low, high in numbers.ranges for number in range(low, high + 1)] == sorted(union)
    assert all(later[0] > earlier[1] + 1 for earlier, later in zip(numbers.ranges, numbers.ranges[1:], strict=False))


def test_the_epochs_of_one_node_are_bounded() -> None:
    """A node that draws epoch after epoch costs bounded memory: the oldest is forgotten, and counted."""
    table = NumberTable(epochs_per_node_max=3)
    node = bytes(6)
    kids = [Kid(node + epoch.to_bytes(8, "big")) for epoch in range(4)]
    for kid in kids[:3]:
        table.of(kid).add(1)
    table.of(kids[3]).add(1)
    assert table.find(kids[0]) is None
    assert table.epochs_forgotten == 1
    assert table.of(kids[1]).ranges == ((1, 1),)


def test_a_table_takes_over_what_a_recovery_found() -> None:
    """Numbers that a recovery names are repeats afterwards, and its floor counts."""
    table = NumberTable()
    kid = Kid(bytes(14))
    table.load({kid: (3, ((3, 5), (9, 9)))})
    assert table.of(kid).judge(4, 3) == REPEAT
    assert table.of(kid).judge(2, 2) == BELOW_FLOOR
    assert table.of(kid).judge(6, 3) == NEW
