# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The body of a batch: frames grouped by shape, every field a column (docs/wire.md, 6; adr/0001).

Theory of operation
-------------------
Frames of one shape become rows; the rows are sorted by (node index, sequence), and each number of a row is written as the
difference from the same node's row before, be it of this batch or of an earlier one: the node table remembers it. Turned by 90
degrees, the columns are then small numbers, one byte each, and alike, which DEFLATE likes. Nodes are named by their index
in that table. For a given table and order of groups there is one encoding, and `decode_body` accepts no other (body_reader.py).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter, sub
from typing import Any

from gateway_agent.model import Body, Kid, Kind, OwnReading, Value
from gateway_agent.wire import cbor
from gateway_agent.wire.body_reader import decode_body
from gateway_agent.wire.columns import differences, encode_integers
from gateway_agent.wire.limits import BATCH_FRAMES_MAX
from gateway_agent.wire.node_table import GroupKey, NodeTable, Numbers, Rows

__all__ = ["NodeTable", "decode_body", "encode_body"]

STEP_S_MS = 1000

_node_of, _sequence_of = itemgetter(0), itemgetter(1)

_Row = tuple[int, int, int, int | None, tuple[int, ...], tuple[Value, ...]]


class _Kids(dict[Kid, int]):
    """The kids that are new to a table, and the indexes they will have in it."""

    def __init__(self, base: int) -> None:
        self._base = base

    def __missing__(self, kid: Kid) -> int:
        index = self[kid] = self._base + len(self)
        return index


def no_pause() -> None:
    """Nothing is more urgent than the encoding."""


def encode_body(body: Body, table: NodeTable, pause: Callable[[], None] = no_pause) -> bytes:
    """Encode what a batch holds. `table` then holds what the lane's next body needs; it is left as it was when an error is raised.

    `pause` is called between the steps, some ten times and each millisecond or two of a full batch: what is more urgent may be done
    there. What it raises ends the encoding.

    Raises:
        ValueError: more frames than a batch may hold, or a table that has no room for them (`NodeTable.has_room`).
    """
    if len(body.frames) + len(body.opaque) > BATCH_FRAMES_MAX:
        raise ValueError(f"a batch holds {BATCH_FRAMES_MAX} frames at most")
    added = _Kids(len(table.kids))
    groups = _group(body, table, added)
    pause()
    known = table.indexes
    opaque = [
        [known[row.kid] if row.kid in known else added[row.kid], row.sequence, row.reason, row.pack_bytes]
        for row in body.opaque
    ]
    written: dict[GroupKey, Rows] = {}
    parts = [_encode_group(key, rows, table.last(key), written, pause) for key, rows in groups.items()]
    fields: dict[bytes, bytes] = {
        b"\x00": cbor.encode_int(table.age),
        b"\x01": cbor.encode(list(added)),
        b"\x02": cbor.head(4, len(parts)) + b"".join(parts),
    }
    if opaque:
        fields[b"\x03"] = cbor.encode(opaque)
    if body.own:
        fields[b"\x04"] = cbor.encode([_own_item(reading) for reading in body.own])
    data = cbor.head(5, len(fields)) + b"".join(key + value for key, value in fields.items())
    table.remember(list(added), written)
    return data


def _group(body: Body, table: NodeTable, added: _Kids) -> dict[GroupKey, list[_Row]]:
    """Rows by shape and by whether their times are node time, in the order of first appearance."""
    groups: dict[GroupKey, list[_Row]] = {}
    # Shapes are interned by the pack reader, so their identity finds the group without hashing every name again.
    by_identity: dict[tuple[int, bool], list[_Row]] = {}
    index_of = table.indexes.get
    for kid, sequence, (boot, time_ms, shape, offsets_ms, values) in body.frames:
        is_boot = boot is not None
        rows = by_identity.get((id(shape), is_boot))
        if rows is None:
            rows = by_identity[id(shape), is_boot] = groups.setdefault((shape, is_boot), [])
        index = index_of(kid)
        if index is None:
            index = added[kid]
        rows.append((index, sequence, time_ms, boot, offsets_ms, values))
    return groups


def _encode_group(
    key: GroupKey, rows: list[_Row], last: Rows, written: dict[GroupKey, Rows], pause: Callable[[], None]
) -> bytes:
    """One group; its nodes' last rows go into `written`."""
    shape, is_boot = key
    # By (node, sequence). Frames arrive nearly in the order of their numbers, so two stable sorts by one number each cost half of one
    # that compares rows.
    rows.sort(key=_sequence_of)
    rows.sort(key=_node_of)
    pause()
    nodes, sequences, times, boots, offsets, values = zip(*rows, strict=True)
    columns = list(zip(*values, strict=True))
    fixed = [sequences, times, boots] if is_boot else [sequences, times]
    numbers = [column for field, column in zip(shape, columns, strict=True) if field.kind == Kind.NUMBER]
    carried: list[Numbers] = list(zip(*fixed, *numbers, strict=True))
    pause()
    befores = zip(*_befores(nodes, carried, last), strict=True)
    pause()
    steps = [list(map(sub, column, before)) for column, before in zip((*fixed, *numbers), befores, strict=True)]
    written[key] = dict(zip(nodes, carried, strict=True))  # of a node's rows the last one stays

    pause()
    same_offsets = offsets.count(offsets[0]) == len(offsets)
    every_offset: Iterable[tuple[int, ...]] = offsets[:1] if same_offsets else offsets
    is_whole = not any([time % STEP_S_MS for time in steps[1]]) and not any(
        [offset % STEP_S_MS for row in every_offset for offset in row]
    )
    step = STEP_S_MS if is_whole else 1
    if is_whole:
        steps[1] = [time // STEP_S_MS for time in steps[1]]
    parts = [
        b"\x88",
        cbor.encode([list(field) for field in shape]),
        b"\x01" if is_boot else b"\x00",
        cbor.encode_int(step),
        encode_integers(differences(nodes)),
        *map(encode_integers, steps[: len(fixed)]),
        b"" if is_boot else b"\x80",
        cbor.head(4, len(shape)),
    ]
    number_steps = iter(steps[len(fixed) :])
    for place, (field, column) in enumerate(zip(shape, columns, strict=True)):
        own = offsets[0][place] if same_offsets else [row[place] for row in offsets]
        is_number = field.kind == Kind.NUMBER
        written_values = encode_integers(next(number_steps)) if is_number else _values(field.kind, column)
        parts += (b"\x82", _offsets(own, step), written_values)
        pause()
    return b"".join(parts)


def _befores(nodes: Sequence[int], carried: list[Numbers], last: Rows) -> list[Numbers]:
    """For each row the numbers that it is written as the difference from."""
    before: Numbers = (0,) * len(carried[0])
    node_before = -1
    befores = []
    for node, numbers in zip(nodes, carried, strict=True):
        if node != node_before:
            # A node without a row of its own leans on its neighbour's, but for the sequence: those have nothing in common.
            before = last.get(node) or (0, *before[1:])
            node_before = node
        befores.append(before)
        before = numbers
    return befores


def _offsets(own: int | list[int], step: int) -> bytes:
    if isinstance(own, list):
        if own.count(own[0]) != len(own):
            return encode_integers([offset // step for offset in own])
        own = own[0]
    return cbor.encode_int(own // step)


def _values(kind: int, column: Any) -> bytes:
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
