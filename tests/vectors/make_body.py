# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""body.json: frames grouped by shape. Each item has the bodies that the table was built by (`before`) and the table after it."""

from __future__ import annotations

import struct
from typing import Any

from gateway_agent.model import Body, Field, FrameRow, Kid, Kind, OpaqueRow, OwnReading, Pack
from gateway_agent.wire import cbor
from gateway_agent.wire.body import NodeTable, decode_body, encode_body
from gateway_agent.wire.cbor import Tag
from tests.vectors.forms import body_form, table_form

Item = dict[str, Any]

A, B, C = (Kid(bytes.fromhex(f"aabbccddee0{index}") + bytes([index] * 8)) for index in (1, 2, 3))
CLIMATE = (Field("temperature", "Cel", 0, -2), Field("humidity", "%RH", 0, -1))
PARKING = (Field("occupied", None, 1, 0),)
EVERY_KIND = (
    Field("count", None, int(Kind.NUMBER), 0),
    Field("open", None, int(Kind.BOOLEAN), 0),
    Field("fault", None, int(Kind.TEXT), 0),
    Field("ratio", "/", int(Kind.FLOAT), 0),
    Field("strain", "/", int(Kind.BYTES), 0),
)
T0 = 1_790_000_000_000
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1


def minute(index: int, *, boot: int | None = None) -> Body:
    """What three nodes send each minute, two of them in the same second."""
    at_ms = (T0 if boot is None else 2_400) + index * 60_000
    return Body((
        climate(A, index + 1, at_ms, 2150 + index, 553 - index, boot=boot),
        climate(B, index + 700, at_ms, 1990 - index, 611 + index, boot=boot),
        climate(C, index + 70_000, at_ms + 31_000, -5, 999 - index, boot=boot),
    ))  # fmt: skip


def count(kid: Kid, sequence: int, time_ms: int, number: int, boot: int | None = None) -> FrameRow:
    return FrameRow(kid, sequence, Pack(boot, time_ms, (EVERY_KIND[0],), (0,), (number,)))


def climate(kid: Kid, sequence: int, time_ms: int, *values: int, boot: int | None = None) -> FrameRow:
    return FrameRow(kid, sequence, Pack(boot, time_ms, CLIMATE, (0, 0), values))


def parking(kid: Kid, sequence: int, time_ms: int, occupied: bool) -> FrameRow:
    return FrameRow(kid, sequence, Pack(None, time_ms, PARKING, (0,), (occupied,)))


def kinds(kid: Kid, sequence: int, offsets: tuple[int, ...], *values: Any) -> FrameRow:
    return FrameRow(kid, sequence, Pack(None, T0, EVERY_KIND, offsets, values))


