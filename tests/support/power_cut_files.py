# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A file system in memory that may do, at a power cut, whatever a real one may do between two syncs.

The model (also in docs/journal.md, "Fault model")
--------------------------------------------------
* What was appended to a file since its last sync may be there whole, not at all, up to any byte, or in any subset of
  its 64-byte pieces, the others being zeros or old bytes. Files do not wait for each other.
* Names that were created, renamed or removed since the directory's last sync may have changed or not: in order up to
  some point, or any subset. Syncing a file does not make its name durable.
* A rename replaces its target in one step. What was synced stays as it is.
* A sync that fails loses any part of what it should have written, and yet the file reads as if all were there until
  the cache is dropped (`settle`), as on Linux.

Every change counts as one step; `cut_at` names the step at which the power goes. `fail` makes steps raise OSError.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from pathlib import Path

_PIECE_BYTES = 64


class PowerCutError(BaseException):
    """The power is gone. Not an Exception, so that no handler of ours lives on without power."""


class _File:
    def __init__(self, durable: bytes = b"") -> None:
        self.durable = bytearray(durable)
        self.current = bytearray(durable)
        self.pending: list[tuple[int, bytes | None]] = []  # (offset, bytes) or (size, None) for a cut


class _Directory:
    def __init__(self) -> None:
        self.durable: dict[str, _File | _Directory] = {}
        self.current: dict[str, _File | _Directory] = {}
        self.pending: list[dict[str, _File | _Directory | None]] = []  # each: names and what they become

    def change(self, names: dict[str, _File | _Directory | None]) -> None:
        _apply_names(self.current, names)
        self.pending.append(names)


def _apply_names(entries: dict[str, _File | _Directory], names: dict[str, _File | _Directory | None]) -> None:
    for name, node in names.items():
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


class PowerCutFiles:
    """The `Files` port over that model. All paths are absolute."""

    def __init__(self, seed: int = 0, cut_at: int | None = None) -> None:
        self.rng = random.Random(seed)
        self.cut_at = cut_at
        self.fail: Callable[[str, Path | None], int | None] = lambda operation, path: None
        self.steps = 0
        self.log: list[str] = []
        self._root = _Directory()
        self._handles: dict[int, tuple[_File, Path]] = {}
        self._next_handle = 3

    # ---------------------------------------------------------------------------------------------- the cut

    def after_cut(self, seed: int) -> PowerCutFiles:
        """The disk as it may be found when the power is back."""
        other = PowerCutFiles(seed)
        way = other.rng.choice(("mixed", "mixed", "mixed", "mixed", "all lost", "all kept"))
        other._root = _survive_directory(self._root, other.rng, way, {})
        return other

    def clone(self) -> PowerCutFiles:
        """A disk of its own with the same contents, all of them durable."""
        other = PowerCutFiles()
        other._root = _survive_directory(self._root, other.rng, "all kept", {})
        return other

    def copy_to(self, folder: Path) -> None:
        """Write everything as it reads now below a real folder, for programs that know no other files."""
        _copy(self._root, folder)

    def content(self, path: Path) -> bytes:
        return bytes(self._file(path).current)

    def store(self, path: Path, data: bytes) -> None:
        """Put bytes there as if they had always been so, durably."""
        file = _File(data)
        self._directory(path.parent).durable[path.name] = file
        self._directory(path.parent).current[path.name] = file

    def _step(self, operation: str, path: Path | None) -> None:
        self.steps += 1
        self.log.append(f"{self.steps} {operation} {path}")
        if self.cut_at is not None and self.steps >= self.cut_at:
            raise PowerCutError(f"at step {self.steps}: {operation} {path}")

    def _may_fail(self, operation: str, path: Path | None) -> None:
        number = self.fail(operation, path)
        if number is not None:
            raise OSError(number, f"{errno.errorcode[number]} injected into {operation}")

    # ---------------------------------------------------------------------------------------------- the port

    def make_directory(self, path: Path) -> None:
        directory = self._root
        for index, part in enumerate(path.parts[1:], start=1):
            node = directory.current.get(part)
            if node is None:
                self._step("make_directory", path)
                self._may_fail("make_directory", path)
                node = _Directory()
                directory.change({part: node})
                self.sync_directory(Path(*path.parts[:index]))
            assert isinstance(node, _Directory)
            directory = node

    def list_directory(self, path: Path) -> list[str]:
        self._may_fail("list_directory", path)
        names = list(self._directory(path).current)
        self.rng.shuffle(names)
        return names

    def size_bytes(self, path: Path) -> int:
        self._may_fail("size_bytes", path)
        return len(self._file(path).current)

    def read(self, path: Path, offset: int = 0, size_bytes: int = -1) -> bytes:
        file = self._file(path)
        self._may_fail("read", path)
        end = None if size_bytes < 0 else offset + size_bytes
        return bytes(file.current[offset:end])

    def create(self, path: Path) -> int:
        directory = self._directory(path.parent)
        if path.name in directory.current:
            raise FileExistsError(errno.EEXIST, "exists", str(path))
        self._step("create", path)
        self._may_fail("create", path)
        file = _File()
        directory.change({path.name: file})
        return self._open(file, path)

    def open_append(self, path: Path) -> int:
        if path.name not in self._directory(path.parent).current:
            return self.create(path)
        self._may_fail("open_append", path)
        return self._open(self._file(path), path)

    def append(self, handle: int, data: bytes) -> None:
        file, path = self._handles[handle]
        number = self.fail("append", path)
        if number is not None:
            data = data[: self.rng.randrange(len(data) + 1)]
        file.pending.append((len(file.current), bytes(data)))
        file.current += data
        self._step("append", path)
        if number is not None:
            raise OSError(number, f"{errno.errorcode[number]} injected into append")

    def sync(self, handle: int) -> None:
        file, path = self._handles[handle]
        self._step("sync", path)
        self._sync(file, path)

    def close(self, handle: int) -> None:
        del self._handles[handle]

    def settle(self, path: Path) -> None:
        file = self._file(path)
        self._step("settle", path)
        self._sync(file, path)
        file.current[:] = file.durable

    def truncate(self, path: Path, size_bytes: int) -> None:
        file = self._file(path)
        del file.current[size_bytes:]
        file.pending.append((size_bytes, None))
        self._step("truncate", path)
        self._sync(file, path)

    def rename(self, source: Path, target: Path) -> None:
        assert source.parent == target.parent
        file = self._file(source)
        self._may_fail("rename", target)
        self._directory(source.parent).change({source.name: None, target.name: file})
        self._step("rename", target)

    def unlink(self, path: Path) -> None:
        self._file(path)
        self._may_fail("unlink", path)
        self._directory(path.parent).change({path.name: None})
        self._step("unlink", path)

    def sync_directory(self, path: Path) -> None:
        directory = self._directory(path)
        self._step("sync_directory", path)
        self._may_fail("sync_directory", path)
        directory.durable = dict(directory.current)
        directory.pending.clear()

    def lock(self, path: Path) -> int:
        return self.open_append(path)

    # ---------------------------------------------------------------------------------------------- inside

    def _sync(self, file: _File, path: Path) -> None:
        number = self.fail("sync", path)
        if number is not None:
            file.durable = _survive_file(file, self.rng, "mixed").durable
            file.pending.clear()  # the system believes that they are written, and never tries again
            raise OSError(number, f"{errno.errorcode[number]} injected into sync")
        for offset, data in file.pending:
            _write(file.durable, offset, data)
        file.pending.clear()

    def _open(self, file: _File, path: Path) -> int:
        self._next_handle += 1
        self._handles[self._next_handle] = (file, path)
        return self._next_handle

    def _directory(self, path: Path) -> _Directory:
        node: _File | _Directory | None = self._root
        for part in path.parts[1:]:
            node = node.current.get(part) if isinstance(node, _Directory) else None
        if not isinstance(node, _Directory):
            raise FileNotFoundError(errno.ENOENT, "no such directory", str(path))
        return node

    def _file(self, path: Path) -> _File:
        node = self._directory(path.parent).current.get(path.name)
        if not isinstance(node, _File):
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return node


