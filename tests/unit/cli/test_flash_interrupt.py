# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Ctrl-C in `startcity flash` before any board is worked on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# What runs in the background of a shell is told to ignore Ctrl-C, and tells its children.
HEARS = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("words", [[], ["--json"]], ids=["text", "json"])
def test_ctrl_c_while_files_are_read_says_what_to_do(words: list[str], tmp_path: Path) -> None:
    """Exit code 20 and the same sentence or event as later; the moment is held by an image that is a pipe."""
    image = tmp_path / "mp.bin"
    os.mkfifo(image)
    command = [
        sys.executable,
        "-c",
        HEARS,
        "-m",
        "startcity",
        "flash",
        "--profile",
        "climate-sht4x",
        "--micropython",
        str(image),
    ]
    process = subprocess.Popen(
        [*command, "--dry-run", *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "STARTCITY_LANG": "en"},
    )  # fmt: skip
    with image.open("wb"):  # opens as soon as it is read
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate()
    assert process.returncode == 20, said
    if words:
        assert json.loads(said.splitlines()[-1])["code"] == "interrupted"
    else:
        assert "It was interrupted. Start again: the board goes on where it was." in said and "Aborted" not in said
