# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Frames become batches that continue their lane, whatever their size, and nothing is lost when the disk refuses."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gateway_agent.errors import Unavailable
from gateway_agent.model import (
    AdmittedFrame,
    ClockReading,
    FrameRow,
    GatewayId,
    Kid,
    Lane,
    LaneHead,
    OpaqueRow,
    Received,
    SealedBatch,
)
from gateway_agent.seal.committer import Committer
from gateway_agent.seal.lanes import Lanes
from gateway_agent.seal.sealer import Sealer, received_in
from gateway_agent.wire.batch import Batch, link_of, open_batch
from gateway_agent.wire.body import decode_body
from gateway_agent.wire.node_table import NodeTable
from gateway_agent.wire.signer import Signer
from tests.support.sealing_node import level_pack

CLOCK = ClockReading(bytes(8), 5, None, 0, None)
SIGNER = Signer.generate()
GATEWAY = GatewayId("test-01")


def frame(sequence: int, node: int = 1, floor: int = 0, lane: Lane = Lane.RECORD) -> AdmittedFrame:
    kid = Kid(node.to_bytes(6, "big") + bytes(8))
    return AdmittedFrame(FrameRow(kid, sequence, level_pack(sequence)), floor, lane, 0, 30)


def opaque(sequence: int, size_bytes: int) -> AdmittedFrame:
    return AdmittedFrame(OpaqueRow(Kid(bytes(14)), sequence, 3, os.urandom(size_bytes)), 0, Lane.RECORD, 0, size_bytes)


def opened(batch: SealedBatch) -> Batch:
    return open_batch(batch.batch, SIGNER.public_key)


def test_batches_continue_their_lane() -> None:
    """Number, instance and link follow the head; the received numbers say what is inside; a reader gets the rows back."""
    sealer = Sealer(GATEWAY, SIGNER)
    head = LaneHead(Lane.RECORD, b"instance", 0, bytes(32))
    table = NodeTable()
    for number in range(1, 4):
        (batch,) = sealer.seal(head, number == 1, [frame(10 * number), frame(10 * number + 1, node=2)], CLOCK)
        header = opened(batch).header
        assert (header.number, header.link, header.instance) == (number, head.link, b"instance")
        body = decode_body(opened(batch).opened_body(), table)
        assert {(row.kid[5], row.sequence) for row in body.frames} == {(1, 10 * number), (2, 10 * number + 1)}
        head = LaneHead(Lane.RECORD, b"instance", number, link_of(batch.batch))


def test_a_batch_that_would_be_too_long_is_halved() -> None:
    """Frames that do not compress: several batches come out, chained, each within the limit, with every frame once."""
    sealer = Sealer(GATEWAY, SIGNER)
    frames = [opaque(number, 1_000) for number in range(300)]
    batches = sealer.seal(LaneHead(Lane.RECORD, b"instance", 7, b"l" * 32), False, frames, CLOCK)
    assert len(batches) > 1
    assert [batch.number for batch in batches] == list(range(8, 8 + len(batches)))
    link, table, found = b"l" * 32, NodeTable(), []
    for batch in batches:
        assert opened(batch).header.link == link
        assert len(batch.batch) <= 65_536
        found += [row.sequence for row in decode_body(opened(batch).opened_body(), table).opaque]
        link = link_of(batch.batch)
    assert found == list(range(300))
    numbers = [
        number
        for batch in batches
        for item in batch.received
        for low, high in item.ranges
        for number in range(low, high + 1)
    ]
    assert numbers == found


def test_received_numbers_are_ranges_with_the_highest_floor() -> None:
    """Out of order and with holes: ascending disjoint ranges a node, and the highest floor that a frame declared."""
    frames = [frame(5, floor=2), frame(3, floor=3), frame(4), frame(9, floor=1), frame(1, node=2)]
    first, second = received_in(frames)
    assert first == Received(frames[0].row.kid, 3, ((3, 5), (9, 9)))
    assert second == Received(frames[4].row.kid, 0, ((1, 1),))