def _copy(directory: _Directory, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, node in directory.current.items():
        if isinstance(node, _Directory):
            _copy(node, folder / name)
        else:
            (folder / name).write_bytes(node.current)


def _write(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    if len(content) < offset:
        content += bytes(offset - len(content))
    content[offset : offset + len(data)] = data


def _survive_file(file: _File, rng: random.Random, way: str) -> _File:
    content = bytearray(file.durable)
    for offset, data in file.pending:
        fate = {"all lost": "lost", "all kept": "kept"}.get(way) or rng.choice(("kept", "lost", "torn", "pieces"))
        if fate == "kept":
            _write(content, offset, data)
        elif data is not None and fate == "torn":
            _write(content, offset, data[: rng.randrange(len(data) + 1)])
        elif data is not None and fate == "pieces":
            _write(content, offset, _some_pieces(data, rng))
    return _File(bytes(content))


def _some_pieces(data: bytes, rng: random.Random) -> bytes:
    """The data with some of its pieces missing: zeros, or what was on those blocks before."""
    share = rng.random()
    parts = []
    for start in range(0, len(data), _PIECE_BYTES):
        part = data[start : start + _PIECE_BYTES]
        if rng.random() > share:
            part = rng.randbytes(len(part)) if rng.random() < 0.2 else bytes(len(part))
        parts.append(part)
    return b"".join(parts)


def _survive_directory(directory: _Directory, rng: random.Random, way: str, done: dict[int, _File]) -> _Directory:
    entries = dict(directory.durable)
    pending = directory.pending
    if way == "all lost":
        pending = []
    elif way == "mixed" and pending:
        is_ordered, count = rng.random() < 0.5, rng.randrange(len(pending) + 1)
        pending = pending[:count] if is_ordered else [names for names in pending if rng.random() < 0.5]
    for names in pending:
        _apply_names(entries, names)
    survivor = _Directory()
    for name, node in entries.items():
        if isinstance(node, _Directory):
            survivor.durable[name] = _survive_directory(node, rng, way, done)
        else:
            if id(node) not in done:
                done[id(node)] = _survive_file(node, rng, way)
            survivor.durable[name] = done[id(node)]
    survivor.current = dict(survivor.durable)
    return survivor