GOOD: list[tuple[str, tuple[Body, ...], Body]] = [
    ("an empty batch", (), Body(())),
    ("one frame", (), Body((parking(A, 0, T0, True),))),
    ("three nodes of one shape, out of order", (), Body((
        climate(B, 8, T0 + 1000, 2150, 553), climate(A, 300, T0, 2149, 551), climate(B, 7, T0 - 60000, 2148, 560),
        climate(C, 70000, T0 + 2000, -5, 999),
    ))),
    ("two shapes", (), Body((climate(A, 1, T0, 1, 2), parking(B, 1, T0, True), climate(A, 2, T0 + 60000, 1, 3),
                             parking(B, 2, T0 + 5000, False)))),
    ("times with milliseconds", (), Body((parking(A, 1, T0 + 250, True), parking(A, 2, T0 + 1000, False)))),
    ("node time of two boots", (), Body((climate(A, 1, 2417, 5, 6, boot=7), climate(A, 2, 62417, 5, 7, boot=7),
                                          climate(A, 3, 2400, 5, 8, boot=8)))),
    ("one shape with both times makes two groups", (), Body((climate(A, 1, 3000, 5, 6, boot=7), climate(A, 2, T0, 5, 7)))),
    ("every kind, offsets alike", (), Body((
        kinds(A, 1, (0, 0, 1000, 0, -60000), 9223372036854775807, True, "", 0.1, b""),
        kinds(A, 2, (0, 0, 1000, 0, -60000), -9223372036854775808, False, "non risponde più", -0.0, bytes(range(40))),
    ))),
    ("every kind, offsets that differ", (), Body((
        kinds(A, 1, (0, 0, 1000, 0, 0), 1, True, "a", 1.5, b"\x01"), kinds(A, 2, (0, 0, 1001, 0, 0), 2, True, "b", 2.5, b"\x02"),
    ))),
    ("kids known from the batches before", (Body((), (OpaqueRow(A, 1, 0, b""), OpaqueRow(B, 1, 0, b""))),),
     Body((parking(B, 9, T0, True), parking(C, 1, T0, False)))),
    ("no kid is new", (Body((), (OpaqueRow(A, 1, 0, b""), OpaqueRow(B, 1, 0, b""), OpaqueRow(C, 1, 0, b""))),),
     Body((parking(C, 2, T0, True),))),
    ("the second minute of three nodes", (minute(0),), minute(1)),
    ("the third minute of three nodes", (minute(0), minute(1)), minute(2)),
    ("the second minute in node time", (minute(0, boot=7),), minute(1, boot=7)),
    ("node time is remembered apart from absolute time", (minute(0, boot=7), minute(1)), minute(2, boot=7)),
    ("a new boot", (minute(0, boot=7),), minute(0, boot=8)._replace(frames=(climate(B, 9, 2_400, 1, 2, boot=0),))),
    ("a node that sat out a batch", (minute(0), Body(minute(1).frames[:2])), Body(minute(2).frames[2:])),
    ("a new node between known ones", (Body((minute(0).frames[0], minute(0).frames[2])),), minute(1)),
    ("a new node before known ones leans on nothing", (Body((), (OpaqueRow(A, 1, 0, b""),)), Body(minute(0).frames[1:])), minute(1)),
    ("two rows of a known node", (minute(0),), Body((*minute(1).frames, *minute(2).frames))),
    ("the last of two rows is remembered", (Body((*minute(0).frames, *minute(1).frames)),), minute(2)),
    ("an older number after a newer one", (minute(2),), minute(1)),
    ("another shape of a known node", (minute(0),), Body((parking(A, 5, T0, True), parking(B, 5, T0, False)))),
    ("a shape comes back", (minute(0), Body((parking(A, 5, T0, True),))), Body((*minute(1).frames, parking(A, 6, T0 + 1000, False)))),
    ("a step of a second over times with the same milliseconds", (Body((parking(A, 1, T0 + 250, True),)),),
     Body((parking(A, 2, T0 + 2250, True),))),
    ("a step of a millisecond after a time with milliseconds", (Body((parking(A, 1, T0 + 250, True),)),),
     Body((parking(A, 2, T0 + 2000, True),))),
    ("the widest differences", (Body((count(A, 1, INT64_MIN, INT64_MIN), count(B, (1 << 20) - 1, INT64_MAX, INT64_MAX))),),
     Body((count(A, (1 << 20) - 1, INT64_MAX, INT64_MAX), count(B, 0, INT64_MIN, INT64_MIN)))),
    ("a boot number from one end to the other", (Body((count(A, 1, 0, 0, 0), count(B, 1, 0, 0, (1 << 32) - 1))),),
     Body((count(A, 2, 0, 0, (1 << 32) - 1), count(B, 2, 0, 0, 0)))),
    ("values that are no numbers are not remembered", (Body((kinds(A, 1, (0, 0, 0, 0, 0), 5, True, "a", 1.5, b"\x01"),)),),
     Body((kinds(A, 2, (0, 0, 0, 0, 0), 6, True, "a", 1.5, b"\x01"),))),
    ("the last batch of a table", tuple(Body((parking(A, index, T0 + index * 1000, True),)) for index in range(63)),
     Body((parking(A, 63, T0 + 63_000, True),))),
    ("opaque frames", (Body((), (OpaqueRow(A, 1, 0, b""),)),),
     Body((), (OpaqueRow(A, 5, 0, b"\x81\xa0"), OpaqueRow(B, 6, 3, b""), OpaqueRow(B, 7, 1, b"\xff")))),
    ("readings of the gateway itself", (), Body((), (), (
        OwnReading("temperature", T0, (-1, 453)), OwnReading("uptime", None, 3600), OwnReading("state", T0, "cut off"),
        OwnReading("online", T0, False), OwnReading("lost", T0, b"\x80"),
    ))),
    ("40 frames of one node", (), Body(tuple(climate(A, index, T0 + index * 60000, 2000 + index % 7, 500) for index in range(40)))),
]  # fmt: skip

_SHAPE = [["occupied", None, 1, 0]]
_NUMBER = [["count", None, 0, 0]]


