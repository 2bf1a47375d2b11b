# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The simulators where they were installed without the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "words",
    [
        ["startcity", "sim", "demo"],
        ["startcity", "sim", "board", "--flash", "board.bin"],
        ["simulators.replay", "parking"],
    ],
    ids=" ".join,
)
def test_without_the_firmware_it_is_refused_by_name(tmp_path: Path, words: list[str]) -> None:
    """Installed with pip there is no `firmware/` beside the package: exit code 2, what to do, and no file is made."""
    for package in ("startcity", "simulators"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    here = {path.name for path in tmp_path.iterdir()}
    done = subprocess.run(
        [sys.executable, "-B", "-m", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "needs the repository: run it from a clone" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == here
