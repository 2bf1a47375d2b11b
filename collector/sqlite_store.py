# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The store: every reading exactly once, in SQLite. One writer, any number of readers.

Guarantees: `commit` returns after a durable commit (WAL, synchronous=FULL) of the whole group or raises and has changed
nothing. The identity (node, epoch, sequence, index) is the primary key, so a reading cannot be stored twice whatever
the callers do. A frame that comes a second time is compared: equal contents cost nothing, others are a conflict, which is recorded
and flagged while the first contents stay.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from collector.group import Group, StagedBatch
from collector.interned import Interned
from collector.ledger import Branch, ChainKey
from collector.line import Held
from collector.private import FILE_MODE, make_file, make_folder, refused
from collector.ranges import Ranges
from collector.schema import MIGRATIONS, TABLES, VERSION
from collector.sqlite_frames import FrameTable, Tally
from gateway_agent.errors import ConfigError, Unavailable, WireError
from gateway_agent.wire.node_table import NodeTable

LOG = logging.getLogger("startcity.collector")


class Stored(NamedTuple):
    """What one commit did."""

    frames: int
    readings: int
    repeated_frames: int
    conflicts: int


class Store:
    """One collector's database, opened for writing."""

    def __init__(self, path: Path, ranges: Ranges) -> None:
        """Open or create.

        Raises:
            ConfigError: another version's file, or no database at all.
            Unavailable: the disk refuses.
        """
        self.path = path
        try:
            make_folder(path.parent)
            # Before SQLite opens it: -wal and -shm, which hold readings too, take their mode from the database.
            make_file(path)
            for beside in (path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
                if beside.exists():
                    beside.chmod(FILE_MODE)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA wal_autocheckpoint=4000")
            self._db.execute("PRAGMA cache_size=-65536")
            self._prepare()
        except OSError as error:
            raise refused(path, error) from error
        except sqlite3.OperationalError as error:
            raise Unavailable(f"{path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise ConfigError(
                f"{path}: not a collector's database ({error}); move it away, or name another data folder"
            ) from error
        self._interned = Interned(self._db)
        self._frames = FrameTable(self._db, self._interned, ranges)

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.executescript(f"BEGIN;{TABLES}PRAGMA user_version={VERSION};COMMIT;")
            return
        while version in MIGRATIONS:
            self._db.executescript(f"BEGIN;{MIGRATIONS[version]}PRAGMA user_version={version + 1};COMMIT;")
            version += 1
        if version != VERSION:
            raise ConfigError(
                f"{self.path}: made by another version (schema {version}, ours {VERSION}); update startcity"
            )

    def close(self) -> None:
        """Close; what was committed stays."""
        self._db.close()

    # ------------------------------------------------------------------------------------------- what we remember

    def branches(self) -> Iterator[tuple[ChainKey, Branch]]:
        """All chains' branches with their node tables, to begin where the last run ended."""
        rows = self._db.execute(
            "SELECT gateway, lane, instance, place, number, link, node_table"
            " FROM branch JOIN chain ON chain.id = branch.chain ORDER BY chain.id, place"
        )
        for gateway, lane, instance, place, number, link, table in rows:
            yield ChainKey(gateway, lane, instance), Branch(place, number, link, _table(table))

    def digests(self, key: ChainKey, number: int, *, of_forks: bool = False) -> set[bytes]:
        """The digests of all batches held under a number; with `of_forks` without those of branch 0."""
        chain = self._interned.known_chain(key)
        if chain is None:
            return set()
        rows = self._db.execute(
            "SELECT digest FROM batch WHERE chain = ? AND number = ? AND branch >= ?", (chain, number, int(of_forks))
        )
        return {digest for (digest,) in rows}

    def _rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(f"{self.path}: {error}") from error

    def held(self, key: ChainKey, low: int, high: int) -> dict[bytes, Held]:
        """By their digest all batches held under the numbers `low` to `high`. Raises: Unavailable."""
        rows = self._rows(
            "SELECT number, digest, link, leans FROM batch WHERE chain = ? AND number BETWEEN ? AND ? AND link IS NOT NULL",
            (self._interned.known_chain(key), low, high),
        )
        return {digest: Held(number, digest, link, _or_none(leans)) for number, digest, link, leans in rows}

    def unread(self, key: ChainKey, low: int, high: int, count_max: int) -> list[tuple[int, bytes]]:
        """(number, digest) of the first batches under the numbers `low` to `high` that wait for what they lean on. Raises: Unavailable."""
        rows = self._rows(
            "SELECT number, digest FROM batch INDEXED BY unread"
            " WHERE chain = ? AND number BETWEEN ? AND ? AND defect IS NOT NULL AND leans = 1 ORDER BY number, digest LIMIT ?",
            (self._interned.known_chain(key), low, high, count_max),
        )
        return list(rows)

    def unread_ranges(self) -> dict[ChainKey, tuple[int, int]]:
        """The lowest and highest number of what waits so, by chain. Raises: Unavailable."""
        rows = self._rows(
            "SELECT gateway, lane, instance, min(number), max(number) FROM batch INDEXED BY unread JOIN chain ON chain.id = batch.chain"
            " WHERE defect IS NOT NULL AND leans = 1 GROUP BY chain.id"
        )
        return {ChainKey(gateway, lane, instance): (low, high) for gateway, lane, instance, low, high in rows}

    def holds(self, key: ChainKey, number: int, digest: bytes) -> bool:
        """Whether a batch, or a gap whose last number this is, is held."""
        chain = self._interned.known_chain(key)
        row = self._db.execute(
            "SELECT 1 FROM batch WHERE chain = :chain AND number = :number AND digest = :digest"
            " UNION ALL SELECT 1 FROM gap WHERE chain = :chain AND last = :number AND digest = :digest",
            {"chain": chain, "number": number, "digest": digest},
        ).fetchone()
        return row is not None

    def promises(self) -> dict[ChainKey, tuple[int, bytes]]:
        """The highest number, and its digest, that each chain's gateway has signed for."""
        rows = self._db.execute("SELECT chain_gateway, lane, instance, number, digest FROM promise")
        return {ChainKey(gateway, lane, instance): (number, digest) for gateway, lane, instance, number, digest in rows}

    # ------------------------------------------------------------------------------------------- one group

    def commit(self, group: Group) -> Stored:
        """Store a group durably, all or nothing.

        Raises:
            Unavailable: disk full or failing, or the database is locked by somebody else.
        """
        try:
            with self._transaction():
                tally = Tally()
                for batch in group.batches:
                    self._store_batch(batch, tally, group)
                self._store_rest(group)
                self._db.executemany(
                    "UPDATE source SET frames = frames + ?, readings = readings + ? WHERE id = ?",
                    [(count, tally.readings[source], source) for source, count in tally.frames.items()],
                )
                counts = group.counts | {
                    "frames_repeated": tally.repeated + group.counts.get("frames_repeated", 0),
                    "conflicts": tally.conflicts + group.counts.get("conflicts", 0),
                }
                self._db.executemany(
                    "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET count = count + excluded.count",
                    [(name, count) for name, count in counts.items() if count],
                )
        except sqlite3.Error as error:
            self._interned.reload()
            self._frames.forget()
            raise Unavailable(f"{self.path}: {error}") from error
        return Stored(sum(tally.frames.values()), sum(tally.readings.values()), tally.repeated, tally.conflicts)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _store_rest(self, group: Group) -> None:
        for (key, place), branch in group.branches.items():
            chain = self._interned.chain(key)
            # Once a commit and lane, however many batches the group has: 200 nodes of one shape are some 5 KB.
            table = None if branch.table is None else branch.table.dump()
            self._db.execute(
                "INSERT OR REPLACE INTO branch VALUES (?, ?, ?, ?, ?)",
                (chain, place, branch.number, branch.link, table),
            )
        self._db.executemany(
            "INSERT OR IGNORE INTO gap VALUES (?, ?, ?, ?, ?)",
            [(self._interned.chain(gap.key), gap.first, gap.last, gap.reason, gap.digest) for gap in group.gaps],
        )
        self._db.executemany("INSERT OR REPLACE INTO gateway VALUES (?, ?, ?, ?, ?)", group.states)
        self._db.executemany(
            "INSERT INTO promise VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET number = excluded.number, digest = excluded.digest"
            " WHERE excluded.number > number",
            [(*promise.key, promise.number, promise.digest) for promise in group.promises],
        )
        self._db.executemany(
            "INSERT INTO event (at_ms, gateway, lane, kind, detail) VALUES (?, ?, ?, ?, ?)", group.events
        )

    def _store_batch(self, batch: StagedBatch, tally: Tally, group: Group) -> None:
        body = batch.body
        frames = 0 if body is None else len(body.frames) + len(body.opaque)
        readings = 0 if body is None else sum(len(frame.pack.values) for frame in body.frames) + len(body.own)
        cursor = self._db.execute(
            "INSERT OR IGNORE INTO batch"
            " (chain, number, digest, branch, wall_ms, bound_s, frames, readings, bytes, defect, link, leans)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._interned.chain(batch.key), batch.number, batch.digest, batch.branch, batch.wall_ms, batch.bound_s,
                frames, readings, batch.length_bytes, batch.defect, batch.link, batch.leans,
            ),
        )  # fmt: skip
        batch_id = cursor.lastrowid if cursor.rowcount else self._now_read(batch, frames, readings)
        if batch_id is None:
            # Stored before the archive was restored from an older copy: what is in it is here already (collector/catch_up.py).
            group.count("batches_archived_again")
            return
        if body is None:
            return
        self._frames.store_frames(batch, batch_id, body.frames, tally, group)
        for opaque in body.opaque:
            self._frames.store_opaque(batch, batch_id, opaque, tally, group)
        self._db.executemany(
            "INSERT INTO own VALUES (?, ?, ?, ?, ?, ?)",
            [
                (batch_id, place, own.name, own.time_ms, own.value[0], own.value[1])
                if isinstance(own.value, tuple)
                else (batch_id, place, own.name, own.time_ms, None, own.value)
                for place, own in enumerate(body.own)
            ],
        )

    def _now_read(self, batch: StagedBatch, frames: int, readings: int) -> int | None:
        """The row of a batch that waited for what it leans on; None where the row says the same already."""
        row = self._db.execute(
            "SELECT id FROM batch WHERE chain = ? AND number = ? AND digest = ? AND defect IS NOT NULL AND leans = 1",
            (self._interned.chain(batch.key), batch.number, batch.digest),
        ).fetchone()
        if row is None or (batch.defect is not None and batch.leans):
            return None
        self._db.execute(
            "UPDATE batch SET defect = ?, leans = ?, frames = ?, readings = ? WHERE id = ?",
            (batch.defect, batch.leans, frames, readings, row[0]),
        )
        return int(row[0])


def _or_none(leans: int | None) -> bool | None:
    return None if leans is None else bool(leans)


def _table(data: bytes | None) -> NodeTable | None:
    if data is None:
        return None
    try:
        return NodeTable.load(data)
    except WireError as error:
        # As if a batch could not be read: the archive keeps all of them, and the next new table makes the lane readable again.
        LOG.warning("a node table in the store cannot be read (%s); its lane is readable from the next table on", error)
        return None
