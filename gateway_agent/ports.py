# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the stages need of the world. An adapter turns every library's error into one named here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from gateway_agent.model import ClockReading, Lane, NodeId


class Clock(Protocol):
    """The only source of time. Order and expiry use `monotonic_ms`, never the wall."""

    def monotonic_ms(self) -> int: ...

    def read(self) -> ClockReading: ...

    async def sleep_ms(self, duration_ms: int) -> None: ...


class NodeLink(Protocol):
    """Frames in, down frames out. May lose, repeat and reorder both."""

    async def run(self, on_connected: Callable[[], None], on_frames: Callable[[list[bytes]], None]) -> None:
        """Deliver the bytes of frames, some at a time, until cancelled. Reconnects by itself; never raises `Unavailable`. Calls
        `on_connected` after each (re)connection."""
        ...

    def send(self, node_id: NodeId, down: bytes, *, keep: bool = False) -> None:
        """Best effort: a down frame that cannot be sent now is dropped, and counted. `keep`: the node sleeps, so the link should
        hold the frame for it where it can."""
        ...


class Uplink(Protocol):
    """Batches to the city, receipts back. At least once, in the order of `publish` while connected."""

    async def run(self, on_connected: Callable[[], None], on_receipt: Callable[[bytes], None]) -> None:
        """Keep a connection until cancelled. Calls `on_connected` after each (re)connection."""
        ...

    @property
    def is_connected(self) -> bool: ...

    def publish(self, lane: Lane, batch: bytes) -> Awaitable[None]:
        """Done when the broker has it (PUBACK).

        Raises:
            Unavailable: not connected, or the connection ended first.
        """
        ...

    def publish_word(self, word: str, data: bytes, *, retain: bool = False) -> Awaitable[None]:
        """As `publish`, for what is no batch: an answer, a key change."""
        ...

    def publish_state(self, state: bytes) -> None:
        """Retained; dropped while not connected."""
        ...
