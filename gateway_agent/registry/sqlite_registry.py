# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Nodes, their profiles and their roots, in one SQLite file that only its owner may read.

Roots are sealed with the storage key (storage_key.py), each bound to its node and generation. A registry of version 1, which
kept them as they are, is taken over in one transaction when it is opened, and what it held is overwritten.

A node has one record per key generation. While a city moves to the next generation a gateway holds both, because a
node's backlog stays sealed with the key of its day.

The command line writes while the gateway runs: SQLite locks between the two, and the gateway asks `version()` from
time to time to see whether it must read again. Every write is synced before the call returns.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag

from gateway_agent.errors import ConfigError, Unavailable
from gateway_agent.registry.storage_key import StorageKey, make_storage_key, read_storage_key

_SCHEMA_VERSION = 2
_SCHEMA = """
CREATE TABLE node (
    node_id     BLOB    NOT NULL CHECK (length(node_id) = 6),
    generation  INTEGER NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
    profile     TEXT    NOT NULL,
    sealed_root BLOB    NOT NULL CHECK (length(sealed_root) = 44),
    name        TEXT    NOT NULL,
    place       TEXT    NOT NULL,
    PRIMARY KEY (node_id, generation)
) STRICT, WITHOUT ROWID
"""
_KEY_SCHEMA = "CREATE TABLE storage_key (made_check BLOB NOT NULL) STRICT"
_INSERT = "INSERT OR REPLACE INTO node (node_id, generation, profile, sealed_root, name, place) VALUES (?,?,?,?,?,?)"
# How long a write waits for another process's write; each takes milliseconds.
_BUSY_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """One node at one key generation.

    Attributes:
        node_id: 6 bytes, the base MAC.
        profile: the id of its profile.
        generation: which root this is, from 0.
        root: 16 bytes (docs/wire.md, 1). Secret: never shown.
        name, place: what people call it and where it is.
    """

    node_id: bytes
    profile: str
    generation: int
    root: bytes = field(repr=False)
    name: str = ""
    place: str = ""

    def __post_init__(self) -> None:
        if len(self.node_id) != 6:
            raise ValueError(f"a node id has 6 bytes, not {len(self.node_id)}")
        if len(self.root) != 16:
            raise ValueError(f"a root has 16 bytes, not {len(self.root)}")


class Registry:
    """The open registry. Use from one thread at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection, key: StorageKey) -> None:
        self._path = path
        self._connection = connection
        self._key = key

    @classmethod
    def open(cls, path: Path, key_path: Path) -> Registry:
        """Open the registry at `path`, making it and its storage key (mode 0600) where there is none.

        Raises:
            ConfigError: others may read a file, the registry is of a newer version or none, its storage key is missing or
                another one.
            Unavailable: the disk or its lock refuses.
        """
        try:
            _make_private(path)
        except OSError as error:
            raise Unavailable(f"the registry {path} cannot be opened: {error.strerror}") from error
        try:
            connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise Unavailable(f"the registry {path} cannot be opened: {error}") from error
        try:
            key = _prepare(connection, path, key_path)
        except ConfigError:
            connection.close()
            raise
        except sqlite3.OperationalError as error:
            connection.close()
            raise Unavailable(f"the registry {path} cannot be opened: {error}") from error
        except sqlite3.Error as error:
            connection.close()
            advice = "restore it from a backup, or move it away and add the nodes again from the vault"
            raise ConfigError(f"{path} is not a registry or is damaged ({error}): {advice}") from error
        return cls(path, connection, key)

    def add_node(self, node: NodeRecord, *, replace_root: bool = False) -> None:
        """Store `node`. Raises: as `add_nodes`."""
        self.add_nodes((node,), replace_root=replace_root)

    def add_nodes(self, nodes: Iterable[NodeRecord], *, replace_root: bool = False) -> None:
        """Store nodes, all or none; profile, name and place of the same generation are overwritten.

        Raises:
            ConfigError: a node is there with another root, and `replace_root` is not set. A wrong root would
                make everything the node sends unreadable, so this is never done by accident.
            Unavailable: the disk or its lock refuses.
        """
        with self._transaction() as connection:
            for node in nodes:
                self._add(connection, node, replace_root)

    def _add(self, connection: sqlite3.Connection, node: NodeRecord, replace_root: bool) -> None:
        known = connection.execute(
            "SELECT sealed_root FROM node WHERE node_id = ? AND generation = ?", (node.node_id, node.generation)
        ).fetchone()
        kept = None if known is None or replace_root else self._open(node.node_id, node.generation, known[0])
        if kept is not None and kept != node.root:
            raise ConfigError(
                f"node {node.node_id.hex()} is registered with another key of generation {node.generation}: "
                "give its own key (the vault, or its key.bin), or say --replace if the node has a new one"
            )
        connection.execute(_INSERT, _row(self._key, node))

    def remove_generation(self, node_id: bytes, generation: int) -> bool:
        """Forget a node's root of one generation; whether there was one. A node's last root stays: it would be unknown then.

        Raises:
            Unavailable: the disk or its lock refuses.
        """
        with self._transaction() as connection:
            done = connection.execute(
                "DELETE FROM node WHERE node_id = ?1 AND generation = ?2 "
                "AND EXISTS (SELECT 1 FROM node WHERE node_id = ?1 AND generation > ?2)",
                (node_id, generation),
            )
            return done.rowcount > 0

    def nodes(self) -> list[NodeRecord]:
        """Every record, by node id and then generation, the newest generation last.

        Raises:
            ConfigError: a root was changed, or put at another node or generation.
            Unavailable: the disk or its lock refuses.
        """
        try:
            rows = self._connection.execute(
                "SELECT node_id, generation, sealed_root, profile, name, place FROM node ORDER BY node_id, generation"
            ).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(f"the registry {self._path} cannot be read: {error}") from error
        return [
            NodeRecord(node_id, profile, generation, self._open(node_id, generation, sealed), name, place)
            for node_id, generation, sealed, profile, name, place in rows
        ]

    def _open(self, node_id: bytes, generation: int, sealed: bytes) -> bytes:
        try:
            return self._key.open_root(node_id, generation, sealed)
        except InvalidTag as error:
            raise ConfigError(
                f"{self._path}: the root of node {node_id.hex()}, generation {generation}, was changed or is damaged: restore "
                "the registry from a backup, or move it away and bring the nodes again from the vault"
            ) from error

    def version(self) -> int:
        """A number that changes when another process, or another `Registry`, has written.

        It means something only within this open registry, and our own writes do not change it.

        Raises:
            Unavailable: the disk or its lock refuses.
        """
        try:
            row = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error as error:
            raise Unavailable(f"the registry {self._path} cannot be read: {error}") from error
        return int(row[0])

    def close(self) -> None:
        """Close the file. The object is of no use afterwards."""
        self._connection.close()

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise Unavailable(f"the registry {self._path} cannot be written: {error}") from error


def _make_private(path: Path) -> None:
    """Make the file before SQLite does, so that there is no moment in which others may read it.

    SQLite gives its write-ahead log the mode and the owner of the database.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        return
    except FileExistsError:
        mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(f"{path} holds keys and others may read it (mode {mode:04o}): run `chmod 600 {path}`")