class ManualClock:
    """Time moves when it is slept."""

    def __init__(self) -> None:
        self.now_ms = 0

    def monotonic_ms(self) -> int:
        return self.now_ms

    def read(self) -> ClockReading:
        return CLOCK

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(0)
        self.now_ms += duration_ms


class Shelf:
    """A store in memory that can refuse."""

    def __init__(self) -> None:
        self.batches: list[SealedBatch] = []
        self.refusals_left = 0
        # Before a batch of records is encoded, in the thread that seals.
        self.on_begin: Callable[[], None] = lambda: None

    def head(self, lane: Lane) -> LaneHead:
        mine = [batch for batch in self.batches if batch.lane is lane]
        return LaneHead(lane, b"instance", len(mine), link_of(mine[-1].batch) if mine else bytes(32))

    def is_segment_start(self, lane: Lane) -> bool:
        if lane is not Lane.ALARM:
            self.on_begin()
        return False

    def append(self, batches: Sequence[SealedBatch]) -> None:
        if self.refusals_left:
            self.refusals_left -= 1
            raise Unavailable("the disk is full: make room")
        self.batches += batches


class Setting:
    def __init__(self) -> None:
        self.lanes, self.shelf, self.clock = Lanes(), Shelf(), ManualClock()
        self.synced: list[SealedBatch] = []

        async def worker(errand: Callable[[], object]) -> object:
            await asyncio.sleep(0)
            return errand()

        self.committer = Committer(
            self.lanes,
            Sealer(GATEWAY, SIGNER),
            self.shelf,
            self.clock,
            worker,  # type: ignore[arg-type]
            self.synced.extend,
        )


def sequences(batches: Sequence[SealedBatch]) -> list[int]:
    return sorted(
        n for batch in batches for item in batch.received for low, high in item.ranges for n in range(low, high + 1)
    )


@pytest.fixture
async def setting():
    setting = Setting()
    task = asyncio.create_task(setting.committer.run())
    yield setting
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_lane_is_sealed_at_its_deadline_and_not_before(setting: Setting) -> None:
    """The committer sleeps until the deadline; what came until then is one batch."""
    setting.lanes.add([frame(1)._replace(deadline_ms=5_000)], 0)
    setting.lanes.add([frame(2)._replace(deadline_ms=9_000)], 0)
    setting.committer.wake()
    async with asyncio.timeout(10):
        while not setting.synced:
            await asyncio.sleep(0)
    assert 5_000 <= setting.clock.now_ms < 9_000
    assert sequences(setting.synced) == [1, 2]
    assert len(setting.synced) == 1


async def test_a_refusing_disk_delays_and_loses_nothing(setting: Setting) -> None:
    """Each refusal is waited out with back-off; `refusal` says why meanwhile; then the same frames are stored, once."""
    setting.shelf.refusals_left = 4
    setting.lanes.add([frame(1, lane=Lane.ALARM)], 0)
    setting.lanes.add([frame(2)], 0)
    setting.committer.wake()
    seen = set()
    async with asyncio.timeout(10):
        while len(setting.synced) < 2:
            seen.add(setting.committer.refusal)
            assert setting.committer.overdue_ms() == 0 or not setting.committer.refusal
            await asyncio.sleep(0)
    assert seen == {"", "the disk is full: make room"}
    assert setting.committer.refusal == ""
    assert setting.committer.refused_count == 4
    assert setting.clock.now_ms >= 2_000
    assert sequences(setting.shelf.batches) == [1, 2]
    for batch in setting.shelf.batches:
        decode_body(opened(batch).opened_body(), NodeTable())  # each opens alone: nothing leans on what was not stored


async def test_flush_seals_what_waits_for_far_deadlines(setting: Setting) -> None:
    """At the end nothing waits for its deadline."""
    for number in range(10):
        setting.lanes.add([frame(number)._replace(deadline_ms=10**9)], 0)
    setting.lanes.add([frame(99, lane=Lane.TREND)._replace(deadline_ms=10**9)], 0)
    async with asyncio.timeout(10):
        await setting.committer.flush()
    assert sequences(setting.shelf.batches) == [*range(10), 99]
    assert setting.clock.now_ms < 10**9


