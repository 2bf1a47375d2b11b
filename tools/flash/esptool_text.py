# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What esptool prints, read. Pure: text in, values out.

esptool's exit code is 0 or not, whatever happened, so its words decide. Texts: esptool 5.6.0.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tools.flash.chips import Chip, chip_of_title
from tools.flash.flash_fault import FlashFault

_CONNECTED = re.compile(r"^(?:Connected to|Detecting chip type\.\.\.) (ESP32\S*)", re.MULTILINE)
_TYPE = re.compile(r"^Chip type:\s+(.+?)(?: \(revision (v[\d.]+)\))?\s*$", re.MULTILINE)
_MAC = re.compile(r"^(?:BASE )?MAC:\s+((?:[0-9a-f]{2}:){5}[0-9a-f]{2})\b", re.MULTILINE | re.IGNORECASE)
_FLASH = re.compile(r"^Detected flash size: (\d+)(KB|MB)", re.MULTILINE)
_PROGRESS = re.compile(r"^Writing at (0x[0-9a-f]+).*?(\d+(?:\.\d+)?)\s?%")
_READ = re.compile(r"^Reading from (0x[0-9a-f]+).*?(\d+(?:\.\d+)?)\s?%")
_WRONG_CHIP = re.compile(r"This chip is (ESP\S+?), not (ESP\S+?)\.")
_REASON = re.compile(r"error occurred: (.+)")

# The first that is found counts: what is said later is often a consequence. Order matters.
_SIGNS: tuple[tuple[str, str], ...] = (
    ("No module named esptool", "no_tool"),
    ("Permission denied", "port_denied"),
    ("could not exclusively lock port", "port_busy"),
    ("Device or resource busy", "port_busy"),
    ("Resource temporarily unavailable", "port_busy"),
    ("MD5 of file does not match", "verify_failed"),
    ("Verification failed", "verify_failed"),
    ("Verify failed", "verify_failed"),
    ("Digest mismatch", "noise"),
    ("is not an ESP", "wrong_image"),
    ("requires chip revision", "wrong_image"),
    ("will not fit in", "flash_small"),
    ("Secure Boot", "protected"),
    ("flash encryption", "protected"),
    ("Active security features", "protected"),
    ("Secure Download Mode", "protected"),
    ("Failed to start stub flasher", "stub_failed"),
    ("Lost connection", "port_lost"),
    ("Broken pipe", "port_lost"),
    ("Connection reset by peer", "port_lost"),
    ("device reports readiness to read but returned no data", "port_lost"),
    ("Input/output error", "port_lost"),
    ("Device not configured", "port_lost"),
    ("No such device", "port_lost"),
    ("Failed to connect", "no_sync"),
    ("Failed to autodetect", "no_sync"),
    ("Wrong boot mode", "no_sync"),
    ("No serial data received", "no_sync"),
    ("No more data to read", "noise"),
    ("Invalid head of packet", "noise"),
    ("Invalid SLIP escape", "noise"),
    ("Packet content transfer stopped", "noise"),
    ("Response doesn't match request", "noise"),
    ("Corrupt data", "noise"),
    ("Failed to set baud rate", "noise"),
    ("No such file or directory", "port_missing"),
    ("Connection refused", "port_missing"),
    ("could not open port", "port_missing"),
    ("Could not configure port", "port_other"),
)


class Identity(NamedTuple):
    """A board, as it says of itself. `mac` is 12 hex digits: the node's id."""

    chip: Chip
    model: str
    revision: str
    flash_bytes: int
    mac: str


def read_identity(text: str) -> Identity:
    """Read what `esptool flash-id` has said.

    Raises:
        FlashFault: unknown_chip, flash_unknown, no_sync where the text says neither.
    """
    connected, named, mac, flash = (pattern.search(text) for pattern in (_CONNECTED, _TYPE, _MAC, _FLASH))
    if connected is None or mac is None:
        raise FlashFault("no_sync")
    chip = chip_of_title(connected[1])
    if chip is None:
        raise FlashFault("unknown_chip", found=connected[1])
    if flash is None:
        raise FlashFault("flash_unknown")
    flash_bytes = int(flash[1]) << (20 if flash[2] == "MB" else 10)
    model, revision = (named[1], named[2] or "") if named else (connected[1], "")
    return Identity(chip, model, revision, flash_bytes, plain_mac(mac[1]))


def read_mac(line: str) -> str | None:
    """The address in a line that states it, as 12 hex digits."""
    found = _MAC.search(line)
    return plain_mac(found[1]) if found else None


def plain_mac(text: str) -> str:
    return text.replace(":", "").lower()


def read_progress(line: str) -> tuple[int, float] | None:
    """(address, percent of this part) in a line that esptool prints while it writes or reads."""
    found = _PROGRESS.match(line) or _READ.match(line)
    return (int(found[1], 16), float(found[2])) if found else None


def classify(text: str, port: str) -> FlashFault:
    """What the text of a run that failed means."""
    chip = _WRONG_CHIP.search(text)
    if chip is not None:
        return FlashFault("wrong_chip", found=chip[1], wanted=chip[2])
    reason = _REASON.search(text)
    said = reason[1].strip().rstrip(".")[:200] if reason else (text.strip().splitlines() or ["?"])[-1].strip()[:200]
    lowered = text.lower()
    for sign, name in _SIGNS:
        if sign.lower() in lowered:
            return _made(name, port, said)
    return FlashFault("write_failed", reason=said)


def _made(name: str, port: str, said: str) -> FlashFault:
    if name == "no_tool":
        return FlashFault(name, tool="esptool")
    if name in ("wrong_image",):
        return FlashFault(name, file="-", reason=said)
    if name == "flash_small":
        return FlashFault("write_failed", reason=said)
    if name.startswith("port_"):
        return FlashFault(name, port=port)
    return FlashFault(name)
