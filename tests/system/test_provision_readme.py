# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The three commands of the README, as they stand there: from a blank virtual board to a first verified reading."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
LIMIT_S = 300
_NAMES = ("STARTCITY_", "MICROPY")


def commands() -> list[str]:
    """The lines of the block behind the sentence that begins with "Three commands"."""
    block = re.search(r"^Three commands .*?```sh\n(.*?)```", (REPO / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert block is not None
    return block[1].splitlines()


@pytest.mark.timeout(400)
def test_three_commands_bring_a_blank_board_to_a_verified_reading(tmp_path: Path) -> None:
    """Each as it stands in the README, in an empty folder and without a terminal; the archive is intact and has the
    node's temperature, and the whole takes less than five minutes."""
    lines = commands()
    assert [line.split()[:2] for line in lines] == [["startcity", word] for word in ("sim", "flash", "provision")]
    env = {name: value for name, value in os.environ.items() if not name.startswith(_NAMES)}
    env |= {"PATH": f"{Path(sys.executable).parent}:{env['PATH']}", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}

    def shell(line: str) -> str:
        begun_s = time.monotonic()
        done = subprocess.run(
            ["sh", "-c", line], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
        print(f"{time.monotonic() - begun_s:6.1f} s  {line}")
        logs = [path.read_text(errors="replace")[-2000:] for path in tmp_path.glob("city/*.log")]
        assert done.returncode == 0, (line, done.stdout[-3000:], logs)
        return done.stdout

    try:
        begun_s = time.monotonic()
        said = [shell(line) for line in lines]
        took_s = time.monotonic() - begun_s
        print(f"{took_s:6.1f} s  all three")
        assert took_s < LIMIT_S
        assert "is in service." in said[-1] and "First reading: temperature" in said[-1]
        key = "piacenza-01=city/gateway/gateway.pub.pem"
        assert "INTACT" in shell(f"startcity verify city/collector/data/archive --key {key}")
        assert "temperature" in shell("startcity collector export --config city/collector/collector.toml")
        assert "A city runs" in shell("startcity sim city"), "called again it leaves the running one alone"
    finally:
        shell("startcity sim city --stop")
    assert not (tmp_path / "city" / "ready").exists()
