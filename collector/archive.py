# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The archive: the exact bytes of every batch, gap and state, for whoever wants to check us. Append only.

Layout: `<gateway>/<lane>/<instance>/%012d.seg`, segments of docs/wire.md section 12 with an empty received list, each
named by its first number. Batches of a fork lie in `fork-<n>/` below, what came after its gap in `late/`. The newest
signed state of a gateway is `<gateway>/state.cose`, and every change of its key `<gateway>/keys/<old key id>.cose`.

Order of a group: archive written and synced, then the store's commit, then the receipts. A crash in between leaves a
batch in the archive that the store does not know; the gateway, which has no receipt, sends it again, and `append`
recognises it and writes nothing. Torn bytes at the end of the last segment are cut off before the first append:
they were never receipted. A last segment without a single entry, left by a power cut as it began, goes the same way;
if it holds any byte but zeros it stays beside, as `*.torn`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from collector.ledger import ZERO_LINK, ChainKey
from collector.private import FILE_MODE, make_file, make_folder
from collector.segments import (
    Damage,
    SegmentHeader,
    SignedEntry,
    encode_batch,
    encode_gap,
    encode_header,
    scan,
    scan_entries,
)
from gateway_agent.errors import ConfigError, Unavailable
from gateway_agent.model import Lane

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

    def framed(self) -> bytes:
        """The entry's bytes."""
        if self.first_missing is not None:
            return encode_gap(self.number, self.first_missing, self.signed, self.link)
        return encode_batch(self.number, self.signed)


class _Shelf:
    """One directory with one open segment at its end."""

    def __init__(self, directory: Path, key: ChainKey) -> None:
        self.directory = directory
        self.key = key
        self.descriptor = -1
        self.length_bytes = 0
        self.recent: dict[int, bytes] = {}  # digests of what the last two segments hold
        self.created = False
        self._open_last()

    def _open_last(self) -> None:
        made = not self.directory.is_dir()
        make_folder(self.directory)
        self.created = made
        segments = sorted(self.directory.glob("*.seg"))
        while segments and not any(not isinstance(found, Damage) for found in scan(segments[-1].read_bytes())):
            self._set_aside(segments.pop())
        for path in segments[-2:]:
            data = path.read_bytes()
            end = len(data)
            for found, entry in scan_entries(data):
                if isinstance(found, Damage) and found.is_tail:
                    end = found.offset
                if isinstance(entry, SignedEntry):
                    self.recent[entry.number] = hashlib.sha256(entry.signed).digest()
            if path == segments[-1] and end:
                self.descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
                if end < len(data):
                    os.ftruncate(self.descriptor, end)
                self.length_bytes = end

    def _set_aside(self, path: Path) -> None:
        if any(path.read_bytes()):
            beside, again = path.with_name(path.name + ".torn"), 1
            while beside.exists():
                beside, again = path.with_name(f"{path.name}.{again}.torn"), again + 1
            path.rename(beside)
        else:
            path.unlink()
        self.created = True  # names have changed

    def append(self, item: ArchiveItem, framed: bytes) -> None:
        if self.descriptor < 0 or self.length_bytes >= SEGMENT_BYTES:
            self._start(item)
        view = memoryview(framed)
        while view:
            view = view[os.write(self.descriptor, view) :]
        self.length_bytes += len(framed)

    def _start(self, item: ArchiveItem) -> None:
        is_gap = item.first_missing is not None
        number = item.first_missing if item.first_missing is not None else item.number
        if self.descriptor >= 0:
            self.sync()
            self.close()
        path = self.directory / f"{number:012d}.seg"
        again = 1
        while (
            path.exists()
        ):  # abandoned after a failed sync; evidence, so it stays. "_" sorts behind the first one's "."
            path = self.directory / f"{number:012d}_{again}.seg"
            again += 1
        self.descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        self.length_bytes = 0
        self.created = True
        # The link into a gap is not known to anybody, but that into number 1: a gap names only the one that leads out of it.
        link = ZERO_LINK if number == 1 and is_gap else None if is_gap else item.link
        header = encode_header(SegmentHeader(*self.key, number, link))
        os.write(self.descriptor, header)
        self.length_bytes = len(header)

    def sync(self) -> None:
        os.fdatasync(self.descriptor)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class Archive:
    """Append-only files of one collector. One writer: the lock lasts as long as the process."""

    def __init__(self, root: Path) -> None:
        """Open or create.

        Raises:
            ConfigError: another collector has this archive, or the folder cannot be written.
        """
        self.root = root
        try:
            make_folder(root)
            self._lock = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise ConfigError(f"{root}: {error.strerror}; name a data folder that the collector may write") from error
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
                    self._sync_directories(shelf.directory)
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
            directory = self.root / key.gateway_id / Lane(key.lane).word / key.instance.hex() / below
            shelf = _Shelf(directory, key)
            if name in self._suspect:  # after a failed sync nobody knows what the last segment holds: begin another
                shelf.close()
                shelf.recent.clear()
                self._suspect.discard(name)
        self._shelves[name] = shelf  # last in is last out
        return shelf

    def _abandon(self, name: tuple[ChainKey, str]) -> None:
        self._suspect.add(name)
        shelf = self._shelves.pop(name, None)
        if shelf is not None:
            shelf.close()

    def _sync_directories(self, directory: Path) -> None:
        while True:
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if directory == self.root:
                return
            directory = directory.parent

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
            self._sync_directories(path.parent)
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