async def test_an_alarm_is_synced_before_a_full_batch_that_is_due_with_it(setting: Setting) -> None:
    """Both are due at once: the alarm is sealed, synced and told alone first; a flood of alarms goes ahead four times only."""
    told: list[list[Lane]] = []

    def on_synced(batches: list[SealedBatch]) -> None:
        told.append([batch.lane for batch in batches])
        if len(told) < 8:
            setting.lanes.add([frame(2 + len(told), lane=Lane.ALARM)], 0)

    setting.committer._on_synced = on_synced
    setting.lanes.add([frame(1, lane=Lane.TREND), frame(2, lane=Lane.ALARM)], 0)
    setting.committer.wake()
    async with asyncio.timeout(10):
        while len(told) < 5:
            await asyncio.sleep(0)
    assert told[:5] == [*[[Lane.ALARM]] * 4, [Lane.ALARM, Lane.TREND]]


def raise_alarms_in_mid_work(setting: Setting, alarms: Sequence[AdmittedFrame]) -> None:
    """They arrive, one each time, when the next batches of records are begun."""
    left = list(alarms)

    def begin() -> None:
        if left:
            setting.lanes.add([left.pop(0)], setting.clock.now_ms)
            setting.committer.wake()

    setting.shelf.on_begin = begin


async def flushed(setting: Setting) -> list[list[Lane]]:
    """Flush; the lanes of each news of a sync."""
    told: list[list[Lane]] = []

    def on_synced(batches: list[SealedBatch]) -> None:
        told.append([batch.lane for batch in batches])
        setting.synced.extend(batches)

    setting.committer._on_synced = on_synced
    async with asyncio.timeout(10):
        await setting.committer.flush()
    assert setting.committer.frames_in_work == 0
    assert not setting.committer.has_alarm
    return told


async def test_an_alarm_passes_a_batch_that_is_being_encoded(setting: Setting) -> None:
    """It is stored and told first though its batch was begun last; both are there once, and each continues its lane."""
    setting.lanes.add([frame(number) for number in range(500)], 0)
    raise_alarms_in_mid_work(setting, [frame(1_000, lane=Lane.ALARM)])
    assert await flushed(setting) == [[Lane.ALARM], [Lane.RECORD]]
    assert setting.synced == setting.shelf.batches
    assert sequences(setting.shelf.batches) == [*range(500), 1_000]
    assert [opened(batch).header.number for batch in setting.shelf.batches] == [1, 1]


async def test_alarms_are_told_while_the_thread_goes_on_with_its_work(setting: Setting) -> None:
    """In a thread of its own: the first alarm passes the records, and is told before the trends are begun; the next passes those."""
    loop, first_is_told = asyncio.get_running_loop(), threading.Event()
    told: list[list[Lane]] = []

    async def arrive() -> bool:
        setting.lanes.add([frame(1_000, lane=Lane.ALARM)], 0)
        setting.committer.wake()
        return setting.committer.has_alarm and not setting.lanes.has(Lane.ALARM)

    def begin() -> None:
        if setting.shelf.batches:
            assert first_is_told.wait(10)
        else:
            assert asyncio.run_coroutine_threadsafe(arrive(), loop).result(10)

    def on_synced(batches: list[SealedBatch]) -> None:
        told.append([batch.lane for batch in batches])
        if len(told) == 1:
            setting.lanes.add([frame(1_001, lane=Lane.ALARM)], 0)
            loop.call_soon(first_is_told.set)

    setting.shelf.on_begin = begin
    setting.committer._on_synced = on_synced
    setting.committer._worker = asyncio.to_thread  # type: ignore[assignment]
    setting.lanes.add([frame(1), frame(2, lane=Lane.TREND)], 0)
    async with asyncio.timeout(20):
        await setting.committer.flush()
    assert told == [[Lane.ALARM], [Lane.ALARM], [Lane.RECORD, Lane.TREND]]
    assert sequences(setting.shelf.batches) == [1, 2, 1_000, 1_001]


