# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Floats of CBOR in their shortest form. A part of cbor.py that lies elsewhere because few nodes need it."""

import struct

from node_core.cbor import WireError


def put_float(out: bytearray, value: float) -> None:
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


def read_float(bits: int, size: int) -> float:
    """The float of `size` bytes whose bits these are."""
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
