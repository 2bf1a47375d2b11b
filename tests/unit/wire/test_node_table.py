# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a node table remembers, what it refuses, and how it is kept over a restart."""

from __future__ import annotations

from typing import Any

import pytest

from gateway_agent.errors import WireError
from gateway_agent.model import Body, Field, FrameRow, Kid, Kind, OpaqueRow, Pack
from gateway_agent.wire import cbor
from gateway_agent.wire.body import NodeTable, decode_body, encode_body
from gateway_agent.wire.limits import TABLE_BATCHES_MAX, TABLE_NODES_MAX, TABLE_ROWS_MAX

SHAPE = (Field("count", None, int(Kind.NUMBER), 0), Field("fault", None, int(Kind.TEXT), 0))
ITEM = [["count", None, 0, 0], ["fault", None, 2, 0]]


def kid(index: int) -> Kid:
    return Kid(index.to_bytes(14, "big"))


def row(node: int, sequence: int = 1, *, count: Any = 5, boot: int | None = None, name: str = "") -> FrameRow:
    shape = (SHAPE[0]._replace(name=name), SHAPE[1]) if name else SHAPE
    return FrameRow(kid(node), sequence, Pack(boot, 1_790_000_000_000, shape, (0, 0), (count, "no answer")))


def table_of(*bodies: Body) -> NodeTable:
    table = NodeTable()
    for body in bodies:
        encode_body(body, table)
    return table


def nodes(first: int, last: int) -> Body:
    return Body((), tuple(OpaqueRow(kid(node), 1, 0, b"") for node in range(first, last)))


def rows(first: int, last: int) -> Body:
    return Body(tuple(row(node % 1024, node, name=f"count_{node // 1024}") for node in range(first, last)))


def test_only_numbers_of_the_last_row_are_remembered() -> None:
    """Of two rows of a node the later stays, in each shape and kind of time, and no text of it."""
    table = table_of(Body((row(7, 9, count=-3), row(7, 8), row(8, 1, boot=4))))
    assert table.last((SHAPE, False)) == {0: (9, 1_790_000_000_000, -3)}
    assert table.last((SHAPE, True)) == {1: (1, 1_790_000_000_000, 4, 5)}
    assert table.last((SHAPE[:1], False)) == {}


def test_the_second_batch_of_steady_nodes_is_all_ones() -> None:
    """Nodes that went on by one have rows of small numbers, whatever their sequences, and no kid again."""
    table = table_of(Body((row(1, 70_000, count=900), row(2, 3, count=-5))))
    later = [frame._replace(sequence=frame.sequence + 1) for frame in (row(1, 70_000, count=901), row(2, 3, count=-4))]
    raw = encode_body(Body(tuple(later)), table)
    assert cbor.decode(raw) == {0: 1, 1: [], 2: [[ITEM, 0, 1000, [0, 1], [1, 1], [0, 0], [],
                                                 [[0, [1, 1]], [0, ["no answer", "no answer"]]]]]}  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "full", "one_more"),
    [
        ("batches", [Body(())] * TABLE_BATCHES_MAX, Body(())),
        ("nodes", [nodes(at, at + 4096) for at in range(0, TABLE_NODES_MAX, 4096)], nodes(99_999, 100_000)),
        ("rows", [rows(at, at + 4096) for at in range(0, TABLE_ROWS_MAX, 4096)], rows(99_999, 100_000)),
    ],
)
def test_limits_are_kept_by_writer_and_reader(limit: str, full: list[Body], one_more: Body) -> None:
    """At each limit the writer refuses one more and its table stays, and so does the reader of bytes that go beyond."""
    table = NodeTable()
    for body in full:
        assert table.has_room(len(body.frames) + len(body.opaque))
        encode_body(body, table)
    known = table.dump()
    assert not table.has_room(1)
    with pytest.raises(ValueError, match=limit):
        encode_body(one_more, table)
    assert table.dump() == known
    content = cbor.decode(encode_body(one_more, NodeTable()))
    beyond = cbor.encode({**content, 0: table.age})
    with pytest.raises(WireError, match="BodyShape"):
        decode_body(beyond, table)
    assert table.dump() == known
    decode_body(encode_body(one_more, NodeTable()), table)
    assert table.age == 1


