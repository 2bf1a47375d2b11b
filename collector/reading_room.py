# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Readings out of the store, with their times resolved. Opens the database for reading only, beside a running collector."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from collector.ranges import Quality
from collector.times import Anchor, OffsetWindow, ResolvedTime, TimeQuality, resolve
from gateway_agent.errors import ConfigError, Unavailable
from gateway_agent.model import Field, Value

_READINGS = (
    "SELECT r.source, r.sequence, r.place, f.name, f.unit, f.kind, f.exponent, r.time_ms, r.boot, r.value, r.quality"
    " FROM reading r JOIN field f ON f.id = r.field"
)


class Reading(NamedTuple):
    """One stored reading. `value` is a mantissa where the field is a NUMBER."""

    node: bytes
    epoch: bytes
    sequence: int
    place: int
    field: Field
    value: Value
    quality: Quality
    time: ResolvedTime


class Source(NamedTuple):
    """A node in one epoch."""

    key: int
    node: bytes
    epoch: bytes
    frames: int
    readings: int


class ReadingRoom:
    """Read access to a collector's database."""

    def __init__(self, path: Path) -> None:
        """Open for reading.

        Raises:
            Unavailable: there is no database yet.
            ConfigError: the file is no database of ours.
        """
        if not path.is_file():
            raise Unavailable(f"{path}: nothing is stored yet; is the collector running?")
        self.path = path
        try:
            self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            self.db.execute("SELECT 1 FROM source LIMIT 1")
        except sqlite3.DatabaseError as error:
            raise ConfigError(f"{path}: not a collector's database ({error})") from error

    def close(self) -> None:
        """Close the connection."""
        self.db.close()

    def sources(self, node: bytes | None = None) -> list[Source]:
        """All nodes and epochs, or one node's."""
        where, values = ("", ()) if node is None else (" WHERE node = ?", (node,))
        rows = self.db.execute(f"SELECT id, node, epoch, frames, readings FROM source{where} ORDER BY node, id", values)  # noqa: S608
        return [Source(*row) for row in rows]

    def readings(self, source: Source) -> Iterator[Reading]:
        """All readings of a source in the order of their identities."""
        times = _Times(self.db, source.key)
        for row in self.db.execute(f"{_READINGS} WHERE r.source = ? ORDER BY r.sequence, r.place", (source.key,)):
            yield _reading(source, row, times)

    def latest(self, source: Source, frames: int = 32) -> dict[str, Reading]:
        """The newest reading of each name among a source's last frames."""
        times = _Times(self.db, source.key)
        (last,) = self.db.execute("SELECT max(sequence) FROM reading WHERE source = ?", (source.key,)).fetchone()
        if last is None:
            return {}
        found: dict[str, Reading] = {}
        statement = f"{_READINGS} WHERE r.source = ? AND r.sequence > ? ORDER BY r.sequence, r.place"
        for row in self.db.execute(statement, (source.key, last - frames)):
            reading = _reading(source, row, times)
            found[reading.field.name] = reading
        return found

    def table(self, statement: str) -> list[dict[str, Any]]:
        """Any query's rows as dictionaries."""
        cursor = self.db.execute(statement)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


class _Times:
    """The evidence about one source's boots, read once a boot."""

    def __init__(self, db: sqlite3.Connection, source: int) -> None:
        self._db = db
        self._source = source
        self._anchors: dict[int, list[Anchor]] = {}
        self._windows: dict[int, OffsetWindow] = {}

    def resolve(self, boot: int | None, time_ms: int) -> ResolvedTime:
        if boot is None:
            return resolve(None, time_ms)
        if boot not in self._anchors:
            rows = self._db.execute(
                "SELECT node_ms, city_ms, bound_ms, drift_ppm FROM anchor WHERE source = ? AND boot = ?",
                (self._source, boot),
            )
            self._anchors[boot] = [Anchor(*row) for row in rows]
            self._windows[boot] = OffsetWindow(None, None) if self._anchors[boot] else self._window(boot)
        return resolve(boot, time_ms, self._anchors[boot], self._windows[boot])

    def _window(self, boot: int) -> OffsetWindow:
        """What order says about a boot without an anchor: see times.py."""
        row = self._db.execute(
            "SELECT first_sequence, latest_offset_ms FROM boot_window WHERE source = ? AND boot = ?",
            (self._source, boot),
        ).fetchone()
        if row is None:
            return OffsetWindow(None, None)
        first_sequence, latest_ms = row
        (before_ms,) = self._db.execute(
            "SELECT max(time_ms) FROM reading WHERE source = ? AND boot IS NULL AND sequence < ?",
            (self._source, first_sequence),
        ).fetchone()
        return OffsetWindow(before_ms, latest_ms)


def _reading(source: Source, row: tuple[Any, ...], times: _Times) -> Reading:
    _, sequence, place, name, unit, kind, exponent, time_ms, boot, value, quality = row
    field = Field(name, unit or None, kind, exponent)
    if kind == 1:
        value = bool(value)
    return Reading(
        source.node, source.epoch, sequence, place, field, value, Quality(quality), times.resolve(boot, time_ms)
    )


__all__ = ["Reading", "ReadingRoom", "Source", "TimeQuality"]
