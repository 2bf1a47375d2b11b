# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What esptool says, read: the texts were taken down from runs of esptool 5.6.0."""

from __future__ import annotations

import string

import pytest

from startcity.words import ITALIAN
from tools.flash.esptool_text import classify, read_identity, read_mac, read_progress
from tools.flash.flash_fault import KINDS, FlashFault

IDENTITY = """esptool v5.6.0
Serial port /dev/ttyUSB0:
Connecting....
Detecting chip type... ESP32
Connected to ESP32 on /dev/ttyUSB0:
Chip type:          ESP32-D0WD-V3 (revision v3.0)
Features:           Wi-Fi, BT, Dual Core + LP Core, Coding Scheme None
Crystal frequency:  40MHz
MAC:                24:0A:c4:00:00:01

Flash Memory Information:
=========================
Manufacturer: ef
Device: 4016
Detected flash size: 4MB
"""


NOT_OPENED = (
    "Could not open P, the port is busy or doesn't exist.\n(%s)\n\nHint: Check if the port is correct and ESP connected"
)


def fatal(text: str) -> str:
    return f"esptool v5.6.0\nSerial port P:\n\nERROR: A fatal error occurred: {text}\n"


def test_an_identity_is_read_whole() -> None:
    """Chip, model, revision, size of the flash and address, as the steps after it need them."""
    found = read_identity(IDENTITY)
    assert (found.chip.name, found.model, found.revision) == ("esp32", "ESP32-D0WD-V3", "v3.0")
    assert (found.flash_bytes, found.mac) == (4 << 20, "240ac4000001")


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("ESP32 on", "ESP32-P4 on", "unknown_chip"),
        ("Detected flash size: 4MB", "Detected flash size: Unknown", "flash_unknown"),
        ("MAC:", "MAK:", "no_sync"),
    ],
)
def test_an_identity_that_is_not_whole_is_a_named_fault(old: str, new: str, name: str) -> None:
    """Nothing is guessed of a board that does not say what it is."""
    text = IDENTITY.replace("Detecting chip type... ESP32\n", "").replace(old, new)
    with pytest.raises(FlashFault) as caught:
        read_identity(text)
    assert caught.value.name == name


@pytest.mark.parametrize(
    ("text", "name", "exit_code", "is_retryable"),
    [
        (
            fatal(NOT_OPENED % "[Errno 2] could not open port P: [Errno 2] No such file or directory: 'P'"),
            *("port_missing", 10, False),
        ),
        (
            fatal(
                NOT_OPENED % "[Errno 11] Could not exclusively lock port P: [Errno 11] Resource temporarily unavailable"
            ),
            *("port_busy", 11, False),
        ),
        (
            fatal(NOT_OPENED % "[Errno 13] could not open port P: [Errno 13] Permission denied: 'P'"),
            *("port_denied", 11, False),
        ),
        (fatal("Failed to connect to ESP32: No serial data received."), "no_sync", 12, True),
        (fatal("Failed to start stub flasher. There was no response."), "stub_failed", 12, True),
        (fatal("This chip is ESP32-C3, not ESP32. Wrong chip argument?"), "wrong_chip", 13, False),
        (fatal("'/tmp/x.bin' is not an ESP32 image. Use --force to flash anyway."), "wrong_image", 13, False),
        (fatal("Secure Boot V1 detected, writing to flash regions < 0x8000 is disabled"), "protected", 13, False),
        (fatal("No more data to read from the serial port. This can have many causes"), "noise", 14, True),
        (fatal("Invalid head of packet (0x46): Possible serial noise or corruption."), "noise", 14, True),
        (
            "Lost connection, retrying...\nWaiting for the chip to reconnect.......\n\nERROR: A serial exception error occurred: "
            "[Errno 2] could not open port P: [Errno 2] No such file or directory: 'P'\n",
            *("port_lost", 14, True),
        ),
        (fatal("write failed: [Errno 32] Broken pipe"), "port_lost", 14, True),
        (
            fatal(NOT_OPENED % "Could not configure port: (25, 'Inappropriate ioctl for device')"),
            *("port_other", 10, False),
        ),
        (fatal("Something that nobody has seen."), "write_failed", 14, True),
        (fatal("MD5 of file does not match data in flash!"), "verify_failed", 15, True),
        ("/usr/bin/python3: No module named esptool\n", "no_tool", 2, False),
        ("", "write_failed", 14, True),
    ],
)
def test_each_failure_has_its_name_its_exit_code_and_whether_another_try_helps(
    text: str, name: str, exit_code: int, is_retryable: bool
) -> None:
    """The exit code of esptool is the same for all of them, so the words decide."""
    fault = classify(text, "P")
    assert (fault.name, fault.exit_code, fault.is_retryable) == (name, exit_code, is_retryable)
    assert "{" not in str(fault)


def test_progress_and_address_are_found_in_their_lines_only() -> None:
    """A bar of any look, and the address with which an exchanged board is noticed."""
    line = "Writing at 0x00012f03 ━━━━━━━━━━━━━                   43.7% 16.00kB/36.59kB [0s] "
    assert read_progress(line) == (0x12F03, 43.7)
    assert read_progress("Wrote 94544 bytes (37468 compressed) at 0x00001000 in 0.1 seconds") is None
    assert read_mac("MAC:                24:0a:c4:00:00:01") == "240ac4000001"
    assert read_mac("Serial port 24:0a:c4:00:00:01") is None


def test_every_fault_says_what_happened_and_what_to_do_in_both_languages() -> None:
    """No fault without advice, and the same placeholders in both."""

    def placeholders(text: str) -> set[str | None]:
        return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}

    for kind in KINDS.values():
        for text in (kind.what, kind.todo):
            assert text and placeholders(ITALIAN[text]) == placeholders(text)
