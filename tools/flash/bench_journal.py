# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The bench's account of each board: one file a MAC, one JSON line a step, each on the disk before the next step begins.

No line holds a secret. `check` names a master without giving it away: it is a digest of 128 random bits.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gateway_agent.errors import Unavailable
from tools.flash.flash_fault import FlashFault
from tools.secret_files import make_private_folder

JOURNAL_BYTES_MAX = 1 << 20  # of one board: some thousand runs; beyond, only the newest lines are read
VERSION = 1


class Standing(NamedTuple):
    """How far a board has come since its last new beginning. `check` and `profile` are of the master that was sealed for it."""

    is_done: bool
    check: str
    profile: str
    steps: tuple[str, ...]

    @property
    def is_interrupted(self) -> bool:
        return bool(self.steps) and not self.is_done


def check_of(master: bytes) -> str:
    """8 bytes in hex by which a master is known again."""
    return hashlib.sha256(b"sc1 bench check" + master).digest()[:8].hex()


class BoardJournal:
    """One board's file, open and locked."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def add(self, step: str, at_ms: int, **fields: object) -> None:
        """Append a step. It is synced when this returns. Raises Unavailable."""
        line = json.dumps({"v": VERSION, "at": at_ms, "step": step, **fields}, separators=(",", ":")) + "\n"
        try:
            os.write(self._descriptor, line.encode())
            os.fsync(self._descriptor)
        except OSError as error:
            raise Unavailable(f"{self.path} cannot be written: {error.strerror}") from error

    def standing(self) -> Standing:
        """What the file says. A line that a power cut has torn counts as not written."""
        size = os.fstat(self._descriptor).st_size
        data = os.pread(self._descriptor, JOURNAL_BYTES_MAX, max(0, size - JOURNAL_BYTES_MAX))
        return read_standing(data)


def read_standing(data: bytes) -> Standing:
    """Pure."""
    steps: list[str] = []
    check = profile = ""
    for line in data.split(b"\n"):
        try:
            found = json.loads(line)
            step = str(found["step"])
        except (ValueError, KeyError, TypeError):
            continue
        if step == "again":
            steps, check, profile = [], "", ""
        if step != "failed":  # for people; what was reached before counts
            steps.append(step)
        if step == "sealed":
            check, profile = str(found.get("check", "")), str(found.get("profile", ""))
    return Standing("done" in steps, check, profile, tuple(steps))


@contextmanager
def open_journal(folder: Path, mac: str) -> Iterator[BoardJournal]:
    """Open a board's file for this run alone.

    Raises:
        FlashFault: busy_board, where another run has it.
        ConfigError, Unavailable: the folder cannot be used.
    """
    make_private_folder(folder)
    path = folder / f"{mac}.jsonl"
    try:
        is_new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"{path} cannot be opened: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FlashFault("busy_board", mac=mac) from error
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            os.write(descriptor, b"\n")  # behind a torn line
        if is_new:
            holder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(holder)
            finally:
                os.close(holder)
        yield BoardJournal(path, descriptor)
    finally:
        os.close(descriptor)