def _prepare(connection: sqlite3.Connection, path: Path, key_path: Path) -> StorageKey:
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL syncs the log at each commit: a node that was added stays added through a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    # What is deleted is overwritten: an old root does not stay in a free page.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if found == _SCHEMA_VERSION:
            key = _checked_key(connection, path, key_path)
        elif found in (0, 1):
            # The key is durable before anything is sealed with it.
            make_storage_key(key_path)
            key = _key_at(key_path)
            _take_over(connection, key, found)
        else:
            advice = "install the startcity version that wrote it, or a newer one"
            raise ConfigError(
                f"{path} is a registry of version {found}, this program reads {_SCHEMA_VERSION}: {advice}"
            )
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    if found == 1:
        # Until this is done the log may still hold old pages; the next connection that closes last does it, too.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return key


def _take_over(connection: sqlite3.Connection, key: StorageKey, version: int) -> None:
    """Make the tables; those of version 1 give their rows and go."""
    old: list[NodeRecord] = []
    if version == 1:
        rows = connection.execute("SELECT node_id, profile, generation, root, name, place FROM node").fetchall()
        old = [NodeRecord(*row) for row in rows]
        connection.execute("DROP TABLE node")
    connection.execute(_SCHEMA)
    connection.execute(_KEY_SCHEMA)
    connection.execute("INSERT INTO storage_key VALUES (?)", (key.make_check(),))
    connection.executemany(_INSERT, (_row(key, node) for node in old))
    connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")


def _row(key: StorageKey, node: NodeRecord) -> tuple[bytes, int, str, bytes, str, str]:
    sealed = key.seal_root(node.node_id, node.generation, node.root)
    return (node.node_id, node.generation, node.profile, sealed, node.name, node.place)


def _checked_key(connection: sqlite3.Connection, path: Path, key_path: Path) -> StorageKey:
    key = read_storage_key(key_path)
    advice = "restore it from the backup, or move the registry away and bring the nodes again from the vault"
    if key is None:
        raise ConfigError(f"StorageKeyMissing: {path} is sealed and its storage key {key_path} is not there: {advice}")
    (check,) = connection.execute("SELECT made_check FROM storage_key").fetchone() or (b"",)
    if not key.fits(check):
        raise ConfigError(f"StorageKeyWrong: {key_path} is not the storage key of {path}: {advice}")
    return key


def _key_at(key_path: Path) -> StorageKey:
    key = read_storage_key(key_path)
    if key is None:
        raise ConfigError(f"the storage key {key_path} was removed while it was made")
    return key
