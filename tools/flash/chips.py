# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The chips that can be flashed, and what differs between them."""

from __future__ import annotations

from typing import NamedTuple


class Chip(NamedTuple):
    """Source: esptool's documentation, "Firmware image format"; MicroPython's ports/esp32/boards."""

    name: str  # as esptool calls it
    title: str
    image_id: int  # in an image's header
    image_offset: int  # in flash, where MicroPython's one image begins
    architecture: str  # of mpy-cross


CHIPS: dict[str, Chip] = {
    "esp32": Chip("esp32", "ESP32", 0, 0x1000, "xtensawin"),
    "esp32s3": Chip("esp32s3", "ESP32-S3", 9, 0, "xtensawin"),
    "esp32c3": Chip("esp32c3", "ESP32-C3", 5, 0, "rv32imc"),
}
ARCHITECTURES = tuple(sorted({chip.architecture for chip in CHIPS.values()}))


def chip_of_title(title: str) -> Chip | None:
    """ "ESP32-S3" -> its row."""
    return CHIPS.get(title.lower().replace("-", ""))
