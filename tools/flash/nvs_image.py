# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The NVS partition of a new node: its master, its id and its key generation; and the master read back from one.

Namespace `node`, names as in firmware/node_io/nvs.py:

    key          blob of 16 bytes: the master
    id           blob of 6 bytes: the board whose master it is
    generation   i32: 0

MicroPython reads no other types. The image is made by ESP-IDF's own generator.
"""

from __future__ import annotations

import binascii
import struct
from pathlib import Path

from tools.flash.flash_fault import FlashFault
from tools.flash.program import run_module

NAMESPACE = "node"
_PAGE_BYTES, _ENTRY_BYTES, _ENTRIES, _FIRST = 4096, 32, 126, 64
_WRITTEN = 0b10
_BLOB_DATA = 0x42
_LIMIT_S = 60


async def nvs_image(folder: Path, size: int, node_id: bytes, master: bytes) -> Path:
    """Make `nvs.bin` in `folder`, which is private: both it and the table that it is made of hold the master.

    Raises:
        FlashFault: no_tool, where the generator is missing or fails.
    """
    table, image = folder / "nvs.csv", folder / "nvs.bin"
    rows = (
        "key,type,encoding,value",
        f"{NAMESPACE},namespace,,",
        f"key,data,hex2bin,{master.hex()}",
        f"id,data,hex2bin,{node_id.hex()}",
        "generation,data,i32,0",
    )
    table.write_text("\n".join(rows) + "\n", encoding="ascii")
    ended = await run_module(
        *("esp_idf_nvs_partition_gen", "generate", str(table), str(image), hex(size)),
        limit_s=_LIMIT_S,
        silence_s=_LIMIT_S,
        folder=folder,
    )
    table.unlink()
    if ended.exit_code != 0 or not image.exists() or image.stat().st_size != size:
        raise FlashFault("no_tool", tool="esp-idf-nvs-partition-gen")
    return image


def read_key(data: bytes) -> bytes | None:
    """The blob `key` of 16 bytes in an NVS partition that was read from a board: the newest whose checksums hold. Else None.

    Source: ESP-IDF's documentation, "Non-volatile storage library", "Internals".
    """
    found: list[tuple[int, bytes]] = []
    for start in range(0, len(data) - _PAGE_BYTES + 1, _PAGE_BYTES):
        page = data[start : start + _PAGE_BYTES]
        number, crc = struct.unpack_from("<I", page, 4)[0], struct.unpack_from("<I", page, 28)[0]
        if crc != binascii.crc32(page[4:28], 0xFFFFFFFF):
            continue
        for index in range(_ENTRIES - 1):
            if page[32 + index // 4] >> index % 4 * 2 & 3 != _WRITTEN:
                continue
            at = _FIRST + index * _ENTRY_BYTES
            entry, body = page[at : at + _ENTRY_BYTES], page[at + _ENTRY_BYTES : at + 2 * _ENTRY_BYTES]
            if entry[1] != _BLOB_DATA or entry[2] != 2 or entry[8:24].rstrip(b"\0") != b"key":
                continue
            entry_crc, size = struct.unpack_from("<I", entry, 4)[0], struct.unpack_from("<H", entry, 24)[0]
            if entry_crc != binascii.crc32(entry[:4] + entry[8:], 0xFFFFFFFF) or size != 16:
                continue
            if struct.unpack_from("<I", entry, 28)[0] == binascii.crc32(body[:size], 0xFFFFFFFF):
                found.append((number * _ENTRIES + index, body[:size]))
    return max(found)[1] if found else None
