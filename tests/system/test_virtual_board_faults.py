# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the real esptool makes of each fault of the virtual board, and that the board is well again afterwards."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from simulators.rom import faults as named
from simulators.rom.board import VirtualBoard
from simulators.rom.faults import Faults
from tests.support.board_tools import Done, esptool, run_tool

AT = 0x200000
IMAGE = os.urandom(4096)
BLOCKS = 4  # of the ROM


def make(folder: Path, fault: str) -> VirtualBoard:
    faults = Faults()
    named.apply(faults, fault, chip="esp32", size_mb=4)
    (folder / "image.bin").write_bytes(IMAGE)
    return VirtualBoard(folder / "flash.bin", link=folder / "tty", faults=faults)


async def write(board: VirtualBoard, *options: str) -> Done:
    image = board.flash.with_name("image.bin")
    return await run_tool("esptool", "--port", board.port, *options, "write-flash", hex(AT), image)


def written(board: VirtualBoard, at: int = AT) -> bool:
    return board.flash.read_bytes()[at : at + len(IMAGE)] == IMAGE


@pytest.mark.parametrize(
    ("fault", "code", "text"),
    [
        ("lost-reply:after=1", 2, "No more data to read from the serial port"),
        ("bad-checksum:after=1", 0, "Hash of data verified"),
        ("wrong-md5", 2, "MD5 of file does not match data in flash"),
    ],
)
async def test_a_fault_that_passes(fault: str, code: int, text: str, tmp_path: Path) -> None:
    """esptool repeats a block that was refused, and gives up on a lost answer or a wrong digest; the next run succeeds."""
    async with make(tmp_path, fault) as board:
        first = await write(board, "--no-stub")
        assert first.code == code, first.text
        assert text in first.text
        if code:
            second = await write(board, "--no-stub")
            assert second.code == 0, second.text
        assert written(board)


async def test_the_port_vanishes_in_the_middle_and_comes_back(tmp_path: Path) -> None:
    """esptool waits some seconds for it and fails (with 1, its other code); the name is gone, half is written; plugged in again the
    board can be written."""
    async with make(tmp_path, "gone:after=2") as board:
        failed = await write(board, "--no-stub")
        assert failed.code == 1 and "could not open port" in failed.text, failed.text
        assert board.state == "off" and not Path(board.port).is_symlink()
        content = board.flash.read_bytes()[AT : AT + len(IMAGE)]
        assert content[:2048] == IMAGE[:2048] and content[2048:] == b"\xff" * 2048
        await board.plug_in()
        again = await write(board, "--no-stub")
        assert again.code == 0 and written(board)


async def test_the_port_comes_back_by_itself(tmp_path: Path) -> None:
    """After as long as the fault says: esptool finds it again under its name, and begins once more."""
    async with make(tmp_path, "gone:after=2,back=0.05") as board:
        done = await write(board, "--no-stub")
        assert done.code == 0 and "Lost connection, retrying" in done.text, done.text
        assert written(board) and board.history.count("off") == 1


async def test_another_chip_answers(tmp_path: Path) -> None:
    """esptool refuses to write what was meant for the chip that it was told."""
    async with make(tmp_path, "wrong-chip") as board:
        done = await write(board, "--no-stub", "--chip", "esp32")
        assert done.code == 2 and "ESP32-C3" in done.text, done.text
        assert not written(board)


async def test_a_slow_board_is_slow_and_right(tmp_path: Path) -> None:
    """Every answer is late: the time adds up, the content is the same."""
    async with make(tmp_path, "slow:ms=30") as board:
        before_s = time.monotonic()
        assert (await write(board, "--no-stub")).code == 0
        assert time.monotonic() - before_s > 30 * 0.03  # a run has more than thirty commands
        assert written(board)


async def test_a_flash_that_is_smaller_than_it_says_wraps_around(tmp_path: Path) -> None:
    """What is written beyond its end lands at its beginning, and its digest is right there too: only a look at the whole tells."""
    async with make(tmp_path, "full") as board:
        assert "Detected flash size: 4MB" in await esptool(board.port, "--no-stub", "flash-id")
        assert (await write(board, "--no-stub")).code == 0
        assert written(board, at=0) and not written(board)


async def test_a_silent_port_answers_nothing(tmp_path: Path) -> None:
    """esptool says so, with the code that it has for everything."""
    async with make(tmp_path, "silent") as board:
        done = await write(board, "--no-stub", "--connect-attempts", "1")
        assert done.code == 2 and "No serial data received" in done.text, done.text
