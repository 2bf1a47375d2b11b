# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A gateway's uplink, its journal and the real collector, after one of the two sides was restored."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from collector.inbox import Message
from gateway_agent.journal import Journal, JournalLimits, StoredBatch
from gateway_agent.model import AdmittedFrame, ClockReading, FrameRow, GatewayId, Lane
from gateway_agent.seal.sealer import Sealer
from gateway_agent.uplink.pump import Pump
from gateway_agent.uplink.receipts import Receipts
from gateway_agent.uplink.window import Position, Window
from tests.support.signing_gateway import GATEWAY, START_MS, kid, pack, test_only_signer
from tests.unit.collector.conftest import COLLECTOR, City

T = TypeVar("T")
LANE = Lane.TREND
LIMITS = JournalLimits(200_000, 20_000)
TURNS_MAX = 5_000


class CityLink:
    """The city's broker and collector, as the pump sees them; `log` is everything published."""

    is_connected = True
    receive_maximum = 20
    can_take_more = True

    def __init__(self, city: City, take: Callable[[bytes], None]) -> None:
        self.city = city
        self.take = take
        self.log: list[bytes] = []

    async def publish(self, lane: Lane, batch: bytes) -> None:
        self.log.append(batch)
        for receipt in self.city.intake.take([Message(f"sc/{GATEWAY}/{lane.word}", batch)], self.city.now_ms, 0):
            self.take(receipt.payload)


class Gateway:
    """One run of the program, on what the last one left behind. Time goes on only when all else waits."""

    def __init__(self, directory: Path, city: City) -> None:
        self.city = city
        self.counters = Counter[str]()
        self.journal = Journal.open(directory, GatewayId(GATEWAY), LIMITS)
        self.sealer = Sealer(GatewayId(GATEWAY), test_only_signer(GATEWAY))
        window = Window({lane: Position(*self.journal.unreceipted_from(lane)) for lane in Lane}, 20)
        self.receipts = receipts = Receipts(
            GatewayId(GATEWAY), COLLECTOR.public_key, self.journal, self.write, self.counters
        )
        self.link = CityLink(city, receipts.take)
        self.pump = receipts.pump = Pump(window, self.link, self.read_after, 20, lambda: city.now_ms, self.sleep_ms)

    async def write(self, errand: Callable[[], T]) -> T:
        return errand()

    async def read_after(self, lane: Lane, position: Position, count: int, size_bytes: int) -> Sequence[StoredBatch]:
        return self.journal.read_after(lane, *position, count, size_bytes)

    async def sleep_ms(self, duration_ms: int) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        self.city.now_ms += duration_ms

    async def __aenter__(self) -> Gateway:
        self.task = asyncio.create_task(self.pump.run())
        self.pump.note_connected()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.journal.close()

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        for _ in range(TURNS_MAX):
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError(f"never: {what}; {self.counters}, {len(self.link.log)} batches sent")

    def seal(self, sequence: int, frames: int = 1) -> None:
        admitted = [
            AdmittedFrame(FrameRow(kid(i % 50), i, pack(i * 7919 % 100_003)), 0, LANE, 0, 40)
            for i in range(sequence, sequence + frames)
        ]
        clock = ClockReading(b"boot-id.", self.city.now_ms, START_MS + self.city.now_ms, 1, 1)
        self.journal.append(
            self.sealer.seal(self.journal.head(LANE), self.journal.is_segment_start(LANE), admitted, clock)
        )
        self.pump.note_appended(LANE)

    async def deliver(self, sequence: int, frames: int = 1) -> None:
        """Seal one batch and wait until the city has receipted all of the present instance."""
        self.seal(sequence, frames)
        await self.settled()

    async def settled(self) -> None:
        journal = self.journal
        await self.until(
            lambda: journal.receipted(LANE) == journal.head(LANE).number and not journal.usage().unreceipted_batches,
            "the city has everything, or it was sent",
        )


async def restored(directory: Path, city: City) -> None:
    """Five batches, a copy of the journal, five more, and the copy put back."""
    copy = directory.with_name("copy")
    async with Gateway(directory, city) as gateway:
        for sequence in range(5):
            await gateway.deliver(sequence)
    shutil.copytree(directory, copy)
    async with Gateway(directory, city) as gateway:
        for sequence in range(5, 10):
            await gateway.deliver(sequence)
    shutil.rmtree(directory)
    shutil.copytree(copy, directory)


async def test_after_a_contradiction_and_a_restart_the_lane_goes_on(tmp_path: Path) -> None:
    """A restored journal's fork is sent once; after an ordinary restart only new batches are sent, each is receipted."""
    city, directory = City(tmp_path / "city"), tmp_path / "journal"
    await restored(directory, city)
    async with Gateway(directory, city) as gateway:
        for sequence in range(10, 14):
            await gateway.deliver(sequence)
        assert gateway.counters["receipts_contradiction"] >= 1
    async with Gateway(directory, city) as gateway:
        for sequence in range(14, 34):
            await gateway.deliver(sequence)
        assert len(gateway.link.log) == len(set(gateway.link.log)) == 20


async def test_a_contradicted_rest_does_not_stop_deletion(tmp_path: Path) -> None:
    """A journal with a sent fork in its oldest segments takes four times its size without JournalFull."""
    city, directory = City(tmp_path / "city"), tmp_path / "journal"
    await restored(directory, city)
    async with Gateway(directory, city) as gateway:
        for sequence in range(10, 10 + 300 * 60, 60):
            await gateway.deliver(sequence, 60)
        assert gateway.journal.counters.bytes_written > 2 * LIMITS.bytes_max
        assert gateway.journal.counters.deleted_segments > 5


async def test_an_instance_that_recovery_ended_is_sent_once_where_the_city_knows_more(tmp_path: Path) -> None:
    """With a torn tail and no receipts left, recovery's new instance is sent although the city contradicts the old one."""
    city, directory = City(tmp_path / "city"), tmp_path / "journal"
    async with Gateway(directory, city) as gateway:
        for sequence in range(10):
            await gateway.deliver(sequence)
    segment = sorted((directory / LANE.word).glob("*.seg"))[-1]
    segment.write_bytes(segment.read_bytes()[:-300])
    (directory / "receipts.log").unlink()
    async with Gateway(directory, city) as gateway:
        assert gateway.journal.recovery.new_instances == (LANE,)
        for sequence in range(10, 40):
            gateway.seal(sequence)
            await gateway.until(
                lambda: gateway.journal.receipted(LANE) == gateway.journal.head(LANE).number, "the batch is receipted"
            )
            city.now_ms += 2_000
        assert gateway.counters["receipts_contradiction"] >= 1
        await gateway.settled()
        assert gateway.journal.receipted(LANE) == 30
