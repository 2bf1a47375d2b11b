# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""From files that a power cut or a bad card left behind to a lane that can be read and written. Runs at open, and once
more for a single segment whenever reading finds it damaged.

Theory of operation
-------------------
1. Every file is synced and dropped from the cache before it is read, so nothing counts that the disk does not have.
2. A file whose numbers are covered by `received.snap`, and which has a successor, is trusted: only its header is read.
3. If anything had to be cut from the end of the lane, or the city has receipted more than is there, numbers may already
   mean something elsewhere: a new instance begins. It is durable *before* the evidence is cut away.
4. What is cut or replaced is first copied to quarantine; a replacement is written beside, synced and renamed.

So this may itself be cut at any point and run again. Rules and reasons: docs/journal.md.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gateway_agent.errors import ConfigError
from gateway_agent.journal.files import Files, remove_file, replace_file
from gateway_agent.journal.lane_log import LaneLog, Segment, segment_name
from gateway_agent.journal.quarantine import Quarantine
from gateway_agent.journal.salvage import (
    GAP_DAMAGED,
    GAP_EVICTED,
    LINK_NONE,
    Hole,
    Loss,
    Plan,
    Reason,
    entry_link,
    first_of,
    instance_of,
    link_into,
    plan_segment,
)
from gateway_agent.journal.segment import (
    BatchEntry,
    Entry,
    GapEntry,
    Header,
    NewerVersionError,
    Scan,
    encode_batch,
    encode_gap,
    encode_header,
    scan,
)
from gateway_agent.model import GatewayId, Lane, LaneHead, Received

SignGap = Callable[[Lane, bytes, int, int, bytes, int], bytes]
"""(lane, instance, first, last, link, reason) to the bytes of a signed gap."""

_SEGMENT_NAME = re.compile(r"(\d{12})\.seg")
_HEADER_BYTES_MAX = 256
_BLOCK_BYTES = 4096
_READ_TRIES = 3


class Known(NamedTuple):
    """A segment file that belongs somewhere: what its first bytes say."""

    serial: int
    instance: bytes
    first: int
    link: bytes | None
    ended: int | None
    has_header: bool
    is_empty: bool  # nothing but a header
    size_bytes: int


