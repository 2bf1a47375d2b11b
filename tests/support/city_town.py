# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A real gateway and the real collector on one city's broker, with an operator who commands from the collector's side."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from collector.findings import Report
from collector.verify import verify
from gateway_agent.wire.signer import Signer, load_public, load_signer
from tests.support.collector_process import CollectorProcess
from tests.support.command_line import startcity
from tests.support.field_and_city import Field
from tests.support.gateway_process import GATEWAY_ID, GatewayProcess
from tests.support.mosquitto import Mosquitto
from tests.support.sealing_node import SealingNode
from tests.support.waiting import wait_until


class CityTown:
    """Both processes run from `start` on; the operator `anna` is on the gateway's list."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        self.nodes_broker = Mosquitto(folder / "nodes-broker")
        self.city_broker = Mosquitto(folder / "city-broker")
        self.nodes_broker.start()
        self.city_broker.start()
        self.node = SealingNode()
        self.gateway = GatewayProcess(
            folder / "gateway",
            self.nodes_broker.port,
            self.city_broker.port,
            **settings,  # type: ignore[arg-type]
        )
        self.gateway.register(self.node)
        self.first_key = self.gateway.signer
        (self.gateway.folder / "gateway.pub.pem").write_bytes(self.first_key.public_pem())
        self.collector = CollectorProcess(folder / "collector", self.city_broker.port, {GATEWAY_ID: self.first_key})
        shutil.copy(folder / "collector" / "collector.pub.pem", self.gateway.folder / "collector.pub.pem")
        self.field = Field(self.nodes_broker.port, self.node)
        self.operator_key = folder / "anna.pem"
        self.run("operator", "init", "--key", str(self.operator_key))
        self.run("gateway", "operator", "add", "anna", str(folder / "anna.pub.pem"), *self.gateway_config)
        self._sent: list[paho.Client] = []

    @property
    def gateway_config(self) -> tuple[str, str]:
        return ("--config", str(self.gateway.config_path))

    @property
    def operator(self) -> Signer:
        return load_signer(self.operator_key)

    def start(self) -> None:
        self.collector.start()
        self.gateway.start()

    def run(self, *words: str, code: int = 0) -> str:
        """A command line that ends with `code`; its output."""
        done = startcity(*words)
        assert done.exit_code == code, (words, done.exit_code, done.output)
        return done.output

    def command(self, *words: str, code: int = 0, wait_s: float = 20) -> dict[str, Any]:
        """`startcity collector command`."""
        output = self.run(
            "collector", "command", GATEWAY_ID, *words, "--operator", str(self.operator_key),
            "--config", str(self.collector.config), "--wait", str(wait_s), "--json", code=code,
        )  # fmt: skip
        found = json.loads(next(line for line in output.splitlines() if line.startswith("{")))
        assert isinstance(found, dict)
        return found

    def produce(self, *frames: bytes) -> None:
        """Frames of the node, acknowledged."""
        first = self.node.next_sequence - len(frames)
        self.field.send(self.node, *frames)
        wanted = set(range(first, self.node.next_sequence))
        wait_until(lambda: wanted <= self.node.acknowledged, f"acknowledgement of {sorted(wanted)}")

    def wait_stored(self, count: int) -> None:
        """Until the collector has exactly so many readings."""
        try:
            wait_until(lambda: self.collector.count() == count, f"{count} readings", 40)
        except AssertionError as error:
            raise AssertionError(
                f"{error}: {self.collector.count()}\n{self.collector.log()[-3000:]}\n{self.gateway.log()[-3000:]}"
            ) from None

    def verified(self, path: Path | None = None) -> Report:
        """What an auditor finds who has the first public key only."""
        public = load_public(self.folder / "collector" / f"{GATEWAY_ID}.pub.pem")
        archive = self.folder / "collector" / "data" / "archive" if path is None else path
        return verify(archive, {self.first_key.key_id: public}, owners={self.first_key.key_id: GATEWAY_ID})

    def publish(self, word: str, payload: bytes) -> None:
        """Anything, on a topic of the gateway at the city's broker."""
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", self.city_broker.port)
        client.loop_start()
        client.publish(f"sc/{GATEWAY_ID}/{word}", payload, 1).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    def close(self) -> None:
        self.field.close()
        self.collector.kill()
        if self.gateway.is_running:
            self.gateway.kill()
        self.nodes_broker.kill()
        self.city_broker.kill()


class Listener:
    """Everything that is published at the city's broker below a gateway."""

    def __init__(self, port: int) -> None:
        self._lock = threading.Lock()
        self._messages: list[tuple[str, bytes]] = []
        ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe(f"sc/{GATEWAY_ID}/#", 1)
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_message = lambda _client, _data, message: self._take(message.topic, bytes(message.payload))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert ready.wait(10)

    def _take(self, topic: str, payload: bytes) -> None:
        with self._lock:
            self._messages.append((topic, payload))

    def of(self, word: str) -> list[bytes]:
        """The payloads so far whose topic ends with this word."""
        with self._lock:
            return [payload for topic, payload in self._messages if topic.endswith(f"/{word}")]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
