# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A MicroPython image for an ESP32: boot loader, partition table and program in one file. Read and cut; pure.

The file is padded with 0xFF between its parts, also where the settings (NVS) are. Written as it is, it would wipe them each
time, and none of its parts could be skipped on a second try. So it is cut around the NVS partition, which is written by itself.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tools.flash.chips import CHIPS, Chip
from tools.flash.partition_table import (
    TABLE_BYTES,
    TABLE_OFFSET,
    Partition,
    TableError,
    files_of,
    nvs_of,
    parse_table,
    slots_of,
)

IMAGE_BYTES_MAX = 16 << 20
VERSION_MIN = (1, 26)  # of which the firmware is tried
_HEADER_MAGIC = 0xE9
_CHIP_AT = 12
_VERSION = re.compile(rb"v?(1\.\d{2}\.\d{1,2}(?:-preview(?:\.\d+)?)?)(?: on |-\d+-g|\0)")


class ImageError(ValueError):
    """These bytes are no such image; says why."""


class MicroPythonImage(NamedTuple):
    chip: Chip
    table: tuple[Partition, ...]
    data: bytes
    version: str  # as found in the program, or ""

    @property
    def slots(self) -> int:
        return slots_of(self.table)

    @property
    def is_too_old(self) -> bool:
        """Of a version that is known, and with which the firmware does not work."""
        return bool(self.version) and tuple(map(int, self.version.split(".")[:2])) < VERSION_MIN

    @property
    def nvs(self) -> Partition:
        nvs = nvs_of(self.table)
        assert nvs is not None, "read_image looked"
        return nvs

    def pieces(self) -> list[tuple[int, bytes]]:
        """(offset in flash, bytes) of what is written: everything but the NVS partition."""
        start, end = self.chip.image_offset, self.chip.image_offset + len(self.data)
        found = []
        for first, last in ((start, min(self.nvs.offset, end)), (max(self.nvs.end, start), end)):
            if first < last:
                found.append((first, self.data[first - start : last - start]))
        return found


def read_image(data: bytes) -> MicroPythonImage:
    """Read a file as micropython.org gives it.

    Raises:
        ImageError: it is another kind of file, for another chip, or cut short.
    """
    if len(data) > IMAGE_BYTES_MAX:
        raise ImageError("it is larger than 16 MB")
    if len(data) < TABLE_OFFSET or data[0] != _HEADER_MAGIC:
        raise ImageError("it does not begin with a boot loader")
    number = int.from_bytes(data[_CHIP_AT : _CHIP_AT + 2], "little")
    chip = next((chip for chip in CHIPS.values() if chip.image_id == number), None)
    if chip is None:
        raise ImageError(f"it is for a chip of number {number}")
    at = TABLE_OFFSET - chip.image_offset
    try:
        table = parse_table(data[at : at + TABLE_BYTES])
    except TableError as error:
        raise ImageError(str(error)) from error
    if nvs_of(table) is None:
        raise ImageError("its partition table has no place for settings (nvs)")
    programs = sorted(row.offset for row in table if row.kind == 0)
    if not programs or len(data) <= programs[0] - chip.image_offset:
        raise ImageError("it ends before its program")
    if data[programs[0] - chip.image_offset] != _HEADER_MAGIC:
        raise ImageError("no program begins where its partition table says")
    if chip.image_offset + len(data) > max(row.end for row in table):
        raise ImageError("it is longer than its partitions")
    version = _VERSION.search(data)
    return MicroPythonImage(chip, table, data, version[1].decode() if version else "")


def choose(
    images: list[MicroPythonImage], chip: Chip, flash_bytes: int, files_bytes_min: int, layout: str = "auto"
) -> MicroPythonImage | None:
    """The image for a board: for its chip, fitting its flash, with room for the files.

    `layout`: one-app, two-ota, or auto, which prefers two slots for updates over the air where the flash has the room.
    """
    fitting = []
    for image in images:
        files = files_of(image.table, flash_bytes)
        is_wanted = layout == "auto" or (image.slots >= 2) == (layout == "two-ota")
        if image.chip == chip and is_wanted and files is not None and files.size >= files_bytes_min:
            fitting.append(image)
    return max(fitting, key=lambda image: image.slots >= 2, default=None)
