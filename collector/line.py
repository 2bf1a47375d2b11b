# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A batch's line: the batches that its body leans on, back to the one that starts their node table. Pure.

Batches are followed in the order of their coming. What has forked, or was given up and came after all, may come in any order: a batch
before the one that it leans on. The hash that each carries of the one before it leads back; bodies are then read forward.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from gateway_agent.model import Body
from gateway_agent.wire.batch import Batch
from gateway_agent.wire.body import NodeTable, decode_body
from gateway_agent.wire.limits import TABLE_BATCHES_MAX


class Held(NamedTuple):
    """What of a batch says where its line goes. `leans` is None where its body cannot be read whatever stands before it."""

    number: int
    digest: bytes
    link: bytes
    leans: bool | None


def reading_order(held: Mapping[bytes, Held], unread: Iterable[bytes], at_hand: Collection[bytes] = ()) -> list[bytes]:
    """Which bodies to read, and in which order, so that those of the `unread` that can be read are. All by their digest.

    A line that does not lead back to the start of a table, or to a batch whose table is `at_hand`, is left out: work is done only
    where it ends in a reading.
    """
    needed: set[bytes] = set()
    for digest in unread:
        line: list[bytes] = []
        batch = held.get(digest)
        while batch is not None and batch.leans is not None and len(line) < TABLE_BATCHES_MAX:
            line.append(batch.digest)
            before = held.get(batch.link)
            if not batch.leans or batch.digest in needed or batch.link in at_hand:
                needed.update(line)
                break
            batch = before if before is not None and before.number == batch.number - 1 else None
    return sorted(needed, key=lambda digest: (held[digest].number, digest))


class LineReader:
    """Reads bodies in the order that `reading_order` gives, each once."""

    def __init__(self, at_hand: Mapping[bytes, NodeTable] | None = None) -> None:
        """`at_hand`: tables after batches that were read before, by their digests; they are not changed."""
        self._at_hand = at_hand or {}
        self._number = 0
        self._tables: dict[bytes, NodeTable] = {}  # after the batches of the last number, by their digests
        self._before: dict[bytes, NodeTable] = {}

    def is_ready(self, batch: Batch) -> bool:
        """Whether what a body leans on was read."""
        self._go_to(batch.header.number)
        return not batch.leans or self._table_before(batch) is not None

    def read(self, batch: Batch, digest: bytes) -> tuple[Body, NodeTable]:
        """(the body, the node table after it; the caller's own).

        Raises:
            WireError: as `decode_body`; `TableMissing` too where what it leans on could not be read.
        """
        self._go_to(batch.header.number)
        before = self._table_before(batch)
        table = NodeTable() if before is None or not batch.leans else before.copy()
        body = decode_body(batch.opened_body(), table)
        self._tables[digest] = table
        return body, table.copy()

    def _go_to(self, number: int) -> None:
        if number != self._number:
            self._before = self._tables if number == self._number + 1 else {}
            self._number, self._tables = number, {}

    def _table_before(self, batch: Batch) -> NodeTable | None:
        link = batch.header.link
        return self._before.get(link) or self._at_hand.get(link)
