# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A serial line over TCP (RFC 2217) with the control lines DTR and RTS, on this machine only. Each setting takes a tool 50 ms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from simulators.rom.line import LineEvents
from simulators.rom.tcp_line import TcpLine


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


class Rfc2217Line(TcpLine):
    _scheme = "rfc2217"
    _make_manager: Callable[[_Signals, asyncio.StreamWriter], _PortManager]
    _manager: _PortManager

    async def open(self, events: LineEvents) -> None:
        # Imported here: who uses pseudo-terminals only can do without pyserial.
        from serial.rfc2217 import PortManager  # noqa: PLC0415

        self._make_manager = PortManager
        await super().open(events)

    def _begin(self, writer: asyncio.StreamWriter) -> None:
        assert self._events is not None
        self._manager = self._make_manager(_Signals(self._events), writer)

    def _encode(self, data: bytes) -> bytes:
        return b"".join(self._manager.escape(data))

    def _decode(self, data: bytes) -> bytes:
        return b"".join(self._manager.filter(data))
