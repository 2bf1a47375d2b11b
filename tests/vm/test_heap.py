# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The node fits an ESP32's memory."""

from __future__ import annotations

import json
from pathlib import Path

from device_profiles import load_profiles
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.small_gateway import MASTER
from tests.support.vm_run import run_script

BUDGET_BYTES = 64 << 10


def _folder(tmp_path: Path, port: int) -> str:
    folder = tmp_path / "node"
    folder.mkdir()
    config = load_profiles()["parking-qmc5883l"].firmware_config({})
    config |= {
        "wifi": [{"ssid": "startcity", "password": "secret"}],
        "mqtt": {"host": "127.0.0.1", "port": port},
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "key.bin").write_bytes(MASTER)
    return str(folder)


def _steady_bytes(output: str) -> int:
    steady_bytes = int(output.splitlines()[-1].split()[1])
    print(f"heap in use: {steady_bytes} bytes on 64 bits, {steady_bytes // 2} counted for an ESP32")
    return steady_bytes // 2


def test_steady_heap_is_within_budget(tmp_path: Path) -> None:
    """Compiled on the board from .py, connected, with an application running, the node keeps at most 64 KiB of an ESP32's
    heap, counted as half of what the 64-bit interpreter keeps."""
    with Mosquitto(tmp_path / "broker") as broker:
        output = run_script("tests/vm/scripts/heap_in_use.py", _folder(tmp_path, broker.port))
    assert "net connected to the broker" in output, output
    assert _steady_bytes(output) <= BUDGET_BYTES


def test_heap_with_a_full_queue_is_within_budget(tmp_path: Path) -> None:
    """In an outage so long that the queue of 256 KiB is full and gives up its oldest, it is no more."""
    output = run_script("tests/vm/scripts/heap_in_use.py", _folder(tmp_path, free_port()), "full")
    assert "lost" in output and output.splitlines()[-1].endswith(" 64"), output[-500:]
    assert _steady_bytes(output) <= BUDGET_BYTES
