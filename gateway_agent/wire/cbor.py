# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""CBOR in core deterministic encoding (RFC 8949, 4.2.1), and nothing else.

Theory of operation
-------------------
`decode` reads the bytes once, head by head, and refuses at the first head that is not in its only form; so every
value has one encoding, and a signature over bytes is a signature over meaning. cbor2 cannot be told to be that
strict: it accepts long integers and unsorted maps, its canonical order is that of RFC 7049 (length first), it turns
tags into other types, and comparing with a re-encoding cost 24 us for a pack of three records (2026-11, cbor2 6.2.1).

Values: int, bool, None, str, bytes, float, list, dict (in wire order), and `Tag`. Only tag 4 is used inside our
formats; an envelope's outermost tag may be any, so that the envelope's reader can name it.

Limits: nesting 8, a length or count of 2^20. Format and error names: docs/wire.md, 0, 11 and 13.
"""

from __future__ import annotations

import math
import struct
from typing import Any, NamedTuple

from gateway_agent.errors import WireError

DEPTH_MAX = 8
LENGTH_MAX = 1 << 20
DECIMAL_FRACTION = 4

_FLOAT16 = struct.Struct(">e")
_FLOAT32 = struct.Struct(">f")
_FLOAT64 = struct.Struct(">d")


class Tag(NamedTuple):
    """A tagged item."""

    number: int
    value: Any


# --------------------------------------------------------------------------------------------------- encoding


def head(major: int, argument: int) -> bytes:
    """The shortest head of a major type (0 to 7) with an argument below 2^64."""
    first = major << 5
    if argument < 24:
        return bytes((first | argument,))
    if argument < 0x100:
        return bytes((first | 24, argument))
    if argument < 0x10000:
        return (((first | 25) << 16) | argument).to_bytes(3, "big")
    if argument < 0x100000000:
        return (((first | 26) << 32) | argument).to_bytes(5, "big")
    if argument < 0x10000000000000000:
        return (((first | 27) << 64) | argument).to_bytes(9, "big")
    raise ValueError(f"{argument} does not fit a CBOR head")


def encode_int(value: int) -> bytes:
    """An integer of -2^64 to 2^64 - 1."""
    return head(0, value) if value >= 0 else head(1, ~value)


def encode(value: Any) -> bytes:
    """Encode a value deterministically.

    Raises:
        ValueError: NaN, an infinity, an integer beyond 64 bits, or a map key that is no integer and no text.
        TypeError: a type that the format does not use.
    """
    kind = type(value)
    if kind is int:
        return encode_int(value)
    if kind is bytes:
        return b"".join((head(2, len(value)), value))
    if kind is str:
        raw: bytes = value.encode()
        return head(3, len(raw)) + raw
    if kind is list or kind is tuple:
        return head(4, len(value)) + b"".join(map(encode, value))
    if kind is dict:
        entries = sorted((_encode_key(key), encode(item)) for key, item in value.items())
        return head(5, len(entries)) + b"".join(key + item for key, item in entries)
    if kind is bool:
        return b"\xf5" if value else b"\xf4"
    if value is None:
        return b"\xf6"
    if kind is float:
        return encode_float(value)
    if kind is Tag:
        return head(6, value.number) + encode(value.value)
    raise TypeError(f"{kind.__name__} has no CBOR form here")


def encode_float(value: float) -> bytes:
    """The shortest of 16, 32 and 64 bits that keeps the value."""
    if not math.isfinite(value):
        raise ValueError("NaN and infinities have no place on the wire")
    if _fits(_FLOAT16, value):
        return b"\xf9" + _FLOAT16.pack(value)
    if _fits(_FLOAT32, value):
        return b"\xfa" + _FLOAT32.pack(value)
    return b"\xfb" + _FLOAT64.pack(value)


def _encode_key(key: object) -> bytes:
    if type(key) not in (int, str):
        raise ValueError("a map key is an integer or text")
    return encode(key)


def _fits(form: struct.Struct, value: float) -> bool:
    try:
        return bool(form.unpack(form.pack(value))[0] == value)
    except OverflowError:
        return False


# --------------------------------------------------------------------------------------------------- decoding


def decode(data: bytes) -> Any:
    """Decode exactly one item.

    Raises:
        WireError: `Cbor...`, the first defect in the order of the bytes.
    """
    value, end = decode_first(data)
    if end != len(data):
        raise WireError("CborTrailing", f"{len(data) - end} bytes after the item")
    return value


def decode_envelope(data: bytes) -> Any:
    """Decode one item whose outermost tag may be any tag."""
    try:
        first = data[0]
        if first >> 5 != 6:
            return decode(data)
        number, start = _argument(data, 1, first & 31)
        value, end = _item(data, start, 1)
    except IndexError:
        raise WireError("CborTruncated") from None
    if end != len(data):
        raise WireError("CborTrailing", f"{len(data) - end} bytes after the item")
    return Tag(number, value)


def decode_first(data: bytes, start: int = 0) -> tuple[Any, int]:
    """Decode the item that begins at `start`; returns it and the position after it."""
    try:
        return _item(data, start, 0)
    except IndexError:
        raise WireError("CborTruncated") from None


def decode_sequence(data: bytes) -> list[Any]:
    """Decode items one after the other (RFC 8742) to the end of the bytes."""
    items = []
    position = 0
    while position < len(data):
        item, position = decode_first(data, position)
        items.append(item)
    return items


_ARGUMENT_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}
_SHORTEST_FROM = {24: 24, 25: 0x100, 26: 0x10000, 27: 0x100000000}


def _argument(data: bytes, position: int, info: int) -> tuple[int, int]:
    """The argument of a head whose first byte has been read. 31 is left to the caller."""
    if info < 24:
        return info, position
    width = _ARGUMENT_BYTES.get(info)
    if width is None:
        raise WireError("CborReserved", f"additional information {info}")
    end = position + width
    if end > len(data):
        raise WireError("CborTruncated")
    argument = int.from_bytes(data[position:end], "big")
    if argument < _SHORTEST_FROM[info]:
        raise WireError("CborNotShortest", f"{argument} in {width} bytes")
    return argument, end


def _item(data: bytes, position: int, depth: int) -> tuple[Any, int]:
    """One item inside `depth` arrays, maps and tags. IndexError: the bytes end."""
    first = data[position]
    position += 1
    major = first >> 5
    info = first & 31
    if major == 7:
        return _simple_or_float(data, position, info)
    if info == 31 and 2 <= major <= 5:
        raise WireError("CborIndefinite")
    argument = info
    if info > 23:
        argument, position = _argument(data, position, info)
    if major == 0:
        return argument, position
    if major == 1:
        return ~argument, position
    if major == 6:
        if argument != DECIMAL_FRACTION:
            raise WireError("CborReserved", f"tag {argument}")
    elif argument > LENGTH_MAX:
        raise WireError("CborTooLong", f"{argument}")
    if major <= 3:
        end = position + argument
        if end > len(data):
            raise WireError("CborTruncated")
        raw = data[position:end]
        return (raw if major == 2 else _text(raw)), end
    depth += 1
    if depth > DEPTH_MAX:
        raise WireError("CborDepth")
    if major == 4:
        return _array(data, position, argument, depth)
    if major == 5:
        return _map(data, position, argument, depth)
    value, position = _item(data, position, depth)
    return Tag(argument, value), position


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise WireError("CborUtf8") from None


def _array(data: bytes, position: int, count: int, depth: int) -> tuple[list[Any], int]:
    items: list[Any] = []
    append = items.append
    for _ in range(count):
        first = data[position]
        # Columns are long arrays of small integers, so the three commonest heads are read here.
        if first < 24:
            append(first)
            position += 1
        elif 0x20 <= first < 0x38:
            append(0x1F - first)
            position += 1
        else:
            item, position = _item(data, position, depth)
            append(item)
    return items, position


def _map(data: bytes, position: int, count: int, depth: int) -> tuple[dict[int | str, Any], int]:
    entries: dict[int | str, Any] = {}
    before = b""
    for _ in range(count):
        start = position
        if data[position] >> 5 not in (0, 1, 3):
            raise WireError("CborReserved", "a map key that is no integer and no text")
        key, position = _item(data, position, depth)
        raw = data[start:position]
        # Each key is compared with the one before it: that is enough, and every implementation names the same error.
        if raw <= before:
            raise WireError("CborDuplicateKey" if raw == before else "CborKeyOrder", repr(key))
        before = raw
        entries[key], position = _item(data, position, depth)
    return entries, position


def _simple_or_float(data: bytes, position: int, info: int) -> tuple[Any, int]:
    if info == 20:
        return False, position
    if info == 21:
        return True, position
    if info == 22:
        return None, position
    if not 25 <= info <= 27:
        raise WireError("CborReserved", f"simple value or break {info}")
    form, shorter = ((_FLOAT16, None), (_FLOAT32, _FLOAT16), (_FLOAT64, _FLOAT32))[info - 25]
    end = position + form.size
    if end > len(data):
        raise WireError("CborTruncated")
    value: float = form.unpack_from(data, position)[0]
    if not math.isfinite(value):
        raise WireError("CborNan")
    if shorter is not None and _fits(shorter, value):
        raise WireError("CborNotShortest", f"{value!r} in {form.size} bytes")
    return value, end
