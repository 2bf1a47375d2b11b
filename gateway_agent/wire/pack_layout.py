# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Fixed places in packs that a byte pattern has matched before, so that the next one of the same lengths is only cut.

Theory of operation
-------------------
A pattern of `pack_pattern` leaves open how long each number is. Values move slowly, so that a node's next pack mostly has numbers of
the same lengths: then everything stands at the same place. A layout is one such choice of lengths. It cuts the pack with a single
`struct`, compares all that is constant, and proves each number to be in its shortest form: the same proof as the pattern's.
A pack of three numbers takes less than half the time that it takes by the pattern (2026-11, CPython 3.11).

Layouts are made for packs of numbers at one absolute time, in whole seconds above 65,535 or in milliseconds above 2^32.
Limits: 8 a key, 1,024 in all, never removed.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from gateway_agent.model import Pack, Shape
from gateway_agent.wire.limits import TIME_MS_MAX

LAYOUTS_MAX = 1_024
NUMBERS_KEPT = 8_192
_PER_KEY_MAX = 8
_KEY_BYTES = 6  # up to the first letters of the first name: never a value

INT_HEADS = (
    rb"[\x00-\x17\x20-\x37]",
    rb"[\x18\x38][\x18-\xff]",
    rb"[\x19\x39](?!\x00)..",
    rb"[\x1a\x3a](?!\x00\x00)....",
    rb"[\x1b\x3b](?!\x00\x00\x00\x00)[\x00-\x7f].......",
)
_INTEGER = re.compile(b"|".join(INT_HEADS), re.DOTALL)
_SECONDS_HEAD, _MS_HEAD = 0x1A, 0x1B
_SECONDS_MIN, _MS_MIN = 1 << 16, 1 << 32  # below them the head would not be the shortest


class _Layout(NamedTuple):
    unpack: Callable[[bytes], tuple[Any, ...]]  # constant, value, constant, time, constant, value, constant, ...
    constants: tuple[bytes, ...]
    is_ms: bool
    shape: Shape
    zero_offsets: tuple[int, ...]


_new = tuple.__new__  # of a named tuple, without the call in between

_layouts: dict[tuple[bytes, int], list[_Layout]] = {}
_count = 0


def read(pack_bytes: bytes) -> Pack | None:
    """The pack, if it has a layout; None says nothing about validity."""
    layouts = _layouts.get((pack_bytes[:_KEY_BYTES], len(pack_bytes)))
    if layouts is None:
        return None
    for unpack, constants, is_ms, shape, zero_offsets in layouts:
        parts = unpack(pack_bytes)
        if parts[::2] != constants:
            continue
        time = parts[3]
        if is_ms:
            if not _MS_MIN <= time <= TIME_MS_MAX or time % 1000 == 0:
                return None
        elif time < _SECONDS_MIN:
            return None
        else:
            time *= 1000
        try:
            values = (_integer(parts[1]), *map(_integer, parts[5::2]))
        except ValueError:
            return None
        return _new(Pack, (None, time, shape, zero_offsets, values))
    return None


def shortest_integer(raw: bytes) -> int:
    """The value of one CBOR integer of 64 bits with sign.

    Raises:
        ValueError: the bytes are not exactly that, in its shortest form.
    """
    if _INTEGER.fullmatch(raw) is None:
        raise ValueError("no integer in its shortest form")
    first = raw[0]
    argument = first & 0x1F if len(raw) == 1 else int.from_bytes(raw[1:], "big")
    return argument if first < 0x20 else ~argument


class _Integers(dict[bytes, int]):
    """Integers read before, by their bytes: values move slowly. Begins anew when it is full."""

    def __missing__(self, raw: bytes) -> int:
        value = shortest_integer(raw)
        if len(self) >= NUMBERS_KEPT:
            self.clear()
        self[raw] = value
        return value


_integer = _Integers().__getitem__


def learn(found: re.Match[bytes], shape: Shape, zero_offsets: tuple[int, ...]) -> None:
    """Keep the places of a pack that a pattern has just matched: its groups are the first value, the mark of a time in
    milliseconds or None, the time, and each further value."""
    global _count  # noqa: PLW0603 - the store of this module
    pack_bytes, is_ms = found.string, found[2] is not None
    time_at, time_end = found.span(3)
    if pack_bytes[time_at] != (_MS_HEAD if is_ms else _SECONDS_HEAD) or _count >= LAYOUTS_MAX:
        return
    known = _layouts.setdefault((pack_bytes[:_KEY_BYTES], len(pack_bytes)), [])
    if len(known) >= _PER_KEY_MAX:
        return
    # The head of the time is a part of the constant before it.
    spans = [found.span(1), (time_at + 1, time_end), *[found.span(place) for place in range(4, len(shape) + 3)]]
    form, constants, behind = [">"], [], 0
    for place, (start, end) in enumerate(spans):
        constants.append(pack_bytes[behind:start])
        value = f"{end - start}s" if place != 1 else ("Q" if is_ms else "I")
        form.append(f"{start - behind}s{value}")
        behind = end
    constants.append(pack_bytes[behind:])
    form.append(f"{len(pack_bytes) - behind}s")
    known.append(_Layout(struct.Struct("".join(form)).unpack, tuple(constants), is_ms, shape, zero_offsets))
    _count += 1


def forget() -> None:
    """Start with an empty store, as a new process does."""
    global _count  # noqa: PLW0603 - the store of this module
    _layouts.clear()
    _count = 0
