# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What pack and body share: shapes that are one object where they are equal, and decimal fractions."""

from __future__ import annotations

from typing import Any

from gateway_agent.errors import WireError
from gateway_agent.model import Field, Kind, Shape
from gateway_agent.wire.cbor import Tag
from gateway_agent.wire.limits import EXPONENT_MAX, EXPONENT_MIN, NAME, RECORDS_MAX, is_int64, is_uint

# Bounded, because an authentic node may still be a wrong one.
_shapes: dict[Shape, Shape] = {}
_SHAPES_MAX = 4096


def intern_shape(shape: Shape) -> Shape:
    """The one object that stands for all equal shapes, so that a million rows are grouped by identity."""
    known = _shapes.get(shape)
    if known is not None:
        return known
    if len(_shapes) >= _SHAPES_MAX:
        _shapes.clear()
    _shapes[shape] = shape
    return shape


def read_shape(item: Any) -> Shape:
    """The interned shape of a body's `[[name, unit or null, kind, exponent], ...]`.

    Raises:
        WireError: `BodyShape`.
    """
    _check(type(item) is list and 1 <= len(item) <= RECORDS_MAX, "a shape of 1 to 64 fields")
    fields = []
    for part in item:
        _check(type(part) is list and len(part) == 4, "[name, unit, kind, exponent]")
        name, unit, kind, exponent = part
        _check(type(name) is str and NAME.fullmatch(name) is not None, "a name")
        _check(unit is None or type(unit) is str, "a unit or null")
        _check(is_uint(kind, max(Kind)), "a kind")
        lowest, highest = (EXPONENT_MIN, EXPONENT_MAX) if kind == Kind.NUMBER else (0, 0)
        _check(type(exponent) is int and lowest <= exponent <= highest, "an exponent")
        fields.append(Field(name, unit, kind, exponent))
    return intern_shape(tuple(fields))


def _check(is_right: bool, expected: str) -> None:
    if not is_right:
        raise WireError("BodyShape", f"expected {expected}")


def read_fraction(item: Tag) -> tuple[int, int] | None:
    """(exponent, mantissa) of `4([e, m])` under the rules for numbers (docs/wire.md, 0), or None."""
    parts = item.value
    if type(parts) is not list or len(parts) != 2:
        return None
    exponent, mantissa = parts
    if type(exponent) is not int or not EXPONENT_MIN <= exponent <= EXPONENT_MAX or exponent == 0:
        return None
    return (exponent, mantissa) if is_int64(mantissa) else None
