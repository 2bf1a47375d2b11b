# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Commands come in as small files, so that the command line needs no socket into the gateway.

`data/commands/*.json` holds one command each: {"node": "aabbccddee01", "command": "identify"}. A file is taken once
and removed. The last id that was given out is in `data/commands/last_id`, written before a command may leave.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from gateway_agent.control.commands import CODES
from gateway_agent.errors import Unavailable
from gateway_agent.model import NodeId

FILES_PER_LOOK_MAX = 100
_FILE_BYTES_MAX = 4_096


class Wanted(NamedTuple):
    """One file's content; `code` None where it is not a command."""

    name: str
    node_id: NodeId
    code: int | None


class CommandFiles:
    """The folder `commands` in the gateway's data."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder. Raises: Unavailable."""
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"{folder} cannot be made: {error.strerror}") from error
        self._folder = folder
        self._last_id = folder / "last_id"

    def read_last_id(self) -> int:
        """0 where none was given out yet or it cannot be read: a node's report then lifts it (docs/wire.md, 4)."""
        try:
            return int(self._last_id.read_text())
        except (OSError, ValueError):
            return 0

    def write_last_id(self, last_id: int) -> None:
        """Durable when this returns.

        Raises:
            Unavailable: the disk refuses; the command must not leave.
        """
        beside = self._folder / "last_id.new"
        try:
            with beside.open("w") as file:
                file.write(f"{last_id}\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._last_id)
            handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise Unavailable(f"{self._last_id} cannot be written: {error.strerror}") from error

    def take(self) -> list[Wanted]:
        """The commands that lie there, at most 100; their files are removed."""
        wanted: list[Wanted] = []
        try:
            paths = sorted(self._folder.glob("*.json"))[:FILES_PER_LOOK_MAX]
        except OSError:
            return []
        for path in paths:
            try:
                with path.open("rb") as file:
                    data = file.read(_FILE_BYTES_MAX)
                path.unlink()
            except OSError:
                continue
            wanted.append(_read(path.name, data))
        return wanted


def _read(name: str, data: bytes) -> Wanted:
    try:
        content = json.loads(data)
        node_id = bytes.fromhex(content["node"])
        code = CODES.get(content["command"]) if len(node_id) == 6 else None
    except (ValueError, TypeError, KeyError):
        return Wanted(name, NodeId(b""), None)
    return Wanted(name, NodeId(node_id), code)