def group(shape: Any = _SHAPE, timed: Any = 0, step: Any = 1000, nodes: Any = (0, 0), sequences: Any = (1, 1),
          times: Any = (5, 1), boots: Any = (), columns: Any = ([0, b"\x00\x01"],)) -> list[Any]:  # fmt: skip
    return [shape, timed, step, nodes, sequences, times, boots, columns]


def body(*groups: Any, age: Any = 0, kids: Any = (A, B), **more: Any) -> dict[int | str, Any]:
    content: dict[int | str, Any] = {0: age, 1: kids, 2: groups}
    content.update({int(key[1:]): value for key, value in more.items()})
    return content


def numbers(values: Any, **more: Any) -> list[Any]:
    return group(shape=_NUMBER, columns=([0, values],), **more)


def leaning(*groups: Any, **more: Any) -> dict[int | str, Any]:
    return body(*groups, age=1, kids=more.pop("kids", ()), **more)


_WITH_NAN = struct.pack(">2d", 1.0, float("nan"))
_ONE_KID = (Body((), (OpaqueRow(A, 1, 0, b""),)),)
_COUNTED = (Body((count(A, 5, T0 + 250, INT64_MAX, 9), count(B, 7, T0 + 250, INT64_MIN, 9))),)
_LATEST = (Body((count(A, 5, INT64_MAX, 0),)),)
_PARKED = (Body((parking(A, 5, T0 + 250, True), parking(B, 7, T0 + 250, True))),)
# 1,024 nodes times 16 shapes: the most rows that a table remembers.
_FULL = tuple(
    Body(tuple(
        FrameRow(Kid(struct.pack(">IH", 1, node) + bytes(8)), 4 * batch + place, Pack(
            None, 0, (Field(f"open_{4 * batch + place}", None, 1, 0),), (0,), (False,)))
        for place in range(4) for node in range(1024)
    ))
    for batch in range(4)
)  # fmt: skip

