# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A stand-in for a MicroPython image: it has the layout of the ESP32 port's firmware.bin and no program in it.

The virtual board runs MicroPython by itself as soon as its flash holds a boot loader, a partition table and a program image for its chip. A
real MicroPython image does the same there. On a real board a stand-in is refused by the boot loader or does nothing: it is for tests.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Literal

from simulators.rom import boot_image, partitions
from simulators.rom.chips import CHIPS
from simulators.rom.partitions import APP, DATA, Partition

Layout = Literal["one-app", "two-ota"]
LAYOUTS: dict[Layout, tuple[Partition, ...]] = {
    "one-app": (
        Partition("nvs", DATA, partitions.NVS, 0x9000, 0x6000),
        Partition("phy_init", DATA, partitions.PHY, 0xF000, 0x1000),
        Partition("factory", APP, partitions.FACTORY, 0x10000, 0x1F0000),
    ),
    "two-ota": (
        Partition("nvs", DATA, partitions.NVS, 0x9000, 0x4000),
        Partition("otadata", DATA, partitions.OTA_DATA, 0xD000, 0x2000),
        Partition("phy_init", DATA, partitions.PHY, 0xF000, 0x1000),
        Partition("ota_0", APP, partitions.OTA_0, 0x10000, 0x180000),
        Partition("ota_1", APP, partitions.OTA_1, 0x190000, 0x180000),
    ),
}
_DESCRIPTION = struct.Struct("<II8x32s32s16s16s32s32s80x")  # esp_app_desc_t
_DESCRIPTION_MAGIC = 0xABCD5432
_APP_OFFSET = 0x10000


def _filler(seed: str, length: int) -> bytes:
    """Bytes that do not compress, the same ones for the same seed."""
    blocks = (hashlib.sha256(f"{seed} {number}".encode()).digest() for number in range(-(-length // 32)))
    return b"".join(blocks)[:length]


def stand_in(chip: str, layout: Layout = "one-app", *, app_bytes: int = 0x8000, version: str = "stand-in") -> bytes:
    """What is to be written at the chip's `bootloader_offset`: boot loader, table, program, gaps filled with 0xFF.

    Args:
        chip: a name of `CHIPS`.
        layout: one program, or two slots for updates over the air.
        app_bytes: of the program's content, a multiple of four.
        version: as the program describes itself.
    """
    kind = CHIPS[chip]
    description = _DESCRIPTION.pack(
        _DESCRIPTION_MAGIC,
        0,
        version.encode(),
        b"stand-in, no program",
        b"00:00:00",
        b"Jan  1 2026",
        b"v5.5",
        bytes(32),
    )
    parts = {
        kind.bootloader_offset: boot_image.build(kind.chip_id, [(0x3FFF0030, _filler(f"{chip} boot loader", 0x1000))]),
        partitions.TABLE_OFFSET: partitions.build(list(LAYOUTS[layout])),
        _APP_OFFSET: boot_image.build(
            kind.chip_id, [(0x3F400020, description + _filler(f"{chip} {version}", app_bytes))]
        ),
    }
    image = bytearray()
    for offset, part in sorted(parts.items()):
        image.extend(b"\xff" * (offset - kind.bootloader_offset - len(image)))
        image.extend(part)
    return bytes(image)
