# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The partition table of ESP-IDF, at 0x8000 of the flash: 32 bytes an entry, an MD5 of the entries behind the last one."""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

TABLE_OFFSET = 0x8000
TABLE_BYTES = 0xC00
APP = 0x00
DATA = 0x01
FACTORY = 0x00
OTA_0 = 0x10
OTA_1 = 0x11
OTA_DATA = 0x00
PHY = 0x01
NVS = 0x02

_ENTRY = struct.Struct("<HBBII16sI")
_MAGIC = 0x50AA
_MD5_MARK = b"\xeb\xeb" + b"\xff" * 14
_SECTOR_BYTES = 4096


class TableError(Exception):
    """There is no readable partition table."""


class Partition(NamedTuple):
    label: str
    kind: int
    subtype: int
    offset: int
    size: int  # bytes

    @property
    def end(self) -> int:
        return self.offset + self.size


def parse(table: bytes) -> list[Partition]:
    """The entries, in their order.

    Raises:
        TableError: no entry, an entry that is none, or another digest than the table says.
    """
    found: list[Partition] = []
    for at in range(0, min(len(table), TABLE_BYTES) - _ENTRY.size + 1, _ENTRY.size):
        entry = table[at : at + _ENTRY.size]
        if entry.startswith(_MD5_MARK):
            if hashlib.md5(table[:at], usedforsecurity=False).digest() != entry[16:]:
                raise TableError("the partition table's digest does not fit its entries")
            break
        if entry == b"\xff" * _ENTRY.size:
            break
        magic, kind, subtype, offset, size, label, _ = _ENTRY.unpack(entry)
        if magic != _MAGIC:
            raise TableError(f"entry {len(found)} of the partition table has the magic {magic:#06x}")
        found.append(Partition(label.rstrip(b"\0").decode("ascii", "replace"), kind, subtype, offset, size))
    if not found:
        raise TableError("the partition table is empty")
    return found


def build(entries: list[Partition]) -> bytes:
    """The table as it lies in flash, padded to `TABLE_BYTES`."""
    rows = b"".join(
        _ENTRY.pack(_MAGIC, entry.kind, entry.subtype, entry.offset, entry.size, entry.label.encode("ascii"), 0)
        for entry in entries
    )
    table = rows + _MD5_MARK + hashlib.md5(rows, usedforsecurity=False).digest()
    return table.ljust(TABLE_BYTES, b"\xff")


def find(entries: list[Partition], kind: int, subtype: int) -> Partition | None:
    """The first of this kind."""
    return next((entry for entry in entries if (entry.kind, entry.subtype) == (kind, subtype)), None)


def file_system(entries: list[Partition], flash_bytes: int) -> tuple[int, int] | None:
    """(offset, bytes) of the file system: the entry `vfs`, or else, as the ESP32 port does, from the end of the last partition to the end
    of the flash. None where nothing is left."""
    for entry in entries:
        if entry.label == "vfs":
            return entry.offset, entry.size
    start = -(-max(entry.end for entry in entries) // _SECTOR_BYTES) * _SECTOR_BYTES
    return (start, flash_bytes - start) if start < flash_bytes else None
