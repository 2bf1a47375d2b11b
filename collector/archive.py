# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The archive: the exact bytes of every batch, gap and state, for whoever wants to check us. Append only.

Layout: `<gateway>/<lane>/<instance>/%012d.seg`, segments of docs/wire.md section 12 with an empty received list, each
named by its first number. Batches of a fork lie in `fork-<n>/` below, what came after its gap in `late/`. The newest
signed state of a gateway is `<gateway>/state.cose`, and every change of its key `<gateway>/keys/<old key id>.cose`.

Order of a group: archive written and synced, then the store's commit, then the receipts. A crash in between leaves a
batch in the archive that the store does not know; the gateway, which has no receipt, sends it again, and `append`
recognises it and writes nothing. Torn bytes at the end of the last segment are cut off before the first append:
they were never receipted. A last segment without a single entry, left by a power cut as it began, goes the same way, and so
do segments that a failed group had begun behind the number from which it is written again; if one holds any byte but zeros it
stays beside, as `*.torn`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from collector.archive_reading import MAIN_SHELF, chain_folder, fork_of
from collector.ledger import ZERO_LINK, ChainKey
from collector.private import FILE_MODE, make_file, make_folder, refused, sync_directories
from collector.segments import (
    Damage,
    SegmentHeader,
    SignedEntry,
    encode_batch,
    encode_gap,
    encode_header,
    in_order,
    scan,
    scan_entries,
)
from gateway_agent.errors import ConfigError, Unavailable

SEGMENT_BYTES = 8 << 20
OPEN_SEGMENTS_MAX = 256
KEYS_FOLDER = "keys"


class ArchiveItem(NamedTuple):
    """One signed thing to keep. `shelf` is "" for the chain itself, else "fork-<n>" or "late".

    `link` is the one that the batch itself carries; for a gap (`first` below or at `number`), the one that the next batch carries.
    """

    key: ChainKey
    shelf: str
    number: int
    signed: bytes
    link: bytes
    first_missing: int | None = None
    begins: int | None = None  # of a gap that reaches back over what is held: the lowest number that is new

    @property
    def first_new(self) -> int:
        """The number that a segment has which begins with this."""
        if self.begins is not None:
            return self.begins
        return self.number if self.first_missing is None else self.first_missing

    def framed(self) -> bytes:
        """The entry's bytes."""
        if self.first_missing is not None:
            return encode_gap(self.number, self.first_missing, self.signed, self.link)
        return encode_batch(self.number, self.signed)


class _Shelf:
    """One directory with one open segment at its end."""

    def __init__(self, directory: Path, key: ChainKey, *, is_main: bool) -> None:
        self.directory = directory
        self.key = key
        # Its numbers rise; those of other shelves come in any order, and none makes another void.
        self.is_main = is_main
        self.descriptor = -1
        self.length_bytes = 0
        self.first = 0  # the number with which the open segment begins
        self.recent: dict[int, bytes] = {}  # digests of what the last two segments hold
        self.created = True  # or a run that was killed may have: names are synced with the first append
        self._open_last()

    def _open_last(self) -> None:
        make_folder(self.directory)
        segments = sorted(self.directory.glob("*.seg"), key=in_order)
        while segments and not any(not isinstance(found, Damage) for found in scan(segments[-1].read_bytes())):
            self._set_aside(segments.pop())
        for path in segments[-2:]:
            data = path.read_bytes()
            end = len(data)
            for found, entry in scan_entries(data):
                if isinstance(found, Damage) and found.is_tail:
                    end = found.offset
                if isinstance(entry, SegmentHeader) and self.is_main:
                    self._begin_at(entry.first)
                if isinstance(entry, SignedEntry):
                    self.recent[entry.number] = hashlib.sha256(entry.signed).digest()
            if path == segments[-1] and end:
                self.descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
                if end < len(data):
                    os.ftruncate(self.descriptor, end)
                self.length_bytes = end

    def _begin_at(self, first: int) -> None:
        """What stands before a segment from its number on is void, and the segment may hold none of it yet."""
        self.first = first
        self.recent = {number: digest for number, digest in self.recent.items() if number < first}

    def _set_aside(self, path: Path) -> None:
        if any(path.read_bytes()):
            beside, again = path.with_name(path.name + ".torn"), 1
            while beside.exists():
                beside, again = path.with_name(f"{path.name}.{again}.torn"), again + 1
            path.rename(beside)
        else:
            path.unlink()

    def append(self, item: ArchiveItem, framed: bytes) -> None:
        number = item.first_new
        if self.descriptor < 0 or self.length_bytes >= SEGMENT_BYTES or number < self.first:
            self._start(item, number)
        self._write(framed)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:  # a nearly full disk takes a part
            view = view[os.write(self.descriptor, view) :]
        self.length_bytes += len(data)

    def _start(self, item: ArchiveItem, number: int) -> None:
        is_gap = item.first_missing is not None
        if self.descriptor >= 0:
            self.sync()
            self.close()
        if self.is_main:
            # Begun in a group that failed, and never receipted: behind what is written again now they would make it void.
            for path in self.directory.glob("*.seg"):
                if int(path.name[:12]) > number and all(held >= number for held in _numbers(path)):
                    self._set_aside(path)
            self._begin_at(number)
        # Abandoned ones after a failed sync are evidence, so they stay, and this one comes behind them.
        begun = [in_order(path)[2] for path in self.directory.glob(f"{number:012d}*.seg")]
        path = self.directory / (f"{number:012d}_{max(begun) + 1}.seg" if begun else f"{number:012d}.seg")
        self.descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        self.length_bytes = 0
        self.created = True
        # The link into a gap is not known to anybody, but that into number 1: a gap names only the one that leads out of it.
        link = ZERO_LINK if number == 1 and is_gap else None if is_gap else item.link
        self._write(encode_header(SegmentHeader(*self.key, number, link)))

    def sync(self) -> None:
        os.fdatasync(self.descriptor)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _numbers(path: Path) -> Iterator[int]:
    return (entry.number for _, entry in scan_entries(path.read_bytes()) if isinstance(entry, SignedEntry))


