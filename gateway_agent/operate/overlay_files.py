# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A disk that is read and not written: whatever would be written stays in memory, and reads find it there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from gateway_agent.journal.files import Files


class OverlayFiles:
    """The `Files` port over another one. Only `lock` reaches the disk below: a lock that holds nobody off would be none."""

    def __init__(self, below: Files) -> None:
        self._below = below
        self._written: dict[Path, bytearray] = {}
        self._gone: set[Path] = set()
        self._directories: set[Path] = set()
        self._handles: dict[int, Path] = {}

    def _exists(self, path: Path) -> bool:
        return path in self._written or (path not in self._gone and path.is_file())

    def _require(self, path: Path) -> None:
        if not self._exists(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    def make_directory(self, path: Path) -> None:
        self._directories.add(path)

    def list_directory(self, path: Path) -> list[str]:
        below = [] if path in self._directories and not path.is_dir() else self._below.list_directory(path)
        names = {name for name in below if path / name not in self._gone}
        return sorted(names | {file.name for file in self._written if file.parent == path})

    def size_bytes(self, path: Path) -> int:
        self._require(path)
        return len(self._written[path]) if path in self._written else self._below.size_bytes(path)

    def read(self, path: Path, offset: int = 0, size_bytes: int = -1) -> bytes:
        self._require(path)
        if path not in self._written:
            return self._below.read(path, offset, size_bytes)
        return bytes(self._written[path][offset : None if size_bytes < 0 else offset + size_bytes])

    def create(self, path: Path) -> int:
        if self._exists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        self._written[path] = bytearray()
        return self._handle(path)

    def open_append(self, path: Path) -> int:
        if path not in self._written:
            self._written[path] = bytearray(self.read(path) if self._exists(path) else b"")
        return self._handle(path)

    def _handle(self, path: Path) -> int:
        handle = -1 - len(self._handles)  # below zero, so that it is no handle of the disk below
        self._handles[handle] = path
        return handle

    def append(self, handle: int, data: bytes) -> None:
        self._written[self._handles[handle]] += data

    def sync(self, handle: int) -> None:
        pass

    def close(self, handle: int) -> None:
        if handle >= 0:
            self._below.close(handle)

    def settle(self, path: Path) -> None:
        self._require(path)

    def truncate(self, path: Path, size_bytes: int) -> None:
        self._written[path] = bytearray(self.read(path, 0, size_bytes))

    def rename(self, source: Path, target: Path) -> None:
        self._written[target] = bytearray(self.read(source))
        self.unlink(source)

    def unlink(self, path: Path) -> None:
        self._require(path)
        self._written.pop(path, None)
        self._gone.add(path)

    def sync_directory(self, path: Path) -> None:
        pass

    def lock(self, path: Path) -> int:
        return self._below.lock(path)
