# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A line between a client and a broker that gets slow, or goes dead without a word, as lines behind a router do."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from types import TracebackType

from tests.support.mosquitto import free_port

_PIECE_BYTES = 4_096


class _Call:
    """One connection. Dead: nothing comes through any more, and nobody is told."""

    def __init__(self) -> None:
        self.flows = asyncio.Event()
        self.flows.set()


class BadLine:
    """`with BadLine(port) as line:` forwards `line.port` to a port of this machine."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self.port = free_port()
        self.bytes_per_s: float | None = None  # None: as fast as it goes
        self.accepted = 0
        self._calls: set[_Call] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()

    def cut_silently(self) -> None:
        """The connections of now are dead from here on; new ones are well. Both ends still believe in the old ones."""
        self._loop.call_soon_threadsafe(self._set_flowing, False)

    def mend(self) -> None:
        """What was cut goes on where it stopped."""
        self._loop.call_soon_threadsafe(self._set_flowing, True)

    def _set_flowing(self, flows: bool) -> None:
        for call in self._calls:
            if flows:
                call.flows.set()
            else:
                call.flows.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # at the end; the server would log it as an error
            await self._connect(reader, writer)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = _Call()
        self.accepted += 1
        self._calls.add(call)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.close()
            self._calls.discard(call)
            return
        ways = [
            asyncio.create_task(self._forward(call, reader, far_writer)),
            asyncio.create_task(self._forward(call, far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._calls.discard(call)
            for end in (writer, far_writer):
                end.close()
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await end.wait_closed()

    async def _forward(self, call: _Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_PIECE_BYTES):
                await call.flows.wait()
                if self.bytes_per_s is not None:
                    await asyncio.sleep(len(data) / self.bytes_per_s)
                writer.write(data)
                await writer.drain()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=_PIECE_BYTES)
        self._ready.set()
        await self._over.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def __enter__(self) -> BadLine:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)
