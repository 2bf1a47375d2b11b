# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the real gateway does for a node that sleeps: an answer at once, and the acknowledgement waiting at the broker."""

from __future__ import annotations

from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.fast_clock import fast_clock
from tests.support.field_and_city import Field
from tests.support.gateway_process import GatewayProcess
from tests.support.mosquitto import Mosquitto
from tests.support.profile_folder import PROFILE, write_profile
from tests.support.sealing_node import SealingNode, level_pack
from tests.support.waiting import wait_until


class Sleeper:
    """A node's MQTT session that the broker keeps."""

    def __init__(self, port: int, node: SealingNode) -> None:
        self.downs: list[bytes] = []
        self.is_subscribed = False
        self._node = node
        self._port = port
        self._client: paho.Client | None = None

    def _hear(self, raw: bytes) -> None:
        self.downs.append(raw)
        self._node.hear(raw)

    def wake(self) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, f"sc-{self._node.node_id.hex()}", clean_session=False)
        self._client.on_message = lambda _client, _data, message: self._hear(bytes(message.payload))
        self._client.on_subscribe = lambda *_: setattr(self, "is_subscribed", True)
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()

    def subscribe(self) -> None:
        assert self._client is not None
        self._client.subscribe(f"sc/node/{self._node.node_id.hex()}/down", 1)
        wait_until(lambda: self.is_subscribed, "the subscription")

    def send(self, frame: bytes) -> None:
        assert self._client is not None
        self._client.publish(f"sc/node/{self._node.node_id.hex()}/up", frame, 1).wait_for_publish(10)

    def sleep(self) -> None:
        if self._client is not None:
            self._client.disconnect()
            wait_until(lambda: self._client is None or not self._client.is_connected(), "the goodbye")
            self._client.loop_stop()
            self._client = None


def test_a_node_that_sleeps_finds_its_acknowledgement_at_the_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is answered at once, when nothing is sealed yet, and gone when the seal is there: the broker has kept that answer."""
    monkeypatch.setenv("STARTCITY_CLOCK", fast_clock(20))
    node = SealingNode()
    with Mosquitto(tmp_path / "nodes") as local, Mosquitto(tmp_path / "city") as city:
        gateway = GatewayProcess(tmp_path / "gateway", local.port, city.port)
        write_profile(tmp_path / "gateway" / "profiles", PROFILE.replace("deadline_s = 300", "deadline_s = 60"))
        gateway.register(node)
        gateway.start()
        sleeper = Sleeper(local.port, node)
        onlooker = Field(local.port)
        try:
            sleeper.wake()
            sleeper.subscribe()
            sleeper.send(node.seal(level_pack(250)))
            wait_until(lambda: sleeper.downs, "the answer that comes at once")
            assert not node.acknowledged, "three seconds before its seal"
            sleeper.sleep()
            wait_until(lambda: len(onlooker.downs) >= 2, "the answer after the seal")
            assert not node.acknowledged and len(sleeper.downs) == 1
            sleeper.wake()
            wait_until(lambda: node.acknowledged == {0}, "what the broker has kept")
        finally:
            sleeper.sleep()
            onlooker.close()
            gateway.kill()
