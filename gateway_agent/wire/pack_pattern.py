# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Byte patterns of packs that were read before, so that the next one of the same shape is matched, not parsed.

Theory of operation
-------------------
The nodes of a city send few shapes, over and over: only times and values differ. When the strict reader has accepted
a pack of numbers and booleans, `learn` writes a regular expression for all packs with the same records: the constant
bytes literally, and each integer as "any head in its shortest form". A match is a proof of strictness, because CBOR is
prefix-free: the same constant bytes mean the same, and the captured heads are shortest by the expression.
A pack of three records takes 4 us this way and 30 us through the strict reader (2026-11, CPython 3.11).

Limits: a pattern per shape, form of time and presence of `t`; patterns are made until the store is full, never
removed, so that a node that varies its shape cannot make us compile for ever. Text, bytes and floats are not learned:
their length varies.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from gateway_agent.model import Kind, Pack, Shape
from gateway_agent.wire import cbor, pack_layout
from gateway_agent.wire.limits import TIME_MS_MAX
from gateway_agent.wire.pack_layout import INT_HEADS

PATTERNS_MAX = 256
# A pattern of more records would take longer to make than it saves.
RECORDS_MAX = 16
# The first bytes of a pack up to the first letters of its first name: never a value.
_KEY_BYTES = 6
_PER_KEY_MAX = 16
NUMBERS_KEPT = 8_192

_BOOT_HEADS = (
    rb"[\x00-\x17]",
    rb"\x18[\x18-\xff]",
    rb"\x19(?!\x00)..",
    rb"\x1a(?!\x00\x00)....",
)
_BOOT = b"(" + b"|".join(_BOOT_HEADS) + b")"
_INT = b"(" + b"|".join(INT_HEADS) + b")"
_BOOL = rb"([\xf4\xf5])"
_FRACTION_3 = b"\xc4\x82\x22"


class _Pattern(NamedTuple):
    """One learned form. Groups: value of record 0, its `t`, [boot], base, then value and `t` of each later record; a time is
    two groups, the mark of a fraction or None before the integer."""

    regex: re.Pattern[bytes]
    shape: Shape
    zero_offsets: tuple[int, ...]
    is_boot: bool
    has_t: tuple[bool, ...]
    is_plain: bool  # no `t` in any record
    has_layouts: bool  # numbers only, at one absolute time


_new = tuple.__new__  # of a named tuple, without the call in between

_patterns: dict[bytes, list[_Pattern]] = {}
_count = 0


def match(pack_bytes: bytes) -> Pack | None:
    """The pack, if its form has been learned; None says nothing about validity."""
    found_at_once = pack_layout.read(pack_bytes)
    if found_at_once is not None:
        return found_at_once
    patterns = _patterns.get(pack_bytes[:_KEY_BYTES])
    if patterns is None:
        return None
    for index, pattern in enumerate(patterns):
        found = pattern.regex.fullmatch(pack_bytes)
        if found is not None:
            if index:
                patterns[0], patterns[index] = pattern, patterns[0]
            pack = _read(pattern, found.groups())
            if pack is not None and pattern.has_layouts:
                pack_layout.learn(found, pattern.shape, pattern.zero_offsets)
            return pack
    return None


def _read(pattern: _Pattern, groups: tuple[bytes | None, ...]) -> Pack | None:
    _, shape, zero_offsets, is_boot, _, is_plain, _ = pattern
    if not is_plain:
        return _read_with_t(pattern, groups)
    at = 2 if is_boot else 1
    time_ms = _time_ms(groups[at], groups[at + 1])
    if time_ms is None:
        return None
    values = (_number(groups[0]), *map(_number, groups[at + 2 :]))
    return _new(Pack, (_number(groups[1]) if is_boot else None, time_ms, shape, zero_offsets, values))


