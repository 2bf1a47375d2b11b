# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The demo as a person starts it, shortened."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "startcity", "sim", "demo"]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("broker", ["mosquitto", "amqtt"])
def test_every_reading_of_the_demo_is_verified_exactly_once(tmp_path: Path, broker: str) -> None:
    """With a cut uplink and a killed gateway, on either broker, what the nodes produced is what the city verifies."""
    words = [*PROGRAM, "--seconds", "16", "--keep", str(tmp_path / "city"), "--broker", broker]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=230, check=False)
    account = json.loads(ended.stdout.strip().splitlines()[-1]) if ended.stdout.strip() else {}
    assert ended.returncode == 0, f"{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
    assert account["nodes"] == 12 and set(account["families"]) == {
        "parking",
        "strain",
        "water",
        "energy",
        "climate",
        "dae",
    }
    assert account["produced"] > 12
    assert account["verified"] == account["acknowledged"] == account["produced"]
    assert (account["lost"], account["duplicated"], account["invented"], account["chain"]) == (0, 0, 0, "intact")
    assert account["gateway_killed"] and account["uplink_cut"]


@pytest.mark.timeout(120)
def test_an_interrupted_demo_leaves_no_process(tmp_path: Path) -> None:
    """Ctrl-C ends brokers, gateway, collector and nodes, and the exit code says that it was stopped."""
    with subprocess.Popen(
        [*PROGRAM, "--seconds", "60", "--keep", str(tmp_path / "city")], stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "running" in line:
                break
        demo.send_signal(signal.SIGINT)
        demo.stdout.read()
        assert demo.wait(60) == 130
    left = [
        entry.name
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and str(tmp_path) in _command_line(entry / "cmdline")
    ]
    assert left == []


def _command_line(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""
