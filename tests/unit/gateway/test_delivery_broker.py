# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""With delivery "broker" each PUBACK stands for a receipt: none is missed, whatever numbers are under way beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from gateway_agent.model import Lane
from gateway_agent.uplink.pump import Pump
from gateway_agent.uplink.window import Position, Window

LANE = Lane.RECORD


@dataclass
class _Stored:
    instance: bytes
    number: int

    @property
    def batch(self) -> bytes:
        return self.instance + bytes((self.number,))


class _Broker:
    """A city link whose PUBACKs come when `answer` is called."""

    is_connected = can_take_more = True
    receive_maximum = 100

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []

    async def publish(self, lane: Lane, batch: bytes) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(done)
        await done

    def answer(self, count: int) -> None:
        for done in self.waiting[:count]:
            done.set_result(None)
        del self.waiting[:count]


async def settled() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_the_first_batches_of_a_new_instance_are_confirmed_beside_the_last_of_the_old() -> None:
    """The old one's number is higher: it says nothing of theirs."""
    held = [*(_Stored(b"old", number) for number in (8, 9)), *(_Stored(b"new", number) for number in (1, 2, 3))]
    told: list[tuple[bytes, int, bytes]] = []

    async def read_after(lane: Lane, position: Position, batches: int, size_bytes: int) -> Sequence[_Stored]:
        places = [(item.instance, item.number) for item in held]
        start = places.index(tuple(position)) + 1 if tuple(position) in places else 0
        return held[start:] if lane is LANE else []

    async def for_ever(_ms: int) -> None:
        await asyncio.Event().wait()

    broker = _Broker()
    window = Window({lane: Position(b"old", 7) for lane in Lane}, 20)

    def note(lane: Lane, position: Position, batch: bytes) -> None:
        told.append((*position, batch))
        window.note_receipt(lane, position)

    pump = Pump(window, broker, read_after, 20, lambda: 0, for_ever, note)
    task = asyncio.create_task(pump.run())
    await settled()
    assert len(broker.waiting) == 5
    for _ in range(5):
        broker.answer(1)
        await settled()
    assert told == [(item.instance, item.number, item.batch) for item in held]
    assert window.unreceipted_count(LANE) == 0
    task.cancel()
