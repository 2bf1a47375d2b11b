# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The body of a batch: frames grouped by shape, every field a column (docs/wire.md, 6; adr/0001).

Theory of operation
-------------------
Frames of one shape become rows; the rows are sorted by (node index, sequence), turned by 90 degrees, and each column is
written as differences, which are small and therefore one byte each, and alike, which DEFLATE likes. Nodes are named
by their index in a table that grows from batch to batch. For a given table and order of groups there is one encoding,
and `decode_body` accepts no other (body_reader.py).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from operator import sub
from typing import Any

from gateway_agent.model import Body, Kind, OwnReading, Shape, Value
from gateway_agent.wire import cbor
from gateway_agent.wire.body_reader import decode_body
from gateway_agent.wire.limits import BATCH_FRAMES_MAX
from gateway_agent.wire.node_table import NodeTable

__all__ = ["NodeTable", "decode_body", "encode_body"]

STEP_S_MS = 1000

_Row = tuple[int, int, int, int | None, tuple[int, ...], tuple[Value, ...]]


class _Integers(dict[int, bytes]):
    """Encodings of the small integers, made once: a body is mostly these."""

    def __missing__(self, value: int) -> bytes:
        return cbor.encode_int(value)


_integer = _Integers({value: cbor.encode_int(value) for value in range(-2048, 2048)}).__getitem__


def encode_body(body: Body, table: NodeTable) -> bytes:
    """Encode what a batch holds; the nodes that are new to `table` are appended to it.

    Raises:
        ValueError: more frames than a batch may hold.
    """
    if len(body.frames) + len(body.opaque) > BATCH_FRAMES_MAX:
        raise ValueError(f"a batch holds {BATCH_FRAMES_MAX} frames at most")
    base = len(table)
    groups = _group(body, table)
    opaque = [[table.index_of(row.kid), row.sequence, row.reason, row.pack_bytes] for row in body.opaque]
    fields: dict[bytes, bytes] = {
        b"\x00": cbor.encode_int(base),
        b"\x01": cbor.encode(table.since(base)),
        b"\x02": cbor.head(4, len(groups)) + b"".join([_encode_group(*group) for group in groups]),
    }
    if opaque:
        fields[b"\x03"] = cbor.encode(opaque)
    if body.own:
        fields[b"\x04"] = cbor.encode([_own_item(reading) for reading in body.own])
    return cbor.head(5, len(fields)) + b"".join(key + value for key, value in fields.items())


def _group(body: Body, table: NodeTable) -> list[tuple[Shape, bool, list[_Row]]]:
    """Rows by shape and by whether their times are node time, in the order of first appearance."""
    groups: dict[tuple[Shape, bool], list[_Row]] = {}
    # Shapes are interned by the pack reader, so their identity finds the group without hashing every name again.
    by_identity: dict[tuple[int, bool], list[_Row]] = {}
    index_of = table.index_of
    for kid, sequence, (boot, time_ms, shape, offsets_ms, values) in body.frames:
        is_boot = boot is not None
        rows = by_identity.get((id(shape), is_boot))
        if rows is None:
            rows = by_identity[id(shape), is_boot] = groups.setdefault((shape, is_boot), [])
        rows.append((index_of(kid), sequence, time_ms, boot, offsets_ms, values))
    return [(shape, is_boot, rows) for (shape, is_boot), rows in groups.items()]


def _encode_group(shape: Shape, is_boot: bool, rows: list[_Row]) -> bytes:
    rows.sort()
    nodes, sequences, times, boots, offsets, values = zip(*rows, strict=True)
    same_offsets = offsets.count(offsets[0]) == len(offsets)
    every_offset: Iterable[tuple[int, ...]] = offsets[:1] if same_offsets else offsets
    is_whole = not any([time % STEP_S_MS for time in times]) and not any(
        [offset % STEP_S_MS for row in every_offset for offset in row]
    )
    step = STEP_S_MS if is_whole else 1
    if is_whole:
        times = tuple([time // STEP_S_MS for time in times])
    parts = [
        b"\x88",
        cbor.encode([list(field) for field in shape]),
        b"\x01" if is_boot else b"\x00",
        cbor.encode_int(step),
        _differences(nodes),
        _sequences(nodes, sequences),
        _differences(times),
        _differences(boots) if is_boot else b"\x80",
        cbor.head(4, len(shape)),
    ]
    columns = zip(*values, strict=True)
    for place, (field, column) in enumerate(zip(shape, columns, strict=True)):
        own = offsets[0][place] if same_offsets else [row[place] for row in offsets]
        parts += (b"\x82", _offsets(own, step), _values(field.kind, column))
    return b"".join(parts)


def _integers(items: Sequence[int]) -> bytes:
    return cbor.head(4, len(items)) + b"".join(map(_integer, items))


def _differences(column: Sequence[int]) -> bytes:
    return cbor.head(4, len(column)) + _integer(column[0]) + b"".join(map(_integer, map(sub, column[1:], column)))


def _sequences(nodes: Sequence[int], sequences: Sequence[int]) -> bytes:
    """Differences that start again from 0 where the node changes."""
    out = [sequences[0]]
    out += [
        here - before if node == node_before else here
        for here, before, node, node_before in zip(sequences[1:], sequences, nodes[1:], nodes, strict=False)
    ]
    return _integers(out)


def _offsets(own: int | list[int], step: int) -> bytes:
    if isinstance(own, list):
        if own.count(own[0]) != len(own):
            return _integers([offset // step for offset in own])
        own = own[0]
    return _integer(own // step)


def _values(kind: int, column: Any) -> bytes:
    if kind == Kind.NUMBER:
        return _differences(column)
    if kind == Kind.BOOLEAN:
        return cbor.head(2, len(column)) + bytes(column)
    if kind == Kind.FLOAT:
        return cbor.encode(struct.pack(f">{len(column)}d", *column))
    return cbor.encode(column)


def _own_item(reading: OwnReading) -> list[Any]:
    value = reading.value
    return [
        reading.name,
        reading.time_ms,
        cbor.Tag(cbor.DECIMAL_FRACTION, list(value)) if type(value) is tuple else value,
    ]
