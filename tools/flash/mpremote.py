# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""MicroPython on a serial port, by the pinned mpremote: a process of its own, which ends with the one who started it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.flash.flash_fault import FlashFault
from tools.flash.ports import is_url
from tools.flash.program import run_module

_GUARD = "tools.flash.dies_with_parent"
_URL_LIMIT_S = 120
_RETURN_S = 15  # a board with USB of its own leaves the bus at a reset
_START_S = 1.0  # from the reset to MicroPython: what is typed before is lost, and mpremote types only once
_SIGNS = (
    ("No module named mpremote", "no_tool"),
    ("Permission denied", "port_denied"),
    ("failed to access", "port_busy"),
)


async def mpremote(
    port: str, folder: Path, *words: str, limit_s: float, on_line: Callable[[str], None] | None = None
) -> str:
    """Run it with these words, and what it has said. `limit_s` is longer on another machine's port; the others as of `run_module`."""
    limit_s = max(limit_s, _URL_LIMIT_S) if is_url(port) else limit_s
    command = (str(os.getpid()), "mpremote", "connect", port, *words)
    ended = await run_module(_GUARD, *command, limit_s=limit_s, silence_s=limit_s, folder=folder, on_line=on_line)
    return ended.text


def raise_sign(said: str, port: str) -> None:
    """Raises: FlashFault: no_tool, port_denied, port_busy, as far as mpremote has said that."""
    for sign, name in _SIGNS:
        if sign in said:
            raise FlashFault(name, tool="mpremote", port=port)


def read_answer(said: str, mark: str) -> dict[str, Any] | None:
    """The object that a program on the board has printed behind `mark`, in one line; None where there is none."""
    for line in reversed(said.splitlines()):
        if line.startswith(mark):
            try:
                found = json.loads(line.removeprefix(mark))
            except ValueError:
                return None
            return found if isinstance(found, dict) else None
    return None


async def appear(port: str) -> None:
    """Wait for the port of a board that was reset. Raises: FlashFault: port_lost."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _RETURN_S
    while not is_url(port) and not Path(port).exists():  # noqa: ASYNC240
        if loop.time() >= until:
            raise FlashFault("port_lost", port=port)
        await asyncio.sleep(0.1)


async def until_started(port: str) -> None:
    """Wait for the port, and until MicroPython hears. Raises: FlashFault: port_lost."""
    await appear(port)
    await asyncio.sleep(_START_S)
