# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Admitted frames become signed batches: rows, node table, chain. Pure, but for the signature.

The node table is kept per lane and starts anew at the first batch of a segment, when it has no room for one more batch (at the
latest after 64), and whenever a batch was sealed in vain: a reader can then always begin at a segment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway_agent.model import (
    AdmittedFrame,
    Body,
    ClockReading,
    FrameRow,
    GatewayId,
    Kid,
    Lane,
    LaneHead,
    OpaqueRow,
    OwnReading,
    Received,
    SealedBatch,
)
from gateway_agent.wire.batch import BatchHeader, link_of, seal_batch
from gateway_agent.wire.body import encode_body, no_pause
from gateway_agent.wire.node_table import NodeTable
from gateway_agent.wire.signer import Signer

OWN_PER_BATCH_MAX = 48  # of at most 1,024 bytes each: a signed batch has at most 64 KiB


class Sealer:
    """Seals for one gateway. Use from one thread."""

    def __init__(self, gateway_id: GatewayId, signer: Signer) -> None:
        self._gateway_id = gateway_id
        self._signer = signer
        self._tables: dict[Lane, NodeTable] = {}

    def use(self, signer: Signer) -> None:
        """Sign with another key from the next batch on. In the thread that seals."""
        self._signer = signer

    def forget_table(self, lane: Lane) -> None:
        """The next batch of the lane starts its table anew: the last ones sealed will not be stored."""
        self._tables.pop(lane, None)

    def seal(
        self,
        head: LaneHead,
        is_segment_start: bool,
        frames: Sequence[AdmittedFrame],
        clock: ClockReading,
        pause: Callable[[], None] = no_pause,
    ) -> list[SealedBatch]:
        """Batches that continue `head` and hold all of `frames`: one, or more where one would be too long.

        In `pause` (see `encode_body`) other lanes may be sealed, but not this one.

        Of several none leans on another: a power cut may tear the first and leave the second, which must be readable then.
        """
        if is_segment_start:
            self.forget_table(head.lane)
        try:
            return [self._seal_one(head, frames, clock, pause)]
        except ValueError:
            # Above the limits of docs/wire.md section 13. The size was estimated; halves are surely smaller.
            self.forget_table(head.lane)
            if len(frames) < 2:
                raise
        middle = len(frames) // 2
        first = self.seal(head, False, frames[:middle], clock, pause)
        last = first[-1]
        next_head = LaneHead(head.lane, head.instance, last.number, link_of(last.batch))
        self.forget_table(head.lane)
        return first + self.seal(next_head, False, frames[middle:], clock, pause)

    def seal_own(
        self, head: LaneHead, is_segment_start: bool, readings: Sequence[OwnReading], clock: ClockReading
    ) -> list[SealedBatch]:
        """Batches that continue `head` and hold the gateway's own readings, in their order."""
        if is_segment_start:
            self.forget_table(head.lane)
        sealed = []
        for start in range(0, len(readings), OWN_PER_BATCH_MAX):
            if start:
                self.forget_table(head.lane)  # as in `seal`
            body = Body((), (), tuple(readings[start : start + OWN_PER_BATCH_MAX]))
            batch = self._seal_body(head, body, 0, clock)
            sealed.append(SealedBatch(head.lane, head.instance, head.number + 1, batch, ()))
            head = LaneHead(head.lane, head.instance, head.number + 1, link_of(batch))
        return sealed

    def _seal_one(
        self, head: LaneHead, frames: Sequence[AdmittedFrame], clock: ClockReading, pause: Callable[[], None]
    ) -> SealedBatch:
        rows = [frame[0] for frame in frames]
        body = Body(
            tuple([row for row in rows if isinstance(row, FrameRow)]),
            tuple([row for row in rows if isinstance(row, OpaqueRow)]),
        )
        batch = self._seal_body(head, body, len(frames), clock, pause)
        pause()
        return SealedBatch(head.lane, head.instance, head.number + 1, batch, received_in(frames))

    def _seal_body(
        self,
        head: LaneHead,
        body: Body,
        frames_count: int,
        clock: ClockReading,
        pause: Callable[[], None] = no_pause,
    ) -> bytes:
        table = self._tables.get(head.lane)
        if table is None or not table.has_room(frames_count):
            table = self._tables[head.lane] = NodeTable()
        body_bytes = encode_body(body, table, pause)
        header = BatchHeader(self._gateway_id, head.lane, head.instance, head.number + 1, head.link, clock)
        return seal_batch(header, body_bytes, self._signer)


def received_in(frames: Sequence[AdmittedFrame]) -> tuple[Received, ...]:
    """The sequence numbers of these frames, by node and epoch, with the highest floor that each declared."""
    numbers: dict[Kid, list[int]] = {}
    floors: dict[Kid, int] = {}
    for row, floor, _, _, _ in frames:
        kid = row[0]
        found = numbers.get(kid)
        if found is None:
            numbers[kid] = [row[1]]
            floors[kid] = floor
        else:
            found.append(row[1])
            if floor > floors[kid]:  # noqa: PLR1730 - once a frame, and `max` is a call
                floors[kid] = floor
    return tuple([Received(kid, floors[kid], _ranges(found)) for kid, found in numbers.items()])


def _ranges(numbers: list[int]) -> tuple[tuple[int, int], ...]:
    numbers.sort()
    if numbers[-1] - numbers[0] == len(numbers) - 1:  # each number is there once
        return ((numbers[0], numbers[-1]),)
    ranges: list[tuple[int, int]] = []
    low = high = numbers[0]
    for number in numbers[1:]:
        if number == high + 1:
            high = number
        else:
            ranges.append((low, high))
            low = high = number
    ranges.append((low, high))
    return tuple(ranges)
