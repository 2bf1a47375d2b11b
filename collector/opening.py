# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a batch holds, and what of that the store can hold. Pure."""

from __future__ import annotations

from collector.group import StagedBatch
from collector.ledger import ChainKey
from gateway_agent.errors import WireError
from gateway_agent.model import Body, FrameRow, Pack
from gateway_agent.wire.batch import Batch
from gateway_agent.wire.body import NodeTable, decode_body

TABLE_MISSING = "TableMissing"
# The store's integers have 64 bits; half of that leaves room for what is reckoned with a time, as a boot's offset.
STORED_MS_MAX = 1 << 62


def open_body(batch: Batch, table: NodeTable | None) -> tuple[Body | None, NodeTable | None, str | None]:
    """(body, node table after it, None), or (None, None, what is wrong). `table` is moved on in place.

    A body that its gateway signed and nobody can read is no reason to stop the lane: the bytes are archived, the
    defect is stored and shown, and the next batch that starts its table is readable again. A body that can be read
    always moves the table on, whatever is in its rows: up to 63 batches after it lean on it.
    """
    after = NodeTable() if table is None else table
    try:
        body = decode_body(batch.opened_body(), after)
    except WireError as error:
        return None, None, str(error)
    return body, after, None


def set_aside(body: Body) -> tuple[Body, tuple[FrameRow, ...]]:
    """(what the store can hold of a body, the frames that it cannot hold: those stay in the archive alone)."""
    aside = tuple(frame for frame in body.frames if not _is_storable(frame.pack))
    if not aside:
        return body, ()
    return body._replace(frames=tuple(frame for frame in body.frames if _is_storable(frame.pack))), aside


def staged(
    key: ChainKey, branch: int, batch: Batch, digest: bytes, length_bytes: int, body: Body | None, defect: str | None
) -> StagedBatch:
    """A batch for the store. Where its body could not be read for a reason of its own, `leans` is None."""
    header, clock = batch.header, batch.header.clock
    is_readable = defect is None or defect.startswith(TABLE_MISSING)
    leans = batch.leans if is_readable else None
    return StagedBatch(
        key, branch, header.number, digest, header.link, leans, clock.wall_ms, clock.bound_s, length_bytes, body, defect
    )


def _is_storable(pack: Pack) -> bool:
    """True if all times of a frame fit the store. Times and offsets of a body have 64 bits each, their sums have more."""
    first_ms, last_ms = min(pack.offsets_ms), max(pack.offsets_ms)
    return pack.time_ms + first_ms >= -STORED_MS_MAX and pack.time_ms + last_ms <= STORED_MS_MAX
