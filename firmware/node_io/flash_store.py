# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Frames on flash: segment files of about 4 KiB, each of one lane and one epoch, each record with its own CRC.

A segment is `{lane letter}{number}-{first sequence}-{epoch tag}`, all hexadecimal; a record is
`length: u16 | crc: u32 | frame`, big-endian. After a start no old segment is written to again: appending goes to a new one.
A segment disappears when all its frames are acknowledged, or as a whole when room is needed.
Only a few segments a lane are *loaded*, that is, known frame by frame: the oldest ones and the one being written.
"""

import binascii
import os
import struct
from array import array

from micropython import const

from node_core.backlog import Waiting
from node_core.cose import FRAME_BYTES_MAX
from node_core.frame import frame_number
from node_io import borrowed

SEGMENT_BYTES = 4096
LETTERS = "art"
_HEADS_MAX = const(2)
_FRAME_BYTES_MIN = const(40)
_RESTING_BYTES = const(10)
_LOADED_BYTES = const(400)  # beside its frames' 13 bytes each
_ALL_ONES = const(0xFFFFF)
UNKNOWN = -1  # the lowest number that waits in a segment of an earlier boot


class StoreFull(Exception):
    """No room for another segment: give something up first."""


class Segment(Waiting):
    def __init__(self, epoch: bytes, lane: int, number: int, path: str) -> None:
        super().__init__(epoch, lane)
        self.number = number
        self.path = path
        self.size_bytes = 0
        self.lost: list = []  # ranges of sequences whose records are damaged


class Resting:
    """The segments of a lane that are not loaded, oldest first: (number, first sequence, epoch tag, lowest that waits). In one
    array of ten bytes each, because a full queue has dozens of them: 24, 20, 16 and 20 bits, all ones for a lowest that is UNKNOWN.
    """

    def __init__(self) -> None:
        self._halves = array("H")

    def __len__(self) -> int:
        return len(self._halves) // 5

    def __iter__(self):
        for i in range(len(self)):
            yield self[i]

    def __getitem__(self, i: int) -> tuple:
        high, number, first, tag, lowest = self._halves[5 * i : 5 * i + 5]
        lowest |= high >> 12 << 16
        first |= (high >> 8 & 15) << 16
        return (high & 255) << 16 | number, first, tag, UNKNOWN if lowest == _ALL_ONES else lowest

    def append(self, entry: tuple) -> None:
        number, first, tag, lowest = entry
        lowest &= _ALL_ONES
        for half in (number >> 16 & 255 | first >> 16 << 8 | lowest >> 16 << 12, number, first, tag, lowest):
            self._halves.append(half & 0xFFFF)

    def remove(self, i: int) -> None:
        self._halves = self._halves[: 5 * i] + self._halves[5 * i + 5 :]


class FlashStore:
    def __init__(self, folder: str, segments_max: int, waits_s: list) -> None:
        """`waits_s` by lane: the first wait of frames that an earlier boot has left."""
        self.waits_s = waits_s
        self._folder = folder
        self.segments_max = segments_max
        self.heads: list = [[], [], []]  # by lane, loaded, oldest first
        self.tails: list = [None, None, None]  # by lane, loaded, being written
        self.resting = [Resting(), Resting(), Resting()]  # by lane
        self.next_number = 1
        borrowed.call("node_io.queue_rare", "find_segments", self, folder)

    def path(self, lane: int, number: int, first: int, tag: int) -> str:
        return "%s/%s%06x-%05x-%04x" % (self._folder, LETTERS[lane], number, first, tag)

    def counts(self) -> list:
        """Segments of each lane."""
        return [len(self.resting[lane]) + len(self.heads[lane]) + (self.tails[lane] is not None) for lane in range(3)]

    def memory_bytes(self) -> int:
        """What it takes to know what lies on flash, about: a full queue takes kilobytes."""
        found = 0
        for lane in range(3):
            found += len(self.resting[lane]) * _RESTING_BYTES
            for segment in self.loaded(lane):
                found += _LOADED_BYTES + 13 * len(segment.tries)
        return found

    def loaded(self, lane: int) -> list:
        tail = self.tails[lane]
        return self.heads[lane] if tail is None else self.heads[lane] + [tail]

    def lowest(self, epoch: bytes):
        """A number of this epoch that is not above any that the store holds, or None where it holds none."""
        lowest = None
        tag = tag_of(epoch)
        for lane in range(3):
            found = [max(entry[1], entry[3]) for entry in self.resting[lane] if entry[2] == tag]
            for segment in self.loaded(lane):
                if segment.epoch == epoch and segment.remaining:
                    found.append(segment.lowest())
            if found:
                lowest = min(found) if lowest is None else min(lowest, min(found))
        return lowest

    def append(self, lane: int, epoch: bytes, entries: list) -> None:
        """Add (sequence, frame, wait, due, tries) entries, ascending; they are durable when it returns.

        Entries written before an exception stay written; `entries` then holds only the others.

        Raises:
            StoreFull: no room for a new segment.
            OSError: the file system refused. The segment is not written to again.
        """
        while entries:
            tail = self._tail(lane, epoch, entries[0])
            size = tail.size_bytes
            count = 0  # as many as still fit
            for entry in entries:
                size += 6 + len(entry[1])
                if count and size > SEGMENT_BYTES:
                    break
                count += 1
            try:
                with open(tail.path, "ab") as file:
                    for entry in entries[:count]:
                        frame = entry[1]
                        file.write(struct.pack(">HI", len(frame), binascii.crc32(frame)))
                        file.write(frame)
            except OSError:
                self._close_tail(lane)
                raise
            for sequence, frame, wait_s, due_s, tries in entries[:count]:
                tail.add(sequence, tail.size_bytes, wait_s, due_s, tries)
                tail.size_bytes += 6 + len(frame)
            entries[:] = entries[count:]

    def _tail(self, lane: int, epoch: bytes, entry) -> Segment:
        tail = self.tails[lane]
        if tail is not None:
            # Within a segment numbers ascend: its name says the lowest, and a gap says what a damaged record may have been.
            is_behind = len(tail.sequences) > 0 and entry[0] <= tail.sequences[-1]
            if is_behind or tail.epoch != epoch or tail.size_bytes + 6 + len(entry[1]) > SEGMENT_BYTES:
                self._close_tail(lane)
                tail = None
        if tail is None:
            if sum(self.counts()) >= self.segments_max:
                raise StoreFull()
            number = self.next_number
            self.next_number += 1
            path = self.path(lane, number, entry[0], tag_of(epoch))
            tail = self.tails[lane] = Segment(epoch, lane, number, path)
        return tail

    def _close_tail(self, lane: int) -> None:
        tail = self.tails[lane]
        self.tails[lane] = None
        if not tail.remaining:
            self._remove(tail.path)
        elif len(self.heads[lane]) < _HEADS_MAX and not self.resting[lane]:
            self.heads[lane].append(tail)
        else:
            first = int(tail.path.rsplit("-", 2)[1], 16)
            self.resting[lane].append((tail.number, first, tag_of(tail.epoch), tail.lowest()))

    def refill(self, lane: int, numbers):
        """Load the oldest resting segment if there is room among the heads. Returns it, or None."""
        if not self.resting[lane] or len(self.heads[lane]) >= _HEADS_MAX:
            return None
        entry = self.resting[lane][0]
        self.resting[lane].remove(0)
        segment = borrowed.call("node_io.queue_rare", "load_segment", self, lane, entry, numbers)
        self.heads[lane].append(segment)
        return segment

    def read(self, segment: Segment, i: int):
        """The frame's bytes, or None where they are damaged."""
        try:
            with open(segment.path, "rb") as file:
                file.seek(segment.places[i])
                frame, _ = read_record(file)
        except OSError:
            return None
        if frame is None or frame_number(frame) != (segment.epoch, segment.sequences[i]):
            return None
        return frame

    def remove(self, segment: Segment) -> None:
        lane = segment.lane
        if self.tails[lane] is segment:
            self.tails[lane] = None
        elif segment in self.heads[lane]:
            self.heads[lane].remove(segment)
        self._remove(segment.path)

    def _remove(self, path: str) -> None:
        try:
            os.remove(path)
        except OSError:
            pass  # never written, or found again after the next start and repeated: no harm


def read_record(file) -> tuple:
    """(frame or None if damaged, bytes of the record; 0 at the end, -1 where no next record can be found)."""
    head = file.read(6)
    if not head:
        return None, 0
    if len(head) < 6:
        return None, -1
    length, crc = struct.unpack(">HI", head)
    if not _FRAME_BYTES_MIN <= length <= FRAME_BYTES_MAX:
        return None, -1
    frame = file.read(length)
    if len(frame) < length:
        return None, -1
    if binascii.crc32(frame) != crc:
        return None, 6 + length
    try:
        frame_number(frame)
    except ValueError:
        return None, 6 + length
    return frame, 6 + length


def tag_of(epoch: bytes) -> int:
    return epoch[0] << 8 | epoch[1]
