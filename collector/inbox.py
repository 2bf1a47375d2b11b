# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Messages between the network and the worker: bounded, and taken in groups.

A full inbox refuses, and the refusal is counted. That costs delay only: without a receipt the gateway sends again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

INBOX_BYTES_MAX = 64 << 20
# One group is one transaction: large enough that its sync is cheap, small enough that receipts keep coming.
GROUP_BYTES_MAX = 4 << 20
GROUP_MESSAGES_MAX = 512


class Message(NamedTuple):
    """What arrived on the city's broker."""

    topic: str
    payload: bytes


class Inbox:
    """First in, first out."""

    def __init__(self, bytes_max: int = INBOX_BYTES_MAX) -> None:
        self._messages: deque[Message] = deque()
        self._bytes_max = bytes_max
        self._some = asyncio.Event()
        self.length_bytes = 0
        self._refused = 0

    def put(self, message: Message) -> None:
        """Add a message, or count it as refused where there is no room."""
        if self.length_bytes + len(message.payload) > self._bytes_max:
            self._refused += 1
            return
        self._messages.append(message)
        self.length_bytes += len(message.payload)
        self._some.set()

    def take_refused(self) -> int:
        """How many were refused since the last call."""
        count, self._refused = self._refused, 0
        return count

    async def take(self, timeout_s: float) -> list[Message]:
        """The next group; empty if nothing came for so long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._some.wait()
        except TimeoutError:
            return []
        group: list[Message] = []
        length_bytes = 0
        while self._messages and length_bytes < GROUP_BYTES_MAX and len(group) < GROUP_MESSAGES_MAX:
            message = self._messages.popleft()
            group.append(message)
            length_bytes += len(message.payload)
        self.length_bytes -= length_bytes
        if not self._messages:
            self._some.clear()
        return group
