# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""One lane's segments: write at the end, read from anywhere.

A segment is written by one run of the program only, and never after an error. In memory a segment is one small object,
whatever it holds: 512 of them for a full journal. Where a batch stands is found by walking its segment, and remembered
for the few places that are being read.
"""

from __future__ import annotations

import errno
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gateway_agent.journal.files import Files, remove_file
from gateway_agent.journal.salvage import LINK_NONE
from gateway_agent.journal.segment import (
    HEAD_BYTES,
    BatchEntry,
    Entry,
    GapEntry,
    Header,
    body_at,
    decode_stored,
    encode_header,
    peek_length,
)
from gateway_agent.model import GatewayId, Lane, LaneHead, SealedBatch

_PLACES_MAX = 64
_READ_BYTES = 1 << 17


class StoredBatch(NamedTuple):
    """A batch as it lies on the disk, or the signed gap in place of the batches `first` to `number`."""

    lane: Lane
    instance: bytes
    number: int
    batch: bytes
    is_gap: bool = False
    first: int = 0


class SegmentDamagedError(Exception):
    """A segment that should hold a batch does not, or not whole."""

    def __init__(self, serial: int) -> None:
        super().__init__(f"segment {serial}")
        self.serial = serial


class Segment:
    """What is remembered of a segment file: the run of numbers `first` to `last` (`last` = `first` - 1: none)."""

    __slots__ = ("first", "has_holes", "instance", "last", "link_before", "serial", "size_bytes")

    def __init__(self, serial: int, instance: bytes, first: int, last: int, size_bytes: int) -> None:
        self.serial = serial
        self.instance = instance
        self.first = first
        self.last = last
        self.size_bytes = size_bytes  # what is synced; the file may be longer after a failed append
        self.link_before: bytes | None = None  # of batch `first` - 1
        self.has_holes = False  # numbers are missing in it, and no gap stands for them


def segment_name(serial: int) -> str:
    return f"{serial:012d}.seg"


def held_instances(logs: Mapping[Lane, LaneLog]) -> set[tuple[Lane, bytes]]:
    """The instances of which a segment is there."""
    return {(lane, segment.instance) for lane, log in logs.items() for segment in log.segments}


class LaneLog:
    """The segments of one lane, oldest first. One writer; reads may run beside it in other threads."""

    def __init__(self, files: Files, directory: Path, gateway_id: GatewayId, lane: Lane, segment_bytes: int) -> None:
        self.lane = lane
        self.directory = directory
        self.segments: list[Segment] = []
        self.head = LaneHead(lane, bytes(8), 0, LINK_NONE)
        self.next_serial = 1
        self._files = files
        self._gateway_id = gateway_id
        self._segment_bytes = segment_bytes
        self._handle: int | None = None  # of the last segment, while it may be written to
        self._pending: Segment | None = None  # created by the append that runs now
        self._pending_bytes = 0
        self.is_end_certain = True  # nothing of a failed append can count after a restart
        self._leftovers: list[int] = []  # segments of failed appends that could not be removed yet
        self._places: OrderedDict[tuple[int, int], int] = OrderedDict()  # (serial, number) -> where that entry ends

    # ------------------------------------------------------------------------------------------------ writing

    @property
    def is_segment_start(self) -> bool:
        """Whether the next append writes the first batch of a segment."""
        if self._handle is None:
            return True
        last = self.segments[-1]
        return last.last < last.first or last.size_bytes >= self._segment_bytes

    @property
    def size_bytes(self) -> int:
        return sum(segment.size_bytes for segment in self.segments)

    def path(self, serial: int) -> Path:
        return self.directory / segment_name(serial)

    def check_next(self, batches: Sequence[SealedBatch]) -> None:
        """Raises: ValueError: the batches do not continue this lane."""
        number = self.head.number
        for batch in batches:
            number += 1
            if batch.instance != self.head.instance or batch.number != number:
                raise ValueError(
                    f"{self.lane.word}: batch {batch.number} of {batch.instance.hex()} does not follow "
                    f"{self.head.number} of {self.head.instance.hex()}"
                )

    def write(self, entries: bytes) -> None:
        """Write entries, in a new segment if it is time for one. Nothing counts before `sync` and `commit`.

        Raises:
            OSError: call `abandon`.
        """
        if self._handle is None or self.segments[-1].size_bytes >= self._segment_bytes:
            self.close_segment()
            entries = self._create_segment(self.head.instance, self.head.number + 1, self.head.link) + entries
        self._pending_bytes = len(entries)
        assert self._handle is not None
        self._files.append(self._handle, entries)

    def _create_segment(self, instance: bytes, first: int, link: bytes, ended: int | None = None) -> bytes:
        """Create the file of the next segment; returns its header, still to be written."""
        serial = self.next_serial
        self.next_serial += 1  # also if this fails: a name is never used twice
        self._pending = Segment(serial, instance, first, first - 1, 0)
        self._pending.link_before = link
        self._handle = self._files.create(self.path(serial))
        return encode_header(Header(self._gateway_id, self.lane, instance, first, link, ended))

    def sync(self) -> int:
        """Sync what was written, and the directory if the file is new; returns how many syncs. Raises: OSError."""
        assert self._handle is not None
        self._files.sync(self._handle)
        if self._pending is None:
            return 1
        self._files.sync_directory(self.directory)
        return 2

    def commit(self, count: int, link: bytes) -> bool:
        """Count the `count` batches that were written and synced; returns whether a segment was finished by them."""
        rolled, self.is_end_certain = False, True
        if self._pending is not None:
            rolled = bool(self.segments)
            # A new list, so that a reader in another thread keeps a consistent one.
            self.segments = [*self.segments, self._pending]
            self._pending = None
        segment = self.segments[-1]
        segment.size_bytes += self._pending_bytes  # before `last`: readers read `last` first
        segment.last += count
        self.head = LaneHead(self.lane, segment.instance, segment.last, link)
        return rolled

    def abandon(self) -> None:
        """After an error: never write to this segment again. What it may hold of the failed append is void."""
        pending, self._pending = self._pending, None
        self.is_end_certain = False
        self.close_segment()
        if pending is not None:
            # If it stays all the same, its entries are void as soon as the next segment is there, and as long.
            self._leftovers.append(pending.serial)
            with suppress(OSError):
                self._remove_leftovers()

    def close_segment(self) -> None:
        if self._handle is not None:
            handle, self._handle = self._handle, None
            with suppress(OSError):
                self._files.close(handle)

    def start_instance(self, instance: bytes, ended: int) -> int:
        """Begin a new instance with an empty, synced segment; returns how many syncs.

        Args:
            instance: its 8 bytes.
            ended: the last number of the instance before it that counts; 0 if there is none.

        Raises:
            OSError: the old instance goes on.
        """
        self.close_segment()
        try:
            header = self._create_segment(instance, 1, LINK_NONE, ended)
            self._pending_bytes = len(header)
            assert self._handle is not None
            self._files.append(self._handle, header)
            count = self.sync()
        except OSError:
            self.abandon()
            raise
        self.commit(0, LINK_NONE)
        return count

    def remove_oldest(self) -> None:
        """Delete the oldest segment, durably. Raises: OSError.

        One by one, each synced: entries that a later segment makes void must never outlive it.
        """
        self._remove_leftovers()
        remove_file(self._files, self.path(self.segments[0].serial))
        self.segments = self.segments[1:]
        self._files.sync_directory(self.directory)

    def _remove_leftovers(self) -> None:
        while self._leftovers:
            remove_file(self._files, self.path(self._leftovers[-1]))
            self._leftovers.pop()

    # ------------------------------------------------------------------------------------------------ reading

    def entries_after(self, instance: bytes | None, number: int) -> Iterator[tuple[Segment, BatchEntry | GapEntry]]:
        """The entries behind `number` of an instance, to the end of the lane, younger instances included.

        An instance that is not held (or None) reads from the oldest entry.

        Raises:
            SegmentDamagedError: an entry that should be there is not good, or the segment was deleted meanwhile.
            OSError: the disk refuses.
        """
        segments = self.segments
        start = next((i for i, segment in enumerate(segments) if segment.instance == instance), None)
        if start is None:
            start, number = 0, 0
        elif segments[start].first > number + 1:
            number = segments[start].first - 1  # deleted meanwhile, so receipted
        for segment in segments[start:]:
            if segment.instance != instance:
                instance, number = segment.instance, 0
            last = segment.last  # read before `size_bytes`, see commit
            if last <= number or last < segment.first:
                continue
            for entry in self._segment_entries(segment, number, last, segment.size_bytes):
                yield segment, entry
                number = entry.number
            number = max(number, last)

    def _segment_entries(
        self, segment: Segment, number: int, last: int, size_bytes: int
    ) -> Iterator[BatchEntry | GapEntry]:
        """The entries of one segment behind `number`, up to `last`, each checked."""
        serial = segment.serial
        position = self._places.get((serial, number), 0)
        previous = number if position else segment.first - 1
        for start, end, body in self._bodies(serial, position, size_bytes):
            try:
                entry: Entry = decode_stored(body)
            except ValueError as error:
                raise SegmentDamagedError(serial) from error
            if isinstance(entry, Header):
                if start:
                    raise SegmentDamagedError(serial)
                continue
            first = entry.first if isinstance(entry, GapEntry) else entry.number
            if first != previous + 1 and not segment.has_holes:
                raise SegmentDamagedError(serial)
            previous = entry.number
            if previous > number:
                self._remember((serial, previous), end)
                yield entry
            if previous >= last:
                return
        if not segment.has_holes:
            raise SegmentDamagedError(serial)

    def _bodies(self, serial: int, position: int, size_bytes: int) -> Iterator[tuple[int, int, bytes]]:
        """Bodies with good checksums from `position` on, with the start and end of their entries."""
        path = self.path(serial)
        data = b""
        base = position  # where `data` begins in the file
        while position < size_bytes:
            at = position - base
            length = peek_length(data, at)
            end = at + HEAD_BYTES + (length or 0)
            if at + HEAD_BYTES > len(data) or end > len(data):
                wanted = max(_READ_BYTES, HEAD_BYTES + (length or 0))
                try:
                    fresh = self._files.read(path, position, min(wanted, size_bytes - position))
                except OSError as error:
                    if error.errno in (errno.ENOENT, errno.EIO):
                        raise SegmentDamagedError(serial) from error
                    raise
                if len(fresh) <= len(data) - at:
                    raise SegmentDamagedError(serial)
                data, base = fresh, position
                continue
            body = body_at(data, at)
            if body is None:
                raise SegmentDamagedError(serial)
            yield position, base + end, body
            position = base + end

    def _remember(self, place: tuple[int, int], end: int) -> None:
        places = self._places
        # Reading on from here, the place before it is not needed any more.
        places[place] = end
        if len(places) > _PLACES_MAX:
            with suppress(KeyError):
                places.popitem(last=False)

    def forget_places(self, serial: int) -> None:
        """After a segment was rewritten."""
        for place in [place for place in self._places if place[0] == serial]:
            self._places.pop(place, None)
