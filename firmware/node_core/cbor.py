# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""CBOR in core deterministic encoding (RFC 8949 section 4.2.1): a small encoder. The strict decoder is cbor_reader.py."""

import struct


class WireError(ValueError):
    """Bytes that are not as docs/wire.md says. `args[0]` is the error's name."""


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
    elif isinstance(value, float):
        from node_core import cbor_float

        cbor_float.put_float(out, value)
    else:
        try:
            put_head(out, 6, value.tag)  # a Tag of cbor_reader.py, which a node that only writes has not loaded
        except AttributeError:
            raise TypeError("CBOR has no %s here" % type(value))
        put(out, value.value)


def encode(value) -> bytes:
    out = bytearray()
    put(out, value)
    return bytes(out)
