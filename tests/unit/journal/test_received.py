# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Received numbers: union of ranges above the highest floor, and their snapshot."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_agent.journal.received import ReceivedNumbers, decode_snapshot, encode_snapshot, join_ranges
from gateway_agent.model import Kid, Lane, Received

KIDS = [Kid(bytes((letter,)) * 14) for letter in b"ab"]
spans = st.tuples(st.integers(0, 60), st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1]))
items = st.builds(Received, st.sampled_from(KIDS), st.integers(0, 20), st.lists(spans, max_size=4).map(tuple))


@pytest.mark.parametrize(
    ("ranges", "more", "floor", "joined"),
    [
        ((), [(3, 4)], 0, ((3, 4),)),
        (((1, 2),), [(3, 4)], 0, ((1, 4),)),
        (((1, 2),), [(4, 4)], 0, ((1, 2), (4, 4))),
        (((1, 9),), [(2, 3)], 0, ((1, 9),)),
        (((1, 2), (8, 9)), [(3, 7)], 0, ((1, 9),)),
        (((1, 2), (8, 9)), [], 2, ((2, 2), (8, 9))),
        (((1, 2),), [], 5, ()),
    ],
)
def test_ranges_join(
    ranges: tuple[tuple[int, int], ...],
    more: list[tuple[int, int]],
    floor: int,
    joined: tuple[tuple[int, int], ...],
) -> None:
    """Neighbours and overlaps join, and what is below the floor goes."""
    assert join_ranges(ranges, more, floor) == joined


@settings(deadline=None)
@given(st.lists(items, max_size=12), st.integers())
def test_the_order_of_adding_does_not_matter_and_twice_is_once(added: list[Received], seed: int) -> None:
    """Any order, with repetitions, gives the same floors and numbers as sets of integers would."""
    shuffled = [*added, *added]
    random.Random(seed).shuffle(shuffled)
    numbers = ReceivedNumbers(shuffled)
    assert numbers.by_kid() == ReceivedNumbers(added).by_kid()
    for kid, (floor, ranges) in numbers.by_kid().items():
        of_kid = [item for item in added if item.kid == kid]
        assert floor == max(item.floor for item in of_kid)
        there = {number for low, high in ranges for number in range(low, high + 1)}
        said = {number for item in of_kid for low, high in item.ranges for number in range(low, high + 1)}
        assert there == {number for number in said if number >= floor}
        assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(ranges))
        assert all(numbers.has(kid, number) == (number in there) for number in range(70))


class Counted(int):
    """A number that counts how often one is compared."""

    comparisons = 0

    def __lt__(self, other: int) -> bool:
        Counted.comparisons += 1
        return int(self) < int(other)

    def __gt__(self, other: int) -> bool:
        Counted.comparisons += 1
        return int(self) > int(other)


@pytest.mark.parametrize("number", [5, 4_006, 9_994])
def test_a_new_number_costs_what_it_costs_however_many_ranges_there_are(number: int) -> None:
    """Beside a thousand ranges one more number is compared some twenty times: it finds its place by bisection."""
    ranges = tuple((Counted(low), Counted(low + 3)) for low in range(0, 10_000, 10))
    Counted.comparisons = 0
    joined = join_ranges(ranges, [(number, number)], 0)
    assert len(joined) == len(ranges) + (number % 10 != 4)
    assert Counted.comparisons < 60


@settings(deadline=None)
@given(st.lists(items, max_size=6), st.lists(st.integers(0, 2**40), min_size=3, max_size=3))
def test_a_snapshot_comes_back_as_it_was_written(added: list[Received], serials: list[int]) -> None:
    """Encoding and decoding a snapshot is the identity."""
    numbers = ReceivedNumbers(added)
    covered = dict(zip(Lane, serials, strict=True))
    snapshot = decode_snapshot(encode_snapshot(numbers, covered))
    assert snapshot is not None
    assert snapshot.covered == covered
    assert ReceivedNumbers(snapshot.received).by_kid() == numbers.by_kid()


def test_a_damaged_snapshot_is_none() -> None:
    """Every single bad byte, and every cut, is noticed."""
    data = encode_snapshot([Received(KIDS[0], 1, ((1, 2),))], dict.fromkeys(Lane, 0))
    for position in range(len(data)):
        assert decode_snapshot(data[:position] + bytes((data[position] ^ 1,)) + data[position + 1 :]) is None
        assert decode_snapshot(data[:position]) is None


def test_a_node_that_forgets_its_number_at_every_start_is_bounded() -> None:
    """Of one node the last 256 epochs are kept, and another node's are not touched by it."""
    node, other = b"node-1", b"node-2"
    numbers = ReceivedNumbers([Received(Kid(other + bytes(8)), 0, ((0, 3),))])
    for epoch in range(1_000):
        numbers.add(Received(Kid(node + epoch.to_bytes(8, "big")), 0, ((0, 0),)))
    kept = numbers.by_kid()
    assert len(kept) == 257
    assert Kid(node + (999).to_bytes(8, "big")) in kept
    assert Kid(other + bytes(8)) in kept
