# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the operator's commands say of a real gateway, while it runs and after it was killed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command_line import startcity
from tests.support.fast_clock import fast_clock
from tests.support.field_and_city import City, Field
from tests.support.gateway_process import GatewayProcess
from tests.support.mosquitto import Mosquitto
from tests.support.sealing_node import SealingNode, open_pack
from tests.support.waiting import wait_until


def test_the_commands_beside_a_gateway_and_after_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Running: status well, its figures there, the journal intact and held. Killed: status 3, the journal repaired without a loss."""
    monkeypatch.setenv("STARTCITY_CLOCK", fast_clock(200))
    node = SealingNode()
    with Mosquitto(tmp_path / "nodes") as local, Mosquitto(tmp_path / "city") as city_broker:
        gateway = GatewayProcess(tmp_path / "gateway", local.port, city_broker.port)
        gateway.register(node)
        with gateway:
            gateway.start()
            field, city = Field(local.port, node), City(city_broker.port, gateway.signer, gateway.collector)
            try:
                field.send(node, *[node.seal(open_pack(bool(number % 2))) for number in range(40)])
                wait_until(lambda: len(node.acknowledged) == 40, "all to be acknowledged")
                gateway.wait_status(lambda status: status["journal"]["unreceipted_batches"] == 0, "all receipted")
                gateway.wait_status(lambda status: status["running_s"] > 660, "eleven minutes of its time")
                words = ("--config", gateway.config_path)
                screen = startcity("gateway", "status", *words)
                assert screen.exit_code == 0, screen.output
                assert (
                    "syncs a reading" in screen.output and "syncs a day" in screen.output and "lasts " in screen.output
                )
                status = json.loads(startcity("gateway", "status", "--json", *words).output)
                assert status["journal"]["receipt_writes"] > 0
                assert 0 < status["journal"]["kept_bytes"] <= status["journal"]["bytes"]
                account = json.loads(startcity("journal", "check", "--json", *words).output)
                assert (account["intact"], account["open_in_process"]) == (True, gateway.pid)
                assert startcity("journal", "repair", *words).exit_code == 2
                gateway.kill()
            finally:
                field.close()
                city.close()
    assert startcity("gateway", "status", *words).exit_code == 3
    done = startcity("journal", "repair", *words)
    assert done.exit_code == 0, done.output
    shown = json.loads(startcity("journal", "show", "--readings", "--json", *words).output)
    assert sum(batch["readings"] for batch in shown) == 40
