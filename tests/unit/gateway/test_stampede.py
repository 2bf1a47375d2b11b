# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A city of gateways that comes back at once, and a backlog that leaves at a bounded rate while alarms do not wait for it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from bench.stampede import BATCH_BYTES, BROKER_BYTES_PER_MS, GATEWAYS, simulate
from gateway_agent.model import Lane
from gateway_agent.uplink.drain_pace import BURST_MS, SLOWEST_SHARE, DrainPace
from gateway_agent.uplink.pump import Pump
from gateway_agent.uplink.window import Position, Window


def test_500_gateways_that_lose_a_broker_for_a_moment_do_not_stampede() -> None:
    """The worst case, a broker that is back at once: below 200 connections in any second, all back within four seconds, and
    no more bytes than a line of 1 Gbit/s takes, so that the broker queues seconds of nothing."""
    peak = simulate(0)
    assert 500 / 4 <= peak.connections_per_s < 200
    assert peak.all_back_s <= 4
    assert peak.bytes_per_s <= BROKER_BYTES_PER_MS * 1_000 * 1.2
    assert peak.broker_queue_bytes <= 2 * GATEWAYS * BATCH_BYTES


def test_a_pace_never_allows_more_than_its_rate_and_a_burst() -> None:
    """Whoever sends as soon as he may stays within rate * time + burst + one batch, and reaches nine tenths of the rate."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    pace = DrainPace(100_000, chance)
    assert 100_000 * SLOWEST_SHARE <= pace.bytes_per_s <= 100_000
    now_ms = sent = 0
    while now_ms < 60_000:
        if wait_ms := pace.wait_ms(now_ms):
            now_ms += max(wait_ms, 1)
            continue
        size = chance.randrange(100, 60_000)
        pace.spend(size, now_ms)
        sent += size
        assert sent <= pace.bytes_per_s * (now_ms + BURST_MS) / 1_000 + 60_000
    assert sent >= pace.bytes_per_s * 60 * 0.9


@dataclass
class _Stored:
    instance: bytes
    number: int
    batch: bytes


class _Broker:
    """A city link that acknowledges at once and remembers the order."""

    is_connected = can_take_more = True
    receive_maximum = 100

    def __init__(self) -> None:
        self.sent: list[Lane] = []

    async def publish(self, lane: Lane, batch: bytes) -> None:
        self.sent.append(lane)


def test_a_paced_backlog_lets_an_alarm_pass_at_once() -> None:
    """While the trend lane waits for its pace, an alarm that is appended leaves without the clock having moved."""
    alarms: list[_Stored] = []

    async def read_after(lane: Lane, position: Position, batches: int, size_bytes: int) -> Sequence[_Stored]:
        if lane is Lane.TREND:
            return [_Stored(b"i", position.number + step, bytes(10_000)) for step in range(1, batches + 1)]
        return [item for item in alarms if item.number > position.number] if lane is Lane.ALARM else []

    async def for_ever(_ms: int) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        broker = _Broker()
        window = Window({lane: Position(b"i", 0) for lane in Lane}, 20)
        pump = Pump(window, broker, read_after, 20, lambda: 0, for_ever, None, DrainPace(40_000, random.Random(1)))
        task = asyncio.create_task(pump.run())

        async def settled() -> list[Lane]:
            for _ in range(200):
                await asyncio.sleep(0)
            return list(broker.sent)

        before = await settled()
        assert 1 <= len(before) <= 3, "the burst, and no more while the clock stands still"
        assert set(before) == {Lane.TREND}
        alarms.append(_Stored(b"i", 1, b"alarm"))
        pump.note_appended(Lane.ALARM)
        assert (await settled())[len(before) :] == [Lane.ALARM]
        task.cancel()

    asyncio.run(scenario())


def test_an_offered_batch_leaves_without_being_read_and_never_twice() -> None:
    """The lane's next batch goes out from memory; one behind a hole, or offered while nothing is connected, is left to the journal."""
    reads: list[Lane] = []
    kept = [_Stored(b"i", 1, b"one"), _Stored(b"i", 2, b"two"), _Stored(b"i", 3, b"three")]

    async def read_after(lane: Lane, position: Position, batches: int, size_bytes: int) -> Sequence[_Stored]:
        reads.append(lane)
        return [item for item in kept if item.number > position.number] if lane is Lane.ALARM else []

    async def scenario() -> None:
        broker = _Broker()
        window = Window({lane: Position(b"i", 0) for lane in Lane}, 20)
        for lane in Lane:
            window.note_empty(lane)
        pump = Pump(window, broker, read_after, 20, lambda: 0, asyncio.sleep)
        pump.offer(Lane.ALARM, kept[0])
        await asyncio.sleep(0)
        assert (broker.sent, reads) == ([Lane.ALARM], [])
        pump.offer(Lane.ALARM, kept[2])
        broker.is_connected = False
        pump.offer(Lane.ALARM, kept[1])
        await asyncio.sleep(0)
        assert broker.sent == [Lane.ALARM]
        assert window.cursor(Lane.ALARM) == Position(b"i", 1)
        broker.is_connected = True
        task = asyncio.create_task(pump.run())
        for _ in range(50):
            await asyncio.sleep(0)
        assert broker.sent == [Lane.ALARM] * 3
        task.cancel()

    asyncio.run(scenario())
