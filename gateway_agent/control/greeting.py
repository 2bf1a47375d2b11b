# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Says to the nodes that we listen again: what they sent before met nobody, or a gateway that died before it sealed.

A node sends everything again that is not acknowledged when it hears a down frame with a new start in its IV (docs/wire.md, 4). So
after each connection to the nodes' broker the IV gets a new start, and the newest epoch of every node that stays awake is told
what we have of it. A node that sleeps asks by itself.

Twenty nodes each tenth of a second: their repeats must not come all at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from gateway_agent.admit.received import NumberTable
from gateway_agent.control.acknowledgements import RANGES_PER_DOWN_MAX, Answer, DownNonces
from gateway_agent.model import Kid

_AT_ONCE = 20
_PAUSE_MS = 100


def greetings(synced: NumberTable, kids: Iterable[Kid]) -> list[Answer]:
    """One answer for each kid of which something is synced: the newest ranges, and no time, for it answers nothing."""
    found = []
    for kid in kids:
        numbers = synced.find(kid)
        if numbers is not None and numbers.ranges:
            found.append(Answer(kid, numbers.highs[-1], numbers.ranges[-RANGES_PER_DOWN_MAX:], False))
    return found


class Greeter:
    """Greets once after each connection. Bounded by the table of what is synced."""

    def __init__(
        self,
        synced: NumberTable,
        is_awake: Callable[[Kid], bool],
        nonces: DownNonces,
        greet: Callable[[Answer], None],
        sleep_ms: Callable[[int], Awaitable[None]],
    ) -> None:
        self._synced = synced
        self._is_awake = is_awake
        self._nonces = nonces
        self._greet = greet
        self._sleep_ms = sleep_ms
        self._connected = asyncio.Event()

    def note_connected(self) -> None:
        """The link is up: from now on the nodes are heard."""
        self._nonces.renew()
        self._connected.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._connected.wait()
            self._connected.clear()
            kids = [kid for kid in self._synced.newest_kids() if self._is_awake(kid)]
            for count, answer in enumerate(greetings(self._synced, kids), 1):
                if self._connected.is_set():
                    break  # another connection: from the beginning
                self._greet(answer)
                if count % _AT_ONCE == 0:
                    await self._sleep_ms(_PAUSE_MS)
