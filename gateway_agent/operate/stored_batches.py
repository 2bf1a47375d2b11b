# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The batches of a journal as people read them: what is in each, and when it was sealed. Nothing is proved here."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from gateway_agent.errors import WireError
from gateway_agent.journal.salvage import Hole
from gateway_agent.journal.segment import BatchEntry, GapEntry
from gateway_agent.model import Body, ClockReading, Lane, Received
from gateway_agent.operate.journal_folder import JournalFolder
from gateway_agent.wire.batch import parse_batch
from gateway_agent.wire.body import decode_body
from gateway_agent.wire.gap import GapReason, parse_gap
from gateway_agent.wire.node_table import NodeTable


class ShownBatch(NamedTuple):
    """A batch, or with `gap_reason` the signed gap in place of the batches `first` to `number`."""

    lane: Lane
    instance: bytes
    first: int
    number: int
    size_bytes: int
    clock: ClockReading | None = None
    body: Body | None = None  # None where it cannot be read: `problem` says why
    received: tuple[Received, ...] = ()
    gap_reason: GapReason | None = None
    problem: str = ""

    @property
    def frames(self) -> int:
        return sum(high - low + 1 for _, _, ranges in self.received for low, high in ranges)

    @property
    def readings(self) -> int | None:
        """Of nodes and of the gateway itself; None where the body cannot be read. An opaque frame counts none."""
        if self.body is None:
            return None
        return sum(len(row.pack.values) for row in self.body.frames) + len(self.body.own)


def batches_between(
    folder: JournalFolder, lane: Lane, first: int, last: int, instance: bytes | None = None
) -> Iterator[ShownBatch]:
    """The batches `first` to `last` of a lane's instance (None: of its present one). Raises: Unavailable."""
    known = folder.segments(lane)
    wanted = instance if instance is not None else known[-1].instance if known else b""
    for index, this in enumerate(known):
        after = known[index + 1] if index + 1 < len(known) else None
        ends_before = after is not None and after.instance == wanted and after.first <= first
        if this.instance == wanted and this.first <= last and not ends_before:
            yield from (
                batch
                for batch in _segment_batches(folder, lane, index)
                if first <= batch.number and batch.first <= last
            )


def latest_batches(folder: JournalFolder, lane: Lane, count: int) -> list[ShownBatch]:
    """The last `count` batches of a lane, older instances included, oldest first. Raises: Unavailable."""
    found: list[ShownBatch] = []
    for index in reversed(range(len(folder.segments(lane)))):
        newest = deque(_segment_batches(folder, lane, index), maxlen=count - len(found))
        found = [*newest, *found]
        if len(found) >= count:
            break
    return found


def _segment_batches(folder: JournalFolder, lane: Lane, index: int) -> Iterator[ShownBatch]:
    """The batches of one segment that count. Each segment starts its node table anew, so it can be read alone."""
    content = folder.read(lane, folder.segments(lane)[index])
    table = NodeTable()
    for part in content.plan.parts if content is not None else ():
        if isinstance(part, Hole):
            table = NodeTable()  # what leans on a missing batch cannot be read, and says so
        elif isinstance(part.entry, BatchEntry):
            assert content is not None
            yield _read(lane, content.known.instance, part.entry, table)
        elif isinstance(part.entry, GapEntry):
            assert content is not None
            yield _read_gap(lane, content.known.instance, part.entry)
            table = NodeTable()


def _read(lane: Lane, instance: bytes, entry: BatchEntry, table: NodeTable) -> ShownBatch:
    shown = ShownBatch(lane, instance, entry.number, entry.number, len(entry.batch), received=entry.received)
    try:
        batch = parse_batch(entry.batch)
        shown = shown._replace(clock=batch.header.clock)
        return shown._replace(body=decode_body(batch.opened_body(), table))
    except WireError as error:
        return shown._replace(problem=str(error))


def _read_gap(lane: Lane, instance: bytes, entry: GapEntry) -> ShownBatch:
    shown = ShownBatch(lane, instance, entry.first, entry.number, len(entry.gap))
    try:
        return shown._replace(gap_reason=parse_gap(entry.gap)[1].reason)
    except WireError as error:
        return shown._replace(problem=str(error))