def test_a_full_table_still_takes_what_it_knows() -> None:
    """Rows that replace rows need no room."""
    table = table_of(*[rows(at, at + 4096) for at in range(0, TABLE_ROWS_MAX, 4096)])
    reader = NodeTable.load(table.dump())
    again = Body(tuple(frame._replace(sequence=frame.sequence + 50_000) for frame in rows(0, 100).frames))
    assert len(decode_body(encode_body(again, table), reader).frames) == 100
    assert reader.dump() == table.dump()


def test_a_body_that_cannot_be_written_leaves_the_table_alone() -> None:
    """The first frames have named new nodes already when a later one turns out to be impossible."""
    table = table_of(Body((row(1),)))
    known = table.dump()
    with pytest.raises((ValueError, TypeError)):
        encode_body(Body((row(2), row(1, 2), row(3, count="five"))), table)
    assert table.dump() == known
    assert decode_body(encode_body(Body((row(2),)), table), NodeTable.load(known)).frames == (row(2),)


def test_what_a_pause_raises_leaves_the_table_alone() -> None:
    """Pauses come all along an encoding and change nothing of it; whichever raises, the next body is as if there had been no try."""
    first, second = Body((row(1, 5), row(2, 6))), Body((row(1, 6), row(3, 1, name="other")))
    pauses = 0

    def count() -> None:
        nonlocal pauses
        pauses += 1

    expected = encode_body(second, table_of(first))
    assert encode_body(second, table_of(first), count) == expected
    assert pauses >= 10

    for place in range(pauses):
        left = place

        def stop() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise InterruptedError

        table = table_of(first)
        with pytest.raises(InterruptedError):
            encode_body(second, table, stop)
        assert encode_body(second, table) == expected


def test_a_table_is_kept_as_bytes() -> None:
    """What `dump` wrote, `load` reads to an equal table, in few bytes a node."""
    table = table_of(Body(tuple(row(node, node) for node in range(200))), Body((row(3, 999), row(900, boot=7))))
    data = table.dump()
    assert NodeTable.load(data).dump() == data
    assert NodeTable.load(data).indexes == table.indexes
    assert len(data) < 200 * (14 + 5)


GOOD = [2, kid(1) + kid(2), [[ITEM, 0, [0, 1], [[5, 1], [1000, -1], [7, 7]]], [ITEM, 1, [1], [[5], [9], [0], [1]]]]]
GROUP = GOOD[2][0]


@pytest.mark.parametrize(
    "wrong",
    [
        5,
        GOOD[:2],
        [-1, *GOOD[1:]],
        [65, *GOOD[1:]],
        [2, b"1234", []],
        [2, kid(1) + kid(1), []],
        [2, kid(1), [GROUP]],
        [2, GOOD[1], {}],
        [2, GOOD[1], [GROUP, GROUP]],
        [2, GOOD[1], [GROUP[:3]]],
        [2, GOOD[1], [[[], *GROUP[1:]]]],
        [2, GOOD[1], [[ITEM, 2, *GROUP[2:]]]],
        [2, GOOD[1], [[ITEM, 0, [1, 0], GROUP[3]]]],
        [2, GOOD[1], [[ITEM, 0, [-1, 1], GROUP[3]]]],
        [2, GOOD[1], [[ITEM, 0, [], [[], [], []]]]],
        [2, GOOD[1], [[ITEM, 0, [0, 1.5], GROUP[3]]]],
        [2, GOOD[1], [[ITEM, 0, [0, 1], GROUP[3][:2]]]],
        [2, GOOD[1], [[ITEM, 0, [0, 1], [[5, 1], [1000, -1], [7]]]]],
        [2, GOOD[1], [[ITEM, 0, [0, 1], [[5, 1], [1000, -1], [7, True]]]]],
        [2, GOOD[1], [[ITEM, 0, [0, 1], [[5, 1], [1000, -1], [1, (1 << 63) - 1]]]]],
        [2, GOOD[1], [[ITEM, 0, [0, 1], [[5, 1 << 20], [1000, -1], [7, 7]]]]],
        [2, GOOD[1], [[ITEM, 0, [0, 1], [[5, -6], [1000, -1], [7, 7]]]]],
        [2, GOOD[1], [[ITEM, 1, [1], [[5], [9], [1 << 32], [1]]]]],
    ],
)
def test_bytes_that_are_no_table_are_refused(wrong: Any) -> None:
    """A damaged table is named as such and never used."""
    assert NodeTable.load(cbor.encode(GOOD)).dump() == cbor.encode(GOOD)
    with pytest.raises(WireError, match="BodyShape"):
        NodeTable.load(cbor.encode(wrong))
