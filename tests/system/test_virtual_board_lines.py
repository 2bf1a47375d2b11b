# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The virtual board over RFC 2217: DTR and RTS lead it into the boot loader and out of it, as the usual circuit does."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
import serial

from simulators.rom.board import VirtualBoard
from simulators.rom.loader import SYNC_FRAME
from simulators.rom.stand_in import stand_in
from tests.support.board_tools import esptool, mpremote, until_it_says
from tests.system.test_virtual_board import prepare


def lead(port: str) -> list[str]:
    """Into the boot loader and out again with pyserial; what was seen on the way."""
    seen = []
    with serial.serial_for_url(port, timeout=0.1) as line:

        def read_until(part: bytes, timeout_s: float = 10) -> bytes:
            end_s, said = time.monotonic() + timeout_s, b""
            while part not in said and time.monotonic() < end_s:
                said += line.read(4096)
            return said

        line.write(SYNC_FRAME)
        seen.append("deaf" if b"\xc0\x01\x08" not in read_until(b"\xc0\x01\x08", 0.3) else "answered")
        line.dtr = False
        line.rts = True  # held in reset
        line.dtr = True
        line.rts = False  # released with the boot pin low
        seen.append("download" if b"waiting for download" in read_until(b"waiting for download") else "nothing")
        line.write(SYNC_FRAME)
        seen.append("answered" if b"\xc0\x01\x08" in read_until(b"\xc0\x01\x08") else "deaf")
        line.dtr = False
        line.rts = True
        line.rts = False  # released with the boot pin high
        seen.append("application" if b'Type "help()"' in read_until(b'Type "help()"') else "nothing")
    return seen


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # of pyserial 3.5
async def test_the_control_lines_choose_between_boot_loader_and_application(tmp_path: Path) -> None:
    """A running application is not stopped by a synchronisation frame there, only by the lines."""
    prepare(tmp_path / "flash.bin")
    async with VirtualBoard(tmp_path / "flash.bin", rfc2217_port=0) as board:
        assert await board.wait_for_line('Type "help()"')
        seen = await asyncio.to_thread(lead, board.port)
        assert seen == ["deaf", "download", "answered", "application"]
        assert board.history[-4:] == ["reset", "download", "reset", "application"]


@pytest.mark.proof
async def test_esptool_and_mpremote_over_rfc2217(tmp_path: Path) -> None:
    """The real programs reset the board by the lines, write by the stub, and find the application."""
    image = tmp_path / "stand-in.bin"
    image.write_bytes(stand_in("esp32s3"))
    async with VirtualBoard(tmp_path / "flash.bin", chip="esp32s3", rfc2217_port=0) as board:
        said = await esptool(board.port, "write-flash", "0", image, timeout_s=110)
        assert "Hash of data verified" in said and "NOT reset" not in said
        assert board.history[-4:] == ["reset", "download", "reset", "application"]
        await until_it_says(board)
        assert "boot.py" in await mpremote(board.port, "fs", "ls")
        assert "ESP32S3" in await mpremote(board.port, "exec", "import os; print(os.uname().machine)")
