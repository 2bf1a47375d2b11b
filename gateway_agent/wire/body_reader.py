# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The strict reader of a body: every rule of docs/wire.md, 6 that its writer keeps is checked here."""

from __future__ import annotations

import math
import struct
from itertools import accumulate
from typing import Any

from gateway_agent.errors import WireError
from gateway_agent.model import Body, FrameRow, Kid, Kind, OpaqueRow, OwnReading, Pack, Shape, Value
from gateway_agent.wire import cbor
from gateway_agent.wire.keys import KID_BYTES
from gateway_agent.wire.limits import (
    BATCH_FRAMES_MAX,
    BODY_BYTES_MAX,
    DATA_BYTES_MAX,
    FRAME_BYTES_MAX,
    INT64_MAX,
    INT64_MIN,
    NAME,
    SEQUENCE_MAX,
    TABLE_BATCHES_MAX,
    TEXT_BYTES_MAX,
    UINT32_MAX,
    is_int64,
    is_uint,
)
from gateway_agent.wire.node_table import GroupKey, NodeTable, Numbers, Rows
from gateway_agent.wire.shapes import read_fraction, read_shape

_REQUIRED = {0, 1, 2}
_ALLOWED = {0, 1, 2, 3, 4}
_REASON_MAX = 3


def decode_body(data: bytes, table: NodeTable) -> Body:
    """Read a body; `table` then holds what the lane's next body needs. It is left as it was when an error is raised.

    Raises:
        WireError: `BodyTooLong`, `Cbor...`, `BodyShape` or `TableMissing`.
    """
    if len(data) > BODY_BYTES_MAX:
        raise WireError("BodyTooLong", f"{len(data)} bytes")
    content = cbor.decode(data)
    _check(type(content) is dict and content.keys() >= _REQUIRED and content.keys() <= _ALLOWED, "keys 0 to 4")
    before, added = _read_table(content[0], content[1], table)
    kids = [*before.kids, *added]
    frames: list[FrameRow] = []
    written: dict[GroupKey, Rows] = {}
    _check(type(content[2]) is list, "groups")
    for item in content[2]:
        _read_group(item, kids, before, written, frames)
    opaque = _read_rows(content, 3, lambda item: _read_opaque(item, kids))
    own = _read_rows(content, 4, _read_own)
    _check(len(frames) + len(opaque) <= BATCH_FRAMES_MAX, f"{BATCH_FRAMES_MAX} frames at most")
    try:
        before.remember(added, written)
    except ValueError as error:
        raise WireError("BodyShape", str(error)) from None
    if before is not table:
        table.become(before)
    return Body(tuple(frames), opaque, own)


def _check(is_right: bool, expected: str) -> None:
    if not is_right:
        raise WireError("BodyShape", f"expected {expected}")


def _read_table(age: Any, added: Any, table: NodeTable) -> tuple[NodeTable, list[Kid]]:
    """(the table that the body leans on, which is an empty one if it starts anew; the kids that it adds)."""
    _check(is_uint(age, TABLE_BATCHES_MAX - 1), "an age")
    _check(type(added) is list and all(type(kid) is bytes and len(kid) == KID_BYTES for kid in added), "kids")
    if age and age != table.age:
        raise WireError("TableMissing", f"leans on {age} batches, we know {table.age}")
    before = table if age else NodeTable()
    _check(len(set(added)) == len(added) and before.indexes.keys().isdisjoint(added), "each kid once")
    return before, added


def _read_rows(content: dict[Any, Any], key: int, read: Any) -> tuple[Any, ...]:
    if key not in content:
        return ()
    items = content[key]
    _check(type(items) is list and bool(items), f"an array that is not empty at {key}")
    return tuple(map(read, items))


def _read_group(
    item: Any, kids: list[Kid], table: NodeTable, written: dict[GroupKey, Rows], frames: list[FrameRow]
) -> None:
    """One group: its rows go into `frames`, its nodes' last rows into `written`."""
    _check(type(item) is list and len(item) == 8, "a group of 8 parts")
    shape_item, timed, step, *index_columns, columns = item
    shape = read_shape(shape_item)
    _check(is_uint(timed, 1), "timed 0 or 1")
    _check(type(step) is int and step in (1, 1000), "a step of 1 or 1000")
    key = (shape, bool(timed))
    _check(key not in written, "one group a shape")
    for part in index_columns:
        _check(_is_integers(part), "arrays of integers")
    node_steps, sequence_steps, time_steps, boot_steps = index_columns
    count = len(node_steps)
    _check(0 < count == len(sequence_steps) == len(time_steps), "columns of one length")
    _check(len(boot_steps) == (count if timed else 0), "boots with node time only")

    nodes = list(accumulate(node_steps))
    _check(nodes[0] >= 0 and min(node_steps) >= 0 and nodes[-1] < len(kids), "nodes of the table, in order")
    _check(all(step > 0 or node_step > 0 for step, node_step in zip(sequence_steps[1:], node_steps[1:], strict=True)),
           "rows by node and sequence")  # fmt: skip
    offsets, any_fraction = _read_offsets(columns, shape, count, step)
    _check(step == 1000 or any_fraction or any(time % 1000 for time in time_steps), "the larger step")

    steps = [sequence_steps, [time * step for time in time_steps]] + ([boot_steps] if timed else [])
    for field, (_, values) in zip(shape, columns, strict=True):
        if field.kind == Kind.NUMBER:
            _check(_is_integers(values) and len(values) == count, "numbers")
            steps.append(values)
    carried = _add_up(nodes, steps, table.last(key))
    sequences, times, *numbers = carried
    _check(min(sequences) >= 0 and max(sequences) <= SEQUENCE_MAX, "sequence numbers")
    _check(all(map(_all_int64, carried)), "times and numbers of 64 bits")
    boots: list[int] | list[None] = numbers.pop(0) if timed else [None] * count
    _check(not timed or all(is_uint(boot, UINT32_MAX) for boot in boots), "boot numbers")
    written[key] = dict(zip(nodes, zip(*carried, strict=True), strict=True))

    rest = iter(numbers)
    value_columns = [
        next(rest) if field.kind == Kind.NUMBER else _read_values(values, field.kind, count)
        for field, (_, values) in zip(shape, columns, strict=True)
    ]
    values = zip(*value_columns, strict=True)
    for node, sequence, time_ms, boot, own, row in zip(nodes, sequences, times, boots, offsets, values, strict=True):
        frames.append(FrameRow(kids[node], sequence, Pack(boot, time_ms, shape, own, row)))


