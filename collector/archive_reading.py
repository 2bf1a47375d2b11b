# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Reads back what an archive holds, for a collector that starts: where each shelf ends, and what stands behind a number.

What is read counts as held from then on, so it is first synced and dropped from the cache: bytes that only memory has after
a sync that failed are not taken for archived.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from collector.ledger import ChainKey
from collector.segments import MAGIC, Damage, SignedEntry, scan, scan_entries
from gateway_agent.errors import Unavailable
from gateway_agent.model import Lane

MAIN_SHELF = ""
LATE_SHELF = "late"
TAIL_BYTES = 1 << 17  # a batch is 64 KiB at most

_SEGMENT = re.compile(r"([0-9]{12})(?:_([0-9]+))?\.seg")
_FORK = re.compile(r"fork-([0-9]+)")
_INSTANCE = re.compile(r"[0-9a-f]{16}")
_LANES = {lane.word: lane for lane in Lane}


def fork_of(shelf: str) -> int | None:
    """The branch of a fork's shelf; None for another shelf."""
    match = _FORK.fullmatch(shelf)
    return int(match[1]) if match else None


class ArchiveReader:
    """Looks, and changes nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def chains(self) -> list[ChainKey]:
        """All chains. Raises: Unavailable."""
        try:
            return [
                ChainKey(folder.parent.parent.name, int(_LANES[folder.parent.name]), bytes.fromhex(folder.name))
                for folder in sorted(self.root.glob("*/*/*"))
                if folder.parent.name in _LANES and _INSTANCE.fullmatch(folder.name)
            ]
        except OSError as error:
            raise self._unavailable(error) from error

    def shelves(self, key: ChainKey) -> list[str]:
        """The shelves of a chain: its own, its forks' in their order, and what came late. Raises: Unavailable."""
        try:
            names = [path.name for path in self._folder(key, MAIN_SHELF).iterdir()]
        except FileNotFoundError:
            names = []
        except OSError as error:
            raise self._unavailable(error) from error
        forks = sorted((number, name) for name in names if (number := fork_of(name)) is not None)
        return [MAIN_SHELF, *(name for _, name in forks), *([LATE_SHELF] if LATE_SHELF in names else [])]

    def last(self, key: ChainKey, shelf: str = MAIN_SHELF) -> SignedEntry | None:
        """The last good entry of a shelf; None where it has none. Raises: Unavailable."""
        for path in reversed(self._segments(key, shelf)):
            data = self._read(path, TAIL_BYTES)
            end = _entry_at_end(data)
            if end is None:
                found = list(_entries(self._read(path)))
                end = found[-1] if found else None
            if end is not None:
                return end
        return None

    def behind(self, key: ChainKey, shelf: str, number: int) -> Iterator[SignedEntry]:
        """The entries of a shelf above a number, as they stand in its files. Raises: Unavailable."""
        segments = self._segments(key, shelf)
        firsts = [int(path.name[:12]) for path in segments]
        begin = max((place for place, first in enumerate(firsts) if first <= number + 1), default=0)
        for path in segments[begin:]:
            yield from (entry for entry in _entries(self._read(path)) if entry.number > number)

    def newest(self, key: ChainKey) -> Iterator[SignedEntry]:
        """What the last two segments of a chain hold: a node table begins in them (docs/wire.md, 5). Raises: Unavailable."""
        for path in self._segments(key, MAIN_SHELF)[-2:]:
            yield from _entries(self._read(path))

    def _folder(self, key: ChainKey, shelf: str) -> Path:
        return self.root / key.gateway_id / Lane(key.lane).word / key.instance.hex() / shelf

    def _segments(self, key: ChainKey, shelf: str) -> list[Path]:
        try:
            names = [path.name for path in self._folder(key, shelf).iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unavailable(error) from error
        found = [match for match in map(_SEGMENT.fullmatch, names) if match]
        found.sort(key=lambda match: (int(match[1]), int(match[2] or 0)))
        return [self._folder(key, shelf) / match[0] for match in found]

    def _read(self, path: Path, tail_bytes: int | None = None) -> bytes:
        try:
            with path.open("rb") as file:
                os.fdatasync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                if tail_bytes is not None:
                    file.seek(max(0, file.seek(0, os.SEEK_END) - tail_bytes))
                return file.read()
        except OSError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: OSError) -> Unavailable:
        return Unavailable(f"archive {self.root}: {error.strerror}")


def _entries(data: bytes) -> Iterator[SignedEntry]:
    return (entry for _, entry in scan_entries(data) if isinstance(entry, SignedEntry))


def _entry_at_end(data: bytes) -> SignedEntry | None:
    """The entry that ends where the data ends, found from its marker; None where the end is torn."""
    start = data.rfind(MAGIC)
    while start >= 0:
        found = list(scan(data[start:]))
        if len(found) == 1 and not isinstance(found[0], Damage):
            return next(_entries(data[start:]), None)
        start = data.rfind(MAGIC, 0, start)
    return None
