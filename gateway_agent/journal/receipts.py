# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How far the city holds each lane: `receipts.log`, the newest receipts in the framing of a segment.

Not synced when it is written: a position that a power cut takes back only means that some batches are sent again, which
the city recognises. It is synced before a segment is deleted on the strength of it.

Beside them stand the contradicted instances, of which the city holds another history: they are never receipted, so what
counts is how far they were sent.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from gateway_agent.errors import WireError
from gateway_agent.journal.files import Files, replace_file
from gateway_agent.journal.segment import HEAD_BYTES, MARKER, body_at, frame
from gateway_agent.model import Lane
from gateway_agent.wire import cbor

REWRITE_BYTES = 1 << 16


class Position(NamedTuple):
    """The city holds everything of a lane's instance up to `number`; `raw` is its signed receipt."""

    number: int
    link: bytes
    raw: bytes


Key = tuple[Lane, bytes]


class ReceiptLog:
    """The newest receipt of each lane and instance, in memory and on disk."""

    def __init__(self, files: Files, path: Path) -> None:
        self._files = files
        self._path = path
        self._handle: int | None = None
        self._rewrite_due = False
        self._name_synced = False
        self.positions: dict[Key, Position] = {}
        self.contradicted: dict[Key, int] = {}  # the number up to which the instance was sent since
        self.size_bytes = 0
        self.damaged_bytes = 0
        self.write_failures = 0

    def load(self) -> None:
        """Read the log. Raises: OSError."""
        try:
            data = self._files.read(self._path)
        except FileNotFoundError:
            return
        self.size_bytes = len(data)
        position = 0
        while position < len(data):
            body = body_at(data, position)
            if body is None:
                found = data.find(MARKER, position + 1)
                following = len(data) if found < 0 else found
                self.damaged_bytes += following - position
                position = following
                continue
            position += HEAD_BYTES + len(body)
            self._take(body)
        self._rewrite_due = self.damaged_bytes > 0

    def _take(self, body: bytes) -> None:
        try:
            match cbor.decode(body):
                case [int(lane), bytes(instance), int(number), bytes(link), bytes(raw)]:
                    key = (Lane(lane), instance)
                    if key not in self.positions or self.positions[key].number <= number:
                        self.positions[key] = Position(number, link, raw)
                case [int(lane), bytes(instance), int(sent)]:
                    key = (Lane(lane), instance)
                    self.contradicted[key] = max(sent, self.contradicted.get(key, 0))
        except (WireError, ValueError):
            self.damaged_bytes += len(body)

    def receipted(self, key: Key) -> int:
        """The number up to which the city holds an instance."""
        position = self.positions.get(key)
        return 0 if position is None else position.number

    def settled(self, key: Key) -> int:
        """The number up to which nothing is left to do: receipted or, where that will never come, sent."""
        return max(self.receipted(key), self.contradicted.get(key, 0))

    def note(self, key: Key, position: Position, held: Collection[Key]) -> None:
        """Take a newer position. A disk that refuses is counted, no more: see above.

        Args:
            key: lane and instance.
            position: the new position.
            held: what the journal still holds; positions of others are forgotten when the log is rewritten.
        """
        self.positions[key] = position
        self._write(_encode(key, position), held)

    def take_back(self, key: Key, position: Position, held: Collection[Key]) -> None:
        """The city has lost what it had receipted, and holds less: durable at once, because the log's highest entry counts.

        Raises: OSError: the older position may count after a restart.
        """
        if position.number:
            self.positions[key] = position
        else:
            self.positions.pop(key, None)
        if key in self.contradicted:  # one history after all, up to there
            self.contradicted[key] = min(position.number, self.contradicted[key])
        self._rewrite(held)

    def note_contradicted(self, key: Key, sent: int, held: Collection[Key]) -> None:
        """The city holds another history of this instance, and ours was sent up to `sent` (0: not yet) all the same."""
        if sent > self.contradicted.get(key, -1):
            self.contradicted[key] = sent
            self._write(_encode_mark(key, sent), held)

    def _write(self, data: bytes, held: Collection[Key]) -> None:
        try:
            if self._rewrite_due or self.size_bytes > REWRITE_BYTES:
                self._rewrite(held)
                return
            if self._handle is None:
                self._handle = self._files.open_append(self._path)
                self._name_synced = False
            self._files.append(self._handle, data)
            self.size_bytes += len(data)
        except OSError:
            self.write_failures += 1
            self._rewrite_due = True

    def sync(self, held: Collection[Key]) -> None:
        """Make the positions durable. Raises: OSError."""
        if self._rewrite_due:
            self._rewrite(held)
        if self._handle is not None:
            try:
                self._files.sync(self._handle)
                if not self._name_synced:
                    self._files.sync_directory(self._path.parent)
                    self._name_synced = True
            except OSError:
                self._rewrite_due = True
                raise

    def _rewrite(self, held: Collection[Key]) -> None:
        self.positions = {key: position for key, position in self.positions.items() if key in held}
        self.contradicted = {key: sent for key, sent in self.contradicted.items() if key in held}
        self.close()
        self._rewrite_due = True
        beside = self._path.with_suffix(".new")
        data = b"".join(_encode(key, position) for key, position in self.positions.items())
        data += b"".join(_encode_mark(key, sent) for key, sent in self.contradicted.items())
        replace_file(self._files, self._path, beside, data)
        self.size_bytes = len(data)
        self._rewrite_due = False

    def close(self) -> None:
        if self._handle is not None:
            handle, self._handle = self._handle, None
            self._files.close(handle)


def _encode(key: Key, position: Position) -> bytes:
    lane, instance = key
    return frame(cbor.encode([int(lane), instance, position.number, position.link, position.raw]))


def _encode_mark(key: Key, sent: int) -> bytes:
    lane, instance = key
    return frame(cbor.encode([int(lane), instance, sent]))
