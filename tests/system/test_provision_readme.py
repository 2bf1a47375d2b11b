# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The three commands of the README, as they stand there: from a blank virtual board to a first verified reading."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from simulators.standing_lock import is_running
from tests.support.waiting import wait_until

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
    node's temperature, and the whole takes less than five minutes. Started again, its gateway runs at once; it ends with its folder."""
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
        said_again = shell("startcity sim city")
        assert "A city runs" in said_again, "called again it leaves the running one alone"
        assert "is in service already" in said_again and "startcity flash" not in said_again
        shell("startcity sim city --stop")
        assert not (tmp_path / "city" / "ready").exists()
        shell("startcity sim city")
        shell(
            "startcity gateway status --config city/gateway/gateway.toml || test $? -eq 1"
        )  # 1: no link to the city yet
        parts = psutil.Process(is_running(tmp_path / "city")).children(recursive=True)
        assert len(parts) >= 5, parts
        assert not {path.stat().st_mode & 0o002 for path in (tmp_path / "city").iterdir()} - {0}
        shutil.move(tmp_path / "city", tmp_path / "gone")
        wait_until(lambda: not is_running(tmp_path / "gone"), "the city to end with its folder")
        assert not psutil.wait_procs(parts, timeout=10)[1], "nothing of it goes on alone"
    finally:
        shell("startcity sim city --stop || true")
