# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The strict decoder of cbor.py. It lies elsewhere because a node reads little: whoever borrows it (node_io/borrowed.py) gives it back.

`WireError` names are those of docs/wire.md section 11. Floats are judged by their bits, because the ESP32's own floats are single
precision and could not tell.
"""

from node_core.cbor import WireError

DEPTH_MAX = 8
LENGTH_MAX = 1 << 20


class Tag:
    """A tagged item: `tag` is its number."""

    def __init__(self, tag: int, value) -> None:
        self.tag = tag
        self.value = value

    def __eq__(self, other) -> bool:
        return isinstance(other, Tag) and other.tag == self.tag and other.value == self.value

    def __repr__(self) -> str:
        return "Tag(%d, %r)" % (self.tag, self.value)


def decode(data):
    """The one item that the bytes hold.

    Raises:
        WireError: the first thing that strict receivers refuse (docs/wire.md section 0), in the order of the bytes.
    """
    value, end = decode_from(data, 0)
    if end != len(data):
        raise WireError("CborTrailing")
    return value


def decode_envelope(data):
    """As `decode`, but the outermost tag may be any: the caller names the wrong ones."""
    if not len(data) or data[0] >> 5 != 6:
        return decode(data)
    _, tag, start = _head(data, 0)
    value, end = decode_from(data, start, 1)
    if end != len(data):
        raise WireError("CborTrailing")
    return Tag(tag, value)


def _head(data, at: int) -> tuple:
    """(major type, argument, offset behind): floats and simple values are not read here."""
    initial = data[at]
    n = initial & 31
    at += 1
    if n < 24:
        return initial >> 5, n, at
    if n > 27:
        raise WireError("CborIndefinite" if n == 31 and 2 <= initial >> 5 <= 5 else "CborReserved")
    size = 1 << n - 24
    if at + size > len(data):
        raise WireError("CborTruncated")
    n = int.from_bytes(data[at : at + size], "big")
    if n < 24 or (size > 1 and not n >> size * 4):
        raise WireError("CborNotShortest")
    return initial >> 5, n, at + size


def decode_from(data, at: int, depth: int = 0):
    """The item that starts at an offset, inside `depth` others, and the offset behind it."""
    if at >= len(data):
        raise WireError("CborTruncated")
    if data[at] >> 5 == 7:
        return _simple_or_float(data, at)
    major, n, at = _head(data, at)
    if major == 0:
        return n, at
    if major == 1:
        return -1 - n, at
    if major == 6:
        if n != 4:
            raise WireError("CborReserved")
    elif n > LENGTH_MAX:
        raise WireError("CborTooLong")
    if major <= 3:
        if at + n > len(data):
            raise WireError("CborTruncated")
        raw = bytes(data[at : at + n])
        if major == 2:
            return raw, at + n
        _check_utf8(raw)
        return raw.decode(), at + n
    depth += 1
    if depth > DEPTH_MAX:
        raise WireError("CborDepth")
    if major == 4:
        items = []
        for _ in range(n):
            value, at = decode_from(data, at, depth)
            items.append(value)
        return items, at
    if major == 5:
        return _map(data, at, n, depth)
    value, at = decode_from(data, at, depth)
    return Tag(n, value), at


def _map(data, at: int, n: int, depth: int) -> tuple:
    pairs = {}
    before = b""
    for _ in range(n):
        start = at
        if at < len(data) and data[at] >> 5 not in (0, 1, 3):
            raise WireError("CborReserved")  # no map of the format has such a key
        key, at = decode_from(data, at, depth)
        raw = bytes(data[start:at])
        if raw <= before:
            raise WireError("CborDuplicateKey" if raw == before else "CborKeyOrder")
        before = raw
        pairs[key], at = decode_from(data, at, depth)
    return pairs, at


def _simple_or_float(data, at: int):
    n = data[at] & 31
    at += 1
    if n in (20, 21, 22):
        return (False, True, None)[n - 20], at
    if not 25 <= n <= 27:
        raise WireError("CborReserved")
    size = 1 << n - 24
    if at + size > len(data):
        raise WireError("CborTruncated")
    from node_core import cbor_float

    return cbor_float.read_float(int.from_bytes(data[at : at + size], "big"), size), at + size


def _check_utf8(raw: bytes) -> None:
    """MicroPython's own check lets overlong forms and surrogates pass."""
    i = 0
    while i < len(raw):
        lead = raw[i]
        i += 1
        if lead < 0x80:
            continue
        more = 1 if 0xC2 <= lead <= 0xDF else 2 if 0xE0 <= lead <= 0xEF else 3 if 0xF0 <= lead <= 0xF4 else 0
        tail = raw[i : i + more]
        if not more or len(tail) < more or any(byte & 0xC0 != 0x80 for byte in tail):
            raise WireError("CborUtf8")
        second = tail[0]
        if (
            (lead == 0xE0 and second < 0xA0)
            or (lead == 0xED and second > 0x9F)
            or (lead == 0xF0 and second < 0x90)
            or (lead == 0xF4 and second > 0x8F)
        ):
            raise WireError("CborUtf8")
        i += more
