# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What stays of a damaged segment, and what has to be said about the rest. Pure.

Theory of operation
-------------------
A segment is responsible for the numbers from its header's `first` up to the number before the next segment's `first`
(the last segment of an instance: up to its last good entry, or, where it has none, the number before its own header's
`first`). Walking its good entries in order, every number of that run is either kept or part of a hole. A hole that the
city has not receipted needs a signed gap in its place, and a gap names the link that the next batch carries; so a hole
always ends before something whose link is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from gateway_agent.errors import WireError
from gateway_agent.journal.segment import BatchEntry, GapEntry, Header, Piece, Scan
from gateway_agent.wire import cbor

LINK_NONE = bytes(32)
GAP_EVICTED = 0
GAP_DAMAGED = 1
_NUMBER_MAX = 1 << 63


class Reason(StrEnum):
    """Why something that was on the disk is not any more."""

    TORN_TAIL = "torn_tail"  # bytes after the last good entry of a lane
    DAMAGED = "damaged"  # batches whose bytes went bad, or vanished, between good ones
    VOID = "void"  # entries that were written again in a later segment after a failed sync; nothing is lost
    UNREADABLE = "unreadable_segment"  # a file without one good entry
    LOST_TAIL = "lost_tail"  # the city has receipted more than the disk holds
    SNAPSHOT = "snapshot"  # received.snap was damaged: numbers of deleted segments are forgotten
    RECEIPTS = "receipts"  # receipts.log was damaged: some batches may be sent again


class Loss(NamedTuple):
    """One finding. `first` to `last` where the numbers are known, else 0 to 0; `bytes_aside` are in quarantine."""

    reason: Reason
    lane: str
    instance: bytes
    first: int
    last: int
    bytes_aside: int


class Hole(NamedTuple):
    """Numbers that are gone. `link` is what the batch after `last` carries; None if that is not known."""

    first: int
    last: int
    link: bytes | None


class Plan(NamedTuple):
    """What a segment shall hold: good entries and holes in order; `last` is the number that it ends with."""

    parts: list[Piece | Hole]
    void: int
    last: int

    @property
    def holes(self) -> list[Hole]:
        return [part for part in self.parts if isinstance(part, Hole)]


class BatchPeek(NamedTuple):
    """Three fields of a batch's payload, unverified."""

    instance: bytes
    number: int
    link: bytes


def peek_batch(batch: bytes) -> BatchPeek | None:
    """Read what a sealed batch says of itself, without checking its signature (docs/wire.md, 5)."""
    try:
        match cbor.decode_envelope(batch):
            case cbor.Tag(18, [bytes(), dict(), bytes(payload), bytes()]):
                match cbor.decode(payload):
                    case {3: bytes(instance), 4: int(number), 5: bytes(link)}:
                        return BatchPeek(instance, number, link)
    except WireError:
        return None
    return None


def link_into(piece: Piece) -> bytes | None:
    """The link that the entry itself carries; None for a gap, whose link is that of the batch after it."""
    if isinstance(piece.entry, BatchEntry):
        peek = peek_batch(piece.entry.batch)
        return None if peek is None else peek.link
    return None


def entry_link(entry: BatchEntry | GapEntry) -> bytes:
    """The link that the batch after this entry carries."""
    return entry.link if isinstance(entry, GapEntry) else hashlib.sha256(entry.batch).digest()


def first_of(scan: Scan) -> int | None:
    """The first number that a segment is responsible for; None if nothing in it tells."""
    for piece in scan.pieces:
        return piece.entry.number if isinstance(piece.entry, BatchEntry) else piece.entry.first
    return None


def instance_of(scan: Scan) -> bytes | None:
    """The instance that a segment belongs to: by its header, else by the batches themselves."""
    if scan.header is not None:
        return scan.header.instance
    for piece in scan.pieces:
        if isinstance(piece.entry, BatchEntry):
            peek = peek_batch(piece.entry.batch)
            if peek is not None:
                return peek.instance
    return None


def plan_segment(
    pieces: Sequence[Piece],
    first: int,
    last: int | None,
    last_ever: int | None,
    receipted: int,
    link_after: bytes | None,
) -> Plan:
    """Decide what a segment shall hold.

    Args:
        pieces: its good entries, in the order of the file.
        first: the first number that it is responsible for.
        last: the last one; None for the last segment of an instance, which ends with its last good entry.
        last_ever: entries above it never counted, though they are good; None: all that `last` allows.
        receipted: the city holds everything up to this number, so a hole there is no loss.
        link_after: the link that the batch after `last` carries.
    """
    parts: list[Piece | Hole] = []
    void = 0
    previous = first - 1
    highest = min(number for number in (last, last_ever, _NUMBER_MAX) if number is not None)
    for piece in pieces:
        entry = piece.entry
        if isinstance(entry, Header):
            if last is None:  # it was begun behind this number, whatever became of its entries
                last, link_after = min(entry.first - 1, highest), entry.link
            continue
        entry_first = entry.first if isinstance(entry, GapEntry) else entry.number
        if entry_first <= previous or entry.number > highest:
            void += 1
            continue
        hole_first = max(previous, receipted) + 1
        previous = entry.number
        if hole_first >= entry_first:
            parts.append(piece)
        elif isinstance(entry, GapEntry):
            # What is missing before a gap joins it: nothing else tells the link between the two.
            parts.append(Hole(hole_first, entry.number, entry.link))
        else:
            parts += (Hole(hole_first, entry_first - 1, link_into(piece)), piece)
    if parts and previous == last and link_after is not None:
        end = parts[-1]
        if not isinstance(end, Hole) and isinstance(end.entry, BatchEntry) and entry_link(end.entry) != link_after:
            # Of a failed append: the batch that counted under this number was lost with the head of the next segment.
            parts.pop()
            void += 1
            previous = end.entry.number - 1
    if last is not None and previous < last:
        hole_first = max(previous, receipted) + 1
        if hole_first <= last:
            parts.append(Hole(hole_first, last, link_after))
        previous = last
    return Plan(parts, void, previous)
