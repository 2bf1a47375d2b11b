# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A board's console in this terminal: what it says is shown, what is typed is sent. Ctrl-] ends it."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from tools.flash.flash_fault import FlashFault

END = b"\x1d"  # Ctrl-]
_LOOK_S = 0.1
_CHUNK_BYTES = 4096


def monitor(port: str, baud: int) -> None:
    """Until Ctrl-], the end of what is typed, or the port's end. The board is not reset by it.

    Raises:
        FlashFault: port_missing, port_denied, port_busy, port_lost.
    """
    import serial  # noqa: PLC0415  (of the bench only)

    try:
        line = serial.serial_for_url(port, baudrate=baud, timeout=_LOOK_S, do_not_open=True)
        if hasattr(line, "exclusive") and "://" not in port:
            line.exclusive = True
        line.dtr = line.rts = False  # both low: the circuit on boards neither resets nor holds the boot pin
        line.open()
    except (OSError, serial.SerialException, ValueError) as error:
        raise _fault(port, str(error)) from error
    with contextlib.closing(line), _raw_terminal() as typed:
        over = threading.Event()
        lost: list[str] = []

        def show() -> None:
            try:
                while not over.is_set():
                    data = line.read(line.in_waiting or 1)
                    if data:
                        os.write(sys.stdout.fileno(), data)
            except (OSError, serial.SerialException) as error:
                lost.append(str(error))
                over.set()

        shower = threading.Thread(target=show, daemon=True)
        shower.start()
        try:
            while not over.is_set():
                ready, _, _ = select.select([typed], [], [], _LOOK_S)
                if not ready:
                    continue
                data = os.read(typed, _CHUNK_BYTES)
                before, mark, _after = data.partition(END)
                if before:
                    line.write(before)
                if mark or not data:
                    break
        finally:
            over.set()
            shower.join(timeout=2)
    if lost:
        raise FlashFault("port_lost", port=port)


@contextmanager
def _raw_terminal() -> Iterator[int]:
    """Each key at once, and Ctrl-C to the board; the terminal is put back whatever happens."""
    typed = sys.stdin.fileno()
    if not os.isatty(typed):
        yield typed
        return
    before = termios.tcgetattr(typed)
    tty.setraw(typed, termios.TCSANOW)
    try:
        yield typed
    finally:
        termios.tcsetattr(typed, termios.TCSADRAIN, before)


def _fault(port: str, said: str) -> FlashFault:
    lowered = said.lower()
    if "permission" in lowered:
        return FlashFault("port_denied", port=port)
    if "lock" in lowered or "busy" in lowered or "unavailable" in lowered:
        return FlashFault("port_busy", port=port)
    return FlashFault("port_missing", port=port)
