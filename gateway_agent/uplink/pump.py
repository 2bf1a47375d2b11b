# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Moves batches from the journal to the city, as the window says, and takes receipts. Decides nothing itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from gateway_agent.errors import Unavailable
from gateway_agent.model import Lane
from gateway_agent.uplink.drain_pace import DrainPace
from gateway_agent.uplink.window import Position, Window

log = logging.getLogger(__name__)

READ_BATCHES_MAX = 16
READ_BYTES_MAX = 131_072
TICK_MS = 1_000
FULL_SOCKET_MS = 10


class Stored(Protocol):
    """A batch, or a gap, as the journal holds it."""

    @property
    def instance(self) -> bytes: ...
    @property
    def number(self) -> int: ...
    @property
    def batch(self) -> bytes: ...


class CityLink(Protocol):
    """What the pump needs of the uplink."""

    @property
    def is_connected(self) -> bool: ...
    @property
    def receive_maximum(self) -> int: ...
    @property
    def can_take_more(self) -> bool: ...
    def publish(self, lane: Lane, batch: bytes) -> Awaitable[None]: ...


class Pump:
    """Runs until cancelled."""

    def __init__(
        self,
        window: Window,
        uplink: CityLink,
        read_after: Callable[[Lane, Position, int, int], Awaitable[Sequence[Stored]]],
        in_flight_max: int,
        monotonic_ms: Callable[[], int],
        sleep_ms: Callable[[int], Awaitable[None]],
        on_broker_has: Callable[[Lane, Position, bytes], None] | None = None,
        pace: DrainPace | None = None,
    ) -> None:
        """`on_broker_has` is given with delivery "broker": a lane is with the broker up to this batch, without holes. Without a
        `pace` a backlog leaves as fast as it is taken."""
        self._window = window
        self._uplink = uplink
        self._read_after = read_after
        self._in_flight_max = in_flight_max
        self._monotonic_ms = monotonic_ms
        self._sleep_ms = sleep_ms
        self._on_broker_has = on_broker_has
        self._pace = pace
        self._pace_wait_ms = 0  # until the next batch that is no alarm may go
        self._wake = asyncio.Event()
        self._connection = 0
        self._sends: set[asyncio.Task[None]] = set()
        self._batches: dict[tuple[Lane, Position], bytes] = {}  # with delivery "broker": sent, not confirmed
        self.batches_sent = 0
        self.bytes_sent = 0
        self.read_failures = 0
        self._idle = asyncio.Event()
        self.on_passed: Callable[[Lane, Position], None] | None = None  # of a contradicted instance, sent up to this

    def wake(self) -> None:
        """There is something new: a batch, a receipt, a PUBACK."""
        self._wake.set()

    def note_appended(self, lane: Lane) -> None:
        self._window.note_appended(lane)
        self._wake.set()

    def offer(self, lane: Lane, stored: Stored) -> None:
        """A batch that has just been synced. It leaves at once where it is its lane's next and the lane comes first; else it is
        read from the journal in its turn."""
        self._window.note_appended(lane)
        is_next = self._window.cursor(lane) == Position(stored.instance, stored.number - 1)
        if is_next and self._uplink.is_connected and self._uplink.can_take_more and self._window.next_lane() is lane:
            self._idle.clear()
            self._send(lane, Position(stored.instance, stored.number), stored.batch)

    def note_connected(self) -> None:
        """A new connection: start again behind the receipts."""
        self._connection += 1
        self._batches.clear()
        if self._pace is not None:
            self._pace.renew()
        self._window.note_reconnected(min(self._in_flight_max, self._uplink.receive_maximum))
        self._wake.set()

    def note_receipt(self, lane: Lane, position: Position) -> None:
        self._window.note_receipt(lane, position)
        self._tell_passed()
        self._wake.set()

    async def drained(self) -> None:
        """Done when the broker has everything that could be sent; at once where there is no connection."""
        self._idle.clear()
        self._wake.set()
        if self._uplink.is_connected:
            await self._idle.wait()

    def note_known(self, lane: Lane, position: Position) -> None:
        self._window.note_known(lane, position)
        self._wake.set()

    def note_left_behind(self, lane: Lane, start: Position) -> None:
        self._window.note_left_behind(lane, start, self._monotonic_ms())
        self._wake.set()

    def note_repeated(self, lane: Lane, position: Position) -> None:
        self._window.note_repeated(lane, position, self._monotonic_ms())
        self._wake.set()

    def note_contradicted(self, lane: Lane, instance: bytes, start: Position) -> None:
        self._window.note_contradicted(lane, instance, start)
        self._wake.set()

    def note_rewound(self, lane: Lane, position: Position) -> None:
        self._window.note_rewound(lane, position)
        self._wake.set()

    def _tell_passed(self) -> None:
        for lane, position in self._window.take_passed():
            if self.on_passed is not None:
                self.on_passed(lane, position)

    async def run(self) -> None:
        """Send whatever the window allows."""
        try:
            while True:
                self._wake.clear()
                for lane in self._window.note_time(self._monotonic_ms()):
                    log.warning(
                        "no receipt for the %s lane: sending it again from the last one;"
                        " does the collector run, and does its configuration list this gateway and its key?",
                        lane.word,
                    )
                await self._send_all()
                if not self._sends and not self._pace_wait_ms:
                    self._idle.set()
                await self._wait()
        finally:
            for task in self._sends:
                task.cancel()

    async def _wait(self) -> None:
        sleep = asyncio.ensure_future(self._sleep_ms(min(TICK_MS, self._pace_wait_ms or TICK_MS)))
        woken = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((sleep, woken), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            woken.cancel()

    async def _send_all(self) -> None:
        window, uplink = self._window, self._uplink
        self._pace_wait_ms = 0
        while uplink.is_connected and (lane := window.next_lane()) is not None:
            self._idle.clear()
            if not uplink.can_take_more:
                await self._sleep_ms(FULL_SOCKET_MS)
                continue
            if self._must_wait(lane):
                return
            connection, cursor = self._connection, window.cursor(lane)
            room = min(READ_BATCHES_MAX, window.room(lane))
            try:
                stored = await self._read_after(lane, cursor, room, READ_BYTES_MAX)
            except Unavailable as error:
                self.read_failures += 1
                log.warning("the journal cannot be read: %s", error)
                return
            if connection != self._connection or cursor != window.cursor(lane):
                continue  # reconnected, or a receipt came, while we read
            if not stored:
                window.note_empty(lane)
            for item in stored:
                # An alarm that came meanwhile overtakes what was read ahead.
                if window.next_lane() is None or (lane is not Lane.ALARM and window.next_lane() is Lane.ALARM):
                    break
                if self._must_wait(lane):
                    return
                self._send(lane, Position(item.instance, item.number), item.batch)

    def _must_wait(self, lane: Lane) -> bool:
        if lane is Lane.ALARM or self._pace is None:
            return False
        self._pace_wait_ms = self._pace.wait_ms(self._monotonic_ms())
        return self._pace_wait_ms > 0

    def _send(self, lane: Lane, position: Position, batch: bytes) -> None:
        self._window.note_sent(lane, position, self._monotonic_ms())
        self.batches_sent += 1
        self.bytes_sent += len(batch)
        if self._pace is not None and lane is not Lane.ALARM:
            self._pace.spend(len(batch), self._monotonic_ms())
        if self._on_broker_has is not None:
            self._batches.pop((lane, position), None)  # sent again: it goes to the end
            self._batches[lane, position] = batch
        task = asyncio.ensure_future(self._follow(lane, position, batch, self._connection))
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)

    async def _follow(self, lane: Lane, position: Position, batch: bytes, connection: int) -> None:
        try:
            await self._uplink.publish(lane, batch)
        except Unavailable as error:
            if self._uplink.is_connected and connection == self._connection:
                log.warning("%s", error)  # the receipt will not come, and the time-out sends it again
                self._window.note_refused()
            return
        if connection != self._connection:
            return
        self._window.note_puback(lane, position)
        self._tell_passed()
        if self._on_broker_has is not None and (confirmed := self._window.confirm(lane)) is not None:
            data = self._batches.get((lane, confirmed))
            if data is not None:
                self._on_broker_has(lane, confirmed, data)
                for key in [key for key in self._batches if key[0] is lane]:  # in the order of sending
                    del self._batches[key]
                    if key[1] == confirmed:
                        break
        self._wake.set()
