# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Which frames of each node lie synced on the disk. Pure.

The journal rebuilds this after a start from `received.snap` and the entries of its segments; both may name the
same numbers, in any order, because adding is idempotent and commutative: floors rise to the highest, ranges join.
Numbers below a node's floor are closed for good, so ranges below it are forgotten (docs/wire.md, 2).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import NamedTuple

import cbor2

from gateway_agent.journal.segment import NewerVersionError, body_at, decode_received, encode_received, frame
from gateway_agent.model import Kid, Lane, Received
from gateway_agent.wire import cbor

SNAPSHOT_BYTES_MAX = 1 << 26
SNAPSHOT_VERSION = 1
EPOCHS_PER_NODE_MAX = 256  # as admission keeps; a node whose number store fails at each start must not fill the journal

Ranges = tuple[tuple[int, int], ...]


_low_of, _high_of = itemgetter(0), itemgetter(1)


def join_ranges(ranges: Ranges, more: Iterable[tuple[int, int]], floor: int) -> Ranges:
    """The union of inclusive ranges, ascending and disjoint, neighbours joined, cut at the floor.

    `ranges` are so already, so that only `more` is sorted, and each of it finds its place by bisection.
    """
    joined = list(ranges)
    for low, high in sorted(more):
        if high < floor:
            continue
        first = bisect_left(joined, low - 1, key=_high_of)  # the first range that ends at low - 1 or later
        behind = bisect_right(joined, high + 1, lo=first, key=_low_of)  # the first that starts after high + 1
        touched = (*joined[first:behind], (low, high))
        joined[first:behind] = [(min(map(_low_of, touched)), max(map(_high_of, touched)))]
    del joined[: bisect_left(joined, floor, key=_high_of)]
    if joined and joined[0][0] < floor:
        joined[0] = (floor, joined[0][1])
    return tuple(joined)


class ReceivedNumbers:
    """Floor and received ranges of every node and epoch; of one node the 256 epochs first heard last.

    A forgotten epoch costs a repeat upstream at worst, and the collector stores a reading once.
    """

    def __init__(self, items: Iterable[Received] = ()) -> None:
        self._nodes: dict[Kid, tuple[int, Ranges]] = {}
        self._epochs_of_node: dict[bytes, list[Kid]] = {}
        for item in items:
            self.add(item)

    def add(self, item: Received) -> None:
        """Take in the numbers of one batch. Twice is the same as once."""
        known = self._nodes.get(item.kid)
        if known is None:
            self._nodes[item.kid] = (item.floor, join_ranges((), item.ranges, item.floor))
            epochs = self._epochs_of_node.setdefault(item.kid[:6], [])
            epochs.append(item.kid)
            if len(epochs) > EPOCHS_PER_NODE_MAX:
                del self._nodes[epochs.pop(0)]
            return
        floor, ranges = known
        new = item.ranges
        if item.floor <= floor and len(new) == 1 and len(ranges) == 1:  # two common cases, without sorting
            low, high = ranges[0]
            if new[0][0] == high + 1:  # the next number
                self._nodes[item.kid] = (floor, ((low, new[0][1]),))
                return
            if low <= new[0][0] and new[0][1] <= high:  # known from the snapshot
                return
        floor = max(floor, item.floor)
        self._nodes[item.kid] = (floor, join_ranges(ranges, new, floor))

    def has(self, kid: Kid, number: int) -> bool:
        """Whether this very frame was received (one below the floor is not remembered)."""
        _, ranges = self._nodes.get(kid, (0, ()))
        index = bisect_left(ranges, (number + 1,)) - 1
        return index >= 0 and ranges[index][0] <= number <= ranges[index][1]

    def __iter__(self) -> Iterator[Received]:
        return (Received(kid, floor, ranges) for kid, (floor, ranges) in self._nodes.items())

    def by_kid(self) -> dict[Kid, tuple[int, Ranges]]:
        """A copy: kid to (floor, ranges)."""
        return dict(self._nodes)


class Snapshot(NamedTuple):
    """The contents of `received.snap`.

    `covered` names for each lane a segment's serial: all numbers of that segment and of those before it are in
    `received`, and they are synced. Such segments need not be read at the next start.
    """

    received: tuple[Received, ...]
    covered: dict[Lane, int]


def encode_snapshot(received: Iterable[Received], covered: dict[Lane, int]) -> bytes:
    """The bytes of `received.snap`: one entry (docs/wire.md, 12)."""
    nodes = [encode_received(item) for item in received]
    return frame(cbor.encode([SNAPSHOT_VERSION, nodes, [covered[lane] for lane in Lane]]))


def decode_snapshot(data: bytes) -> Snapshot | None:
    """Read `received.snap`; None if it is damaged.

    Raises:
        NewerVersionError: of a later format.
    """
    body = body_at(data, 0, SNAPSHOT_BYTES_MAX)
    if body is None:
        return None
    try:
        match cbor2.loads(body):
            case [1, list(nodes), [int(), int(), int()] as covered]:
                return Snapshot(tuple(decode_received(item) for item in nodes), dict(zip(Lane, covered, strict=True)))
            case [int(version), list(), *_] if version > SNAPSHOT_VERSION:
                raise NewerVersionError(f"snapshot format {version}")
    except (cbor2.CBORError, ValueError):
        return None
    return None
