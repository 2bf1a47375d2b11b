# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Reads back what an archive holds, for a collector that starts: where each shelf ends, and what stands behind a number; and single
batches by their digests, which prove them.

What is read counts as held from then on, so it is first synced, by its name too, and dropped from the cache: bytes that only
memory has after a sync that failed are not taken for archived. Nor is what a later segment makes void, where its entries may not
have come again.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from collector.ledger import ChainKey
from collector.private import sync_directories
from collector.segments import MAGIC, Damage, SegmentHeader, SignedEntry, scan, scan_entries
from gateway_agent.errors import Unavailable
from gateway_agent.model import Lane

MAIN_SHELF = ""
LATE_SHELF = "late"
TAIL_BYTES = 1 << 17  # a batch is 64 KiB at most
HEADER_BYTES_MAX = 4_096
VOID_NEVER = 1 << 62  # above every number

_SEGMENT = re.compile(r"([0-9]{12})(?:_([0-9]+))?\.seg")
_FORK = re.compile(r"fork-([0-9]+)")
_INSTANCE = re.compile(r"[0-9a-f]{16}")
_LANES = {lane.word: lane for lane in Lane}


def fork_of(shelf: str) -> int | None:
    """The branch of a fork's shelf; None for another shelf."""
    match = _FORK.fullmatch(shelf)
    return int(match[1]) if match else None


def chain_folder(root: Path, key: ChainKey) -> Path:
    """Where a chain's segments lie; its other shelves lie below."""
    return root / key.gateway_id / Lane(key.lane).word / key.instance.hex()


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

    def last(self, key: ChainKey) -> SignedEntry | None:
        """The last good entry of a chain's own shelf; None where it has none. Raises: Unavailable."""
        void_from = VOID_NEVER
        for path in reversed(self._segments(key, MAIN_SHELF)):
            end = _entry_at_end(self._read(path, TAIL_BYTES))
            if end is None or end.number >= void_from:
                found = [entry for entry in _entries(self._read(path)) if entry.number < void_from]
                end = found[-1] if found else None
            if end is not None:
                return end
            void_from = min(void_from, self._first(path))
        return None

    def ends(self, key: ChainKey, shelf: str) -> Iterator[SignedEntry]:
        """The last good entry of each segment of another shelf: which one was written last its names do not say. Raises: Unavailable."""
        for path in self._segments(key, shelf):
            end = _entry_at_end(self._read(path, TAIL_BYTES))
            if end is None:
                end = next(reversed(list(_entries(self._read(path)))), None)
            if end is not None:
                yield end

    def behind(self, key: ChainKey, shelf: str, number: int) -> Iterator[SignedEntry]:
        """The entries of a shelf above a number, as they stand in its files. Raises: Unavailable."""
        segments = self._segments(key, shelf)
        if shelf == MAIN_SHELF:
            firsts = [self._first(path) for path in segments]
            begin = max((place for place, first in enumerate(firsts) if first <= number + 1), default=0)
            found = self._counted(segments[begin:], firsts[begin:])
        else:  # in any order
            found = (entry for path in segments for entry in _entries(self._read(path)))
        yield from (entry for entry in found if entry.number > number)

    def find(self, key: ChainKey, wanted: Mapping[bytes, int]) -> Iterator[dict[bytes, bytes]]:
        """The signed bytes of batches, on whatever shelf of a chain: by their digest what each segment holds of the `wanted` (number by
        digest). Raises: Unavailable."""
        left, low, high = set(wanted), min(wanted.values()), max(wanted.values())
        for shelf in self.shelves(key):
            segments = self._segments(key, shelf)
            if shelf == MAIN_SHELF:
                firsts = [int(path.name[:12]) for path in segments]
                begin = max((place for place, first in enumerate(firsts) if first <= low), default=0)
                segments = [path for path, first in zip(segments[begin:], firsts[begin:], strict=True) if first <= high]
            else:  # the newest first: what came out of its order came just now
                segments = sorted(segments, key=self._written_ns, reverse=True)
            for path in segments:
                found: dict[bytes, bytes] = {}
                for entry in _entries(self._read(path)):
                    if low <= entry.number <= high and (digest := hashlib.sha256(entry.signed).digest()) in left:
                        found[digest] = entry.signed
                yield found
                left -= found.keys()
                if not left:
                    return

    def newest(self, key: ChainKey) -> Iterator[SignedEntry]:
        """What the last two segments of a chain hold: a node table begins in them (docs/wire.md, 5). Raises: Unavailable."""
        segments = self._segments(key, MAIN_SHELF)[-2:]
        yield from self._counted(segments, [self._first(path) for path in segments])

    def _counted(self, segments: list[Path], firsts: list[int]) -> Iterator[SignedEntry]:
        """The entries that no later segment makes void (docs/wire.md, 12): those were written again, or never counted."""
        for place, path in enumerate(segments):
            void_from = min(firsts[place + 1 :], default=VOID_NEVER)
            yield from (entry for entry in _entries(self._read(path)) if entry.number < void_from)

    def _first(self, path: Path) -> int:
        """The number from which on a segment makes the ones before it void; one without a header does not. Raises: Unavailable."""
        try:
            with path.open("rb") as file:
                _, entry = next(scan_entries(file.read(HEADER_BYTES_MAX)), (None, None))
        except OSError as error:
            raise self._unavailable(error) from error
        return entry.first if isinstance(entry, SegmentHeader) else VOID_NEVER

    def _written_ns(self, path: Path) -> int:
        try:
            return path.stat().st_mtime_ns
        except OSError as error:
            raise self._unavailable(error) from error

    def _folder(self, key: ChainKey, shelf: str) -> Path:
        return chain_folder(self.root, key) / shelf

    def _segments(self, key: ChainKey, shelf: str) -> list[Path]:
        folder = self._folder(key, shelf)
        try:
            names = [path.name for path in folder.iterdir()]
            sync_directories(folder, self.root)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unavailable(error) from error
        found = [match for match in map(_SEGMENT.fullmatch, names) if match]
        found.sort(key=lambda match: (int(match[1]), int(match[2] or 0)))
        return [folder / match[0] for match in found]

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
