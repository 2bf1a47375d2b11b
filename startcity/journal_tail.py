# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""One node's readings in a journal that a gateway is writing, each byte read once.

Theory of operation
-------------------
A lane's newest segment only grows, and its end may be half written: what is behind the last good entry is looked at again. A segment
that has another one behind it is complete. Entries from a segment's `first` on are void in the segments before it: they were written,
could not be synced, and were written again. Nothing is proved here, and nothing is locked or written.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from gateway_agent.errors import ConfigError, Unavailable, WireError
from gateway_agent.journal.segment import BatchEntry, GapEntry, Header, NewerVersionError, scan
from gateway_agent.model import Lane
from gateway_agent.wire.batch import parse_batch
from gateway_agent.wire.body import decode_body
from gateway_agent.wire.keys import NODE_ID_BYTES
from gateway_agent.wire.node_table import NodeTable
from tools.provision.checks import Seen

_HEADER_BYTES_MAX = 256
READINGS_MAX = 20_000  # of them the newer half is kept
_SEGMENT_NAME = re.compile(r"(\d{12})\.seg")


class Stored(NamedTuple):
    """A reading of the node, and the batch that it lies in."""

    seen: Seen
    lane: Lane
    instance: bytes
    number: int


class JournalTail:
    """The node's readings behind a place in the journal. `forgotten` counts those that were too many."""

    def __init__(self, journal: Path, node_id: bytes, since: dict[str, tuple[str, int]]) -> None:
        """`since`: by lane [instance (hex), number] of the last batch that does not count; no entry: every batch does."""
        self._lanes = [_LaneTail(journal, lane, node_id, since.get(lane.word)) for lane in Lane]
        self.bytes_read = 0

    def readings(self) -> list[Stored]:
        """All so far, lane by lane, each in its order. Raises: ConfigError: a newer program wrote it. Unavailable."""
        self.bytes_read += sum(lane.look() for lane in self._lanes)
        return [stored for lane in self._lanes for stored in lane.found]

    def mark(self) -> tuple[int, ...]:
        """The present end."""
        self.readings()
        return tuple(lane.forgotten + len(lane.found) for lane in self._lanes)

    def readings_behind(self, mark: tuple[int, ...]) -> list[Stored]:
        """Those behind a `mark`. Raises: as `readings`."""
        self.readings()
        places = zip(self._lanes, mark, strict=True)
        return [stored for lane, count in places for stored in lane.found[max(0, count - lane.forgotten) :]]


class _LaneTail:
    def __init__(self, journal: Path, lane: Lane, node_id: bytes, since: tuple[str, int] | None) -> None:
        self._folder, self._lane, self._node_id = journal / lane.word, lane, node_id
        self._since = None if since is None else (bytes.fromhex(since[0]), since[1])
        self._serial = 0  # of the segment that is being read
        self._offset = 0
        self._instance = b""
        self._last = 0  # number of the batch that was read last
        self._table = NodeTable()
        self.found: list[Stored] = []
        self.forgotten = 0

    def look(self) -> int:
        """Read what was added. Returns how many bytes were read."""
        count = 0
        try:
            names = [path.name for path in self._folder.iterdir()] if self._folder.is_dir() else []
            serials = sorted(int(match[1]) for match in map(_SEGMENT_NAME.fullmatch, names) if match)
            if self._serial == 0 and self._since is not None:
                serials = self._from(serials, *self._since)
            # A segment that had another one behind it when the names were read has got its last entry before that.
            for serial in serials:
                if serial < self._serial:
                    continue
                if serial > self._serial:
                    self._serial, self._offset, self._table = serial, 0, NodeTable()
                count += self._read(self._path(serial))
        except OSError as error:
            raise Unavailable(f"{error.filename}: {error.strerror}") from error
        except NewerVersionError as error:
            raise ConfigError(f"{self._folder} was written by a newer program ({error}): install that one") from error
        return count

    def _from(self, serials: list[int], instance: bytes, number: int) -> list[int]:
        """Without the segments that lie wholly before a batch, as far as their headers tell."""
        for index in reversed(range(len(serials))):
            try:
                with self._path(serials[index]).open("rb") as file:
                    header = scan(file.read(_HEADER_BYTES_MAX)).header
            except FileNotFoundError:
                continue
            if header is not None and header.instance == instance and header.first <= number + 1:
                return serials[index:]
        return serials

    def _path(self, serial: int) -> Path:
        return self._folder / f"{serial:012d}.seg"

    def _read(self, path: Path) -> int:
        try:
            with path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return 0  # deleted meanwhile: the city holds it
        found = scan(data)
        self._offset += found.good_end
        for piece in found.pieces:
            if isinstance(piece.entry, Header):
                self._begin(piece.entry)
            elif isinstance(piece.entry, GapEntry):
                self._last, self._table = piece.entry.number, NodeTable()
            else:
                self._take(piece.entry)
        return len(data)

    def _begin(self, header: Header) -> None:
        self._instance = header.instance
        self._last = header.first - 1
        void = [s for s in self.found if s.instance == header.instance and s.number >= header.first]
        if void:
            self.found = [stored for stored in self.found if stored not in void]

    def _take(self, entry: BatchEntry) -> None:
        if entry.number != self._last + 1:
            self._table = NodeTable()  # what leans on a missing batch cannot be read
        self._last = entry.number
        try:
            batch = parse_batch(entry.batch)
            body = decode_body(batch.opened_body(), self._table)
        except WireError:
            self._table = NodeTable()
            return
        if self._since is not None and self._since[0] == self._instance and entry.number <= self._since[1]:
            # Whatever was found before is older still.
            self.found.clear()
            return
        for row in body.frames:
            if row.kid[:NODE_ID_BYTES] != self._node_id:
                continue
            epoch, pack = bytes(row.kid[NODE_ID_BYTES:]), row.pack
            for field, offset_ms, value in zip(pack.shape, pack.offsets_ms, pack.values, strict=True):
                at_ms = None if pack.boot is not None else pack.time_ms + offset_ms
                seen = Seen(epoch, row.sequence, field.name, value, at_ms)
                self.found.append(Stored(seen, self._lane, self._instance, entry.number))
        if len(self.found) > READINGS_MAX:
            self.forgotten += len(self.found) - READINGS_MAX // 2
            del self.found[: -READINGS_MAX // 2]