BAD: list[tuple[str, tuple[Body, ...], Any, str]] = [
    ("a number", (), 5, "BodyShape"),
    ("no groups", (), {0: 0, 1: []}, "BodyShape"),
    ("an unknown key", (), {**body(), 5: []}, "BodyShape"),
    ("a text key", (), {**body(), "x": []}, "BodyShape"),
    ("groups that are a map", (), {0: 0, 1: [], 2: {}}, "BodyShape"),
    ("a negative age", (), body(age=-1), "BodyShape"),
    ("an age of 64", (), body(age=64), "BodyShape"),
    ("an age that is a boolean", (), body(age=False), "BodyShape"),
    ("a kid of 6 bytes", (), body(kids=[bytes(6)]), "BodyShape"),
    ("a kid twice", (), body(kids=[A, A]), "BodyShape"),
    ("a kid that the table has", _ONE_KID, body(age=1, kids=[A]), "BodyShape"),
    ("a table that we do not have", (), body(age=2, kids=[]), "TableMissing"),
    ("a table that is older than ours", _ONE_KID, body(age=2, kids=[]), "TableMissing"),
    ("a table that is younger than ours", _ONE_KID * 2, body(age=1, kids=[]), "TableMissing"),
    ("a number above 2^20 - 1 after the node's last", _COUNTED,
     leaning(numbers([0], timed=1, nodes=(0,), sequences=((1 << 20) - 5,), times=(0,), boots=(0,))), "BodyShape"),
    ("a number below 0 after the node's last", _COUNTED,
     leaning(numbers([0], timed=1, nodes=(0,), sequences=(-6,), times=(0,), boots=(0,))), "BodyShape"),
    ("a value above 64 bits after the node's last", _COUNTED,
     leaning(numbers([1], timed=1, nodes=(0,), sequences=(1,), times=(0,), boots=(0,))), "BodyShape"),
    ("a value below 64 bits after the second node's last", _COUNTED,
     leaning(numbers([-1, -1], timed=1, nodes=(0, 1), sequences=(1, 1), times=(0, 0), boots=(0, 0))), "BodyShape"),
    ("a boot number of 2^32 after the node's last", _COUNTED,
     leaning(numbers([0], timed=1, nodes=(0,), sequences=(1,), times=(0,), boots=((1 << 32) - 9,))), "BodyShape"),
    ("a boot number below 0 after the node's last", _COUNTED,
     leaning(numbers([0], timed=1, nodes=(0,), sequences=(1,), times=(0,), boots=(-10,))), "BodyShape"),
    ("a time above 64 bits after the node's last", _LATEST,
     leaning(numbers([0], step=1, nodes=(0,), sequences=(1,), times=(1,))), "BodyShape"),
    ("a step of 1 where the differences are whole seconds", _PARKED, leaning(group(step=1, nodes=(0, 1), times=(1000, 2000))), "BodyShape"),
    ("a second row of a known node that descends", _PARKED, leaning(group(sequences=(1, -1))), "BodyShape"),
    ("a second row of a known node with the same number", _PARKED, leaning(group(sequences=(1, 0))), "BodyShape"),
    ("more than 16,384 rows to remember", _FULL,
     body(group(nodes=(0,), sequences=(16,), times=(0,), columns=([0, b"\x00"],)), age=4, kids=()), "BodyShape"),
    ("a group of seven parts", (), body(group()[:7]), "BodyShape"),
    ("an empty shape", (), body(group(shape=[], columns=())), "BodyShape"),
    ("a shape of 65 fields", (), body(group(shape=_SHAPE * 65, columns=([0, b"\x00\x01"],) * 65)), "BodyShape"),
    ("a field of three parts", (), body(group(shape=[["occupied", None, 1]])), "BodyShape"),
    ("a name with a capital", (), body(group(shape=[["Occupied", None, 1, 0]])), "BodyShape"),
    ("a unit that is a number", (), body(group(shape=[["occupied", 5, 1, 0]])), "BodyShape"),
    ("kind 5", (), body(group(shape=[["occupied", None, 5, 0]])), "BodyShape"),
    ("an exponent of a boolean", (), body(group(shape=[["occupied", None, 1, -1]])), "BodyShape"),
    ("an exponent of -13", (), body(numbers([1, 1]), group(shape=[["count", None, 0, -13]], columns=([0, [1, 1]],))), "BodyShape"),
    ("the same shape twice", (), body(group(), group()), "BodyShape"),
    ("timed 2", (), body(group(timed=2)), "BodyShape"),
    ("timed as a boolean", (), body(group(timed=False)), "BodyShape"),
    ("a step of 10", (), body(group(step=10)), "BodyShape"),
    ("a step of 1 where 1000 would do", (), body(group(step=1, times=(5000, 1000))), "BodyShape"),
    ("no row", (), body(group(nodes=(), sequences=(), times=(), columns=([0, b""],))), "BodyShape"),
    ("columns of different length", (), body(group(times=(5,))), "BodyShape"),
    ("nodes that are text", (), body(group(nodes="aa")), "BodyShape"),
    ("a node that is a boolean", (), body(group(nodes=(False, 0))), "BodyShape"),
    ("a node beyond the table", (), body(group(nodes=(0, 2))), "BodyShape"),
    ("a negative node", (), body(group(nodes=(-1, 1))), "BodyShape"),
    ("nodes that descend", (), body(group(nodes=(1, -1))), "BodyShape"),
    ("sequences that descend", (), body(group(sequences=(5, -1))), "BodyShape"),
    ("a number twice", (), body(group(sequences=(5, 0))), "BodyShape"),
    ("a number of 2^20", (), body(group(sequences=(5, (1 << 20) - 5))), "BodyShape"),
    ("a negative number of the second node", (), body(group(nodes=(0, 1), sequences=(5, -1))), "BodyShape"),
    ("a time beyond 64 bits", (), body(group(times=(1 << 62, 1))), "BodyShape"),
    ("boots with absolute times", (), body(group(boots=(7, 0))), "BodyShape"),
    ("no boots with node time", (), body(group(timed=1)), "BodyShape"),
    ("a boot number of 2^32", (), body(group(timed=1, boots=(1, (1 << 32) - 1))), "BodyShape"),
    ("no columns", (), body(group(columns=())), "BodyShape"),
    ("a column of three parts", (), body(group(columns=([0, b"\x00\x01", 0],))), "BodyShape"),
    ("offsets of the first field", (), body(group(columns=([1, b"\x00\x01"],))), "BodyShape"),
    ("equal offsets as an array", (), body(group(columns=([[0, 0], b"\x00\x01"],))), "BodyShape"),
    ("an offsets array that is too short", (), body(group(shape=_SHAPE * 2, columns=([0, b"\x00\x01"], [[1], b"\x00\x01"]))), "BodyShape"),
    ("an offset that is a float", (), body(group(shape=_SHAPE * 2, columns=([0, b"\x00\x01"], [1.5, b"\x00\x01"]))), "BodyShape"),
    ("a boolean of 2", (), body(group(columns=([0, b"\x00\x02"],))), "BodyShape"),
    ("a boolean too many", (), body(group(columns=([0, b"\x00\x01\x00"],))), "BodyShape"),
    ("booleans as an array", (), body(group(columns=([0, [False, True]],))), "BodyShape"),
    ("a number too few", (), body(numbers([1])), "BodyShape"),
    ("numbers beyond 64 bits", (), body(numbers([(1 << 63) - 1, 1])), "BodyShape"),
    ("a number that is a float", (), body(numbers([1, 1.5])), "BodyShape"),
    ("floats of 15 bytes", (), body(group(shape=[["ratio", "/", 3, 0]], columns=([0, bytes(15)],))), "BodyShape"),
    ("NaN among the floats", (), body(group(shape=[["ratio", "/", 3, 0]], columns=([0, _WITH_NAN],))), "BodyShape"),
    ("bytes as text", (), body(group(shape=[["fault", None, 2, 0]], columns=([0, [b"a", b"b"]],))), "BodyShape"),
    ("text of 257 bytes", (), body(group(shape=[["fault", None, 2, 0]], columns=([0, ["a", "é" * 128 + "a"]],))), "BodyShape"),
    ("data of 1,025 bytes", (), body(group(shape=[["strain", "/", 4, 0]], columns=([0, [b"", bytes(1025)]],))), "BodyShape"),
    ("an empty array of opaque frames", (), body(k3=[]), "BodyShape"),
    ("an opaque frame of three parts", (), body(k3=[[0, 1, b""]]), "BodyShape"),
    ("an opaque frame of an unknown node", (), body(k3=[[2, 1, 0, b""]]), "BodyShape"),
    ("an opaque frame with reason 4", (), body(k3=[[0, 1, 4, b""]]), "BodyShape"),
    ("an opaque frame whose pack is an array", (), body(k3=[[0, 1, 0, []]]), "BodyShape"),
    ("an empty array of own readings", (), body(k4=[]), "BodyShape"),
    ("an own reading without a value", (), body(k4=[["uptime", None]]), "BodyShape"),
    ("an own reading of null", (), body(k4=[["uptime", None, None]]), "BodyShape"),
    ("an own reading as a float", (), body(k4=[["uptime", None, 1.5]]), "BodyShape"),
    ("an own reading with a time as a decimal fraction", (), body(k4=[["uptime", Tag(4, [-3, 5]), 1]]), "BodyShape"),
    ("an own reading with exponent 0", (), body(k4=[["uptime", None, Tag(4, [0, 5])]]), "BodyShape"),
    ("an own reading beyond 64 bits", (), body(k4=[["uptime", None, 1 << 63]]), "BodyShape"),
    ("4,097 opaque frames", (), body(k3=[[0, index, 0, b""] for index in range(4097)]), "BodyShape"),
]  # fmt: skip

