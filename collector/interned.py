# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Small numbers for long names: (node, epoch), field and chain are written once and referred to."""

from __future__ import annotations

import sqlite3

from collector.ledger import ChainKey
from gateway_agent.model import Field, Kid

NODE_BYTES = 6


class Interned:
    """What was given a number, in memory beside the tables. Call `reload` after a rollback: numbers given in it are void."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._sources: dict[bytes, int] = {}
        self._fields: dict[Field, int] = {}
        self._chains: dict[ChainKey, int] = {}
        self.reload()

    def reload(self) -> None:
        """Read the tables again."""
        db = self._db
        self._sources = {
            bytes(node + epoch): key for key, node, epoch in db.execute("SELECT id, node, epoch FROM source")
        }
        self._fields = {
            Field(name, unit or None, kind, exponent): key
            for key, name, unit, kind, exponent in db.execute("SELECT id, name, unit, kind, exponent FROM field")
        }
        self._chains = {
            ChainKey(gateway, lane, instance): key
            for key, gateway, lane, instance in db.execute("SELECT id, gateway, lane, instance FROM chain")
        }

    def source(self, kid: Kid) -> int:
        """The number of a node in one epoch."""
        key = self._sources.get(kid)
        if key is None:
            key = self._insert("INSERT INTO source (node, epoch) VALUES (?, ?)", kid[:NODE_BYTES], kid[NODE_BYTES:])
            self._sources[bytes(kid)] = key
        return key

    def field(self, field: Field) -> int:
        """The number of a field."""
        key = self._fields.get(field)
        if key is None:
            statement = "INSERT INTO field (name, unit, kind, exponent) VALUES (?, ?, ?, ?)"
            key = self._insert(statement, field.name, field.unit or "", int(field.kind), field.exponent)
            self._fields[field] = key
        return key

    def chain(self, key: ChainKey) -> int:
        """The number of a chain, given now if it has none."""
        number = self._chains.get(key)
        if number is None:
            statement = "INSERT INTO chain (gateway, lane, instance) VALUES (?, ?, ?)"
            number = self._insert(statement, key.gateway_id, int(key.lane), key.instance)
            self._chains[key] = number
        return number

    def known_chain(self, key: ChainKey) -> int | None:
        """The number of a chain, None if it has none."""
        return self._chains.get(key)

    def _insert(self, statement: str, *values: object) -> int:
        key = self._db.execute(statement, values).lastrowid
        if key is None:
            raise sqlite3.InternalError("an insert without a row id")
        return key
