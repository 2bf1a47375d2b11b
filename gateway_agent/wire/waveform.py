# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Runs of samples in one record: differences, zig-zag, LEB128 (docs/wire.md, 3)."""

from __future__ import annotations

from collections.abc import Iterable

from gateway_agent.errors import WireError

_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1


def encode_waveform(samples: Iterable[int]) -> bytes:
    """Samples of 64 bits, in the profile's exponent.

    Raises:
        ValueError: a sample or a difference beyond 64 bits.
    """
    out = bytearray()
    before = 0
    for sample in samples:
        difference = sample - before
        if not _INT64_MIN <= sample <= _INT64_MAX or not _INT64_MIN <= difference <= _INT64_MAX:
            raise ValueError(f"{sample} after {before} is beyond 64 bits")
        before = sample
        rest = difference << 1 if difference >= 0 else ~(difference << 1)
        while rest > 0x7F:
            out.append(rest & 0x7F | 0x80)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def decode_waveform(data: bytes) -> list[int]:
    """The samples of a waveform record.

    Raises:
        WireError: `SenmlValue`: it ends inside a number, or a number is beyond 64 bits or longer than needed.
    """
    samples = []
    sample = 0
    shift = 0
    number = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
            continue
        if (byte == 0 and shift) or number >> 64:
            raise WireError("SenmlValue", "a waveform's number is longer than needed or beyond 64 bits")
        sample += number >> 1 if not number & 1 else ~(number >> 1)
        if not _INT64_MIN <= sample <= _INT64_MAX:
            raise WireError("SenmlValue", "a waveform's sample is beyond 64 bits")
        samples.append(sample)
        number = shift = 0
    if shift:
        raise WireError("SenmlValue", "a waveform ends inside a number")
    return samples
