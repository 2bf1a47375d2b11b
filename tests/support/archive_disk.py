# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A disk below a collector's archive that fills up, fails syncs, and forgets at a power cut what was not synced.

The model of docs/journal.md for segment files: between syncs the end of a file is there or not, up to any byte, or reads as zeros; a name
whose directory was not synced may be gone. The database beside it keeps what it has committed.
"""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest

WELL = 1 << 40


class PowerCut(BaseException):
    """Nothing after this moment happens."""


class ArchiveDisk:
    """`room`: bytes that segments may still take. `loses_syncs`: the share that fails. `cut_in`: steps until the power is cut."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, source: random.Random) -> None:
        self.room = WELL
        self.loses_syncs = 0.0
        self.cut_in: int | None = None
        self._source = source
        self._synced: dict[Path, int] = {}
        self._names: set[Path] = set()
        self._write, self._fdatasync, self._fsync = os.write, os.fdatasync, os.fsync
        monkeypatch.setattr(os, "write", self.write)
        monkeypatch.setattr(os, "fdatasync", self.fdatasync)
        monkeypatch.setattr(os, "fsync", self.fsync)

    def heal(self) -> None:
        """From here on all is well."""
        self.room, self.loses_syncs, self.cut_in = WELL, 0.0, None

    def write(self, descriptor: int, data: bytes) -> int:
        if _path_of(descriptor).suffix != ".seg":
            return self._write(descriptor, data)
        self._step()
        part = bytes(data[: self.room])
        if not part:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= len(part)
        return self._write(descriptor, part)

    def fdatasync(self, descriptor: int) -> None:
        path = _path_of(descriptor)
        if path.suffix == ".seg":
            self._step()
            if self._source.random() < self.loses_syncs:
                raise OSError(errno.EIO, "Input/output error")
            self._synced[path] = path.stat().st_size
        self._fdatasync(descriptor)

    def fsync(self, descriptor: int) -> None:
        path = _path_of(descriptor)
        if path.is_dir():
            self._step()
            self._names.update(path.iterdir())
        self._fsync(descriptor)

    def _step(self) -> None:
        if self.cut_in is not None:
            self.cut_in -= 1
            if self.cut_in < 0:
                raise PowerCut

    @property
    def names(self) -> set[Path]:
        """What is there by a name that no power cut takes away."""
        return self._names

    def forget(self, archive: Path) -> None:
        """What a power cut leaves of the segments; the collector has ended before."""
        self.heal()
        draw = self._source
        for path in sorted(archive.rglob("*.seg")):
            size, synced = path.stat().st_size, self._synced.pop(path, 0)
            if path not in self._names and draw.random() < 0.5:
                path.unlink()
                continue
            if size > synced:
                kept = draw.choice((synced, size, draw.randint(synced, size)))
                with path.open("r+b") as file:
                    file.truncate(kept)
                    if draw.random() < 0.3:
                        file.truncate(size)  # zeros
            self._synced[path] = path.stat().st_size
            self._names.add(path)


def _path_of(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()
