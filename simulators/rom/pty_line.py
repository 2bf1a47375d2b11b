# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A serial line on a pseudo-terminal: quick, but without control lines."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import termios
import tty
from collections import deque
from pathlib import Path

from simulators.rom.line import LineEvents

_LOOK_S = 0.01  # how often to look whether somebody has opened the port: nothing says so
_LOSSY_BYTES_MAX = 1 << 16
_BYTES_MAX = 4 << 20  # a stub sends no more than its reader has agreed to; beyond that something is wrong
_CHUNK_BYTES = 1 << 16


class PtyLine:
    has_signals = False

    def __init__(self, link: Path | None = None) -> None:
        """`link` becomes a symbolic link to the terminal, for a name that outlives it."""
        self._link = link
        self._name = ""
        self._master = -1
        self._events: LineEvents | None = None
        self._is_open = False  # somebody has the port open
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._look: asyncio.TimerHandle | None = None

    @property
    def port(self) -> str:
        return str(self._link) if self._link is not None else self._name

    async def open(self, events: LineEvents) -> None:
        self._events = events
        self._master, slave = os.openpty()
        tty.setraw(slave)  # no echo, and no carriage returns added to what the board says
        self._name = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        if self._link is not None:
            beside = self._link.with_name(self._link.name + ".new")
            beside.unlink(missing_ok=True)
            beside.symlink_to(self._name)
            beside.replace(self._link)
        self._is_open = False
        self._look_again()

    def close(self) -> None:
        if self._master < 0:
            return
        self._forget_writes()
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._master)
        if self._look is not None:
            self._look.cancel()
        os.close(self._master)
        self._master = -1
        self._is_open = False
        if self._link is not None:
            with contextlib.suppress(OSError):
                self._link.unlink()

    def write(self, data: bytes, *, is_lossy: bool) -> None:
        limit = _LOSSY_BYTES_MAX if is_lossy else _BYTES_MAX
        if not self._is_open or self._waiting_bytes + len(data) > limit:
            return
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if len(self._waiting) == 1:
            self._send()

    def _send(self) -> None:
        while self._waiting:
            data = self._waiting[0]
            try:
                count = os.write(self._master, data)
            except BlockingIOError:
                count = 0
            except OSError:
                self._forget_writes()
                return
            self._waiting_bytes -= count
            if count < len(data):
                self._waiting[0] = data[count:]
                asyncio.get_running_loop().add_writer(self._master, self._send)
                return
            self._waiting.popleft()
        asyncio.get_running_loop().remove_writer(self._master)

    def _forget_writes(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0
        asyncio.get_running_loop().remove_writer(self._master)

    def _look_again(self) -> None:
        """A terminal that nobody has open reports a hang-up all the time; that ends when somebody opens it."""
        poller = select.poll()
        poller.register(self._master, select.POLLIN)
        found = poller.poll(0)
        loop = asyncio.get_running_loop()
        if found and found[0][1] & select.POLLHUP:
            self._look = loop.call_later(_LOOK_S, self._look_again)
            return
        self._look = None
        self._is_open = True
        assert self._events is not None
        self._events.line_opened()
        loop.add_reader(self._master, self._receive)

    def _receive(self) -> None:
        assert self._events is not None
        try:
            data = os.read(self._master, _CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self._hung_up()
            return
        self._events.line_data(data)

    def _hung_up(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        self._is_open = False
        self._forget_writes()
        # What was sent and not read would wait for the next one who opens; a real port forgets it.
        with contextlib.suppress(OSError):
            slave = os.open(self._name, os.O_RDWR | os.O_NOCTTY)
            try:
                termios.tcflush(slave, termios.TCIOFLUSH)
            finally:
                os.close(slave)
        assert self._events is not None
        self._events.line_closed()
        if self._master >= 0:
            self._look_again()
