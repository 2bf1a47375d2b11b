# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the kinds of serial line have in common."""

from __future__ import annotations

from typing import Protocol


class LineEvents(Protocol):
    """What a line tells the board."""

    def line_data(self, data: bytes) -> None:
        """Bytes from whoever has the port open."""

    def line_opened(self) -> None:
        """Somebody has opened the port."""

    def line_closed(self) -> None:
        """Nobody has the port open any more."""

    def line_signals(self, dtr: bool, rts: bool) -> None:
        """The control lines have changed; never from a line that has none."""


class Line(Protocol):
    """A serial port as seen from the board."""

    has_signals: bool

    @property
    def port(self) -> str:
        """What a tool is to be given as the port's name."""

    async def open(self, events: LineEvents) -> None:
        """Make the port; also after `close`, under the same name."""

    def close(self) -> None:
        """The port vanishes, as when the cable is pulled."""

    def write(self, data: bytes, *, is_lossy: bool) -> None:
        """Send. With nobody there it is lost, as on a wire; `is_lossy`, also what a reader that does not read has no room for."""
