# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What can go wrong at the bench: a name for scripts, an exit code, what happened, and what to do.

The texts are English with placeholders; the command line looks the Italian up (startcity/words_flash_faults.py).
"""

from __future__ import annotations

from typing import NamedTuple

from tools.advice import NamedAdvice

OK, USAGE, NO_PORT, NOT_OPENED, NO_SYNC, WRONG_CHIP, NOT_WRITTEN, NOT_VERIFIED, NOT_TESTED, BAD_BUNDLE, SOME_FAILED = (
    *(0, 2, 10, 11, 12, 13, 14, 15, 16, 17, 20),
)


class Kind(NamedTuple):
    """`retryable`: the same board may succeed at once at another speed; otherwise a person has to do something first."""

    exit_code: int
    is_retryable: bool
    what: str
    todo: str


KINDS: dict[str, Kind] = {
    "no_port": Kind(
        NO_PORT,
        False,
        "No board's serial port was found.",
        "Plug the board in with a cable that carries data, or name its port with --port; `startcity flash doctor` looks why.",
    ),
    "port_missing": Kind(
        NO_PORT, False, "The port {port} does not exist.", "Look at the cable, and at the name: ls /dev/serial/by-id."
    ),
    "port_other": Kind(
        NO_PORT, False, "{port} is no serial port.", "Look at the name: `startcity flash doctor` lists boards' ports."
    ),
    "port_denied": Kind(
        NOT_OPENED,
        False,
        "The port {port} may not be opened by this user.",
        "Join the group dialout (sudo usermod -aG dialout $USER) and log in again, or install the udev rule.",
    ),
    "port_busy": Kind(
        NOT_OPENED,
        False,
        "Another program has the port {port}.",
        "Close it; `startcity flash doctor` says which one it is.",
    ),
    "no_sync": Kind(
        NO_SYNC,
        True,
        "The board does not answer.",
        "Hold its BOOT button, press RESET, let go of BOOT, and try again; then another cable.",
    ),
    "stub_failed": Kind(
        NO_SYNC,
        True,
        "The board's boot loader answers, but the loader that was sent to it does not run.",
        "Try a lower --baud, another cable and a better supply.",
    ),
    "wrong_chip": Kind(
        WRONG_CHIP,
        False,
        "The board is an {found}, not an {wanted}.",
        "Take the board that --chip names, or leave it out.",
    ),
    "unknown_chip": Kind(
        WRONG_CHIP,
        False,
        "The board's chip is not known here: {found}.",
        "ESP32, ESP32-S3 and ESP32-C3 can be flashed.",
    ),
    "other_board": Kind(
        WRONG_CHIP,
        False,
        "The board was exchanged: {found} answers instead of {wanted}.",
        "Leave each board on its port until its row says done, and start again.",
    ),
    "no_image": Kind(
        WRONG_CHIP,
        False,
        "There is no MicroPython image for {chip} with {flash_mb} MB of flash.",
        "Give one with --micropython, or a bundle that has one.",
    ),
    "wrong_image": Kind(
        WRONG_CHIP,
        False,
        "{file} is no MicroPython image that can be flashed: {reason}.",
        "Download the .bin of the board from micropython.org/download, not the .app-bin.",
    ),
    "flash_unknown": Kind(
        WRONG_CHIP,
        False,
        "The board does not say how large its flash is.",
        "Its flash does not answer: try again, then put the board aside.",
    ),
    "flash_small": Kind(
        WRONG_CHIP,
        False,
        "The flash of {flash_mb} MB leaves {room_kb} kB for files; {needed_kb} kB are needed.",
        "Take a board with more flash, or an image with one program slot.",
    ),
    "old_image": Kind(
        WRONG_CHIP,
        False,
        "The image is MicroPython {version}: the node's program needs {needed} or newer.",
        "Download a newer one from micropython.org/download.",
    ),
    "old_program": Kind(
        WRONG_CHIP,
        False,
        "The node's program that was given has no {file}, which this profile needs on an {chip}.",
        "Make the bundle anew, or give another --application.",
    ),
    "key_gone": Kind(
        WRONG_CHIP,
        False,
        "The board {mac} was flashed before, and the key that it got is not on it any more.",
        "With --again it becomes a new node with a new key; the vault then needs --replace.",
    ),
    "few_pins": Kind(
        WRONG_CHIP,
        False,
        "An {chip} has too few pins for the profile {profile}.",
        "Take a board with an ESP32 or ESP32-S3.",
    ),
    "no_pin_wake": Kind(
        WRONG_CHIP,
        False,
        "With MicroPython {version} no pin wakes an {chip}: a node of the profile {profile} would lose what it counts asleep.",
        "Take an image of MicroPython 1.27 or newer, or a board with an ESP32 or ESP32-S3.",
    ),
    "protected": Kind(
        WRONG_CHIP,
        False,
        "The chip refuses to be written: secure boot or flash encryption is on.",
        "Take a board whose fuses are not burnt.",
    ),
    "port_lost": Kind(
        NOT_WRITTEN,
        True,
        "The board vanished from {port}.",
        "Look at the cable, the hub and the supply; then start again, it goes on where it was.",
    ),
    "noise": Kind(
        NOT_WRITTEN,
        True,
        "Bytes were lost or changed on the line.",
        "Try a shorter cable, without a hub, or --baud 115200.",
    ),
    "time_out": Kind(
        NOT_WRITTEN,
        True,
        "The board stopped answering, and the time ran out.",
        "Try a shorter cable, without a hub, or --baud 115200.",
    ),
    "write_failed": Kind(
        NOT_WRITTEN,
        True,
        "The flash was not written: {reason}.",
        "Start again; if it happens twice, put the board aside.",
    ),
    "verify_failed": Kind(
        NOT_VERIFIED,
        True,
        "The flash does not hold what was written.",
        "The flash is worn out, or smaller than it says: put the board aside.",
    ),
    "no_prompt": Kind(
        NOT_TESTED,
        False,
        "MicroPython does not answer after the start.",
        "Press RESET and start again: what is written is not written twice.",
    ),
    "test_failed": Kind(
        NOT_TESTED,
        False,
        "The board's self-test failed: {reason}.",
        "Start again with --erase --again; if it happens twice, put the board aside.",
    ),
    "no_sensor": Kind(
        NOT_TESTED,
        False,
        "The sensor does not answer: {reason}.",
        "Look at its wires (docs of the profile), or leave --need-sensor out and mount it later.",
    ),
    "bundle_unreadable": Kind(
        BAD_BUNDLE, False, "{file} is no bundle: {reason}.", "Copy it again from where it was made."
    ),
    "bundle_signature": Kind(
        BAD_BUNDLE,
        False,
        "{file} was not signed with this key.",
        "Use the public key of who made it; if it is that one, do not use the bundle.",
    ),
    "bundle_changed": Kind(
        BAD_BUNDLE, False, "{file} was changed after it was signed: {part}.", "Do not use it; get a new copy."
    ),
    "download_changed": Kind(
        BAD_BUNDLE,
        False,
        "What {url} gives is not what was pinned: SHA-256 {found}.",
        "Do not use it; look at where the pin comes from.",
    ),
    "interrupted": Kind(SOME_FAILED, False, "It was interrupted.", "Start again: the board goes on where it was."),
    "no_tool": Kind(
        USAGE,
        False,
        "{tool} is not installed here.",
        "Install it: in the folder of startcity's sources, pip install '.[tools]'.",
    ),
    "busy_board": Kind(
        NOT_OPENED,
        False,
        "Another run is working on the board {mac}.",
        "Wait until it has ended.",
    ),
}


class FlashFault(NamedAdvice):
    """One of `KINDS`, with its values. `name`, `exit_code`, `is_retryable`; `template` holds what happened and what to do."""

    def __init__(self, name: str, /, **values: object) -> None:
        kind = KINDS[name]
        self.what, self.todo = kind.what, kind.todo
        super().__init__(name, kind.exit_code, f"{kind.what} {kind.todo}", **values)
        self.is_retryable = kind.is_retryable
