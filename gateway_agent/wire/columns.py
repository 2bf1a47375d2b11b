# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Columns of integers as CBOR arrays, fast: what bodies and node tables are mostly made of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import sub

from gateway_agent.wire import cbor


class _Integers(dict[int, bytes]):
    """Encodings of the small integers, made once."""

    def __missing__(self, value: int) -> bytes:
        return cbor.encode_int(value)


_integer = _Integers({value: cbor.encode_int(value) for value in range(-2048, 2048)}).__getitem__


def encode_integers(items: Collection[int]) -> bytes:
    """An array of integers of -2^64 to 2^64 - 1.

    Raises:
        ValueError: an integer beyond that.
    """
    return cbor.head(4, len(items)) + b"".join(map(_integer, items))


def differences(column: Sequence[int]) -> list[int]:
    """The first as it is, each later one as the difference from the one before."""
    return [*column[:1], *map(sub, column[1:], column)]
