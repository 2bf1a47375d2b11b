# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Exactly once: one frame's readings go in whole, or are compared with what is there.

The primary key (source, sequence, place) is the guarantee. The usual case costs one statement for all readings of a batch;
only if SQLite says that some were there already are the frames looked at one by one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from collector.group import Event, Group, StagedBatch
from collector.interned import Interned
from collector.ranges import Ranges
from collector.times import DRIFT_PPM, anchor_bound_ms
from gateway_agent.errors import WireError
from gateway_agent.model import FrameRow, Kid, OpaqueRow, Pack, Shape
from gateway_agent.wire import cbor
from gateway_agent.wire.limits import TIME_MS_MAX
from gateway_agent.wire.senml import decode_pack

NODE_BYTES = 6

ReadingRow = tuple[int, int, int, int, int, int | None, object, int, int]

_INSERT = "INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Tally:
    """Counts of one commit, by source."""

    def __init__(self) -> None:
        self.frames: dict[int, int] = {}
        self.readings: dict[int, int] = {}
        self.repeated = 0
        self.conflicts = 0

    def add(self, source: int, readings: int, frames: int = 1) -> None:
        """Count a frame that was stored."""
        self.frames[source] = self.frames.get(source, 0) + frames
        self.readings[source] = self.readings.get(source, 0) + readings


