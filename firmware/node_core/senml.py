# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""SenML packs (RFC 8428, CBOR labels) as docs/wire.md section 3 writes them. Encoding only: a node reads none."""

import struct

from node_core import cbor

RECORDS_MAX = 64
_MILLISECONDS = b"\xc4\x82\x22"  # the head of 4([-3, ...])


def put_time(out: bytearray, time_ms: int) -> None:
    """A time value: whole seconds as an integer, everything else as the decimal fraction 4([-3, ms])."""
    if time_ms % 1000:
        out.extend(_MILLISECONDS)
        cbor.put(out, time_ms)
    else:
        cbor.put(out, time_ms // 1000)


def encode_pack(records: list, base_ms: int, boot) -> bytes:
    """A pack of (name, unit or None, kind, exponent, value, offset in ms) records.

    `base_ms` is absolute where `boot` is None, else node time of that boot number. `kind` is one of
    n (number: the value is the mantissa), f (float), s (text), b (boolean), d (bytes).

    Raises:
        ValueError, TypeError: a value that does not fit its kind, or too many records.
    """
    if not 1 <= len(records) <= RECORDS_MAX:
        raise ValueError("more than 64 records, or none")
    out = bytearray()
    cbor.put_head(out, 4, len(records))
    first = True
    for name, unit, kind, exponent, value, offset_ms in records:
        cbor.put_head(out, 5, 2 + (unit is not None) + (offset_ms != 0) + first)
        out.append(0)
        cbor.put(out, name)
        if unit is not None:
            out.append(1)
            cbor.put(out, unit)
        if kind != "d":
            _put_value(out, kind, exponent, value)
        if offset_ms:
            out.append(6)
            put_time(out, offset_ms)
        if kind == "d":
            _put_value(out, kind, exponent, value)
        if first and boot is None:
            out.append(0x22)
            put_time(out, base_ms)
        elif first:
            cbor.put(out, "boot_")
            out.append(0x82)
            cbor.put(out, boot)
            put_time(out, base_ms)
        first = False
    return bytes(out)


def _put_value(out: bytearray, kind: str, exponent: int, value) -> None:
    if kind == "n":
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError("not an integer")
        if not -(1 << 63) <= value < 1 << 63:
            raise ValueError("more than 64 bits")
        out.append(2)
        if exponent:
            out.extend(b"\xc4\x82")
            cbor.put(out, exponent)
        cbor.put(out, value)
    elif kind == "f":
        out.append(2)
        cbor.put(out, float(value))
    elif kind == "s":
        if len(value.encode()) > 256:
            raise ValueError("more than 256 bytes")
        out.append(3)
        cbor.put(out, value)
    elif kind == "b":
        if not isinstance(value, bool):
            raise TypeError("not a boolean")
        out.append(4)
        cbor.put(out, value)
    elif kind == "d":
        if len(value) > 1024:
            raise ValueError("more than 1024 bytes")
        out.append(8)
        cbor.put(out, bytes(value))
    else:
        raise ValueError("unknown kind")


def pack_waveform(samples) -> bytes:
    """Integers as zig-zag LEB128 differences, each from the one before."""
    out = bytearray()
    before = 0
    for sample in samples:
        difference = sample - before
        before = sample
        n = difference << 1 if difference >= 0 else -1 - (difference << 1)
        while n > 127:
            out.append(n & 127 | 128)
            n >>= 7
        out.append(n)
    return bytes(out)
