# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The LittleFS image of a board's file system.

MicroPython mounts an image only if it is exactly as large as the partition, so each is made for its board. The same files
give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

from tools.flash.flash_fault import FlashFault

BLOCK_BYTES = 4096
_DISK_VERSION = 0x0002_0000  # 2.0: MicroPython upgrades it at its first write, and older ones can read it
_SPARE_BYTES = 384 << 10  # for the queue (tools/node_files.py), the numbers, a second configuration and newer modules


def room_for(files: Mapping[str, bytes]) -> int:
    """How large the partition has to be, at least: a block for each folder and each file's end."""
    folders = {name.rpartition("/")[0] for name in files}
    blocks = sum(len(content) // BLOCK_BYTES + 1 for content in files.values()) + 2 * len(folders) + 2
    return blocks * BLOCK_BYTES + _SPARE_BYTES


def littlefs_image(size: int, files: Mapping[str, bytes]) -> bytes:
    """An image of exactly `size` bytes.

    Raises:
        FlashFault: flash_small, where the files do not fit.
    """
    if size % BLOCK_BYTES:
        raise ValueError(f"{size} bytes are no whole number of blocks")
    from littlefs import LittleFS, LittleFSError  # noqa: PLC0415  (of the bench only)

    system = LittleFS(
        block_size=BLOCK_BYTES,
        block_count=size // BLOCK_BYTES,
        read_size=32,
        prog_size=32,
        cache_size=128,
        lookahead_size=32,
        disk_version=_DISK_VERSION,
    )
    try:
        for name in sorted(files):
            folder = name.rpartition("/")[0]
            if folder:
                system.makedirs(folder, exist_ok=True)
            with system.open(name, "wb") as file:
                file.write(files[name])
    except LittleFSError as error:
        raise FlashFault(
            "flash_small", flash_mb="?", room_kb=size // 1024, needed_kb=room_for(files) // 1024
        ) from error
    return bytes(system.context.buffer)
