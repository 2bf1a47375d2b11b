# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The real esptool and the real mpremote against the virtual board, on a pseudo-terminal."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulators.rom.board import VirtualBoard
from simulators.rom.chips import CHIPS
from simulators.rom.nor_flash import make_blank
from simulators.rom.stand_in import stand_in
from tests.support.board_tools import PROMPT, esptool, littlefs_image, mpremote, restart, run_tool, until_it_says

FILES_AT = 0x200000  # behind the stand-in's last partition
FILES_BYTES = 0x200000
APP_BYTES = 0x1000
TITLES = {"esp32": "ESP32-D0WD-V3 (revision v3.0)", "esp32s3": "ESP32-S3 (QFN56)", "esp32c3": "ESP32-C3 (QFN32)"}


def prepare(path: Path, chip: str = "esp32", files: dict[str, bytes] | None = None) -> None:
    """A flash as if the stand-in, and a file system where there are files, had been written to it."""
    make_blank(path, 4)
    with path.open("r+b") as flash:
        flash.seek(CHIPS[chip].bootloader_offset)
        flash.write(stand_in(chip, app_bytes=APP_BYTES))
        if files is not None:
            flash.seek(FILES_AT)
            flash.write(littlefs_image(FILES_BYTES, files))


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[VirtualBoard]:
    """A board at the prompt of MicroPython, with an empty file system."""
    prepare(tmp_path / "flash.bin")
    async with VirtualBoard(tmp_path / "flash.bin", link=tmp_path / "tty") as made:
        await until_it_says(made)
        yield made


@pytest.mark.parametrize("chip", CHIPS)
async def test_esptool_identifies_a_blank_board(chip: str, tmp_path: Path) -> None:
    """Chip, revision, base address and size of the flash, by the ROM alone; and the ROM of a blank board says that it finds nothing."""
    made = VirtualBoard(tmp_path / "flash.bin", chip=chip, size_mb=8, mac="240ac4a1b2c3", link=tmp_path / "tty")
    async with made as board:
        text = await esptool(board.port, "--no-stub", "flash-id")
        assert TITLES[chip] in text
        assert "24:0a:c4:a1:b2:c3" in text
        assert "Detected flash size: 8MB" in text
        assert await board.wait_for_line("invalid header: 0xffffffff")
        assert board.state == "unbootable"


@pytest.mark.parametrize(("chip", "loader"), [("esp32", ("--no-stub",)), ("esp32c3", ("--baud", "921600"))])
async def test_esptool_writes_and_verifies_and_the_board_starts_what_was_written(
    chip: str, loader: tuple[str, ...], tmp_path: Path
) -> None:
    """By ROM and by stub: every byte in its place, the rest still erased, and MicroPython at the prompt afterwards."""
    image = tmp_path / "stand-in.bin"
    image.write_bytes(stand_in(chip, app_bytes=APP_BYTES))
    flash = tmp_path / "flash.bin"
    async with VirtualBoard(flash, chip=chip, link=tmp_path / "tty") as board:
        offset = board.chip.bootloader_offset
        assert "Hash of data verified" in await esptool(board.port, *loader, "write-flash", hex(offset), image)
        content = flash.read_bytes()
        assert content[offset : offset + image.stat().st_size] == image.read_bytes()
        end = offset + image.stat().st_size
        assert content[end:FILES_AT] == b"\xff" * (FILES_AT - end)  # behind it the board may have begun its file system
        assert await board.wait_for_line("Performing initial setup"), list(board.lines)
        assert await board.wait_for_line('Type "help()"')
        assert board.state == "application"
        verified = await esptool(board.port, *loader, "verify-flash", hex(offset), image)
        assert "Verification successful" in verified


