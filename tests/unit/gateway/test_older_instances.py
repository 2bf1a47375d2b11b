# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""When the ends of older instances are told, and what that costs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

import pytest

from gateway_agent.errors import Unavailable
from gateway_agent.model import Lane
from gateway_agent.uplink.older_instances import EACH_MS, OlderInstances

T = TypeVar("T")


class Store:
    def older_ends(self, lane: Lane) -> list[bytes]:
        return [b"first", b"second"] if lane is Lane.RECORD else []


class Told:
    """The stage: what was published, and a broker that may refuse or be busy."""

    def __init__(self) -> None:
        self.now_ms = 1_000
        self.batches: list[tuple[Lane, bytes]] = []
        self.is_refusing = False
        self.quiet = asyncio.Event()
        self.quiet.set()
        self.older = OlderInstances(Store(), self._read, self._publish, self._idle, lambda: self.now_ms)

    async def _read(self, errand: Callable[[], T]) -> T:
        return errand()

    async def _idle(self) -> None:
        await self.quiet.wait()

    async def _publish(self, lane: Lane, batch: bytes) -> None:
        if self.is_refusing:
            raise Unavailable("not connected")
        self.batches.append((lane, batch))

    async def look(self) -> int:
        await self.older.look()
        return await self.wait()

    async def wait(self) -> int:
        for _ in range(20):
            await asyncio.sleep(0)
        return len(self.batches)


async def test_they_are_told_with_each_connection_and_four_times_a_day() -> None:
    """Nothing before the first connection; then once each, again after six hours, and with the next connection."""
    told = Told()
    assert await told.look() == 0
    told.older.note_connected()
    assert await told.look() == 2 and await told.look() == 2
    assert told.batches == [(Lane.RECORD, b"first"), (Lane.RECORD, b"second")]
    told.now_ms += EACH_MS
    assert await told.look() == 4
    told.older.note_connected()
    assert await told.look() == 6


async def test_what_is_new_goes_first_and_a_refusal_waits_for_the_next_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """While anything else is on its way nothing is told, and one word of it waits, however often the broker connects meanwhile; a broker
    that refuses is not asked again and again, and that is said."""
    caplog.set_level(logging.INFO)
    told = Told()
    told.quiet.clear()
    for _ in range(3):
        told.older.note_connected()
        assert await told.look() == 0
    told.quiet.set()
    assert await told.wait() == 2
    assert await told.look() == 4, "the latest connection has not been told"
    told.is_refusing = True
    told.older.note_connected()
    assert await told.look() == 4
    assert "were not told: not connected" in caplog.text
    told.is_refusing = False
    assert await told.look() == 4
    told.older.note_connected()
    assert await told.look() == 6
