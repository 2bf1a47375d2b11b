# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A full journal that the city does not receipt gives up trends, then records, in writing and never an alarm."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from gateway_agent.errors import NoRoom, Unavailable
from gateway_agent.journal import Journal, JournalLimits
from gateway_agent.model import (
    AdmittedFrame,
    ClockReading,
    Eviction,
    GatewayId,
    Kid,
    Lane,
    OpaqueRow,
    OwnReading,
    Received,
    SealedBatch,
)
from gateway_agent.seal.committer import Committer
from gateway_agent.seal.lanes import Lanes
from gateway_agent.seal.sealer import Sealer
from gateway_agent.wire import cbor
from gateway_agent.wire.batch import open_batch
from gateway_agent.wire.body_reader import decode_body
from gateway_agent.wire.gap import Gap, GapReason, open_gap, sign_gap
from gateway_agent.wire.loss import LossReason, loss_records, read_loss
from gateway_agent.wire.node_table import NodeTable
from gateway_agent.wire.signer import Signer
from tests.support.mid_work import MidWork

GATEWAY = GatewayId("test-01")
SIGNER = Signer.generate()
LIMITS = JournalLimits(bytes_max=80_000, segment_bytes=8_000)
CLOCK = ClockReading(bytes(8), 5, 1_790_000_000_000, 1, 1)
T = TypeVar("T")
Frame = tuple[Kid, int]


class StillClock:
    """Nothing here waits, but for a disk that refuses."""

    def __init__(self) -> None:
        self.slept = 0

    def monotonic_ms(self) -> int:
        return 0

    def read(self) -> ClockReading:
        return CLOCK

    async def sleep_ms(self, duration_ms: int) -> None:
        self.slept += 1
        await asyncio.sleep(0)


async def in_place(errand: Callable[[], T]) -> T:
    return errand()


def sign(lane: Lane, instance: bytes, first: int, last: int, link: bytes, reason: int) -> bytes:
    return sign_gap(Gap(GATEWAY, lane, instance, first, last, link, GapReason(reason)), SIGNER)