async def test_a_flood_of_alarms_passes_a_batch_sixteen_times_only(setting: Setting) -> None:
    """One alarm before each of forty pauses: the batch is on the disk behind the first sixteen, and none is lost."""
    loop, told, count = asyncio.get_running_loop(), list[Lane](), 40

    class PausingOften(Sealer):
        def seal(self, head: LaneHead, *others: Any) -> list[SealedBatch]:
            pause = others[-1]
            for number in range(count) if head.lane is Lane.RECORD else ():
                asyncio.run_coroutine_threadsafe(arrive(number), loop).result(10)
                pause()
            return super().seal(head, *others)

    async def arrive(number: int) -> None:
        setting.lanes.add([frame(1_000 + number, node=2 + number, lane=Lane.ALARM)], 0)
        setting.committer.wake()

    setting.committer._sealer = PausingOften(GATEWAY, SIGNER)
    setting.committer._on_synced = lambda batches: told.extend(batch.lane for batch in batches)
    setting.committer._worker = asyncio.to_thread  # type: ignore[assignment]
    setting.lanes.add([frame(1)], 0)
    async with asyncio.timeout(20):
        await setting.committer.flush()
    assert told.index(Lane.RECORD) == 16
    assert sequences(setting.shelf.batches) == [1, *range(1_000, 1_000 + count)]


async def test_an_alarm_that_the_worker_did_not_come_to_is_sealed_next(setting: Setting) -> None:
    """It comes when the encoding has made its last pause: it is the next work, and is neither forgotten nor sealed twice."""
    append = setting.shelf.append

    def append_late(batches: Sequence[SealedBatch]) -> None:
        append(batches)
        if len(setting.shelf.batches) == 1:
            setting.lanes.add([frame(1_000, lane=Lane.ALARM)], setting.clock.now_ms)
            setting.committer.wake()

    setting.shelf.append = append_late  # type: ignore[method-assign]
    setting.lanes.add([frame(number) for number in range(10)], 0)
    assert await flushed(setting) == [[Lane.RECORD], [Lane.ALARM]]
    assert sequences(setting.shelf.batches) == [*range(10), 1_000]


async def test_a_disk_that_refuses_a_passing_alarm_loses_nothing(setting: Setting) -> None:
    """Three refusals while an alarm passes: both lanes are sealed anew, nothing is stored twice, and all of it opens."""
    setting.shelf.refusals_left = 3
    setting.lanes.add([frame(number) for number in range(50)], 0)
    raise_alarms_in_mid_work(setting, [frame(1_000 + number, lane=Lane.ALARM) for number in range(3)])
    told = await flushed(setting)
    assert told[0] == [Lane.ALARM]
    assert setting.committer.refused_count == 3
    assert sequences(setting.shelf.batches) == [*range(50), *range(1_000, 1_003)]
    tables = {Lane.ALARM: NodeTable(), Lane.RECORD: NodeTable()}
    for batch in setting.shelf.batches:
        decode_body(opened(batch).opened_body(), tables[batch.lane])


async def test_an_alarm_is_sealed_one_turn_of_the_loop_after_it_woke(setting: Setting) -> None:
    """Under load each turn of the loop is a slice of frames, so an alarm that wakes a committer with a far deadline takes one or two."""
    setting.lanes.add([frame(1, lane=Lane.TREND)._replace(deadline_ms=10**9)], 0)
    setting.committer.wake()
    slept = asyncio.Event()
    setting.clock.sleep_ms = lambda _: slept.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not setting.shelf.batches
    setting.lanes.add([frame(2, lane=Lane.ALARM)], 0)
    assert setting.committer.has_alarm
    setting.committer.wake()
    turns = 0
    async with asyncio.timeout(10):
        while not setting.shelf.batches:
            await asyncio.sleep(0)
            turns += 1
    assert turns <= 2
