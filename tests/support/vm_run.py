# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Runs a script on the real MicroPython virtual machine and hands back what it printed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def interpreter() -> list[str]:
    """The command of the virtual machine: `STARTCITY_MICROPYTHON`, or the one of this environment."""
    named = os.environ.get("STARTCITY_MICROPYTHON")
    if named:
        return [named]
    beside = Path(sys.executable).with_name("micropython")
    return [str(beside)] if beside.exists() else ["micropython"]


def run_script(
    path: Path | str,
    *args: str,
    env: dict[str, str] | None = None,
    board: bool = False,
    timeout_s: float = 60,
    heap_bytes: int = 2 << 20,
    firmware: Path = ROOT / "firmware",
) -> str:
    """Run `path` with `args`; the firmware's folders can be imported from it.

    Args:
        path: of the script, absolute or from the project's root.
        env: added to the environment.
        board: put the simulated board first, so that `machine`, `time` and the rest are its own.
        timeout_s: host time.
        heap_bytes: of the interpreter.
        firmware: the folder of its sources, or of what was compiled of them.

    Returns:
        Everything on standard output.

    Raises:
        AssertionError: another exit code than 0, or the time ran out; carries the output and the command.
    """
    script = Path(path) if Path(path).is_absolute() else ROOT / path
    folders = [ROOT / "simulators/board", ROOT / "simulators/sensors"] if board else []
    folders.append(firmware)
    environment = {**os.environ, **(env or {})}
    environment["MICROPYPATH"] = ":".join([*map(str, folders), ".frozen"])
    command = [*interpreter(), "-X", f"heapsize={heap_bytes}", str(script), *args]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=ROOT
        )
    except subprocess.TimeoutExpired as expired:
        raise AssertionError(
            f"no end after {timeout_s} s: {' '.join(command)}\n{expired.stdout!r}\n{expired.stderr!r}"
        ) from None
    if done.returncode != 0:
        raise AssertionError(f"exit code {done.returncode}: {' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return done.stdout
