# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What pack and body share: shapes that are one object where they are equal, and decimal fractions."""

from __future__ import annotations

from gateway_agent.model import Shape
from gateway_agent.wire.cbor import Tag
from gateway_agent.wire.limits import EXPONENT_MAX, EXPONENT_MIN, is_int64

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


def read_fraction(item: Tag) -> tuple[int, int] | None:
    """(exponent, mantissa) of `4([e, m])` under the rules for numbers (docs/wire.md, 0), or None."""
    parts = item.value
    if type(parts) is not list or len(parts) != 2:
        return None
    exponent, mantissa = parts
    if type(exponent) is not int or not EXPONENT_MIN <= exponent <= EXPONENT_MAX or exponent == 0:
        return None
    return (exponent, mantissa) if is_int64(mantissa) else None
