# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the batches of one lane build up: short names for nodes, and each node's last row (docs/wire.md, 6).

Theory of operation
-------------------
A table begins empty and takes part in 64 batches at most. Each batch adds the kids that are new to it, and leaves behind the
last row of each node in each of its groups: the numbers from which the node's next row is written as differences. Writer and
reader do the same with it, so a reader that has read exactly the batches since the table's start holds an equal table.

A table is changed in one place, `remember`, after everything about a batch is known to be right: so it is never half changed.
Memory is bounded by `TABLE_NODES_MAX` and `TABLE_ROWS_MAX`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from gateway_agent.errors import WireError
from gateway_agent.model import Kid, Kind, Shape
from gateway_agent.wire import cbor
from gateway_agent.wire.columns import differences, encode_integers
from gateway_agent.wire.keys import KID_BYTES
from gateway_agent.wire.limits import (
    SEQUENCE_MAX,
    TABLE_BATCHES_MAX,
    TABLE_NODES_MAX,
    TABLE_ROWS_MAX,
    UINT32_MAX,
    is_int64,
    is_uint,
)
from gateway_agent.wire.shapes import read_shape

GroupKey = tuple[Shape, bool]  # a shape, and whether its times are node time

# Of one row: sequence, time in ms, the boot number if its time is node time, and its values of kind NUMBER, in this order.
Numbers = tuple[int, ...]
Rows = Mapping[int, Numbers]  # by node index

_NO_ROWS: Rows = {}


class NodeTable:
    """Kids in the order in which the lane's batches first named them, and the last row of each in each group.

    The sealer makes a new one to start anew; a reader keeps one for each lane and instance, and
    `decode_body` empties it where the sealer did.
    """

    __slots__ = ("_age", "_indexes", "_kids", "_last", "_rows")

    def __init__(self) -> None:
        self._age = 0
        self._kids: list[Kid] = []
        self._indexes: dict[Kid, int] = {}
        self._last: dict[GroupKey, dict[int, Numbers]] = {}
        self._rows = 0

    @property
    def age(self) -> int:
        """How many batches it has taken part in."""
        return self._age

    @property
    def indexes(self) -> Mapping[Kid, int]:
        """The index of each kid."""
        return self._indexes

    @property
    def kids(self) -> Sequence[Kid]:
        """The kids by their index."""
        return self._kids

    @property
    def groups(self) -> Mapping[GroupKey, Rows]:
        """All that is remembered, in the order in which the groups were first met."""
        return self._last

    def last(self, key: GroupKey) -> Rows:
        """The last row of each node in one group; nodes that have none are absent."""
        return self._last.get(key, _NO_ROWS)

    def has_room(self, frames: int) -> bool:
        """True if one more batch of so many frames can lean on this table, whatever the frames are."""
        return (
            self._age < TABLE_BATCHES_MAX
            and len(self._kids) + frames <= TABLE_NODES_MAX
            and self._rows + frames <= TABLE_ROWS_MAX
        )

    def remember(self, kids: Sequence[Kid], rows: Mapping[GroupKey, Mapping[int, Numbers]]) -> None:
        """Take over what one batch adds: its new kids, and the last row of each node in each of its groups.

        Raises:
            ValueError: the table would be too old or too large. It has not changed.
        """
        if self._age >= TABLE_BATCHES_MAX:
            raise ValueError(f"a table takes part in {TABLE_BATCHES_MAX} batches at most")
        if len(self._kids) + len(kids) > TABLE_NODES_MAX:
            raise ValueError(f"a table names {TABLE_NODES_MAX} nodes at most")
        count = self._rows + sum(len(new.keys() - self.last(key).keys()) for key, new in rows.items())
        if count > TABLE_ROWS_MAX:
            raise ValueError(f"a table remembers {TABLE_ROWS_MAX} rows at most")
        for kid in kids:
            self._indexes[kid] = len(self._kids)
            self._kids.append(kid)
        for key, new in rows.items():
            self._last.setdefault(key, {}).update(new)
        self._rows = count
        self._age += 1

    def become(self, other: NodeTable) -> None:
        """Hold what `other` holds, which is not to be used any more."""
        self._age, self._kids, self._indexes = other._age, other._kids, other._indexes
        self._last, self._rows = other._last, other._rows

    def copy(self) -> NodeTable:
        """An equal table that goes its own way."""
        other = NodeTable()
        other._age, other._rows = self._age, self._rows
        other._kids, other._indexes = list(self._kids), dict(self._indexes)
        other._last = {key: dict(rows) for key, rows in self._last.items()}
        return other

    # --------------------------------------------------------------------------------------------- to keep it

    def dump(self) -> bytes:
        """The table as bytes, for the same reader's next start; no part of the wire. Equal tables have equal bytes.

        << [age, all kids, [[Shape, timed, nodes, [column, ...]], ...]] >>, integers as differences down their column.
        """
        groups = []
        for (shape, timed), rows in self._last.items():
            nodes = sorted(rows)
            columns = list(zip(*map(rows.__getitem__, nodes), strict=True))
            groups += [
                b"\x84" + cbor.encode([list(field) for field in shape]) + (b"\x01" if timed else b"\x00"),
                encode_integers(differences(nodes)),
                cbor.head(4, len(columns)),
            ]
            groups += [encode_integers(differences(column)) for column in columns]
        kids = cbor.encode(b"".join(self._kids))
        return b"".join([b"\x83", cbor.encode_int(self._age), kids, cbor.head(4, len(self._last)), *groups])

    @classmethod
    def load(cls, data: bytes) -> NodeTable:
        """The table that `dump` made these bytes of.

        Raises:
            WireError: `Cbor...` or `BodyShape`; no other bytes than those of `dump` are accepted.
        """
        item = cbor.decode(data)
        _check(type(item) is list and len(item) == 3, "a table of 3 parts")
        age, joined, groups = item
        _check(is_uint(age, TABLE_BATCHES_MAX), "an age")
        _check(type(joined) is bytes and len(joined) % KID_BYTES == 0, "kids")
        _check(type(groups) is list, "groups")
        table = cls()
        table._kids = [Kid(joined[at : at + KID_BYTES]) for at in range(0, len(joined), KID_BYTES)]
        table._indexes = {kid: index for index, kid in enumerate(table._kids)}
        table._age = age
        _check(len(table._indexes) == len(table._kids) <= TABLE_NODES_MAX, "each kid once")
        for group in groups:
            key, rows = _read_rows(group, len(table._kids))
            _check(key not in table._last, "each group once")
            table._last[key] = rows
            table._rows += len(rows)
        _check(table._rows <= TABLE_ROWS_MAX, f"{TABLE_ROWS_MAX} rows at most")
        return table