def _first_digest(folder: Path) -> bytes | None:
    """The digest of what a shelf begins with."""
    for path in sorted(folder.glob("*.seg"), key=in_order):
        for _, entry in scan_entries(path.read_bytes()):
            if isinstance(entry, SignedEntry):
                return hashlib.sha256(entry.signed).digest()
    return None


class Archive:
    """Append-only files of one collector. One writer: the lock lasts as long as the process."""

    def __init__(self, root: Path) -> None:
        """Open or create.

        Raises:
            ConfigError: another collector has this archive, or the folder cannot be written.
            Unavailable: the disk refuses.
        """
        self.root = root
        try:
            make_folder(root)
            self._lock = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise refused(root / "lock", error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise ConfigError(f"{root}: another collector is running on this data folder; stop it first") from error
        self._shelves: dict[tuple[ChainKey, str], _Shelf] = {}
        self._suspect: set[tuple[ChainKey, str]] = set()
        self.bytes_written = 0
        self.repeats = 0

    def append(self, items: Iterable[ArchiveItem]) -> None:
        """Write and sync all items; when this returns they survive a power cut.

        An item that the chain's last two segments hold already is not written again.

        Raises:
            Unavailable: the disk refuses. Nothing may be receipted; the same items may be given again.
        """
        touched: dict[tuple[ChainKey, str], _Shelf] = {}
        try:
            for item in items:
                name = (item.key, item.shelf)
                shelf = self._shelf(name)
                touched[name] = shelf
                digest = hashlib.sha256(item.signed).digest()
                if shelf.recent.get(item.number) == digest:
                    self.repeats += 1
                    continue
                framed = item.framed()
                shelf.append(item, framed)
                shelf.recent[item.number] = digest
                self.bytes_written += len(framed)
            for shelf in touched.values():
                if shelf.descriptor >= 0:
                    shelf.sync()
                if shelf.created:
                    sync_directories(shelf.directory, self.root)
                    shelf.created = False
                # Only what a crash could have left unknown to the store needs remembering, and that is in these now.
                if len(shelf.recent) > 65536:
                    shelf.recent.clear()
        except OSError as error:
            for name in touched:
                self._abandon(name)
            raise Unavailable(f"archive {self.root}: {error.strerror}") from error
        while len(self._shelves) > OPEN_SEGMENTS_MAX:
            self._shelves.pop(next(iter(self._shelves))).close()

    def _shelf(self, name: tuple[ChainKey, str]) -> _Shelf:
        shelf = self._shelves.pop(name, None)
        if shelf is None:
            key, below = name
            shelf = _Shelf(chain_folder(self.root, key) / below, key, is_main=below == MAIN_SHELF)
            if name in self._suspect:  # after a failed sync nobody knows what the last segment holds: begin another
                shelf.close()
                shelf.recent.clear()
                self._suspect.discard(name)
        self._shelves[name] = shelf  # last in is last out
        return shelf

    def fork_index(self, key: ChainKey, lowest: int, digest: bytes) -> int:
        """The shelf for a fork that begins with a batch: a free one above all others, or one from `lowest` on that a write which failed
        has left, with nothing in it or this very batch.

        Raises:
            Unavailable: the disk refuses.
        """
        folder = chain_folder(self.root, key)
        try:
            taken = {index: path for path in folder.glob("fork-*") if (index := fork_of(path.name)) is not None}
            for index in sorted(index for index in taken if index >= lowest):
                if _first_digest(taken[index]) in (digest, None):
                    return index
        except OSError as error:
            raise Unavailable(f"archive {self.root}: {error.strerror}") from error
        return max([lowest - 1, *taken]) + 1

    def _abandon(self, name: tuple[ChainKey, str]) -> None:
        self._suspect.add(name)
        shelf = self._shelves.pop(name, None)
        if shelf is not None:
            shelf.close()

    def keep_state(self, gateway_id: str, state: bytes) -> None:
        """Keep the newest signed state of a gateway, whole or not at all.

        Raises:
            Unavailable: the disk refuses.
        """
        self._keep(self.root / gateway_id / "state.cose", state)

    def keep_key_change(self, gateway_id: str, old_key_id: bytes, change: bytes) -> None:
        """Keep a change of a gateway's key, for ever.

        Raises:
            Unavailable: the disk refuses.
        """
        path = self.root / gateway_id / KEYS_FOLDER / f"{old_key_id.hex()}.cose"
        self._keep(path, change)
        try:
            sync_directories(path.parent, self.root)
        except OSError as error:
            raise Unavailable(f"archive {self.root}: {error.strerror}") from error

    def key_changes(self, gateway_id: str) -> list[bytes]:
        """What is kept of a gateway's key changes, in any order.

        Raises:
            Unavailable: the disk refuses.
        """
        try:
            return [path.read_bytes() for path in sorted((self.root / gateway_id / KEYS_FOLDER).glob("*.cose"))]
        except OSError as error:
            raise Unavailable(f"archive {self.root}: {error.strerror}") from error

    def _keep(self, path: Path, content: bytes) -> None:
        try:
            make_folder(path.parent)
            beside = path.with_name(f"{path.name}.new")
            make_file(beside)
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            raise Unavailable(f"archive {self.root}: {error.strerror}") from error

    def close(self) -> None:
        """Close all segments and let go of the archive."""
        for shelf in self._shelves.values():
            shelf.close()
        self._shelves.clear()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