class LaneRecovery:
    """Recovers one lane. `losses` and `received` collect what was found."""

    def __init__(
        self,
        files: Files,
        log: LaneLog,
        gateway_id: GatewayId,
        quarantine: Quarantine,
        sign_gap: SignGap | None,
    ) -> None:
        self.losses: list[Loss] = []
        self.received: list[Received] = []
        self.scanned_segments = 0
        self.is_instance_replaced = False
        self._end_link = LINK_NONE  # behind the segment that was checked last
        self._files = files
        self._log = log
        self._gateway_id = gateway_id
        self._quarantine = quarantine
        self._sign_gap = sign_gap

    # ---------------------------------------------------------------------------------------------- the whole lane

    def check_belongs(self) -> None:
        """Whether the lane is this gateway's, and of a format that this program reads; changes nothing.

        Raises:
            OSError: the disk refuses.
            ConfigError: it is another gateway's, or a newer program's.
        """
        try:
            serials = self._serials()
        except FileNotFoundError:
            return
        for serial in serials:
            path = self._log.path(serial)
            if self._scan_bytes(self._read(path, _HEADER_BYTES_MAX), serial).header is None:
                self._scan_bytes(self._read(path), serial)

    def run(self, covered: int, receipted: Callable[[bytes], int], draw_instance: Callable[[], bytes]) -> None:
        """Recover the lane: afterwards `log` has its segments and its head, and everything kept is synced.

        Args:
            covered: the serial up to which `received.snap` covers this lane.
            receipted: the number that the city has receipted, by instance.
            draw_instance: 8 random bytes.

        Raises:
            OSError: the disk refuses; nothing is lost by trying again.
            ConfigError: the journal is another gateway's, or a newer program's.
        """
        log = self._log
        self._files.make_directory(log.directory)
        self._files.sync_directory(log.directory.parent)
        serials = self._serials()
        for name in self._files.list_directory(log.directory):
            if name.endswith(".new"):  # a replacement that was not finished; what it was to replace is there
                remove_file(self._files, log.directory / name)
        log.next_serial = max(serials, default=0) + 1

        known: list[Known] = []
        unreadable: list[int] = []
        for serial in serials:
            found = self._identify(serial)
            if found is None:
                unreadable.append(serial)
            else:
                known.append(found)
        for this in never_began(known):
            self._files.unlink(log.path(this.serial))
            known.remove(this)
        known = with_bounded_guesses(known)
        must_start, ended = self._must_start_instance(known, unreadable, receipted)
        if must_start:
            log.start_instance(draw_instance(), ended)
            self.is_instance_replaced = bool(serials)
        started = log.segments
        for serial in unreadable:
            self._set_aside(serial)
        segments = []
        for index, this in enumerate(known):
            before = known[index - 1] if index else None
            after = known[index + 1] if index + 1 < len(known) else None
            segments.append(self._recover_segment(this, before, after, covered, receipted(this.instance)))
        log.segments = segments + started
        if not started:
            log.head = LaneHead(log.lane, segments[-1].instance, segments[-1].last, self._end_link)
        self._files.sync_directory(log.directory)

    def _serials(self) -> list[int]:
        names = self._files.list_directory(self._log.directory)
        return sorted(int(match[1]) for name in names if (match := _SEGMENT_NAME.fullmatch(name)))

    def _identify(self, serial: int) -> Known | None:
        """Where a file belongs; None if nothing in it tells."""
        path = self._log.path(serial)
        self._files.settle(path)
        found = self._scan_bytes(self._read(path, _HEADER_BYTES_MAX), serial)
        if found.header is None:
            found = self._scan_bytes(self._read(path), serial)
        instance, first = instance_of(found), first_of(found)
        if instance is None or first is None:
            return None
        header = found.header
        link = header.link if header is not None else link_into(found.pieces[0])
        ended = header.ended if header is not None else None
        size_bytes = self._files.size_bytes(path)
        is_empty = header is not None and found.pieces[0].end == size_bytes
        return Known(serial, instance, first, link, ended, header is not None, is_empty, size_bytes)

    def _scan_bytes(self, data: bytes, serial: int) -> Scan:
        path = self._log.path(serial)
        try:
            found = scan(data)
        except NewerVersionError as error:
            raise ConfigError(
                f"{path} was written by a newer program ({error}): install that, or move it away"
            ) from error
        header = found.header
        if header is not None and header.gateway_id != self._gateway_id:
            raise ConfigError(
                f"{path} is of gateway '{header.gateway_id}', this is '{self._gateway_id}': correct 'id' or 'data'"
            )
        return found

    def _must_start_instance(
        self, known: list[Known], unreadable: list[int], receipted: Callable[[bytes], int]
    ) -> tuple[bool, int]:
        """Rule 3, and the number with which the present instance ends on this disk (0 if there is none)."""
        if not known:
            return True, 0
        last = known[-1]
        found = self._scan_bytes(self._read(self._log.path(last.serial)), last.serial)
        end = found.pieces[-1].entry
        ended = end.first - 1 if isinstance(end, Header) else end.number
        # A segment that does not begin its instance is written together with its first batches.
        is_cut = found.tail_bytes > 0 or (isinstance(end, Header) and end.first > 1)
        if receipted(last.instance) > ended:
            self._lose(Reason.LOST_TAIL, last.instance, ended + 1, receipted(last.instance), 0)
            is_cut = True
        if unreadable and unreadable[-1] > last.serial:
            is_cut = True
        return is_cut, ended

    def _recover_segment(
        self, this: Known, before: Known | None, after: Known | None, covered: int, receipted: int
    ) -> Segment:
        first, last, last_ever, link_after = responsibility(this, before, after, receipted)
        whole = this.has_header and after is not None and after.has_header and first == this.first
        if last is not None and whole and this.serial <= covered:
            segment = Segment(this.serial, this.instance, this.first, last, this.size_bytes)
            segment.link_before = this.link
            return segment
        return self._check_segment(this.serial, this.instance, first, last, receipted, link_after, last_ever)

    # ---------------------------------------------------------------------------------------------- one segment

    def repair(self, segment: Segment, receipted: int) -> Segment:
        """Salvage a segment that reading found damaged. The caller holds the lock and stopped writing to it.

        Raises:
            OSError: as for `run`.
        """
        log = self._log
        index = log.segments.index(segment)
        last: int | None = segment.last
        if segment is log.segments[-1]:
            link_after: bytes | None = log.head.link
        else:
            after = log.segments[index + 1]
            link_after = after.link_before if after.instance == segment.instance else None
            if after.instance != segment.instance:
                last = None
        mended = self._check_segment(
            segment.serial, segment.instance, segment.first, last, receipted, link_after, segment.last
        )
        log.forget_places(segment.serial)
        log.segments = [mended if other is segment else other for other in log.segments]
        return mended

    def look(self, serial: int) -> Scan:
        """The entries of a segment as the file has them. Raises: OSError."""
        return self._scan_bytes(self._read(self._log.path(serial)), serial)

    def replace_by_gap(self, segment: Segment) -> None:
        """Give up a segment that is not the lane's last: a signed gap stands for it from now on.

        The header stays as it is, and the gap stands for all of the segment, what the city holds included: so it makes void what it
        made void before.

        Raises:
            OSError: the segment stays as it is.
        """
        assert self._sign_gap is not None
        log = self._log
        found = self.look(segment.serial)
        after = log.segments[log.segments.index(segment) + 1]
        end = found.pieces[-1].entry if found.pieces else None
        if after.instance == segment.instance and after.link_before is not None:
            link = after.link_before
        elif isinstance(end, BatchEntry | GapEntry) and end.number == segment.last:
            link = entry_link(end)
        else:
            raise OSError(errno.EIO, "the link behind it cannot be read")
        instance, first, last = segment.instance, segment.first, segment.last
        header = found.header or Header(self._gateway_id, log.lane, instance, first, segment.link_before)
        gap = GapEntry(last, first, self._sign_gap(log.lane, instance, first, last, link, GAP_EVICTED), link)
        data = encode_header(header) + encode_gap(gap)
        path = log.path(segment.serial)
        replace_file(self._files, path, path.with_suffix(".new"), data)
        evicted = Segment(segment.serial, instance, first, last, len(data))
        evicted.link_before = header.link
        log.forget_places(segment.serial)
        log.segments = [evicted if other is segment else other for other in log.segments]

    def _check_segment(
        self,
        serial: int,
        instance: bytes,
        first: int,
        last: int | None,
        receipted: int,
        link_after: bytes | None,
        last_ever: int | None,
    ) -> Segment:
        """Read a whole segment, mend it if needed, take in its received numbers.

        `last_ever`: entries above it never counted; None if that is not known.
        """
        self.scanned_segments += 1
        path = self._log.path(serial)
        try:
            self._files.settle(path)
            data = self._read(path)
        except FileNotFoundError:
            data = b""
        found = self._scan_bytes(data, serial)
        plan = plan_segment(found.pieces, first, last, last_ever, receipted, link_after)
        contents = self._contents(instance, found, plan, first)
        size_bytes = self._bring_to(serial, instance, data, found, plan, contents)
        segment = Segment(serial, instance, first, max(plan.last, first - 1), size_bytes)
        segment.link_before = found.header.link if found.header is not None and found.header.first == first else None
        previous = first - 1
        for entry in contents:
            if isinstance(entry, BatchEntry):
                self.received += entry.received
            if not isinstance(entry, Header):
                segment.has_holes |= (entry.first if isinstance(entry, GapEntry) else entry.number) != previous + 1
                previous = entry.number
            self._end_link = (entry.link or LINK_NONE) if isinstance(entry, Header) else entry_link(entry)
        segment.has_holes |= previous != segment.last
        return segment

    def _contents(self, instance: bytes, found: Scan, plan: Plan, first: int) -> list[Entry]:
        """The entries that the file shall hold: its header, what is kept, and gaps where they can be signed."""
        header = found.header
        if header is None or header.first != first:
            link = link_into(plan.parts[0]) if plan.parts and not isinstance(plan.parts[0], Hole) else None
            link = LINK_NONE if first == 1 else link
            header = Header(self._gateway_id, self._log.lane, instance, first, link)
        contents: list[Entry] = [header]
        for part in plan.parts:
            if not isinstance(part, Hole):
                contents.append(part.entry)
            elif self._sign_gap is not None and part.link is not None:
                gap = self._sign_gap(self._log.lane, instance, part.first, part.last, part.link, GAP_DAMAGED)
                contents.append(GapEntry(part.last, part.first, gap, part.link))
        return contents

    def _bring_to(
        self,
        serial: int,
        instance: bytes,
        data: bytes,
        found: Scan,
        plan: Plan,
        contents: list[Entry],
    ) -> int:
        """Make the file hold exactly `contents`, keeping a copy of what goes; returns its size."""
        path = self._log.path(serial)
        for hole in plan.holes:
            self._lose(Reason.DAMAGED, instance, hole.first, hole.last, 0)
        if plan.void:
            self._lose(Reason.VOID, instance, 0, 0, 0)
        if found.tail_bytes:
            self._lose(Reason.TORN_TAIL, instance, 0, 0, found.tail_bytes)
        kept = [piece.entry for piece in found.pieces[: len(contents)]]
        if kept == contents and not found.damage:
            end = found.pieces[len(contents) - 1].end
            if end < found.size:
                self._quarantine.keep_tail(self._origin(serial), data[end:])
                self._files.truncate(path, end)
            return end
        if found.damage and not plan.holes:  # a header, or what the city holds already
            self._lose(Reason.DAMAGED, instance, 0, 0, sum(end - start for start, end in found.damage))
        if data:
            self._quarantine.keep_segment(self._origin(serial), data)
        there = {id(piece.entry): data[piece.start : piece.end] for piece in found.pieces}
        fresh = b"".join(there.get(id(entry)) or _encode(entry) for entry in contents)
        replace_file(self._files, path, path.with_suffix(".new"), fresh)
        return len(fresh)

    def _set_aside(self, serial: int) -> None:
        """A file without one good entry: keep a copy, and take it out of the lane."""
        path = self._log.path(serial)
        data = self._read(path)
        self._lose(Reason.UNREADABLE, b"", 0, 0, len(data))
        if data:
            self._quarantine.keep_segment(self._origin(serial), data)
        self._files.unlink(path)

    def _origin(self, serial: int) -> str:
        return f"{self._log.lane.word}-{segment_name(serial)}"

    def _lose(self, reason: Reason, instance: bytes, first: int, last: int, aside: int) -> None:
        self.losses.append(Loss(reason, self._log.lane.word, instance, first, last, aside))

    def _read(self, path: Path, size_bytes: int = -1) -> bytes:
        """Read a file; where the disk cannot read a block after three tries, zeros stand for it."""
        try:
            return self._files.read(path, 0, size_bytes)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            total = self._files.size_bytes(path)
            total = total if size_bytes < 0 else min(total, size_bytes)
            blocks = [self._read_block(path, at, min(_BLOCK_BYTES, total - at)) for at in range(0, total, _BLOCK_BYTES)]
            if all(block is None for block in blocks):
                raise  # a card that has gone, not a bad block
            return b"".join(
                bytes(min(_BLOCK_BYTES, total - index * _BLOCK_BYTES)) if block is None else block
                for index, block in enumerate(blocks)
            )

    def _read_block(self, path: Path, offset: int, size_bytes: int) -> bytes | None:
        for _ in range(_READ_TRIES):
            try:
                return self._files.read(path, offset, size_bytes)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
        return None


