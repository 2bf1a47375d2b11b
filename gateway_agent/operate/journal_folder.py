# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A journal as it lies on the disk, for who only looks: no lock is taken and nothing is written.

A gateway may be running. What is read may then be older than the next look, a segment may be gone before its turn, and
the end of a lane's last segment may be half written. What is synced cannot be told from what is only written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gateway_agent.errors import ConfigError, Unavailable, WireError
from gateway_agent.journal.files import OsFiles
from gateway_agent.journal.receipts import ReceiptLog
from gateway_agent.journal.received import Snapshot, decode_snapshot
from gateway_agent.journal.recovery import Known, never_began, responsibility
from gateway_agent.journal.salvage import Plan, first_of, instance_of, link_into, plan_segment
from gateway_agent.journal.segment import BatchEntry, NewerVersionError, Scan, scan
from gateway_agent.model import Lane
from gateway_agent.wire.batch import parse_batch

_SEGMENT_NAME = re.compile(r"(\d{12})\.seg")
_HEADER_BYTES_MAX = 256
_LOCKS = Path("/proc/locks")


class Content(NamedTuple):
    """A segment that was read whole, and what recovery would make of it."""

    name: str  # such as record/000000000001.seg
    known: Known
    found: Scan
    plan: Plan


class JournalFolder:
    """Receipts and snapshot are read here, segments when they are asked for."""

    def __init__(self, directory: Path) -> None:
        """
        Raises:
            ConfigError: this is no journal, or one of a newer program.
            Unavailable: it cannot be read.
        """
        self.directory = directory
        if not any((directory / lane.word).is_dir() for lane in Lane):
            raise ConfigError(f"{directory} is no journal: name the folder that has alarm/, record/ and trend/ in it")
        self.lock_holder = _lock_holder(directory / "lock")
        self.receipts = ReceiptLog(OsFiles(), directory / "receipts.log")
        self.snapshot: Snapshot | None = None
        self.snapshot_bytes: int | None = None  # None: there is none
        try:
            # Before the segments: their ends only grow meanwhile, so a receipt is never ahead of what is read.
            self.receipts.load()
            if (directory / "received.snap").exists():
                data = (directory / "received.snap").read_bytes()
                self.snapshot, self.snapshot_bytes = decode_snapshot(data), len(data)
            self.quarantine = [(path.name, path.stat().st_size) for path in sorted(directory.glob("quarantine/*"))]
        except NewerVersionError as error:
            raise ConfigError(
                f"{directory / 'received.snap'} was written by a newer program ({error}): install that one"
            ) from error
        except OSError as error:
            raise _unreadable(error) from error
        self.unreadable: dict[Lane, list[tuple[str, int]]] = {}  # files without one good entry: name, bytes
        self._known = {lane: self._list(lane) for lane in Lane}

    @property
    def is_held(self) -> bool:
        """Whether a process has the journal open."""
        return self.lock_holder is not None

    def settled(self, lane: Lane, instance: bytes) -> int:
        """The number up to which the city holds an instance, or, where it contradicts it, up to which it was sent."""
        position = self.receipts.positions.get((lane, instance))
        return max(position.number if position else 0, self.receipts.contradicted.get((lane, instance), 0))

    def segments(self, lane: Lane) -> list[Known]:
        """The files of a lane that have one good entry at least, oldest first."""
        return self._known[lane]

    def read(self, lane: Lane, known: Known) -> Content | None:
        """Read a segment whole; None if it was deleted meanwhile. Raises: Unavailable."""
        path = self._path(lane, known.serial)
        try:
            found = _scan(path, path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(error, path) from error
        others = self._known[lane]
        index = others.index(known)
        before = others[index - 1] if index else None
        after = others[index + 1] if index + 1 < len(others) else None
        receipted = self.settled(lane, known.instance)
        first, last, last_ever, link_after = responsibility(known, before, after, receipted)
        plan = plan_segment(found.pieces, first, last, last_ever, receipted, link_after)
        return Content(self.name(lane, known.serial), known, found, plan)

    def contents(self, lane: Lane) -> Iterator[Content]:
        """The segments of a lane, one in memory at a time. Raises: Unavailable."""
        for known in self.segments(lane):
            content = self.read(lane, known)
            if content is not None:
                yield content

    def oldest_unreceipted_ms(self, lane: Lane) -> int | None:
        """When the oldest batch was sealed that the city does not hold; None: there is none, or its clock was unknown."""
        known = self._known[lane]
        for index, this in enumerate(known):
            after = known[index + 1] if index + 1 < len(known) else None
            settled = self.settled(lane, this.instance)
            if after is not None and after.instance == this.instance and after.first - 1 <= settled:
                continue
            content = self.read(lane, this)
            for piece in content.found.pieces if content is not None else ():
                if isinstance(piece.entry, BatchEntry) and piece.entry.number > settled:
                    try:
                        return parse_batch(piece.entry.batch).header.clock.wall_ms
                    except WireError:
                        return None
        return None

    def name(self, lane: Lane, serial: int) -> str:
        return f"{lane.word}/{self._path(lane, serial).name}"

    def _path(self, lane: Lane, serial: int) -> Path:
        return self.directory / lane.word / f"{serial:012d}.seg"

    def _list(self, lane: Lane) -> list[Known]:
        known: list[Known] = []
        self.unreadable[lane] = []
        folder = self.directory / lane.word
        try:
            names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
            for name in names:
                match = _SEGMENT_NAME.fullmatch(name)
                if match:
                    self._identify(lane, int(match[1]), known)
        except OSError as error:
            raise _unreadable(error) from error
        for this in never_began(known):
            known.remove(this)
        return known

    def _identify(self, lane: Lane, serial: int, known: list[Known]) -> None:
        path = self._path(lane, serial)
        try:
            size_bytes = path.stat().st_size
            with path.open("rb") as file:
                found = _scan(path, file.read(_HEADER_BYTES_MAX))
            if found.header is None:
                found = _scan(path, path.read_bytes())
        except FileNotFoundError:
            return  # deleted meanwhile
        header, instance, first = found.header, instance_of(found), first_of(found)
        if instance is None or first is None:
            self.unreadable[lane].append((self.name(lane, serial), size_bytes))
            return
        link = header.link if header is not None else link_into(found.pieces[0])
        is_empty = header is not None and found.pieces[0].end == size_bytes
        ended = header.ended if header is not None else None
        known.append(Known(serial, instance, first, link, ended, header is not None, is_empty, size_bytes))


def _scan(path: Path, data: bytes) -> Scan:
    try:
        return scan(data)
    except NewerVersionError as error:
        raise ConfigError(f"{path} was written by a newer program ({error}): install that one") from error


def _unreadable(error: OSError, path: Path | None = None) -> Unavailable:
    return Unavailable(f"{error.filename or path}: {error.strerror}: look as the user whose journal it is, or as root")


def _lock_holder(path: Path) -> int | None:
    """The process that holds a flock on this file; None if the kernel names none. Taking the lock to find out might keep a
    gateway from starting in that instant."""
    try:
        inode = path.stat().st_ino
        rows = [line.split() for line in _LOCKS.read_text(encoding="ascii").splitlines()]
    except OSError:
        return None
    for row in rows:  # 1: FLOCK  ADVISORY  WRITE 812 08:02:1234 0 EOF
        if len(row) > 5 and row[1] == "FLOCK" and row[5].rpartition(":")[2] == str(inode):
            return int(row[4])
    return None
