# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A node on a serial port: asked, changed and started over its raw prompt.

What holds a secret goes in a file of a private folder, never in an argument: arguments are for everybody to read.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from tools.flash.esptool import Line
from tools.flash.flash_fault import FlashFault
from tools.flash.mpremote import appear, mpremote, raise_sign, read_answer, until_started
from tools.flash.ports import is_url
from tools.flash.program import private_folder
from tools.provision.board_program import (
    MARK,
    RESET,
    BoardReport,
    Heard,
    Written,
    hear,
    look_program,
    read_board,
    read_written,
    write_program,
)
from tools.secret_files import write_secret

_TRIES = 3
_LIMIT_S = 30


class _Over(Exception):
    """Enough was heard."""


async def look(port: str, generations: Collection[int]) -> BoardReport:
    """Who the board is. Its program is stopped by that: `start` or `restart` must follow.

    Raises:
        FlashFault: port_missing, port_denied, port_busy, port_lost, no_tool, no_prompt.
    """
    return read_board(await _ask(port, look_program(generations)))


async def write(port: str, changes: Mapping[str, Any]) -> Written:
    """Change these entries of its configuration, or find them there. Raises: as `look`."""
    return read_written(await _ask(port, write_program(changes)))


async def start(port: str, limit_s: float, told: Callable[[Heard, str], None]) -> Heard | None:
    """Reset the board and listen to its console until it is connected, has stopped, or begins in safe mode.

    `told` hears what it says on the way. None: the time ran out, or the port went with the reset, as of boards with USB of their own.

    Raises: FlashFault: as `look`, but for no_prompt.
    """
    last: list[Heard] = []

    def on_line(line: str) -> None:
        found = hear(line)
        if found is None:
            return
        told(*found)
        if found[0] in (Heard.CONNECTED, Heard.SAFE, Heard.STOPPED):
            last.append(found[0])
            raise _Over

    with private_folder() as folder:
        await appear(port)
        with contextlib.suppress(_Over):
            said = await mpremote(port, folder, "resume", "exec", RESET, limit_s=limit_s, on_line=on_line)
            raise_sign(said, port)
    return last[0] if last else None


async def restart(port: str) -> None:
    """Let a board that was asked begin its work again, whatever happened; one that does not hear begins after its next reset."""
    with private_folder() as folder, contextlib.suppress(FlashFault, OSError):
        await mpremote(port, folder, "resume", "exec", "--no-follow", RESET, limit_s=_LIMIT_S)


async def _ask(port: str, program: str) -> dict[str, Any]:
    """Run a program on the board, and what it answers. A board that sleeps is woken by a reset between two tries."""
    if not is_url(port):
        if not Path(port).exists():  # noqa: ASYNC240
            raise FlashFault("port_missing", port=port)
        if not os.access(port, os.R_OK | os.W_OK):
            raise FlashFault("port_denied", port=port)
    with private_folder() as folder:
        script = folder / "program.py"
        write_secret(script, program.encode())
        for number in range(_TRIES):
            if number:
                with contextlib.suppress(FlashFault):
                    await Line(port, folder).identify(resets=True)
                await until_started(port)
            said = await mpremote(port, folder, "run", str(script), limit_s=_LIMIT_S)
            answer = read_answer(said, MARK)
            if answer is not None:
                return answer
            raise_sign(said, port)
    raise FlashFault("no_prompt")
