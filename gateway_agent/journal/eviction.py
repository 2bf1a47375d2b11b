# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What is given up when the journal is full and the city takes nothing. Pure: the segment is read and rewritten elsewhere."""

from __future__ import annotations

from gateway_agent.journal.lane_log import Segment
from gateway_agent.journal.received import join_ranges
from gateway_agent.journal.segment import BatchEntry, Scan
from gateway_agent.model import Eviction, Kid, Lane, Received

# A segment that holds a header and a gap only: giving it up once more would free nothing.
EVICTED_BYTES_MAX = 1024


def plan_eviction(lane: Lane, segment: Segment, found: Scan, settled: int) -> Eviction:
    """Name what is lost with a segment.

    Args:
        lane: the segment's.
        segment: as the lane knows it.
        found: its entries, as they were read.
        settled: the city holds everything up to this number: that is not lost.
    """
    numbers: dict[Kid, list[tuple[int, int]]] = {}
    floors: dict[Kid, int] = {}
    for piece in found.pieces:
        entry = piece.entry
        if isinstance(entry, BatchEntry) and settled < entry.number <= segment.last:
            for kid, floor, ranges in entry.received:
                numbers.setdefault(kid, []).extend(ranges)
                floors[kid] = max(floor, floors.get(kid, 0))
    received = tuple([Received(kid, floors[kid], join_ranges((), ranges, 0)) for kid, ranges in numbers.items()])
    first = max(segment.first, settled + 1)
    return Eviction(lane, segment.instance, segment.serial, first, segment.last, received, bool(found.damage))
