# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A disk that refuses and is well again: the gateway notices by itself, though not one frame comes meanwhile."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from gateway_agent.journal import Journal, JournalLimits
from gateway_agent.model import AdmittedFrame, ClockReading, GatewayId, Lane, Receipt, SealedBatch
from gateway_agent.operate.report import journal_report
from gateway_agent.seal.committer import Committer
from gateway_agent.seal.lanes import Lanes
from gateway_agent.seal.sealer import Sealer
from gateway_agent.wire.batch import link_of
from gateway_agent.wire.signer import Signer
from tests.support.power_cut_files import PowerCutFiles
from tests.support.signed_journal import frame

GATEWAY = GatewayId("test-01")
ROOT = Path("/data/journal")
LIMITS = JournalLimits(bytes_max=80_000, segment_bytes=8_000)
T = TypeVar("T")
RETRY_MS_MAX = 30_000


class SleepingClock:
    """Time moves when it is slept."""

    def __init__(self) -> None:
        self.now_ms = 0

    def monotonic_ms(self) -> int:
        return self.now_ms

    def read(self) -> ClockReading:
        return ClockReading(bytes(8), self.now_ms, 1_790_000_000_000 + self.now_ms, 1, 1)

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(0)
        self.now_ms += duration_ms


async def in_place(errand: Callable[[], T]) -> T:
    return errand()


class Gateway:
    """A committer on a real journal, on a disk that can be told to refuse."""

    def __init__(self) -> None:
        self.disk = PowerCutFiles(1)
        self.journal = Journal.open(ROOT, GATEWAY, LIMITS, self.disk)
        self.clock, self.lanes, self.synced = SleepingClock(), Lanes(), list[SealedBatch]()
        sealer = Sealer(GATEWAY, Signer.generate())
        self.committer = Committer(
            self.lanes,
            sealer,
            self.journal,
            self.clock,
            in_place,
            self.synced.extend,
        )
        self._next = 0

    def take(self, *lanes: Lane) -> None:
        for lane in lanes:
            self.lanes.add([self.frame(lane)], self.clock.now_ms)
        self.committer.wake()

    def frame(self, lane: Lane) -> AdmittedFrame:
        self._next += 1
        return frame(lane, self._next)._replace(deadline_ms=0)

    @property
    def refusal(self) -> str:
        return str(journal_report(self.journal, self.committer.refusal)["refusal"])

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("operation", "number"),
    [("append", errno.ENOSPC), ("create", errno.ENOSPC), ("sync", errno.EIO), ("create", errno.EROFS)],
)
async def test_a_disk_that_is_well_again_clears_the_refusal_by_itself(operation: str, number: int) -> None:
    """Hours of refusal, then the disk is well: within 30 s, without a new frame, the refusal is gone and what waited is stored, once."""
    gateway = Gateway()
    running = asyncio.create_task(gateway.committer.run())
    gateway.take(Lane.RECORD)
    await gateway.until(lambda: len(gateway.synced) == 1)
    for log in gateway.journal._logs.values():
        log.close_segment()  # so that the next append creates a file
    gateway.disk.fail = lambda asked, path: number if asked == operation else None
    gateway.take(Lane.RECORD, Lane.ALARM)
    await gateway.until(lambda: gateway.clock.now_ms > 2 * 3_600_000)
    assert gateway.refusal and len(gateway.synced) == 1
    gateway.disk.fail = lambda asked, path: None
    well_at_ms = gateway.clock.now_ms
    await gateway.until(lambda: not gateway.refusal)
    assert gateway.clock.now_ms - well_at_ms <= RETRY_MS_MAX
    await gateway.until(lambda: len(gateway.synced) == 3)
    assert [item.number for item in gateway.journal.read_after(Lane.RECORD, None, 0, 9, 1 << 20)] == [1, 2]
    assert [item.number for item in gateway.journal.read_after(Lane.ALARM, None, 0, 9, 1 << 20)] == [1]
    running.cancel()
    gateway.journal.close()


async def test_a_receipt_clears_the_refusal_of_a_full_journal() -> None:
    """Alarms alone have filled it, so nothing may be given up: once the city has taken some, it goes on without a new frame."""
    gateway = Gateway()
    running = asyncio.create_task(gateway.committer.run())
    while not gateway.refusal:
        gateway.take(*[Lane.ALARM] * 12)
        await gateway.until(
            lambda: gateway.refusal or not gateway.lanes.frames_count + gateway.committer.frames_in_work
        )
    stored = len(gateway.synced)
    batch = gateway.synced[stored // 2]
    receipt = Receipt(GATEWAY, Lane.ALARM, batch.instance, batch.number, link_of(batch.batch))
    gateway.journal.note_receipt(receipt, b"signed")
    await gateway.until(lambda: not gateway.refusal)
    assert len(gateway.synced) > stored
    running.cancel()
    gateway.journal.close()