class Field:
    """A committer on a real journal, and the truth beside it: the frames that it says are safe."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.journal = Journal.open(directory, GATEWAY, LIMITS, sign_gap=sign)
        self.lanes = Lanes(1_000)
        self.clock = StillClock()
        self.safe: dict[Frame, Lane] = {}
        worker: Callable[[Callable[[], T]], Awaitable[T]] = in_place
        self.committer = Committer(
            self.lanes, Sealer(GATEWAY, SIGNER), self.journal, self.clock, worker, self._on_synced
        )
        self._lane_of: dict[Frame, Lane] = {}
        self._next = 0

    def _on_synced(self, sealed: list[SealedBatch]) -> None:
        for batch in sealed:
            for kid, _, ranges in batch.received:
                for low, high in ranges:
                    for number in range(low, high + 1):
                        assert (kid, number) not in self.safe
                        self.safe[kid, number] = self._lane_of[kid, number]

    def frame(self, lane: Lane) -> AdmittedFrame:
        self._next += 1
        kid = Kid(bytes((0xAA, 0, 0, 0, 0, self.rng.randrange(1, 5))) + bytes(8))
        self._lane_of[kid, self._next] = lane
        return AdmittedFrame(OpaqueRow(kid, self._next, 3, os.urandom(200)), 0, lane, 0, 200)

    async def take(self, lanes: list[Lane]) -> None:
        self.lanes.add([self.frame(lane) for lane in lanes], 0)
        await self.committer.flush()

    def found(self) -> tuple[set[Frame], set[Frame], dict[Lane, int]]:
        """(frames in the journal, frames named as lost, evicted batches by lane)."""
        stored: set[Frame] = set()
        lost: set[Frame] = set()
        evicted = dict.fromkeys(Lane, 0)
        for lane in Lane:
            table, expected = NodeTable(), 1
            for item in self.journal.read_after(lane, None, 0, 100_000, 1 << 30):
                assert item.first == expected, "a hole without a gap"
                expected = item.number + 1
                if item.is_gap:
                    gap = open_gap(item.batch, SIGNER.public_key)
                    assert (gap.first, gap.last, gap.reason) == (item.first, item.number, GapReason.EVICTED)
                    evicted[lane] += gap.last - gap.first + 1
                    continue
                body = decode_body(open_batch(item.batch, SIGNER.public_key).opened_body(), table)
                stored |= {(row.kid, row.sequence) for row in (*body.frames, *body.opaque)}
                for loss in filter(None, map(read_loss, body.own)):
                    assert loss.reason == LossReason.EVICTED
                    lost |= {(loss.kid, number) for low, high in loss.ranges for number in range(low, high + 1)}
        return stored, lost, evicted


async def filled(field: Field, rounds: int, choose: Callable[[], list[Lane]]) -> None:
    running = asyncio.create_task(field.committer.run())
    try:
        for _ in range(rounds):
            await field.take(choose())
    finally:
        running.cancel()


async def test_every_acknowledged_frame_is_stored_or_named(tmp_path: Path) -> None:
    """Five times more than the journal holds, of all lanes: each acknowledged frame is in it or in a signed loss record,
    every alarm is in it, also one that came in mid-work, and a node that repeats an evicted frame is known after a restart."""
    seed = random.SystemRandom().randrange(1 << 24)
    print(f"seed={seed}")
    field = Field(tmp_path / "journal", seed)
    alarms = iter([Lane.ALARM] * 40)

    def choose() -> list[Lane]:
        lanes = field.rng.choices([Lane.RECORD, Lane.TREND], k=field.rng.randrange(1, 12))
        return [*lanes, *([next(alarms, Lane.TREND)] if field.rng.random() < 0.2 else [])]

    def alarm_in_mid_work() -> None:
        if field.rng.random() < 0.1 and (lane := next(alarms, None)) is not None:
            field.lanes.add([field.frame(lane)], 0)
            field.committer.wake()

    field.committer._store = MidWork(field.journal, alarm_in_mid_work)  # type: ignore[assignment]
    await filled(field, 250, choose)
    stored, lost, evicted = field.found()
    assert field.clock.slept == 0, "it stopped acknowledging although there was something to give up"
    assert stored | lost == set(field.safe)
    assert not stored & lost
    assert evicted[Lane.TREND] and evicted[Lane.RECORD] and not evicted[Lane.ALARM]
    assert field.journal.usage().bytes <= LIMITS.bytes_max + (1 << 16)
    field.journal.close()
    again = Journal.open(tmp_path / "journal", GATEWAY, LIMITS, sign_gap=sign)
    known = {
        (kid, number)
        for kid, (_, ranges) in again.recovery.received.items()
        for low, high in ranges
        for number in range(low, high + 1)
    }
    assert known == set(field.safe)
    again.close()


async def test_trends_go_before_records(tmp_path: Path) -> None:
    """As long as there are finished trend segments, no record is given up."""
    field = Field(tmp_path / "journal", 1)
    await filled(field, 60, lambda: [Lane.TREND] * 6)
    await filled(field, 25, lambda: [Lane.RECORD] * 6)
    _, _, evicted = field.found()
    assert evicted[Lane.TREND] and not evicted[Lane.RECORD]
    field.journal.close()


async def test_alarms_alone_stop_the_gateway(tmp_path: Path) -> None:
    """A journal full of alarms gives nothing up: it refuses, and says so, until the city takes some."""
    field = Field(tmp_path / "journal", 2)
    running = asyncio.create_task(field.committer.run())
    for _ in range(120):
        field.lanes.add([field.frame(Lane.ALARM) for _ in range(5)], 0)
        field.committer.wake()
        for _ in range(20):
            await asyncio.sleep(0)
        if field.committer.refusal:
            break
    running.cancel()
    assert "bytes" in field.committer.refusal
    stored, lost, evicted = field.found()
    assert stored == set(field.safe) and not lost and not any(evicted.values())
    field.journal.close()


class RefusingEviction:
    """A journal whose disk fails while a segment is replaced."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __getattr__(self, name: str) -> object:
        return getattr(self._journal, name)

    def evict(self, eviction: Eviction) -> None:
        raise Unavailable("the disk fails")


async def test_a_disk_that_fails_in_between_loses_nothing(tmp_path: Path) -> None:
    """The loss is written down first: where the eviction itself then fails, what it named is still there, and nothing new counts."""
    field = Field(tmp_path / "journal", 3)
    field.committer._store = RefusingEviction(field.journal)  # type: ignore[assignment]
    running = asyncio.create_task(field.committer.run())
    while not field.committer.refusal:
        field.lanes.add([field.frame(Lane.TREND) for _ in range(6)], 0)
        field.committer.wake()
        for _ in range(20):
            await asyncio.sleep(0)
    running.cancel()
    stored, lost, evicted = field.found()
    assert field.committer.refusal == "the disk fails"
    assert stored == set(field.safe) and lost <= stored and not any(evicted.values())
    field.journal.close()


class SlowToEvict(RefusingEviction):
    """Its disk gets well after some hundred tries."""

    tries = 0

    def evict(self, eviction: Eviction) -> None:
        self.tries += 1
        if self.tries < 400:
            raise Unavailable("the disk fails")
        self._journal.evict(eviction)