class FrameTable:
    """The tables that a frame's contents go to, inside the caller's transaction."""

    def __init__(self, db: sqlite3.Connection, interned: Interned, ranges: Ranges) -> None:
        self._db = db
        self._interned = interned
        self._ranges = ranges
        self._last_shape: Shape | None = None
        self._last_profile: str | None = None
        self._last_fields: list[tuple[int, tuple[int, int] | None]] = []

    def store_frames(
        self, batch: StagedBatch, batch_id: int, frames: Iterable[FrameRow], tally: Tally, group: Group
    ) -> None:
        """The usual way stores a batch's readings in one statement; if any was there already, go frame by frame."""
        by_frame = [(self._interned.source(frame.kid), frame, self._rows(frame, batch_id)) for frame in frames]
        rows = [row for _, _, frame_rows in by_frame for row in frame_rows]
        self._db.execute("SAVEPOINT frames")
        inserted = self._db.executemany(f"INSERT OR IGNORE {_INSERT}", rows).rowcount if rows else 0
        if inserted == len(rows) and not self._any_opaque(by_frame):
            for source, frame, frame_rows in by_frame:
                tally.add(source, len(frame_rows))
                self._note_time(source, frame, batch)
        else:
            self._db.execute("ROLLBACK TO frames")
            for source, frame, frame_rows in by_frame:
                self._store_frame(batch, batch_id, source, frame, frame_rows, tally, group)
        self._db.execute("RELEASE frames")

    def _any_opaque(self, by_frame: list[tuple[int, FrameRow, list[ReadingRow]]]) -> bool:
        """True if another gateway, which did not know the profile, delivered one of these frames as opaque bytes."""
        if self._db.execute("SELECT 1 FROM opaque LIMIT 1").fetchone() is None:
            return False
        return any(self._held_opaque(source, frame.sequence) is not None for source, frame, _ in by_frame)

    def _held_opaque(self, source: int, sequence: int) -> bytes | None:
        row = self._db.execute(
            "SELECT pack FROM opaque WHERE source = ? AND sequence = ?", (source, sequence)
        ).fetchone()
        return None if row is None else row[0]

    def _held_rows(self, source: int, sequence: int) -> list[tuple[int, int, int, int | None, object]]:
        return self._db.execute(
            "SELECT place, field, time_ms, boot, value FROM reading WHERE source = ? AND sequence = ? ORDER BY place",
            (source, sequence),
        ).fetchall()

    def _store_frame(
        self,
        batch: StagedBatch,
        batch_id: int,
        source: int,
        frame: FrameRow,
        rows: list[ReadingRow],
        tally: Tally,
        group: Group,
    ) -> None:
        held = self._held_rows(source, frame.sequence)
        if held:
            tally.repeated += 1
            if held != [row[2:7] for row in rows]:
                self._note_conflict(batch, batch_id, source, frame.kid, frame.sequence, repr(rows), tally, group)
            return
        opaque = self._held_opaque(source, frame.sequence)
        if opaque is not None:
            tally.repeated += 1
            if _pack_or_none(opaque) != frame.pack:
                self._note_conflict(batch, batch_id, source, frame.kid, frame.sequence, repr(rows), tally, group)
                return
            # Same contents, and this gateway knew what they mean: readings take the place of the bytes.
            self._db.execute("DELETE FROM opaque WHERE source = ? AND sequence = ?", (source, frame.sequence))
            tally.add(source, 0, frames=-1)
        self._db.executemany(f"INSERT {_INSERT}", rows)
        tally.add(source, len(rows))
        self._note_time(source, frame, batch)

    def store_opaque(self, batch: StagedBatch, batch_id: int, opaque: OpaqueRow, tally: Tally, group: Group) -> None:
        source = self._interned.source(opaque.kid)
        held = self._held_opaque(source, opaque.sequence)
        rows = self._held_rows(source, opaque.sequence)
        if held is None and not rows:
            self._db.execute(
                "INSERT INTO opaque VALUES (?, ?, ?, ?, ?)",
                (source, opaque.sequence, opaque.reason, opaque.pack_bytes, batch_id),
            )
            tally.add(source, 0)
            return
        tally.repeated += 1
        if held is not None:
            same = held == opaque.pack_bytes
        else:
            pack = _pack_or_none(opaque.pack_bytes)
            same = pack is not None and rows == [
                row[2:7] for row in self._rows(FrameRow(opaque.kid, opaque.sequence, pack), 0)
            ]
        if not same:
            self._note_conflict(
                batch, batch_id, source, opaque.kid, opaque.sequence, opaque.pack_bytes.hex(), tally, group
            )

    def _rows(self, frame: FrameRow, batch_id: int) -> list[ReadingRow]:
        """A frame's readings as rows."""
        kid, sequence, pack = frame
        source = self._interned.source(kid)
        boot, time_ms, shape, offsets, values = pack
        known = self._shape(self._ranges.profile_of(kid[:NODE_BYTES]), shape)
        return [
            (
                source, sequence, place, field, time_ms + offset, boot, value,
                0 if limits is None or limits[0] <= value <= limits[1] else 1,  # type: ignore[operator]
                batch_id,
            )
            for place, ((field, limits), offset, value) in enumerate(zip(known, offsets, values, strict=True))
        ]  # fmt: skip

    def _shape(self, profile: str | None, shape: Shape) -> list[tuple[int, tuple[int, int] | None]]:
        """Number and limits of each field. A batch's frames come grouped by shape, so the last answer is mostly this one."""
        if shape is not self._last_shape or profile != self._last_profile:
            self._last_fields = [(self._interned.field(field), self._ranges.of(profile, field)) for field in shape]
            self._last_shape, self._last_profile = shape, profile
        return self._last_fields

    def forget(self) -> None:
        """After a rollback: numbers of fields that were given out in it are void."""
        self._last_shape = None

    def _note_time(self, source: int, frame: FrameRow, batch: StagedBatch) -> None:
        """Keep what a frame says about the offset between its node's time and the city's."""
        pack = frame.pack
        for place, field in enumerate(pack.shape):
            if field[0] == "anchor":
                value = pack.values[place]
                if isinstance(value, bytes):
                    self._note_anchor(source, value, batch)
        if pack.boot is None:
            return
        # Nothing is received before it is measured: arrival bounds the offset from above.
        last_ms = pack.time_ms + max(pack.offsets_ms)
        latest = None if batch.wall_ms is None else batch.wall_ms + (batch.bound_s or 0) * 1000 - last_ms
        self._db.execute(
            "INSERT INTO boot_window VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " first_sequence = min(first_sequence, excluded.first_sequence), last_sequence = max(last_sequence, excluded.last_sequence),"
            " latest_offset_ms = coalesce(min(latest_offset_ms, excluded.latest_offset_ms), latest_offset_ms, excluded.latest_offset_ms)",
            (source, pack.boot, frame.sequence, frame.sequence, latest),
        )

    def _note_anchor(self, source: int, value: bytes, batch: StagedBatch) -> None:
        try:
            items = cbor.decode(value)
        except WireError:
            return  # the reading itself is kept; an anchor that cannot be read anchors nothing
        match items:
            case [int(boot), int(node_ms), int(city_ms), int(round_trip_ms), *drift] if (
                (not drift or (len(drift) == 1 and isinstance(drift[0], int) and 0 <= drift[0] <= 1_000_000))
                and 0 <= boot < 1 << 32
                and max(abs(node_ms), abs(city_ms), round_trip_ms) <= TIME_MS_MAX
                and round_trip_ms >= 0
            ):
                bound_ms = anchor_bound_ms(round_trip_ms, batch.bound_s)
                self._db.execute(
                    "INSERT OR REPLACE INTO anchor VALUES (?, ?, ?, ?, ?, ?)",
                    (source, boot, node_ms, city_ms, bound_ms, *(drift or [DRIFT_PPM])),
                )

    def _note_conflict(
        self,
        batch: StagedBatch,
        batch_id: int,
        source: int,
        kid: Kid,
        sequence: int,
        contents: str,
        tally: Tally,
        group: Group,
    ) -> None:
        tally.conflicts += 1
        self._db.execute(
            "INSERT OR IGNORE INTO conflict (source, sequence, batch, contents) VALUES (?, ?, ?, ?)",
            (source, sequence, batch_id, contents),
        )
        detail = f"node {kid[:NODE_BYTES].hex()} epoch {kid[NODE_BYTES:].hex()} sequence {sequence}: other contents in batch {batch.number}"
        group.events.append(Event(batch.wall_ms or 0, batch.key.gateway_id, batch.key.lane, "conflict", detail))


def _pack_or_none(pack_bytes: bytes) -> Pack | None:
    try:
        return decode_pack(pack_bytes)
    except WireError:
        return None