async def test_esptool_skips_reads_back_and_erases(board: VirtualBoard, tmp_path: Path) -> None:
    """What is there already is not written again; what is read is what the file holds; erased sectors are 0xFF and no others."""
    image = tmp_path / "image.bin"
    image.write_bytes(os.urandom(10_000))
    await esptool(board.port, "write-flash", "0x300000", image)
    skipped = await esptool(board.port, "write-flash", "--skip-flashed", "0x300000", image)
    assert "skipping write" in skipped
    await esptool(board.port, "read-flash", "0x300000", "12288", tmp_path / "read.bin")
    assert (tmp_path / "read.bin").read_bytes() == image.read_bytes() + b"\xff" * 2288
    await esptool(board.port, "erase-region", "0x301000", "0x1000")
    content = board.flash.read_bytes()
    assert content[0x300000:0x301000] == image.read_bytes()[:4096]
    assert content[0x301000:0x302000] == b"\xff" * 4096
    assert content[0x302000:0x302710] == image.read_bytes()[8192:]
    await esptool(board.port, "erase-flash")
    assert board.flash.read_bytes() == b"\xff" * len(content)
    assert await board.wait_for(lambda found: found.state == "unbootable")


async def test_mpremote_works_with_files_and_programs(board: VirtualBoard, tmp_path: Path) -> None:
    """cp both ways, sha256sum, ls, cat, mkdir, rm, df, eval, exec, run: with bytes of all values, and over the resets in between."""
    local = tmp_path / "all.bin"
    local.write_bytes(bytes(range(256)) * 40)
    script = tmp_path / "script.py"
    script.write_text("import os, sys\nprint('ran on', sys.platform, os.uname().machine)\n")
    text = await mpremote(
        board.port,
        *("fs", "cp", local, ":all.bin", "+", "fs", "mkdir", "folder", "+", "fs", "cp", local, ":folder/copy.bin"),
        *("+", "fs", "sha256sum", "all.bin", "+", "fs", "ls", "folder", "+", "df", "+", "eval", "6*7"),
        *("+", "run", script),
    )
    assert hashlib.sha256(local.read_bytes()).hexdigest() in text
    assert re.search(r"10240 copy\.bin", text) and re.search(r"VfsLfs2.* 2097152 ", text)
    assert "\n42\n" in text.replace("\r", "")
    assert "ran on esp32 Generic ESP32 module with ESP32" in text
    back = tmp_path / "back.bin"
    await mpremote(board.port, "fs", "cp", ":folder/copy.bin", back, "+", "fs", "rm", "all.bin")
    assert back.read_bytes() == local.read_bytes()
    assert "all.bin" not in await mpremote(board.port, "fs", "ls")


async def test_mpremote_mounts_a_folder_of_this_computer(board: VirtualBoard, tmp_path: Path) -> None:
    """Also with bytes that would interrupt a program, were they typed."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "bytes.bin").write_bytes(bytes(range(256)) * 4)
    code = "print(sum(open('/remote/bytes.bin', 'rb').read()))"
    assert str(4 * 255 * 128) in await mpremote(board.port, "mount", tmp_path / "there", "exec", code)


async def test_the_board_cannot_reach_this_computers_files(board: VirtualBoard, tmp_path: Path) -> None:
    """The root folder is the board's, and nothing else is mounted: `mpremote rm -r :/` must not empty a disk."""
    code = "import os, vfs; print(os.listdir('/'), len(vfs.mount()), hasattr(os, 'system'))"
    assert "['boot.py'] 1 False" in await mpremote(board.port, "exec", code)


async def test_a_program_on_flash_starts_is_interrupted_and_starts_again(tmp_path: Path) -> None:
    """boot.py and main.py run after power-on, mpremote interrupts them, a soft reset into the raw prompt runs boot.py alone, and
    `mpremote reset` runs both."""
    main = b"import time\nprint('main runs')\nwhile True:\n    time.sleep(1)\n"
    prepare(tmp_path / "flash.bin", files={"boot.py": b"print('boot runs')\n", "main.py": main})
    async with VirtualBoard(tmp_path / "flash.bin", link=tmp_path / "tty") as board:
        await until_it_says(board, "main runs")
        assert list(board.lines).count("boot runs") == 1
        assert "3 files" in await mpremote(board.port, "exec", "print(1 + 2, 'files')")
        counts = [list(board.lines).count(text) for text in ("boot runs", "main runs")]
        assert counts == [2, 1]
        await restart(board, until="main runs")
        started = "\n".join(board.lines).rpartition("rst:")[2].splitlines()
        assert [started.count(text) for text in ("boot runs", "main runs")] == [1, 1]
        assert "KeyboardInterrupt" not in (await mpremote(board.port, "resume", "exec", "print('again')"))


