# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The framing of segment files, as docs/wire.md section 12 and docs/journal.md say. Pure: bytes in, values out.

Theory of operation
-------------------
A segment is entries end to end:  "SCe1" | length: u32 | crc32: u32 | body: `length` bytes, big-endian, and
the CRC covers length and body. Bodies:

    header   [1, gateway id, lane, instance, first number, its link or null, ended or null]      first in the file
    batch    [number, bytes, received]
    gap      [number, bytes, first missing, link of the next batch]

The collector's archive uses the very framing of the gateway's journal, with an empty `received`, so that one
reader checks both. This reader is not the journal's own: the auditor's tool shares no code with what it checks.

A reader that meets bytes which are no entry reports them with their offset and looks for the next "SCe1"
whose CRC fits, so that one damaged place does not hide what is behind it.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gateway_agent.errors import WireError
from gateway_agent.wire import cbor

MAGIC = b"SCe1"
_HEAD = struct.Struct(">4sII")
ENTRY_BYTES_MAX = 1 << 21  # a batch is 64 KiB at most; what it was received from adds some 100 KiB at worst


_NAME = re.compile(r"([0-9]{12})(?:_([0-9]+))?\.seg")


def in_order(path: Path) -> tuple[Path, int, int, str]:
    """Sorts segment files as they were begun: by folder, number, and how often that number was begun; others are last."""
    match = _NAME.fullmatch(path.name)
    number, again = (int(match[1]), int(match[2] or 0)) if match else (1 << 62, 0)
    return path.parent, number, again, path.name


class SegmentHeader(NamedTuple):
    """Whose entries a segment holds, and from which number on.

    `link` is the one that batch `first` carries, None if the segment's writer did not know. `ended` stands in a journal's first segment
    of an instance: the number with which the lane's instance before it ended.
    """

    gateway_id: str
    lane: int
    instance: bytes
    first: int
    link: bytes | None
    ended: int | None = None


class SignedEntry(NamedTuple):
    """One signed thing with the number it was filed under. `received` is empty in an archive; `first` is below `number` for a gap."""

    number: int
    first: int
    received: tuple[tuple[bytes, int, tuple[int, ...]], ...]
    signed: bytes
    is_gap: bool


class RawEntry(NamedTuple):
    """A framed body that passed its CRC."""

    offset: int
    body: bytes


class Damage(NamedTuple):
    """Bytes that are no entry. `is_tail` if nothing good follows."""

    offset: int
    length_bytes: int
    is_tail: bool


def encode_entry(body: bytes) -> bytes:
    """Frame one body."""
    length = struct.pack(">I", len(body))
    return MAGIC + length + struct.pack(">I", zlib.crc32(body, zlib.crc32(length))) + body


def encode_header(header: SegmentHeader) -> bytes:
    """The first entry of a segment, framed."""
    gateway_id, lane, instance, first, link, ended = header
    return encode_entry(cbor.encode([1, gateway_id, int(lane), instance, first, link, ended]))


def encode_batch(number: int, batch: bytes) -> bytes:
    """An archive's entry, framed: the exact bytes under their number."""
    return encode_entry(cbor.encode([number, batch, []]))


def encode_gap(number: int, first: int, gap: bytes, link: bytes) -> bytes:
    """A gap in place of the batches `first` to `number`, framed."""
    return encode_entry(cbor.encode([number, gap, first, link]))


def _entry_at(data: bytes, offset: int) -> bytes | None:
    if len(data) - offset < _HEAD.size:
        return None
    magic, length, crc = _HEAD.unpack_from(data, offset)
    end = offset + _HEAD.size + length
    if magic != MAGIC or length > ENTRY_BYTES_MAX or end > len(data):
        return None
    body = data[offset + _HEAD.size : end]
    return body if zlib.crc32(body, zlib.crc32(data[offset + 4 : offset + 8])) == crc else None


def read_entry(path: Path, offset: int) -> SegmentHeader | SignedEntry | None:
    """The entry at an offset that `scan` gave; None where the file does not hold it any more. Raises: OSError."""
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(_HEAD.size)
        if len(data) == _HEAD.size:
            _, length, _ = _HEAD.unpack(data)
            data += file.read(min(length, ENTRY_BYTES_MAX))
    return next((entry for _, entry in scan_entries(data)), None)


def scan(data: bytes) -> Iterator[RawEntry | Damage]:
    """All entries of a segment's bytes in order, and the damage between them."""
    offset = 0
    while offset < len(data):
        body = _entry_at(data, offset)
        if body is not None:
            yield RawEntry(offset, body)
            offset += _HEAD.size + len(body)
            continue
        following = data.find(MAGIC, offset + 1)
        while following >= 0 and _entry_at(data, following) is None:
            following = data.find(MAGIC, following + 1)
        end = len(data) if following < 0 else following
        yield Damage(offset, end - offset, following < 0)
        offset = end


def scan_entries(data: bytes) -> Iterator[tuple[RawEntry | Damage, SegmentHeader | SignedEntry | None]]:
    """As `scan`, with what each entry holds; None for damage, and for a body that nobody can read (`startcity verify` names it)."""
    for found in scan(data):
        entry = None
        if isinstance(found, RawEntry):
            with suppress(WireError):
                entry = decode_body(found.body)
        yield found, entry


def decode_body(body: bytes) -> SegmentHeader | SignedEntry:
    """Read the body of an entry.

    Raises:
        WireError: `EntryShape`, or one of the CBOR errors.
    """
    value = cbor.decode(body)
    match value:
        case [
            1,
            str(gateway_id),
            int(lane),
            bytes(instance),
            int(first),
            bytes() | None as link,
            int() | None as ended,
        ]:
            if 0 <= lane <= 2 and len(instance) == 8 and first >= 1:
                return SegmentHeader(gateway_id, lane, instance, first, link, ended)
        case [int(number), bytes(signed), list(items)]:
            return SignedEntry(number, number, tuple(_received(item) for item in items), signed, False)
        case [int(number), bytes(signed), int(first), bytes()]:
            return SignedEntry(number, first, (), signed, True)
    raise WireError("EntryShape", "neither a header of version 1 nor [number, batch, received] nor a gap")


def _received(item: object) -> tuple[bytes, int, tuple[int, ...]]:
    match item:
        case [bytes(kid), int(floor), list(ranges)] if len(ranges) % 2 == 0 and all(
            type(edge) is int for edge in ranges
        ):
            return kid, floor, tuple(ranges)
    raise WireError("EntryShape", "a received list that is not [kid, floor, ranges]")