BAD_BYTES: list[tuple[str, str, str]] = [
    ("no bytes", "", "CborTruncated"),
    ("a byte after the body", "a3000001800280" + "00", "CborTrailing"),
    ("an indefinite array of groups", "a300000180029fff", "CborIndefinite"),
    ("an integer in a longer form", "a300180001800280", "CborNotShortest"),
    ("a key twice", "a3000000000280", "CborDuplicateKey"),
    ("keys in falling order", "a3000002800180", "CborKeyOrder"),
    ("a bignum as base", "a300c2410101800280", "CborReserved"),
]


def read_before(before: tuple[Body, ...]) -> tuple[list[bytes], NodeTable]:
    """(the bodies, the table that they leave behind)"""
    table = NodeTable()
    return [encode_body(content, table) for content in before], table


def make() -> list[Item]:
    items: list[Item] = []
    for name, before, content in GOOD:
        bodies, table = read_before(before)
        ours = NodeTable.load(table.dump())
        raw = encode_body(content, ours)
        items.append(
            {
                "name": name,
                "before": [data.hex() for data in bodies],
                "hex": raw.hex(),
                "body": body_form(decode_body(raw, table)),
                "table_after": table_form(table),
            }
        )
    for name, before, bad_content, error in BAD:
        bodies, _ = read_before(before)
        raw = cbor.encode(bad_content)
        items.append({"name": name, "before": [data.hex() for data in bodies], "hex": raw.hex(), "error": error})
    items += [{"name": name, "before": [], "hex": text, "error": error} for name, text, error in BAD_BYTES]
    return items
