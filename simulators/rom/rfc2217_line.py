# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A serial line over TCP (RFC 2217) with the control lines DTR and RTS, on this machine only. Each setting takes a tool 50 ms."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Protocol

from simulators.rom.line import LineEvents

_LOSSY_BYTES_MAX = 1 << 16
_BYTES_MAX = 4 << 20


class _PortManager(Protocol):
    """What is used of pyserial's RFC 2217 server."""

    def filter(self, data: bytes) -> Iterable[bytes]: ...

    def escape(self, data: bytes) -> Iterable[bytes]: ...


class _Signals:
    """Looks to the RFC 2217 server like the serial port that it serves."""

    bytesize = 8
    parity = "N"
    stopbits = 1
    baudrate = 115_200
    xonxoff = rtscts = dsrdtr = break_condition = False
    cts = dsr = cd = True
    ri = False

    def __init__(self, events: LineEvents) -> None:
        self._events = events
        self._dtr = self._rts = False

    @property
    def dtr(self) -> bool:
        return self._dtr

    @dtr.setter
    def dtr(self, is_on: bool) -> None:
        self._dtr = is_on
        self._events.line_signals(self._dtr, self._rts)

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, is_on: bool) -> None:
        self._rts = is_on
        self._events.line_signals(self._dtr, self._rts)

    def reset_input_buffer(self) -> None:
        """Nothing is buffered here."""

    def reset_output_buffer(self) -> None:
        """Nothing is buffered here."""


class Rfc2217Line:
    has_signals = True

    def __init__(self, tcp_port: int = 0) -> None:
        """`tcp_port` 0 takes a free one, and keeps it."""
        self._tcp_port = tcp_port
        self._server: asyncio.Server | None = None
        self._events: LineEvents | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._manager: _PortManager | None = None

    @property
    def port(self) -> str:
        return f"rfc2217://127.0.0.1:{self._tcp_port}"

    async def open(self, events: LineEvents) -> None:
        # Imported here: who uses pseudo-terminals only can do without pyserial.
        from serial.rfc2217 import PortManager  # noqa: PLC0415

        self._make_manager = PortManager
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
        writer = self._writer
        if writer is None or self._manager is None:
            return
        limit = _LOSSY_BYTES_MAX if is_lossy else _BYTES_MAX
        if writer.transport.get_write_buffer_size() + len(data) <= limit:
            writer.write(b"".join(self._manager.escape(data)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._events is not None
        if self._writer is not None:  # a port is open once
            writer.close()
            return
        self._writer = writer
        try:
            manager: _PortManager = self._make_manager(_Signals(self._events), writer)
            self._manager = manager
            self._events.line_opened()
            while data := await reader.read(1 << 16):
                if plain := b"".join(manager.filter(data)):
                    self._events.line_data(plain)
        except ConnectionError:
            pass
        finally:
            if self._writer is writer:
                self._writer = self._manager = None
            with contextlib.suppress(ConnectionError, OSError):
                writer.close()
            self._events.line_closed()
