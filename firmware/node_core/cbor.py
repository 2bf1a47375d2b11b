# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""CBOR in core deterministic encoding (RFC 8949 section 4.2.1): a small encoder and a strict decoder.

`WireError` names are those of docs/wire.md section 11. Floats are judged by their bits, because the
ESP32's own floats are single precision and could not tell.
"""

import struct

DEPTH_MAX = 8
LENGTH_MAX = 1 << 20


class WireError(ValueError):
    """Bytes that are not as docs/wire.md says. `args[0]` is the error's name."""


class Tag:
    """A tagged item: `tag` is its number."""

    def __init__(self, tag: int, value) -> None:
        self.tag = tag
        self.value = value

    def __eq__(self, other) -> bool:
        return isinstance(other, Tag) and other.tag == self.tag and other.value == self.value

    def __repr__(self) -> str:
        return "Tag(%d, %r)" % (self.tag, self.value)


def put_head(out: bytearray, major: int, n: int) -> None:
    """Append an initial byte and its argument (RFC 8949 section 3) in the shortest form."""
    major <<= 5
    if n < 24:
        out.append(major | n)
    elif n < 0x100:
        out.append(major | 24)
        out.append(n)
    elif n < 0x10000:
        out.append(major | 25)
        out.extend(struct.pack(">H", n))
    elif n < 0x100000000:
        out.append(major | 26)
        out.extend(struct.pack(">I", n))
    else:
        out.append(major | 27)
        out.extend(struct.pack(">II", n >> 32, n & 0xFFFFFFFF))


def put(out: bytearray, value) -> None:
    """Append the encoding of a value. Map keys come in bytewise order, whatever order the dict has."""
    if value is None:
        out.append(0xF6)
    elif isinstance(value, bool):
        out.append(0xF5 if value else 0xF4)
    elif isinstance(value, int):
        n = value if value >= 0 else -1 - value
        if n >> 64:
            raise OverflowError("an integer of more than 64 bits")
        put_head(out, 0 if value >= 0 else 1, n)
    elif isinstance(value, (bytes, bytearray)):
        put_head(out, 2, len(value))
        out.extend(value)
    elif isinstance(value, str):
        raw = value.encode()
        put_head(out, 3, len(raw))
        out.extend(raw)
    elif isinstance(value, (list, tuple)):
        put_head(out, 4, len(value))
        for item in value:
            put(out, item)
    elif isinstance(value, dict):
        put_head(out, 5, len(value))
        for key, original in sorted([(encode(key), key) for key in value]):
            out.extend(key)
            put(out, value[original])
    elif isinstance(value, Tag):
        put_head(out, 6, value.tag)
        put(out, value.value)
    elif isinstance(value, float):
        _put_float(out, value)
    else:
        raise TypeError("CBOR has no %s here" % type(value))


def _put_float(out: bytearray, value: float) -> None:
    high, low = struct.unpack(">II", struct.pack(">d", value))
    if high & 0x7FF00000 == 0x7FF00000:
        raise WireError("CborNan")
    single = _to_single(high, low)
    if single is None:
        out.append(0xFB)
        out.extend(struct.pack(">II", high, low))
        return
    half = _to_half(single)
    if half is None:
        out.append(0xFA)
        out.extend(struct.pack(">I", single))
    else:
        out.append(0xF9)
        out.extend(struct.pack(">H", half))


def _to_single(high: int, low: int):
    """The 32 bits of the same value as a 64-bit float's two halves, or None where it does not fit."""
    sign = high & 0x80000000
    exponent = (high >> 20 & 0x7FF) - 1023
    mantissa = (high & 0xFFFFF) << 32 | low
    return _narrow(sign, exponent, mantissa, 52, 23, -126, 127)


def _to_half(single: int):
    """The 16 bits of the same value as a 32-bit float, or None where it does not fit."""
    mantissa = single & 0x7FFFFF
    exponent = (single >> 23 & 0xFF) - 127
    if exponent == -127 and mantissa:
        return None  # a subnormal single is far below the smallest half
    return _narrow(single & 0x80000000, exponent, mantissa, 23, 10, -14, 15)


def _narrow(sign: int, exponent: int, mantissa: int, bits: int, to_bits: int, lowest: int, highest: int):
    sign = sign >> (0 if to_bits == 23 else 16)
    if not mantissa and exponent == (-1023 if bits == 52 else -127):
        return sign  # zero
    if exponent > highest:
        return None
    dropped = bits - to_bits
    biased = exponent - lowest + 1
    if exponent < lowest:  # a subnormal of the narrow form: the leading 1 becomes visible
        if exponent < lowest - to_bits:
            return None
        dropped += lowest - exponent
        mantissa |= 1 << bits
        biased = 0
    if mantissa & (1 << dropped) - 1:
        return None
    return sign | biased << to_bits | mantissa >> dropped


def encode(value) -> bytes:
    out = bytearray()
    put(out, value)
    return bytes(out)


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
    return _float(int.from_bytes(data[at : at + size], "big"), size), at + size


def _float(bits: int, size: int) -> float:
    if size == 8:
        high = bits >> 32
        low = bits & 0xFFFFFFFF
        if high & 0x7FF00000 == 0x7FF00000:
            raise WireError("CborNan")
        if _to_single(high, low) is not None:
            raise WireError("CborNotShortest")
        return struct.unpack(">d", struct.pack(">II", high, low))[0]
    if size == 4:
        if bits & 0x7F800000 == 0x7F800000:
            raise WireError("CborNan")
        if _to_half(bits) is not None:
            raise WireError("CborNotShortest")
        return struct.unpack(">f", struct.pack(">I", bits))[0]
    if bits & 0x7C00 == 0x7C00:
        raise WireError("CborNan")
    mantissa = bits & 0x3FF
    exponent = bits >> 10 & 31
    value = mantissa / 16777216 if exponent == 0 else (1024 + mantissa) / 1024 * 2.0 ** (exponent - 15)
    return -value if bits & 0x8000 else value


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
