# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The entries of a segment file. Pure: bytes in, values out.

Theory of operation
-------------------
    Entry = "SCe1" | length: u32 | crc: u32 | body: `length` bytes, big-endian; crc is CRC-32 over length | body

A reader believes the CRC and nothing else. After damage it first believes the damaged entry's own length, because
usually only a few bytes are bad and the next entry stands where it says; only if no good entry stands there it looks
for the next marker. So bytes inside a batch that look like an entry are not mistaken for one while lengths are whole.

Format: docs/wire.md, 12.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import cbor2

from gateway_agent.errors import WireError
from gateway_agent.model import GatewayId, Kid, Lane, Received
from gateway_agent.wire import cbor

MARKER = b"SCe1"
HEAD_BYTES = 12
# A sealed batch is 64 KiB at most, and 4,096 frames of as many nodes add 24 bytes each at most.
BODY_BYTES_MAX = 1 << 18
FORMAT_VERSION = 1

_HEAD = struct.Struct(">4sII")
_U32 = struct.Struct(">I")
_ARRAY_OF_3 = 0x83


class Header(NamedTuple):
    """The first entry of a segment: whose it is, and where it stands in its lane.

    `first` is the number of the first batch that belongs here. An entry with the same or a higher number in a segment
    of the same instance with a lower serial is void: it was written, could not be synced, and was written again here.
    `link` is the SHA-256 of the batch before `first`; None where salvage could not know it.
    `ended` stands in the first segment of an instance: the number with which the lane's instance before it ended;
    entries of that one above it are void too. None elsewhere.
    """

    gateway_id: GatewayId
    lane: Lane
    instance: bytes
    first: int
    link: bytes | None
    ended: int | None = None


class BatchEntry(NamedTuple):
    """A sealed batch and the received numbers that commit with it."""

    number: int
    received: tuple[Received, ...]
    batch: bytes


class GapEntry(NamedTuple):
    """A signed gap in place of the batches `first` to `number`; `link` is what the next batch carries."""

    number: int
    first: int
    gap: bytes
    link: bytes


Entry = Header | BatchEntry | GapEntry


class NewerVersionError(Exception):
    """A segment of a later format: not damage, so it is left alone."""


class Piece(NamedTuple):
    """A good entry and where it stands: bytes `start` to `end` of its file."""

    start: int
    end: int
    entry: Entry


class Scan(NamedTuple):
    """What a file holds. `damage` are bad stretches with good entries behind; bad bytes from `good_end` are the tail."""

    pieces: list[Piece]
    damage: list[tuple[int, int]]
    good_end: int
    size: int

    @property
    def header(self) -> Header | None:
        """The segment's header, if it is readable and in its place."""
        if self.pieces and isinstance(self.pieces[0].entry, Header):
            return self.pieces[0].entry
        return None

    @property
    def tail_bytes(self) -> int:
        return self.size - self.good_end


def frame(body: bytes) -> bytes:
    """A body with marker, length and checksum before it."""
    length = len(body)
    crc = zlib.crc32(body, zlib.crc32(_U32.pack(length)))
    return _HEAD.pack(MARKER, length, crc) + body


def encode_header(header: Header) -> bytes:
    gateway_id, lane, instance, first, link, ended = header
    return frame(cbor.encode([FORMAT_VERSION, gateway_id, int(lane), instance, first, link, ended]))


def encode_batch(entry: BatchEntry) -> bytes:
    """Written by hand: this is the one encoder on the fast path, and a batch may name 100 nodes.

    The batch stands before the numbers, so that whoever only wants the batch need not walk through them.
    """
    head = cbor.head
    count = len(entry.received)
    parts = [b"\x83", cbor.encode_int(entry.number), head(2, len(entry.batch)), entry.batch, head(4, count)]
    for kid, floor, ranges in entry.received:
        parts += (b"\x83", head(2, len(kid)), kid, _int(floor), head(4, 2 * len(ranges)))
        for low, high in ranges:
            parts += (_int(low), _int(high))
    return frame(b"".join(parts))


_SMALL_INTS = [cbor.encode_int(number) for number in range(256)]


def _int(number: int) -> bytes:
    return _SMALL_INTS[number] if number < 256 else cbor.encode_int(number)


def encode_gap(entry: GapEntry) -> bytes:
    return frame(cbor.encode([entry.number, entry.gap, entry.first, entry.link]))


