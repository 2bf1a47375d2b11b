# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Program images as the ROM and the second boot loader read them: a header with the magic 0xE9, segments, a checksum, a SHA-256."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

MAGIC = 0xE9
_HEADER = struct.Struct(
    "<BBBBI4sHB2H4xB"
)  # magic, segments, mode, size and speed, entry, pins, chip, revisions, hash appended
_SEGMENT = struct.Struct("<II")
_CHECKSUM_SEED = 0xEF
_SEGMENTS_MAX = 16
_SEGMENT_BYTES_MAX = 16 << 20

Read = Callable[[int, int], bytes]  # offset, length -> bytes, fewer at the end


def build(chip_id: int, segments: list[tuple[int, bytes]], *, entry: int = 0x40080000) -> bytes:
    """An image of (address, data) segments, each of a multiple of four bytes; DIO, 40 MHz, 4 MB, as the port's are."""
    image = _HEADER.pack(MAGIC, len(segments), 2, 0x20, entry, b"\xee" + bytes(3), chip_id, 0, 0, 0xFFFF, 1)
    checksum = _CHECKSUM_SEED
    for address, data in segments:
        image += _SEGMENT.pack(address, len(data)) + data
        for byte in data:
            checksum ^= byte
    image += bytes(15 - len(image) % 16) + bytes([checksum])
    return image + hashlib.sha256(image).digest()


def is_bootable(read: Read, offset: int, chip_id: int) -> bool:
    """Whether a whole image for this chip lies there."""
    header = read(offset, _HEADER.size)
    if len(header) < _HEADER.size:
        return False
    magic, count, _, _, _, _, image_chip_id, _, _, _, has_hash = _HEADER.unpack(header)
    if magic != MAGIC or image_chip_id != chip_id or not 0 < count <= _SEGMENTS_MAX:
        return False
    at = offset + _HEADER.size
    checksum = _CHECKSUM_SEED
    for _ in range(count):
        head = read(at, _SEGMENT.size)
        if len(head) < _SEGMENT.size:
            return False
        length = _SEGMENT.unpack(head)[1]
        if length > _SEGMENT_BYTES_MAX:
            return False
        data = read(at + _SEGMENT.size, length)
        if len(data) < length:
            return False
        checksum ^= _xor(data)
        at += _SEGMENT.size + length
    at += 15 - (at - offset) % 16
    if read(at, 1) != bytes([checksum]):
        return False
    at += 1
    return not has_hash or read(at, 32) == hashlib.sha256(read(offset, at - offset)).digest()


def _xor(data: bytes) -> int:
    """All bytes XORed, by halves: a megabyte byte by byte would take a fifth of a second."""
    while len(data) > 1:
        half = (len(data) + 1) // 2
        first = int.from_bytes(data[:half], "little")
        data = (first ^ int.from_bytes(data[half:], "little")).to_bytes(half, "little")
    return data[0] if data else 0
