# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Where the sealer starts a node table anew, told from what a reader can open."""

from __future__ import annotations

import pytest

from gateway_agent.model import (
    AdmittedFrame,
    ClockReading,
    FrameRow,
    GatewayId,
    Lane,
    LaneHead,
    OpaqueRow,
    OwnReading,
    SealedBatch,
)
from gateway_agent.seal.sealer import OWN_PER_BATCH_MAX, Sealer
from gateway_agent.wire import cbor
from gateway_agent.wire.batch import link_of, open_batch
from gateway_agent.wire.body import NodeTable, decode_body
from gateway_agent.wire.limits import TABLE_ROWS_MAX
from tests.support.signing_gateway import frame, kid, test_only_signer

SIGNER = test_only_signer("sealer")
CLOCK = ClockReading(b"boot-id.", 1, None, 0, None)


def admitted(row: FrameRow | OpaqueRow) -> AdmittedFrame:
    return AdmittedFrame(row, 0, Lane.TREND, 0, 60)


class Chain:
    """One lane: seals, reads each batch as a city would, and keeps each table's age."""

    def __init__(self) -> None:
        self.sealer = Sealer(GatewayId("test-only-01"), SIGNER)
        self.head = LaneHead(Lane.TREND, b"instance", 0, bytes(32))
        self.table = NodeTable()
        self.ages: list[int] = []

    def seal(self, *rows: FrameRow | OpaqueRow, is_segment_start: bool = False) -> list[SealedBatch]:
        return self.sealer.seal(self.head, is_segment_start, [admitted(row) for row in rows], CLOCK)

    def pass_on(self, *rows: FrameRow | OpaqueRow, is_segment_start: bool = False) -> list[FrameRow | OpaqueRow]:
        """Seal, store and read; what the reader found."""
        found: list[FrameRow | OpaqueRow] = []
        for sealed in self.seal(*rows, is_segment_start=is_segment_start):
            plain = open_batch(sealed.batch, SIGNER.public_key).opened_body()
            content = cbor.decode(plain)
            body = decode_body(plain, self.table)
            self.ages.append(content[0])
            found += [*body.frames, *body.opaque]
            self.head = LaneHead(Lane.TREND, b"instance", sealed.number, link_of(sealed.batch))
        return found


def test_a_table_takes_part_in_64_batches() -> None:
    """Batch 65 starts the table anew, and every frame comes out as it went in."""
    chain = Chain()
    for number in range(70):
        rows = [frame(number, node=node, value=node * 100 - number) for node in (1, 2)]
        assert chain.pass_on(*rows) == rows
    assert chain.ages == [*range(64), *range(6)]


def test_a_segment_starts_a_table() -> None:
    """What begins a segment can be read without anything before it."""
    chain = Chain()
    for number, is_start in enumerate([True, False, False, True, False]):
        chain.pass_on(frame(number), is_segment_start=is_start)
    assert chain.ages == [0, 1, 2, 0, 1]


def test_a_batch_sealed_in_vain_is_not_leaned_on() -> None:
    """After `forget_table` the next batch leans on nothing that was not stored."""
    chain = Chain()
    chain.pass_on(frame(0))
    chain.seal(frame(1), frame(0, node=2))
    chain.sealer.forget_table(Lane.TREND)
    assert chain.pass_on(frame(2), frame(1, node=2)) == [frame(2), frame(1, node=2)]
    assert chain.ages == [0, 0]


def test_a_frame_that_fits_no_batch_is_not_leaned_on() -> None:
    """A batch that cannot be made is an error of its caller, and the lane goes on."""
    chain = Chain()
    chain.pass_on(frame(0))
    noise = b"".join(SIGNER.sign(bytes((number % 256, number // 256))) for number in range(1100))
    with pytest.raises(ValueError):
        chain.seal(OpaqueRow(kid(9), 1, 3, noise))
    assert chain.pass_on(frame(1)) == [frame(1)]


def test_a_table_without_room_is_not_filled_further() -> None:
    """Batches of ever new nodes stay within the rows that a table may remember."""
    chain = Chain()
    for number in range(6):
        rows = [frame(0, node=node % 256, epoch=number * 100 + node // 256) for node in range(4000)]
        assert len(chain.pass_on(*rows)) == 4000
        assert sum(map(len, chain.table.groups.values())) <= TABLE_ROWS_MAX
    assert 0 in chain.ages[1:]


def test_batches_that_are_sealed_together_are_readable_one_without_the_other() -> None:
    """They are stored with one append, of which a power cut may keep the second and tear the first: each starts a table."""
    chain = Chain()
    chain.pass_on(frame(0))
    noise = [b"".join(SIGNER.sign(bytes((row, part))) for part in range(8)) for row in range(200)]
    halves = chain.seal(*(OpaqueRow(kid(1), row, 3, noise[row]) for row in range(200)))
    own = [OwnReading("evicted", None, noise[row]) for row in range(2 * OWN_PER_BATCH_MAX)]
    for batches in (halves, chain.sealer.seal_own(chain.head, False, own, CLOCK)):
        assert len(batches) == 2
        body = decode_body(open_batch(batches[1].batch, SIGNER.public_key).opened_body(), NodeTable())
        assert body.opaque or body.own
