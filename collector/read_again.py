# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Batches that could not be read as they came, because what they lean on came later. Pure: bytes in, bodies out.

A branch is followed in the order of its coming, and a line that has forked may come in any order: its end before its beginning. From the
hash that each batch carries of the one before it the order is found again, and from a batch that starts its table the table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from gateway_agent.errors import WireError
from gateway_agent.model import Body
from gateway_agent.wire.batch import Batch, link_of, parse_batch
from gateway_agent.wire.body import NodeTable, decode_body
from gateway_agent.wire.limits import TABLE_BATCHES_MAX


class ReadAgain(NamedTuple):
    """A batch that can be read now. `table` is its own: the node table after it."""

    batch: Batch
    digest: bytes
    length_bytes: int
    body: Body
    table: NodeTable


def read_again(held: Iterable[bytes], unread: Collection[bytes]) -> Iterator[ReadAgain]:
    """Those of the `unread` (digests) that can be read from the exact bytes in `held`, which hold them and what they may lean on.

    What is not a batch is passed over. Whose signature was checked as it came is proved by its digest, and so is all before it.
    """
    batches = {link_of(signed): (signed, batch) for signed in held if (batch := _batch_or_none(signed)) is not None}
    for digest in unread:
        line: list[Batch] = []
        at = digest
        while at in batches and len(line) < TABLE_BATCHES_MAX:
            line.append(batches[at][1])
            at = line[-1].header.link
            read = _read_line(line)
            if read is not None:
                yield ReadAgain(line[0], digest, len(batches[digest][0]), *read)
                break


def _read_line(newest_first: list[Batch]) -> tuple[Body, NodeTable] | None:
    """The first one's body, if the last one starts a table that all lean on, and the table after it."""
    table, body = NodeTable(), None
    try:
        for batch in reversed(newest_first):
            body = decode_body(batch.opened_body(), table)
    except WireError:
        return None
    return None if body is None else (body, table)


def _batch_or_none(signed: bytes) -> Batch | None:
    try:
        return parse_batch(signed)
    except WireError:
        return None