async def test_machine_reset_and_soft_reset_have_their_causes(board: VirtualBoard) -> None:
    """As MicroPython numbers them: power-on 1, hard 2, soft 5; and after esptool, the reset line, which is power-on again."""
    code = "import machine; print('cause', machine.reset_cause())"
    assert "cause 1" in await mpremote(board.port, "resume", "exec", code)
    assert "cause 5" in await mpremote(board.port, "exec", code)
    await restart(board)
    assert "cause 2" in await mpremote(board.port, "resume", "exec", code)
    await esptool(board.port, "--no-stub", "read-mac")
    await until_it_says(board)
    assert "cause 1" in await mpremote(board.port, "resume", "exec", code)


async def test_the_command_serves_a_board_until_it_is_ended(tmp_path: Path) -> None:
    """It prints the port, a signal presses the reset button, and the end leaves neither the port nor a process."""
    flash, link = tmp_path / "flash.bin", tmp_path / "tty"
    prepare(flash)
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("startcity")), "sim", "board", "--console"),
        *("--flash", str(flash), "--link", str(link), "--mac", "240ac4000009"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None and process.stderr is not None
        assert (await process.stdout.readline()).decode().strip() == str(link)
        async with asyncio.timeout(20):
            while PROMPT.encode() not in await process.stderr.readline():
                pass
        code = "import machine; print(machine.unique_id().hex())"
        assert "240ac4000009" in await mpremote(str(link), "exec", code)
        process.send_signal(signal.SIGUSR2)
        async with asyncio.timeout(10):
            while b"waiting for download" not in await process.stderr.readline():
                pass
    finally:
        process.terminate()
        await process.communicate()
    assert process.returncode == 0
    assert not link.is_symlink()


def _is_alive(pid: str) -> bool:
    """A zombie is not: a container's first process may never reap it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_a_board_that_is_killed_leaves_no_program_behind(tmp_path: Path) -> None:
    """The virtual machine ends with the process that has started it, also in the middle of a program."""
    flash = tmp_path / "flash.bin"
    prepare(flash, files={"main.py": b"print('main runs')\nwhile True:\n    pass\n"})
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("startcity")), "sim", "board", "--console", "--flash", str(flash)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(20):
        while b"main runs" not in await process.stderr.readline():
            pass
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
        await process.communicate()
        while _is_alive(child):
            await asyncio.sleep(0.01)


async def test_a_wrong_fault_or_flash_is_refused_with_what_to_write(tmp_path: Path) -> None:
    """Exit code 2, and the names that exist."""
    (tmp_path / "short.bin").write_bytes(b"\xff" * 100)
    fault = await run_tool("startcity", "sim", "board", "--flash", tmp_path / "f.bin", "--fault", "smoke")
    assert fault.code == 2 and "lost-reply" in fault.text
    short = await run_tool("startcity", "sim", "board", "--flash", tmp_path / "short.bin")
    assert short.code == 2 and "100 bytes" in short.text


@pytest.mark.proof
async def test_a_busy_program_is_interrupted_every_time(tmp_path: Path) -> None:
    """Thirty times into the raw prompt of a program that runs, and out again: no character is lost on the way, and no interrupt ends
    the virtual machine."""
    main = b"print('main runs')\nn = 0\nwhile True:\n    n += 1\n"
    prepare(tmp_path / "flash.bin", files={"main.py": main})
    async with VirtualBoard(tmp_path / "flash.bin", link=tmp_path / "tty") as board:
        await until_it_says(board, "main runs")
        for turn in range(30):
            said = await mpremote(board.port, "resume", "exec", f"print('turn', {turn})")
            assert f"turn {turn}\n" in said.replace("\r", "")
            await restart(board, "resume", until="main runs")
        assert board.history.count("application") == 31
