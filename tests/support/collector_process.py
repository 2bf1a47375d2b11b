# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The real collector as a process of its own, and the gateways' side of its broker: publish, and hear receipts."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from collector.findings import Report
from collector.init import init
from collector.reading_room import Reading, ReadingRoom
from collector.verify import verify
from gateway_agent.model import Receipt
from gateway_agent.wire.receipt import open_receipt
from gateway_agent.wire.signer import Signer, load_public
from tests.support.signing_gateway import GATEWAY, SigningGateway, test_only_signer
from tests.support.waiting import wait_until

REPO = Path(__file__).parents[2]


class CollectorProcess:
    """One collector's folder and its process."""

    def __init__(self, folder: Path, port: int, gateways: dict[str, Signer] | None = None) -> None:
        """`gateways` are those it listens to, with their keys; without them the one that `SigningGateway` makes."""
        self.folder = folder
        self._gateways = {GATEWAY: test_only_signer(GATEWAY)} if gateways is None else gateways
        folder.mkdir(parents=True, exist_ok=True)
        for name, signer in self._gateways.items():
            (folder / f"{name}.pub.pem").write_bytes(signer.public_pem())
        keys = tuple((name, folder / f"{name}.pub.pem") for name in self._gateways)
        made = init(folder, "127.0.0.1", port, keys)
        self.config = made.config
        self.public_key = load_public(made.public_key)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is connected."""
        before = self.log().count("connected to")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "startcity", "collector", "run", "--config", str(self.config)],
                cwd=REPO, stdout=log, stderr=log,
            )  # fmt: skip
        wait_until(lambda: self._is_alive() and self.log().count("connected to") > before, "the collector to connect")

    def _is_alive(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        return True

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(10)

    def readings(self) -> list[Reading]:
        """All that it has stored, in the order of identities."""
        room = ReadingRoom(self.folder / "data" / "collector.sqlite")
        try:
            return [reading for source in room.sources() for reading in room.readings(source)]
        finally:
            room.close()

    def count(self) -> int:
        """How many readings are committed now."""
        room = ReadingRoom(self.folder / "data" / "collector.sqlite")
        try:
            return int(room.table("SELECT count(*) AS n FROM reading")[0]["n"])
        finally:
            room.close()

    def verified(self) -> Report:
        """What the auditor's tool says of its archive."""
        keys = {signer.key_id: signer.public_key for signer in self._gateways.values()}
        return verify(self.folder / "data" / "archive", keys)

    def __enter__(self) -> CollectorProcess:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.kill()


class GatewaysSide:
    """A client of the city's broker that publishes what gateways sign and remembers the receipts."""

    def __init__(self, port: int, collector: CollectorProcess) -> None:
        self._lock = threading.Lock()
        self._receipts: list[Receipt] = []
        self._collector = collector
        self._connected = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._connected.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._connected.wait(10)

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        client.subscribe("sc/+/receipt", 1)

    def _on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        receipt = open_receipt(bytes(message.payload), self._collector.public_key)
        with self._lock:
            self._receipts.append(receipt)

    def publish(self, gateway: SigningGateway, *payloads: bytes) -> None:
        """Send in order; returns when the broker has them."""
        sent = [self._client.publish(gateway.topic, payload, 1) for payload in payloads]
        for info in sent:
            info.wait_for_publish(10)

    def publish_state(self, gateway: SigningGateway) -> None:
        """Retained."""
        self._client.publish(f"sc/{gateway.gateway_id}/state", gateway.state(), 1, retain=True).wait_for_publish(10)

    def receipts(self, gateway: SigningGateway) -> list[Receipt]:
        """All so far for a gateway's lane and instance."""
        with self._lock:
            return [
                receipt for receipt in self._receipts
                if (receipt.gateway_id, receipt.lane, receipt.instance) == (gateway.gateway_id, gateway.lane, gateway.instance)
            ]  # fmt: skip

    def receipted(self, gateway: SigningGateway) -> int:
        """The highest number that has a receipt."""
        return max((receipt.number for receipt in self.receipts(gateway)), default=0)

    @property
    def is_connected(self) -> bool:
        """Whether the broker answers us now."""
        return self._client.is_connected()

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()
