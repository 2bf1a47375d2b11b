# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The world process: tells every simulated board what its sensors feel, over one unix socket, in simulated time.

A board says who it is; from then on it gets a line for each change and the recordings some seconds ahead. The format is in
simulators/board/world.py. A board that nobody has placed gets a place by its profile's family (the id up to its first hyphen):
`place(world, node)` of the module `place_<family>`, where there is one.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from simulators.clock import SimulationClock
from simulators.world.street import Street

Message = dict[str, object]

_TICK_REAL_S = 0.1
_AHEAD_MS_MIN = 5000  # how far ahead of simulated time recordings are sent
_AHEAD_REAL_S = 3.0  # the same in host time, for fast simulations


class Surroundings(Protocol):
    """What one board feels."""

    def messages(self, now_ms: int, ahead_ms: int) -> Iterator[Message]:
        """The lines that are due now; `ahead_ms` is how far recordings should reach. Starts anew after `restart`."""
        ...

    def restart(self) -> None:
        """The board was switched on: it knows nothing."""
        ...


class World:
    """Serves boards at the unix socket `path` (at most 100 bytes long). Runs in the caller's event loop.

    `truth[node]` collects (microseconds since 1970, code) of every conversion of nodes whose `truth` is set.
    """

    def __init__(
        self,
        path: Path,
        clock: SimulationClock | None = None,
        *,
        seed: int = 1,
        street: Street | None = None,
    ) -> None:
        if len(str(path).encode()) > 100:
            raise ValueError(f"a unix socket's path has at most 100 bytes: {path}")
        self.path = path
        self.clock = clock or SimulationClock()
        self.street = street or Street(64, self.clock.now_ms(), seed=seed, free_s=20, parked_s=25)
        self.truth: dict[str, list[tuple[int, int]]] = {}
        self.stalls: dict[str, int] = {}  # node -> its stall in `street`
        self.seed = seed
        self._surroundings: dict[str, Surroundings] = {}
        self._changes: dict[str, Message] = {}
        self._writers: dict[str, asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self._ticker: asyncio.Task[None] | None = None

    def add(self, node: str, surroundings: Surroundings | None = None, **first: object) -> None:
        """A board (12 hex digits) feels these surroundings; `first` are values of its own, as in `change`."""
        if surroundings is not None:
            self._surroundings[node] = surroundings
        self._changes.setdefault(node, {}).update(first)

    def change(self, node: str, values: Mapping[str, object]) -> None:
        """From now on, also after a restart of the board: for example {"wifi": False} or {"absent": ["sht4x"]}."""
        self._changes.setdefault(node, {}).update(values)
        self.once(node, values)

    def once(self, node: str, values: Mapping[str, object]) -> None:
        """Now, and not again after a restart: for example {"spike_code": 5000000}."""
        self._send(node, {"at_ms": self.clock.now_ms(), "set": dict(values)})

    def connected(self) -> set[str]:
        """Boards that are there now."""
        return set(self._writers)

    async def start(self) -> None:
        """Serve from now on.

        Raises:
            OSError: the socket cannot be made.
        """
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._board, str(self.path))
        self._ticker = asyncio.create_task(self._tick(), name="world")

    async def stop(self) -> None:
        """Close the socket; every board that is still connected loses its power."""
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers.values()):
            writer.close()
        if self._server is not None:
            await self._server.wait_closed()
        self.path.unlink(missing_ok=True)

    async def __aenter__(self) -> World:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def _tick(self) -> None:
        while True:
            for node in list(self._writers):
                self._feed(node)
            await asyncio.sleep(_TICK_REAL_S)

    def _feed(self, node: str) -> None:
        surroundings = self._surroundings.get(node)
        if surroundings is None:
            return
        ahead_ms = max(_AHEAD_MS_MIN, int(_AHEAD_REAL_S * 1000 * self.clock.rate))
        for message in surroundings.messages(self.clock.now_ms(), ahead_ms):
            self._send(node, message)

    def _send(self, node: str, message: Message) -> None:
        writer = self._writers.get(node)
        if writer is not None and not writer.is_closing():
            writer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    async def _board(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        node = ""
        try:
            async for line in reader:
                message = json.loads(line)
                if "node" in message:
                    node = str(message["node"])
                    self._join(node, str(message.get("profile", "")), writer)
                elif "tell" in message:
                    self.change(str(message["tell"]), message["set"])
                elif "samples" in message:  # a converter's own record
                    self.truth.setdefault(node, []).extend((at_us, code) for at_us, code in message["samples"])
        except (ConnectionError, ValueError):
            pass  # killed in the middle of a line
        finally:
            if self._writers.get(node) is writer:
                del self._writers[node]
            writer.close()

    def _join(self, node: str, profile: str, writer: asyncio.StreamWriter) -> None:
        self._writers[node] = writer
        if node not in self._surroundings:
            try:
                family = importlib.import_module(f"simulators.world.place_{profile.partition('-')[0]}")
            except ModuleNotFoundError:
                pass  # nature stands still there
            else:
                self._surroundings[node] = family.place(self, node)
        first = self._changes.get(node)
        if first:
            self._send(node, {"at_ms": 0, "set": first})
        surroundings = self._surroundings.get(node)
        if surroundings is not None:
            surroundings.restart()
        self._feed(node)
        self._send(node, {"joined": True})
