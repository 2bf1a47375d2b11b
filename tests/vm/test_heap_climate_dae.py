# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A climate node and a cabinet fit an ESP32's memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from device_profiles import load_profiles
from tests.support.mosquitto import Mosquitto
from tests.support.small_gateway import MASTER
from tests.support.vm_run import run_script

BUDGET_BYTES = 64 << 10


@pytest.mark.parametrize("profile", ["climate-bme280", "climate-sht4x-veml7700", "dae-cabinet"])
def test_steady_heap_is_within_budget(tmp_path: Path, profile: str) -> None:
    """Compiled on the board from .py and connected, the node keeps at most 64 KiB, counted as half of what the 64-bit interpreter keeps."""
    folder = tmp_path / "node"
    folder.mkdir()
    with Mosquitto(tmp_path / "broker") as broker:
        config = load_profiles()[profile].firmware_config({}) | {
            "wifi": [{"ssid": "startcity", "password": "secret"}],
            "mqtt": {"host": "127.0.0.1", "port": broker.port},
        }
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        (folder / "key.bin").write_bytes(MASTER)
        output = run_script("tests/vm/scripts/heap_in_use.py", str(folder))
    assert "net connected to the broker" in output, output
    assert "fault app" not in output, output
    steady_bytes = int(output.splitlines()[-1].split()[1])
    print(f"{profile}: heap in use {steady_bytes} bytes on 64 bits, {steady_bytes // 2} counted for an ESP32")
    assert steady_bytes // 2 <= BUDGET_BYTES
