# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The firmware as it goes onto a board, with its names shortened and its modules side by side, is the same node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from device_profiles import load_profiles
from simulators.clock import SimulationClock
from simulators.vm import SimulatedNode
from tests.support.mosquitto import Mosquitto
from tests.support.small_gateway import MASTER, SmallGateway


@pytest.mark.parametrize("profile", ["parking-qmc5883l", "strain-hx711", "climate-sht4x"])
async def test_it_is_answered_learns_the_time_and_forgets_what_arrived(
    profile: str, compiled_firmware: Path, tmp_path: Path
) -> None:
    """Every frame that it queued arrives, its answers are understood (an anchor is reported), and nothing is told as an exception."""
    clock = SimulationClock(5)
    files = tmp_path / "files"
    files.mkdir()
    with Mosquitto(tmp_path / "broker") as broker:
        config = load_profiles()[profile].firmware_config({}) | {
            "node": "aabbccddeeff",
            "wifi": [{"ssid": "startcity", "password": "secret12"}],
            "mqtt": {"host": "127.0.0.1", "port": broker.port},
            "log": "debug",
        }
        (files / "config.json").write_text(json.dumps(config), encoding="utf-8")
        (files / "key.bin").write_bytes(MASTER)
        gateway = SmallGateway(broker.port, clock)
        node = SimulatedNode(tmp_path, clock_env=clock.env(), firmware=compiled_firmware)
        await node.start()
        try:
            await gateway.until(lambda found: found.readings("boot") and found.readings("anchor"), "boot and anchor")
            await node.wait_for(lambda found: len(found.acked) >= 2)
        finally:
            await node.stop()
            gateway.close()
        assert not [line for line in node.lines if "Traceback" in line or line.startswith(("crash", "fault"))]
