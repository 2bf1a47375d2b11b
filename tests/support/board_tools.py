# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The real esptool, mpremote and NVS generator as subprocesses, and file system images, for tests against a virtual board."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from littlefs import LittleFS

from simulators.rom.board import VirtualBoard

_BIN = Path(sys.executable).parent
SECTOR_BYTES = 4096
PROMPT = "help()"  # the end of what MicroPython says at its prompt
LITTLEFS_2_0 = 0x0002_0000  # the oldest version on disk: every MicroPython mounts it


class Done(NamedTuple):
    code: int
    text: str  # standard output and standard error


async def run_tool(name: str, *args: object, timeout_s: float = 60) -> Done:
    """Run a program of this environment. Raises AssertionError with what it has said where the time runs out."""
    process = await asyncio.create_subprocess_exec(
        str(_BIN / name),
        *map(str, args),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = b""
    try:
        async with asyncio.timeout(timeout_s):
            while part := await process.stdout.read(1 << 16):
                said += part
            code = await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise AssertionError(f"no end after {timeout_s} s: {name} {args}\n{said.decode()[-2000:]}") from None
    return Done(code, said.decode("utf-8", "replace"))


async def esptool(port: str, *args: object, timeout_s: float = 60) -> str:
    """What it says; AssertionError where it fails."""
    done = await run_tool("esptool", "--port", port, *args, timeout_s=timeout_s)
    assert done.code == 0, done.text
    return done.text


async def mpremote(port: str, *args: object, timeout_s: float = 30) -> str:
    """What it says; AssertionError where it fails."""
    done = await run_tool("mpremote", "connect", port, *args, timeout_s=timeout_s)
    assert done.code == 0, done.text
    return done.text


async def until_it_says(board: VirtualBoard, text: str = PROMPT) -> None:
    """Wait until the board has said `text` since its last start: who types before has typed for nobody."""

    def has_said(found: VirtualBoard) -> bool:
        _, start, since = "\n".join(found.lines).rpartition("rst:")
        return bool(start) and text in since

    assert await board.wait_for(has_said), (text, list(board.lines)[-20:])


async def restart(board: VirtualBoard, *words: str, until: str = PROMPT) -> None:
    """`mpremote ... reset`, which ends before the board does, and wait until it says `until`. The lines of before are gone."""
    board.lines.clear()
    await mpremote(board.port, *words, "reset")
    await until_it_says(board, until)


def littlefs_image(size_bytes: int, files: dict[str, bytes]) -> bytes:
    """A file system of exactly this size, as MicroPython makes it."""
    made = LittleFS(
        block_size=SECTOR_BYTES,
        block_count=size_bytes // SECTOR_BYTES,
        read_size=32,
        prog_size=32,
        cache_size=128,
        lookahead_size=32,
        disk_version=LITTLEFS_2_0,
    )
    for name, content in files.items():
        folder = name.rpartition("/")[0]
        if folder:
            made.makedirs(folder, exist_ok=True)
        with made.open(name, "wb") as file:
            file.write(content)
    return bytes(made.context.buffer)


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by their relative names."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def nvs_image(folder: Path, size_bytes: int, rows: list[tuple[str, str, str, str]]) -> bytes:
    """A partition of (key, type, encoding, value) rows, by the generator of ESP-IDF."""
    table = folder / "nvs.csv"
    table.write_text("\n".join(",".join(row) for row in [("key", "type", "encoding", "value"), *rows]) + "\n")
    image = folder / "nvs.bin"
    command = [sys.executable, "-m", "esp_idf_nvs_partition_gen", "generate", str(table), str(image), hex(size_bytes)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return image.read_bytes()