def decode_body(body: bytes) -> Entry:
    """Read the body of an entry whose checksum fits.

    Raises:
        NewerVersionError: a header of a later format.
        ValueError: none of the three kinds. Our own writer made no such thing.
    """
    try:
        # Our own bytes behind a good checksum: here a compiled decoder's speed counts, not the strictness of wire/.
        match cbor2.loads(body):
            case [
                1,
                str(gateway),
                int(lane),
                bytes(instance),
                int(first),
                bytes() | None as link,
                int() | None as ended,
            ]:
                return Header(GatewayId(gateway), Lane(lane), instance, first, link, ended)
            case [int(version), str(), *_] if version > FORMAT_VERSION:
                raise NewerVersionError(f"journal format {version}")
            case [int(number), bytes(batch), list(received)]:
                return BatchEntry(number, tuple(map(decode_received, received)), batch)
            case [int(number), bytes(gap), int(first), bytes(link)]:
                return GapEntry(number, first, gap, link)
    except (cbor2.CBORError, TypeError) as error:
        raise ValueError(str(error)) from error
    raise ValueError("no journal entry")


def decode_stored(body: bytes) -> Entry:
    """As `decode_body`, but a batch comes without its received numbers, at a tenth of the cost."""
    try:
        if body[0] == _ARRAY_OF_3:
            number, start = cbor.decode_first(body, 1)
            batch, _ = cbor.decode_first(body, start)
            if isinstance(number, int) and isinstance(batch, bytes):
                return BatchEntry(number, (), batch)
    except (WireError, IndexError) as error:
        raise ValueError(str(error)) from error
    return decode_body(body)


def encode_received(received: Received) -> list[object]:
    """`[kid, floor, [from, to, from, to, ...]]`, as in snapshots."""
    return [received.kid, received.floor, [number for pair in received.ranges for number in pair]]


def decode_received(item: object) -> Received:
    """The inverse of `encode_received`.

    Raises:
        ValueError: not of that form.
    """
    if type(item) is list and len(item) == 3:
        kid, floor, flat = item
        if type(kid) is bytes and type(floor) is int and type(flat) is list and len(flat) % 2 == 0:
            if len(flat) == 2:
                return Received(Kid(kid), floor, ((flat[0], flat[1]),))
            return Received(Kid(kid), floor, tuple(zip(flat[0::2], flat[1::2], strict=True)))
    raise ValueError("no received numbers")


def body_at(data: bytes, start: int, body_bytes_max: int = BODY_BYTES_MAX) -> bytes | None:
    """The body of the entry at `start`, or None if no whole entry with a fitting checksum stands there."""
    if start + HEAD_BYTES > len(data):
        return None
    marker, length, crc = _HEAD.unpack_from(data, start)
    end = start + HEAD_BYTES + length
    if marker != MARKER or length > body_bytes_max or end > len(data):
        return None
    body = data[start + HEAD_BYTES : end]
    if zlib.crc32(body, zlib.crc32(data[start + 4 : start + 8])) != crc:
        return None
    return body


def peek_length(data: bytes, start: int) -> int | None:
    """What the entry at `start` says that its body's length is; None without a marker. Not checked by the CRC."""
    if start + HEAD_BYTES > len(data) or data[start : start + 4] != MARKER:
        return None
    length: int = _U32.unpack_from(data, start + 4)[0]
    return length if length <= BODY_BYTES_MAX else None


def scan(data: bytes) -> Scan:
    """Find every good entry of a segment, whatever lies between them.

    Raises:
        NewerVersionError: a header of a later format.
    """
    pieces: list[Piece] = []
    damage: list[tuple[int, int]] = []
    position = good_end = 0
    while position < len(data):
        piece = _piece_at(data, position)
        if piece is None:
            position = _next_candidate(data, position)
            continue
        if piece.start > good_end:
            damage.append((good_end, piece.start))
        pieces.append(piece)
        position = good_end = piece.end
    return Scan(pieces, damage, good_end, len(data))


def _piece_at(data: bytes, start: int) -> Piece | None:
    body = body_at(data, start)
    if body is None:
        return None
    try:
        return Piece(start, start + HEAD_BYTES + len(body), decode_body(body))
    except ValueError:
        return None


def _next_candidate(data: bytes, start: int) -> int:
    """Where to look after a bad entry at `start`: where its own length points, if a good one is there; else a marker."""
    length = peek_length(data, start)
    if length is not None:
        end = start + HEAD_BYTES + length
        if body_at(data, end) is not None:
            return end
    found = data.find(MARKER, start + 1)
    return len(data) if found < 0 else found