def _read_with_t(pattern: _Pattern, groups: tuple[bytes | None, ...]) -> Pack | None:
    remaining = iter(groups)
    values: list[int] = []
    added: list[int | None] = []
    boot: int | None = None
    base_ms: int | None = 0
    for index, has_t in enumerate(pattern.has_t):
        values.append(_number(next(remaining)))
        added.append(_time_ms(next(remaining), next(remaining)) if has_t else 0)
        if index == 0:
            if pattern.is_boot:
                boot = _number(next(remaining))
            base_ms = _time_ms(next(remaining), next(remaining))
    if base_ms is None or None in added:
        return None
    times = [base_ms + (time_ms or 0) for time_ms in added]
    first = times[0]
    lowest, highest = min(times), max(times)
    # Sums and distances have the same limit as each time: the strict reader must name the error.
    if lowest < -TIME_MS_MAX or highest > TIME_MS_MAX or max(highest - first, first - lowest) > TIME_MS_MAX:
        return None
    return Pack(boot, first, pattern.shape, tuple(time_ms - first for time_ms in times), tuple(values))


@lru_cache(NUMBERS_KEPT)
def _number(raw: bytes | None) -> int:
    """An integer's or boolean's value; the expression has proved its form. Values move slowly: most were read before."""
    assert raw is not None
    first = raw[0]
    if len(raw) == 1:
        if first < 0x18:
            return first
        return 0x1F - first if first < 0x38 else first == 0xF5
    argument = int.from_bytes(raw[1:], "big")
    return argument if first < 0x20 else ~argument


def _time_ms(fraction: bytes | None, raw: bytes | None) -> int | None:
    """Milliseconds, or None where the strict reader must name the error."""
    time_ms = _number(raw)
    if fraction is None:
        time_ms *= 1000
    elif time_ms % 1000 == 0:
        return None
    return time_ms if -TIME_MS_MAX <= time_ms <= TIME_MS_MAX else None


def learn(pack_bytes: bytes, pack: Pack) -> None:
    """Make the pattern of a pack that the strict reader has just accepted."""
    global _count  # noqa: PLW0603 - the store of this module
    if _count >= PATTERNS_MAX or len(pack.shape) > RECORDS_MAX:
        return
    if any(field.kind not in (Kind.NUMBER, Kind.BOOLEAN) for field in pack.shape):
        return
    patterns = _patterns.setdefault(pack_bytes[:_KEY_BYTES], [])
    if len(patterns) >= _PER_KEY_MAX:
        return
    pattern = _make(cbor.decode(pack_bytes), pack)
    patterns.append(pattern)
    _count += 1


def _make(records: list[dict[int | str, object]], pack: Pack) -> _Pattern:
    time = b"(" + re.escape(_FRACTION_3) + b")?" + _INT
    parts = [re.escape(cbor.head(4, len(records)))]
    for record, field in zip(records, pack.shape, strict=True):
        parts.append(re.escape(cbor.head(5, len(record)) + b"\x00" + cbor.encode(field.name)))
        if field.unit is not None:
            parts.append(re.escape(b"\x01" + cbor.encode(field.unit)))
        if field.kind == Kind.BOOLEAN:
            parts.append(rb"\x04" + _BOOL)
        elif field.exponent:
            parts.append(re.escape(b"\x02\xc4\x82" + cbor.encode_int(field.exponent)) + _INT)
        else:
            parts.append(rb"\x02" + _INT)
        if 6 in record:
            parts.append(rb"\x06" + time)
        if -3 in record:
            parts.append(rb"\x22" + time)
        if "boot_" in record:
            parts.append(re.escape(cbor.encode("boot_") + b"\x82") + _BOOT + time)
    has_t = tuple(6 in record for record in records)
    return _Pattern(
        re.compile(b"".join(parts), re.DOTALL),
        pack.shape,
        (0,) * len(records),
        pack.boot is not None,
        has_t,
        not any(has_t),
        pack.boot is None and not any(has_t) and all(field.kind == Kind.NUMBER for field in pack.shape),
    )


def forget() -> None:
    """Start with an empty store, as a new process does."""
    global _count  # noqa: PLW0603 - the store of this module
    _patterns.clear()
    pack_layout.forget()
    _count = 0