def _add_up(nodes: list[int], steps: list[list[int]], last: Rows) -> list[list[int]]:
    """The columns of which `steps` are the differences: each number from the same node's row before, here or in `last`."""
    width = len(steps)
    neighbour = (None,) * width  # the row before in the column
    no_row = (0, *neighbour[1:])  # of a node without one: only its sequence does not lean on the neighbour's
    starts: list[Numbers | tuple[int | None, ...]] = []
    node_before = -1
    for node in nodes:
        starts.append(neighbour if node == node_before else last.get(node, no_row))
        node_before = node
    columns = []
    for column, column_starts in zip(steps, zip(*starts, strict=True), strict=True):
        number = 0
        columns.append(
            [number := step + (number if start is None else start)
             for step, start in zip(column, column_starts, strict=True)]
        )  # fmt: skip
    return columns


def _read_offsets(columns: Any, shape: Shape, count: int, step: int) -> tuple[list[tuple[int, ...]], bool]:
    """(offsets of each row in ms, whether one of them is no whole second); the columns' form is right then."""
    _check(type(columns) is list and len(columns) == len(shape), "a column for each field")
    offset_columns: list[list[int]] = []
    any_fraction = False
    for place, column in enumerate(columns):
        _check(type(column) is list and len(column) == 2, "[offsets, values]")
        own = column[0]
        if type(own) is int:
            offsets = [own * step] * count
            some = offsets[:1]
        else:
            _check(_is_integers(own) and len(own) == count, "offsets")
            _check(own.count(own[0]) != count, "one integer for equal offsets")
            some = offsets = [offset * step for offset in own]
        _check(_all_int64(some), "offsets of 64 bits")
        _check(place > 0 or (type(own) is int and own == 0), "the first offset is 0")
        any_fraction = any_fraction or any(offset % 1000 for offset in some)
        offset_columns.append(offsets)
    return list(zip(*offset_columns, strict=True)), any_fraction


def _read_values(item: Any, kind: int, count: int) -> list[Value]:
    """The values of a column of another kind than NUMBER."""
    if kind == Kind.BOOLEAN:
        _check(type(item) is bytes and len(item) == count and max(item) <= 1, "booleans")
        return [byte == 1 for byte in item]
    if kind == Kind.FLOAT:
        _check(type(item) is bytes and len(item) == 8 * count, "floats")
        floats = list(struct.unpack(f">{count}d", item))
        _check(all(map(math.isfinite, floats)), "finite floats")
        return floats
    _check(type(item) is list and len(item) == count, "texts or bytes")
    for value in item:
        _check(_is_text(value) if kind == Kind.TEXT else _is_bytes(value), "text or bytes within limits")
    return list(item)


def _is_integers(item: Any) -> bool:
    return type(item) is list and set(map(type, item)) <= {int}


def _all_int64(numbers: list[int]) -> bool:
    return min(numbers) >= INT64_MIN and max(numbers) <= INT64_MAX


def _is_text(value: Any) -> bool:
    return type(value) is str and len(value.encode()) <= TEXT_BYTES_MAX


def _is_bytes(value: Any) -> bool:
    return type(value) is bytes and len(value) <= DATA_BYTES_MAX


def _read_opaque(item: Any, kids: list[Kid]) -> OpaqueRow:
    _check(type(item) is list and len(item) == 4, "[node index, sequence, reason, pack]")
    node, sequence, reason, pack_bytes = item
    _check(is_uint(node, len(kids) - 1) and is_uint(sequence, SEQUENCE_MAX), "a node and a sequence number")
    _check(is_uint(reason, _REASON_MAX), "a reason")
    _check(type(pack_bytes) is bytes and len(pack_bytes) <= FRAME_BYTES_MAX, "a pack's bytes")
    return OpaqueRow(kids[node], sequence, reason, pack_bytes)


def _read_own(item: Any) -> OwnReading:
    _check(type(item) is list and len(item) == 3, "[name, time, value]")
    name, time_ms, value = item
    _check(type(name) is str and NAME.fullmatch(name) is not None, "a name")
    _check(time_ms is None or is_int64(time_ms), "a time")
    if type(value) is cbor.Tag:
        value = read_fraction(value)
    _check(is_int64(value) or type(value) in (bool, tuple) or _is_text(value) or _is_bytes(value), "a value")
    return OwnReading(name, time_ms, value)
