# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The file system as a port, so that a test can stand in for a disk that tears, drops, reorders or refuses.

`Files` is all that the journal knows of disks. It decides nothing: no name, no order, no retry.
Every method may raise `OSError`; after an error in `append` or `sync` the file's contents are unknown.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """What the journal needs of a file system.

    Guarantees that the journal relies on, and nothing beyond them:
    what was appended is durable after `sync` of that file; names (created, renamed, removed) are durable after
    `sync_directory`; `rename` replaces its target in one step; before that, any part may be lost, in any order.
    """

    def make_directory(self, path: Path) -> None:
        """Create a directory, readable by us alone, and its missing parents, durably. One that is there is fine."""
        ...

    def list_directory(self, path: Path) -> list[str]:
        """The names in a directory, in any order."""
        ...

    def size_bytes(self, path: Path) -> int: ...

    def read(self, path: Path, offset: int = 0, size_bytes: int = -1) -> bytes:
        """Bytes from `offset`: at most `size_bytes`, or all with -1; fewer where the file ends."""
        ...

    def create(self, path: Path) -> int:
        """Create a file that must not exist yet, and return a handle for `append`."""
        ...

    def open_append(self, path: Path) -> int:
        """Open a file for `append`, creating it where it is missing."""
        ...

    def append(self, handle: int, data: bytes) -> None:
        """Write all of `data` at the end."""
        ...

    def sync(self, handle: int) -> None: ...

    def close(self, handle: int) -> None: ...

    def settle(self, path: Path) -> None:
        """Sync a file that an earlier process wrote, and forget cached pages: the next read shows what the disk has."""
        ...

    def truncate(self, path: Path, size_bytes: int) -> None:
        """Cut a file, and sync it."""
        ...

    def rename(self, source: Path, target: Path) -> None: ...

    def unlink(self, path: Path) -> None: ...

    def sync_directory(self, path: Path) -> None: ...

    def lock(self, path: Path) -> int:
        """Take the only lock on a file; `BlockingIOError` if another process has it. Held until `close` or death."""
        ...


class OsFiles:
    """The real disk (POSIX)."""

    def make_directory(self, path: Path) -> None:
        if not path.is_dir():
            self.make_directory(path.parent)
            path.mkdir(mode=0o700, exist_ok=True)
            self.sync_directory(path.parent)

    def list_directory(self, path: Path) -> list[str]:
        return os.listdir(path)  # noqa: PTH208 (names are wanted, not paths)

    def size_bytes(self, path: Path) -> int:
        return path.stat().st_size

    def read(self, path: Path, offset: int = 0, size_bytes: int = -1) -> bytes:
        with path.open("rb", buffering=0) as file:
            if size_bytes < 0:
                file.seek(offset)
                return file.readall()
            parts = []
            while size_bytes > 0:
                part = os.pread(file.fileno(), size_bytes, offset)
                if not part:
                    break
                parts.append(part)
                offset += len(part)
                size_bytes -= len(part)
            return parts[0] if len(parts) == 1 else b"".join(parts)

    def create(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def open_append(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def append(self, handle: int, data: bytes) -> None:
        written = os.write(handle, data)
        if written < len(data):  # a nearly full disk or a signal; the next call says which
            rest = memoryview(data)[written:]
            while rest:
                rest = rest[os.write(handle, rest) :]

    def sync(self, handle: int) -> None:
        # fdatasync writes the length too where it changed, but not the times: one block less to wear out.
        os.fdatasync(handle)

    def close(self, handle: int) -> None:
        os.close(handle)

    def settle(self, path: Path) -> None:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
            # After a failed sync Linux may keep pages that never reached the disk and call them clean
            # (https://lwn.net/Articles/752063/). Dropped from the cache, they cannot be mistaken for stored ones.
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)

    def truncate(self, path: Path, size_bytes: int) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.ftruncate(handle, size_bytes)
            os.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, source: Path, target: Path) -> None:
        source.rename(target)

    def unlink(self, path: Path) -> None:
        path.unlink()

    def sync_directory(self, path: Path) -> None:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def lock(self, path: Path) -> int:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise
        return handle


def replace_file(files: Files, path: Path, beside: Path, data: bytes) -> None:
    """Replace a file's contents in one step, durably: write beside, sync, rename, sync the directory.

    Raises:
        OSError: the old contents, or the new ones, are there.
    """
    remove_file(files, beside)
    handle = files.create(beside)
    try:
        files.append(handle, data)
        files.sync(handle)
    finally:
        files.close(handle)
    files.rename(beside, path)
    files.sync_directory(path.parent)


def remove_file(files: Files, path: Path) -> None:
    """Remove a file that may be missing. Raises: OSError."""
    with suppress(FileNotFoundError):
        files.unlink(path)
