# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""ESP-IDF's partition table: 32 bytes a row, and where MicroPython's file system begins. Pure.

Source: ESP-IDF's documentation, "Partition Tables", and MicroPython's ports/esp32/main.c for the file system.
"""

from __future__ import annotations

import hashlib
import itertools
import struct
from typing import NamedTuple

TABLE_OFFSET = 0x8000
TABLE_BYTES = 0xC00
SECTOR_BYTES = 4096
APP, DATA = 0, 1
OTA_DATA, NVS = 0, 2
_FIRST_OTA, _LAST_OTA = 0x10, 0x1F
_ROW = struct.Struct("<HBBII16sI")
_ROW_MAGIC = 0x50AA
_DIGEST_MARK = b"\xeb\xeb" + b"\xff" * 14


class TableError(ValueError):
    """These bytes are no partition table; says why."""


class Partition(NamedTuple):
    label: str
    kind: int
    subtype: int
    offset: int
    size: int

    @property
    def end(self) -> int:
        return self.offset + self.size


class Region(NamedTuple):
    """A piece of flash."""

    offset: int
    size: int


def parse_table(data: bytes) -> tuple[Partition, ...]:
    """Read the bytes at `TABLE_OFFSET`.

    Raises:
        TableError: no rows, a row that is none, a wrong digest, rows outside sectors or over one another.
    """
    rows: list[Partition] = []
    for at in range(0, min(len(data), TABLE_BYTES) - _ROW.size + 1, _ROW.size):
        row = data[at : at + _ROW.size]
        if row.startswith(_DIGEST_MARK):
            if hashlib.md5(data[:at], usedforsecurity=False).digest() != row[16:]:
                raise TableError("the partition table's digest is wrong")
            break
        if row == b"\xff" * _ROW.size:
            break
        magic, kind, subtype, offset, size, label, _flags = _ROW.unpack(row)
        if magic != _ROW_MAGIC:
            raise TableError("there is no partition table at 0x8000")
        if offset % SECTOR_BYTES or size % SECTOR_BYTES or not size:
            raise TableError("a partition does not begin and end with a sector")
        rows.append(Partition(label.rstrip(b"\0").decode("ascii", "replace"), kind, subtype, offset, size))
    if not rows:
        raise TableError("there is no partition table at 0x8000")
    ordered = sorted(rows, key=lambda row: row.offset)
    if any(a.end > b.offset for a, b in itertools.pairwise(ordered)):
        raise TableError("two partitions overlap")
    return tuple(rows)


def nvs_of(table: tuple[Partition, ...]) -> Partition | None:
    """The first one for settings."""
    return next((row for row in table if (row.kind, row.subtype) == (DATA, NVS)), None)


def slots_of(table: tuple[Partition, ...]) -> int:
    """How many program slots for updates over the air there are; 0 where the one program has none beside it."""
    return sum(1 for row in table if row.kind == APP and _FIRST_OTA <= row.subtype <= _LAST_OTA)


def files_of(table: tuple[Partition, ...], flash_bytes: int) -> Region | None:
    """Where MicroPython puts its file system: the row `vfs`, else from the last partition's end to the end of the flash that it
    detects. None where nothing is left, or where the table reaches beyond the flash."""
    last = max(row.end for row in table)
    if last > flash_bytes:
        return None
    for row in table:
        if row.kind == DATA and row.label == "vfs":
            return Region(row.offset, row.size)
    return Region(last, flash_bytes - last) if last < flash_bytes else None
