# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A serial line as a plain TCP connection (`socket://`), without control lines, on this machine only.

Nothing leads the board into its boot loader or out of it but its buttons: a frame of the boot loader's reaches a running application
as what it is there, bytes that somebody types.
"""

from __future__ import annotations

import asyncio
import contextlib

from simulators.rom.line import LineEvents

_LOSSY_BYTES_MAX = 1 << 16
_BYTES_MAX = 4 << 20


class TcpLine:
    has_signals = True  # of the board's: they are there, and nobody moves them
    _scheme = "socket"

    def __init__(self, tcp_port: int = 0) -> None:
        """`tcp_port` 0 takes a free one, and keeps it."""
        self._tcp_port = tcp_port
        self._server: asyncio.Server | None = None
        self._events: LineEvents | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def port(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._tcp_port}"

    async def open(self, events: LineEvents) -> None:
        self._events = events
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._tcp_port)
        self._tcp_port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None

    def write(self, data: bytes, *, is_lossy: bool) -> None:
        if self._writer is None:
            return
        limit = _LOSSY_BYTES_MAX if is_lossy else _BYTES_MAX
        if self._writer.transport.get_write_buffer_size() + len(data) <= limit:
            self._writer.write(self._encode(data))

    def _begin(self, writer: asyncio.StreamWriter) -> None:
        """Somebody has connected."""

    def _encode(self, data: bytes) -> bytes:
        return data

    def _decode(self, data: bytes) -> bytes:
        return data

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._events is not None
        if self._writer is not None:  # a port is open once
            writer.close()
            return
        self._writer = writer
        try:
            self._begin(writer)
            self._events.line_opened()
            while data := await reader.read(1 << 16):
                if plain := self._decode(data):
                    self._events.line_data(plain)
        except ConnectionError:
            pass
        finally:
            if self._writer is writer:
                self._writer = None
            with contextlib.suppress(ConnectionError, OSError):
                writer.close()
            self._events.line_closed()
