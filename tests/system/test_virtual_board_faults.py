# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the real esptool makes of each fault of the virtual board, and that the board is well again afterwards."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from simulators.rom import faults as named
from simulators.rom.board import VirtualBoard
from simulators.rom.faults import Faults
from simulators.rom.stand_in import stand_in
from tests.support.board_tools import Done, esptool, run_tool

AT = 0x200000
IMAGE = os.urandom(4096)
BLOCKS = 4  # of the ROM


def make(folder: Path, fault: str, chip: str = "esp32", mac: str = "240ac4000001") -> VirtualBoard:
    faults = Faults()
    named.apply(faults, fault, chip=chip, size_mb=4)
    (folder / "image.bin").write_bytes(IMAGE)
    return VirtualBoard(folder / "flash.bin", chip=chip, mac=mac, link=folder / "tty", faults=faults)


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


@pytest.mark.proof  # esptool waits six seconds
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
    async with make(tmp_path, "slow:ms=15") as board:
        before_s = time.monotonic()
        assert (await write(board, "--no-stub")).code == 0
        assert time.monotonic() - before_s > 30 * 0.015  # a run has more than thirty commands
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


@pytest.mark.proof
async def test_eight_boards_at_once_with_faults_on_three(tmp_path: Path) -> None:
    """Three kinds of chips, one esptool each, all at the same time: the five good ones are written and start, the others fail each in its
    own way, and all three are good after one more try."""
    faults = {1: "lost-reply:after=2", 4: "wrong-md5", 6: "gone:after=1"}
    chips = ("esp32", "esp32s3", "esp32c3")
    boards = []
    for number in range(8):
        folder = tmp_path / str(number)
        folder.mkdir()
        chip = chips[number % 3]
        board = make(folder, faults.get(number, "slow:ms=0"), chip, f"240ac40000{number:02x}")
        (folder / "image.bin").write_bytes(stand_in(chip, version=f"board {number}"))
        boards.append(board)

    async def flash(board: VirtualBoard) -> int:
        image = board.flash.with_name("image.bin")
        at = hex(board.chip.bootloader_offset)
        return (await run_tool("esptool", "--port", board.port, "--baud", "921600", "write-flash", at, image)).code

    try:
        await asyncio.gather(*(board.start() for board in boards))
        codes = await asyncio.gather(*map(flash, boards))
        assert [number for number, code in enumerate(codes) if code] == list(faults), codes
        await boards[6].plug_in()
        assert await asyncio.gather(*(flash(boards[number]) for number in faults)) == [0, 0, 0]
        for board in boards:
            assert await board.wait_for_line("Performing initial setup"), list(board.lines)
            image = board.flash.with_name("image.bin").read_bytes()
            at = board.chip.bootloader_offset
            assert board.flash.read_bytes()[at : at + len(image)][:0x8000] == image[:0x8000]
    finally:
        await asyncio.gather(*(board.stop() for board in boards))