def responsibility(
    this: Known, before: Known | None, after: Known | None, receipted: int
) -> tuple[int, int | None, int | None, bytes | None]:
    """For which numbers a segment is responsible: first, last, the last that ever counted, and the link behind (`plan_segment`)."""
    first, last, last_ever, link_after = this.first, None, None, None
    if after is not None and after.instance == this.instance:
        last, link_after = after.first - 1, after.link
    elif after is not None:
        last_ever = after.ended
    if (before is None or before.instance != this.instance) and first > receipted + 1:
        first = receipted + 1  # segments before it are gone that the city never receipted
    return first, last, last_ever, link_after


def with_bounded_guesses(known: list[Known]) -> list[Known]:
    """Where a segment's header is lost, its first good entry stands for it; but what a later segment claims is not its.

    The rest of a failed append in a file of its own may begin behind the number that was then written again elsewhere.
    """
    bounded: list[Known] = []
    for this in reversed(known):
        after = bounded[-1] if bounded else None
        if not this.has_header and after is not None and after.instance == this.instance and after.first < this.first:
            this = this._replace(first=after.first, link=after.link)  # noqa: PLW2901
        bounded.append(this)
    return bounded[::-1]


def never_began(known: list[Known]) -> list[Known]:
    """Empty segments of instances whose start failed: the instance before them went on behind them."""
    return [
        this
        for index, this in enumerate(known)
        if this.is_empty
        and {other.instance for other in known[:index]}
        & {other.instance for other in known[index + 1 :]} - {this.instance}
    ]


def _encode(entry: Entry) -> bytes:
    if isinstance(entry, Header):
        return encode_header(entry)
    return encode_gap(entry) if isinstance(entry, GapEntry) else encode_batch(entry)
