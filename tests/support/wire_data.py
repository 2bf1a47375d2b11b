# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Hypothesis strategies for what travels: CBOR values, packs, bodies."""

from __future__ import annotations

from enum import Enum
from typing import Any

from hypothesis import strategies as st

from gateway_agent.model import Body, Field, FrameRow, Kid, Kind, OpaqueRow, OwnReading, Pack
from gateway_agent.wire.cbor import Tag

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,23}", fullmatch=True)
TIMES_MS = st.one_of(st.integers(-(1 << 43), 1 << 43).map(lambda s: s * 1000), st.integers(-(1 << 52), 1 << 52))
KIDS = st.binary(min_size=14, max_size=14).map(Kid)
SEQUENCES = st.integers(0, (1 << 20) - 1)

_SCALARS = st.one_of(
    st.integers(-(1 << 64), (1 << 64) - 1), st.booleans(), st.none(), st.binary(max_size=40), TEXT, FLOATS
)
_FRACTIONS = st.builds(lambda e, m: Tag(4, [e, m]), st.integers(-12, 6), INT64)
CBOR_VALUES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS | _FRACTIONS,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.integers(-(1 << 64), (1 << 64) - 1) | TEXT, inner, max_size=5)
    ),
    max_leaves=12,
)

_VALUES: dict[int, st.SearchStrategy[Any]] = {
    Kind.NUMBER: INT64,
    Kind.BOOLEAN: st.booleans(),
    Kind.TEXT: TEXT,
    Kind.FLOAT: FLOATS,
    Kind.BYTES: st.binary(max_size=60),
}


@st.composite
def shapes(draw: st.DrawFn) -> tuple[Field, ...]:
    """One to five fields."""
    fields = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(list(Kind)))
        exponent = draw(st.integers(-12, 6)) if kind == Kind.NUMBER else 0
        fields.append(Field(draw(NAMES), draw(st.none() | st.sampled_from(["Cel", "%RH", "m"])), int(kind), exponent))
    return tuple(fields)


@st.composite
def packs(draw: st.DrawFn, shape: st.SearchStrategy[tuple[Field, ...]] | None = None) -> Pack:
    """A pack in normal form: the first offset is 0."""
    fields = draw(shape if shape is not None else shapes())
    offset = st.just(0) | st.integers(-100, 100).map(lambda s: s * 1000) | st.integers(-(1 << 40), 1 << 40)
    offsets = (0, *(draw(offset) for _ in fields[1:]))
    values = tuple(draw(_VALUES[field.kind]) for field in fields)
    boot = draw(st.none() | st.integers(0, (1 << 32) - 1))
    return Pack(boot, draw(TIMES_MS), fields, offsets, values)


class Between(Enum):
    """What happens before a lane's next body."""

    NOTHING = 0
    NEW_TABLE = 1
    READER_RESTARTS = 2


@st.composite
def lanes(draw: st.DrawFn) -> list[tuple[Body, Between]]:
    """Bodies in a row, of the same few nodes and shapes, so that they have something to remember."""
    kids = draw(st.lists(KIDS, min_size=1, max_size=4, unique=True))
    some_shapes = draw(st.lists(shapes(), min_size=1, max_size=3))
    return draw(st.lists(st.tuples(bodies(kids, some_shapes), st.sampled_from(Between)), min_size=1, max_size=5))


@st.composite
def bodies(draw: st.DrawFn, kids: list[Kid] | None = None, of_shapes: list[tuple[Field, ...]] | None = None) -> Body:
    """Frames of few shapes and nodes, each (node, sequence) once."""
    kids = kids or draw(st.lists(KIDS, min_size=1, max_size=4, unique=True))
    some_shapes = st.sampled_from(of_shapes or draw(st.lists(shapes(), min_size=1, max_size=3)))
    identities = draw(st.lists(st.tuples(st.sampled_from(kids), SEQUENCES), max_size=12, unique=True))
    frames = tuple(FrameRow(kid, sequence, draw(packs(some_shapes))) for kid, sequence in identities)
    opaque = st.builds(OpaqueRow, st.sampled_from(kids), SEQUENCES, st.integers(0, 3), st.binary(max_size=20))
    fraction = st.tuples(st.integers(-12, -1) | st.integers(1, 6), INT64)
    value = INT64 | fraction | TEXT | st.booleans() | st.binary(max_size=20)
    own = st.builds(OwnReading, NAMES, st.none() | INT64, value)
    return Body(frames, tuple(draw(st.lists(opaque, max_size=3))), tuple(draw(st.lists(own, max_size=3))))
