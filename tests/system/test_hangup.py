# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""SIGHUP: what a closed terminal sends, and who hopes that the configuration is read again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.field_and_city import Field
from tests.support.gateway_process import GatewayProcess
from tests.support.mosquitto import Mosquitto
from tests.support.sealing_node import SealingNode, level_pack
from tests.support.waiting import wait_until


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Who runs these tests under nohup has the gateway ignore it, too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_hangup_ends_a_gateway_in_order(tmp_path: Path) -> None:
    """What waits for its deadline is sealed, synced and acknowledged, as at any orderly end; the status says that it was stopped."""
    node = SealingNode()
    with (
        Mosquitto(tmp_path / "nodes") as local,
        GatewayProcess(tmp_path / "gateway", local.port, 1, trend_deadline_s=3_600) as gateway,
        closing(Field(local.port, node)) as field,
    ):
        gateway.register(node)
        gateway.start()
        field.send(node, node.seal(level_pack(250)))
        gateway.wait_status(lambda status: status["nodes"]["frames_waiting"] == 1, "the reading to wait")
        os.kill(gateway.pid, signal.SIGHUP)
        assert gateway.wait_exit() == 0, gateway.log()
        wait_until(lambda: 0 in node.acknowledged, "the acknowledgement")
        assert gateway.status()["stopped"]
