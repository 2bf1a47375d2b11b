# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Shows the city, now and then, how far the older instances of a lane went that the journal still holds.

The state names the present instance of each lane only. A collector that was restored from a copy older than that would never learn
that it lacks the end of another one, though it had receipted it, and the journal has it still. So the last batch of the newest four,
where it is receipted, is sent once more with every connection, and four times a day. A collector that holds it answers with its receipt;
one that does not sees a hole, and asks for what comes before (docs/wire.md, 18).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from gateway_agent.errors import Unavailable
from gateway_agent.model import Lane

log = logging.getLogger(__name__)
T = TypeVar("T")

EACH_MS = 6 * 3_600_000


class OlderStore(Protocol):
    """The journal, as far as this needs it."""

    def older_ends(self, lane: Lane) -> Sequence[bytes]: ...


class Reader(Protocol):
    """Runs something blocking in a thread that reads."""

    def __call__(self, errand: Callable[[], T]) -> Awaitable[T]: ...


class OlderInstances:
    """`note_connected` with each connection; `look` each second or so."""

    def __init__(
        self,
        store: OlderStore,
        reader: Reader,
        publish: Callable[[Lane, bytes], Awaitable[None]],
        idle: Callable[[], Awaitable[None]],
        monotonic_ms: Callable[[], int],
    ) -> None:
        """`idle` is done when nothing else is on its way: what is new goes first, and the broker takes only so much at once."""
        self._store = store
        self._reader = reader
        self._publish = publish
        self._idle = idle
        self._monotonic_ms = monotonic_ms
        self._due_ms: int | None = None  # None: not connected yet
        self._task: asyncio.Task[None] | None = None

    def note_connected(self) -> None:
        self._due_ms = self._monotonic_ms()

    async def look(self) -> None:
        """Tell it if it is time; what the broker does not take is told with the next connection."""
        if self._due_ms is None or self._monotonic_ms() < self._due_ms or (self._task and not self._task.done()):
            return
        self._due_ms = self._monotonic_ms() + EACH_MS
        self._task = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        try:
            for lane in Lane:
                for batch in await self._reader(lambda lane=lane: self._store.older_ends(lane)):  # type: ignore[misc]
                    await self._idle()
                    await self._publish(lane, batch)
        except Unavailable as error:
            log.info("the ends of older instances were not told: %s", error)
