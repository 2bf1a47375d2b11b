# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What tells the three chips apart: identity, eFuses, registers, and where their boot loader lies in flash."""

from __future__ import annotations

from typing import NamedTuple


class SpiRegisters(NamedTuple):
    """Addresses of the controller that the flash hangs on."""

    command: int
    address: int
    user1: int
    user2: int
    data: int  # 16 words


class Chip(NamedTuple):
    name: str  # as flashing tools call it
    title: str  # as MicroPython calls it
    chip_id: int  # of its security information, and of images made for it
    bootloader_offset: int  # in flash
    spi: SpiRegisters
    has_security_info: bool
    boot_text: str  # what its ROM prints first
    registers: dict[int, int]  # that do not depend on the board


def _spi(base: int, user1: int, user2: int, data: int) -> SpiRegisters:
    return SpiRegisters(base, base + 4, base + user1, base + user2, base + data)


CHIPS: dict[str, Chip] = {
    "esp32": Chip(
        "esp32",
        "ESP32",
        0,
        0x1000,
        _spi(0x3FF42000, 0x20, 0x24, 0x80),
        has_security_info=False,
        boot_text="ets Jul 29 2019 12:21:46",
        registers={
            0x40001000: 0x00F01D83,  # by this word of its ROM a tool knows it
            0x3FF5A00C: 1 << 9 | 1 << 15,  # package D0WD, revision bit 0
            0x3FF5A014: 1 << 20,  # revision bit 1
            0x3FF6607C: 1 << 31,  # revision bit 2: together revision 3.0
        },
    ),
    "esp32s3": Chip(
        "esp32s3",
        "ESP32S3",
        9,
        0,
        _spi(0x60002000, 0x1C, 0x20, 0x58),
        has_security_info=True,
        boot_text="ESP-ROM:esp32s3-20210327",
        registers={0x60007050: 2 << 18},  # revision 0.2
    ),
    "esp32c3": Chip(
        "esp32c3",
        "ESP32C3",
        5,
        0,
        _spi(0x60002000, 0x1C, 0x20, 0x58),
        has_security_info=True,
        boot_text="ESP-ROM:esp32c3-api1-20210207",
        registers={0x60008850: 4 << 18},  # revision 0.4
    ),
}
_MAC_AT = {"esp32": 0x3FF5A004, "esp32s3": 0x60007044, "esp32c3": 0x60008844}
UART_DIVIDER = 0x3FF40014  # of the ESP32: tools measure its crystal by it
CRYSTAL_HZ = 40_000_000


def efuses(chip: Chip, mac: bytes) -> dict[int, int]:
    """Registers of one board with this base address."""
    at = _MAC_AT[chip.name]
    high = int.from_bytes(mac[:2], "big")
    return {**chip.registers, at: int.from_bytes(mac[2:], "big"), at + 4: high}


def security_info(chip: Chip) -> bytes:
    """Flags, key purposes, chip and version: nothing is locked or encrypted."""
    return bytes(4) + bytes(1) + bytes(7) + chip.chip_id.to_bytes(4, "little") + bytes(4)