async def test_a_disk_that_refuses_an_eviction_for_hours_finds_it_written_down_once(tmp_path: Path) -> None:
    """What is to be given up is named once, so the room that is kept for such records lasts; when the disk is well, it goes on."""
    field = Field(tmp_path / "journal", 4)
    store = field.committer._store = SlowToEvict(field.journal)  # type: ignore[assignment]
    await asyncio.wait_for(filled(field, 100, lambda: [Lane.TREND] * 6), 60)
    assert store.tries > 400 and not field.committer.refusal
    table = NodeTable()
    records = [
        reading.value
        for item in field.journal.read_after(Lane.ALARM, None, 0, 100_000, 1 << 30)
        for reading in decode_body(open_batch(item.batch, SIGNER.public_key).opened_body(), table).own
    ]
    assert len(records) == len(set(records))
    stored, lost, evicted = field.found()
    assert stored | lost == set(field.safe) and not stored & lost and evicted[Lane.TREND]
    field.journal.close()


def test_a_segment_of_scattered_numbers_can_be_written_down_in_a_full_journal(tmp_path: Path) -> None:
    """Nodes whose numbers alternate between the lanes make a range of nearly each frame: the record of one segment is longer than
    64 KiB, and has room all the same."""
    limits = JournalLimits(bytes_max=1_800_000, segment_bytes=220_000)
    journal = Journal.open(tmp_path / "journal", GATEWAY, limits, sign_gap=sign)
    sealer, source = Sealer(GATEWAY, SIGNER), random.Random(5)

    def fill(lane: Lane, readings: int) -> None:
        own = [OwnReading("filler", None, os.urandom(1_000)) for _ in range(readings)]
        (batch,) = sealer.seal_own(journal.head(lane), journal.is_segment_start(lane), own, CLOCK)
        ranges, number = [], 0
        for _ in range(3_000 if lane is Lane.TREND else 0):
            number += source.randrange(2, 200)
            ranges.append((number, number))
        kid = Kid(bytes((0xAA, 0, 0, 0, 0, batch.number)) + bytes(8))
        journal.append([batch._replace(received=(Received(kid, 0, tuple(ranges)),) if ranges else ())])

    for _ in range(22):
        fill(Lane.TREND, 4)
    for readings in (40, 1):  # to the brim
        with pytest.raises(NoRoom):
            while True:
                fill(Lane.RECORD, readings)
    eviction = journal.next_eviction()
    assert eviction is not None and eviction.lane is Lane.TREND
    records = loss_records(eviction.received, LossReason.EVICTED, None)
    sealed = sealer.seal_own(journal.head(Lane.ALARM), journal.is_segment_start(Lane.ALARM), records, CLOCK)
    assert 1 << 16 < sum(len(batch.batch) for batch in sealed) < limits.segment_bytes
    journal.append(sealed, is_loss_record=True)
    journal.evict(eviction)
    fill(Lane.RECORD, 40)
    assert journal.usage().bytes <= limits.bytes_max
    journal.close()


@pytest.mark.parametrize("count", [1, 64, 65, 200])
def test_a_loss_of_many_ranges_is_split(count: int) -> None:
    """However many holes a node's numbers have, the records name each number once and fit their limit."""
    ranges = tuple((3 * number, 3 * number + 1) for number in range(count))
    kid = Kid(bytes(14))
    records = loss_records([Received(kid, 0, ranges)], LossReason.EVICTED, 5)
    losses = [read_loss(record) for record in records]
    assert [pair for loss in losses if loss is not None for pair in loss.ranges] == list(ranges)
    assert all(type(record.value) is bytes and len(record.value) <= 1024 for record in records)


def test_what_is_no_loss_record_is_none() -> None:
    """Another name, another type, a wrong kid, ranges out of order: None, and no exception."""
    bad: list[object] = [
        [bytes(14), [[2, 1]], 0],
        [bytes(13), [[1, 2]], 0],
        [bytes(14), [], 0],
        [bytes(14), [[1, 2], [2, 3]], 0],
        [bytes(14), [[1, 2]], -1],
        [bytes(14), [[1, 1 << 20]], 0],
        {},
    ]
    for content in bad:
        assert read_loss(OwnReading("evicted", None, cbor.encode(content))) is None
    assert read_loss(OwnReading("evicted", None, b"\xff")) is None
    assert read_loss(OwnReading("evicted", None, 5)) is None
    assert read_loss(OwnReading("other", None, cbor.encode([bytes(14), [[1, 2]], 0]))) is None