def _read_rows(item: Any, nodes_count: int) -> tuple[GroupKey, dict[int, Numbers]]:
    _check(type(item) is list and len(item) == 4, "a group of 4 parts")
    shape_item, timed, node_steps, columns = item
    shape = read_shape(shape_item)
    _check(is_uint(timed, 1), "timed 0 or 1")
    _check(_is_integers(node_steps) and bool(node_steps), "nodes")
    nodes = list(accumulate(node_steps))
    _check(nodes[0] >= 0 and min([1, *node_steps[1:]]) > 0 and nodes[-1] < nodes_count, "nodes of the table, in order")
    width = 2 + timed + sum(field.kind == Kind.NUMBER for field in shape)
    _check(type(columns) is list and len(columns) == width, "a column for each number")
    _check(all(_is_integers(column) and len(column) == len(nodes) for column in columns), "columns of one length")
    whole = [list(accumulate(column)) for column in columns]
    _check(all(is_int64(number) for column in whole for number in column), "numbers of 64 bits")
    _check(all(is_uint(sequence, SEQUENCE_MAX) for sequence in whole[0]), "sequence numbers")
    _check(not timed or all(is_uint(boot, UINT32_MAX) for boot in whole[2]), "boot numbers")
    return (shape, bool(timed)), dict(zip(nodes, zip(*whole, strict=True), strict=True))


def _is_integers(item: Any) -> bool:
    return type(item) is list and set(map(type, item)) <= {int}


def _check(is_right: bool, expected: str) -> None:
    if not is_right:
        raise WireError("BodyShape", f"expected {expected}")
