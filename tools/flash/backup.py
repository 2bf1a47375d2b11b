# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A board's whole flash into a file, and back. The file holds the node's key: it has mode 0600."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from tools.advice import Advice
from tools.flash.esptool import Line, Part, Progress, Retrying
from tools.flash.esptool_text import Identity
from tools.flash.program import private_folder
from tools.secret_files import read_secret, write_secret


class Saved(NamedTuple):
    board: Identity
    size: int
    sha256: str


async def backup(port: str, out: Path, baud_max: int, progress: Progress, retrying: Retrying) -> Saved:
    """Read the flash into `out`, which must not exist; the board starts again afterwards.

    Raises:
        FlashFault, ConfigError, Unavailable.
    """
    if out.exists():  # noqa: ASYNC240
        raise Advice("{file} exists already: move it away, or choose another file.", file=out)
    with private_folder() as folder:
        line = Line(port, folder, baud_max=baud_max)
        board = await line.identify()
        path = folder / "flash.bin"
        await line.read(board, 0, board.flash_bytes, path, progress, retrying)
        await line.reset(board)
        data = path.read_bytes()
    write_secret(out, data)
    return Saved(board, len(data), hashlib.sha256(data).hexdigest())


async def restore(
    port: str, file: Path, mac: str | None, baud_max: int, progress: Progress, retrying: Retrying
) -> Saved:
    """Write a backup back; esptool compares the whole of it, in the same call, by the digest that the chip computes.

    `mac` refuses another board than the one that it was taken from.

    A node that is set back to an old state has used its sequence numbers already; its own number store sees to that
    (a new epoch), but only if the backup was taken before them: so restore onto the same board only.

    Raises:
        FlashFault, ConfigError, Unavailable.
    """
    data = read_secret(file)
    with private_folder() as folder:
        line = Line(port, folder, baud_max=baud_max)
        board = await line.identify()
        if mac is not None and board.mac != mac:
            raise Advice("The board is {found}, not {wanted}.", found=board.mac, wanted=mac)
        if len(data) != board.flash_bytes:
            raise Advice(
                "{file} has {size} bytes, the board's flash {flash}: it is no backup of this board.",
                file=file,
                size=len(data),
                flash=board.flash_bytes,
            )
        path = folder / "flash.bin"
        path.write_bytes(data)
        parts = [Part(0, path)]
        # No second call compares it: a board that starts between two calls writes its own files, and would be called worn out.
        await line.write(board, parts, progress, retrying, resets=True)
    return Saved(board, len(data), hashlib.sha256(data).hexdigest())


async def erase(port: str, mac: str, baud_max: int, retrying: Retrying) -> Identity:
    """Erase everything, if it is this board. Raises FlashFault, ConfigError."""
    with private_folder() as folder:
        line = Line(port, folder, baud_max=baud_max)
        board = await line.identify()
        if board.mac != mac:
            raise Advice("The board is {found}, not {wanted}.", found=board.mac, wanted=mac)
        await line.erase(board, retrying, resets=True)
    return board


async def identify(port: str, baud_max: int) -> Identity:
    """What a board is; it starts again afterwards. Raises FlashFault."""
    with private_folder() as folder:
        return await Line(port, folder, baud_max=baud_max).identify(resets=True)
