# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The real parts of a city in processes of their own: nodes' brokers, gateways, the city's broker, the collector."""

from __future__ import annotations

import contextlib
from pathlib import Path

from collector.findings import Report
from collector.verify import verify
from gateway_agent.wire.keys import key_id
from tests.support.collector_process import CollectorProcess
from tests.support.field_and_city import Client, Field
from tests.support.gateway_process import GATEWAY_ID, GatewayProcess
from tests.support.mosquitto import Mosquitto
from tests.support.sealing_node import SealingNode
from tests.support.waiting import wait_until


class Listener(Client):
    """Somebody on a broker who hears everything below a topic, and can say it again."""

    def __init__(self, port: int, topic: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        super().__init__(port, [topic])

    def _take(self, topic: str, payload: bytes) -> None:
        self.heard.append((topic, payload))


class WholeCity:
    """Brokers and collector run; gateways are started by the test. Everything ends with the `with` block."""

    def __init__(self, folder: Path, *gateway_ids: str, **settings: object) -> None:
        """One gateway with its own nodes' broker for each id; `settings` are those of `GatewayProcess`."""
        self._folder, self._settings = folder, settings
        self._ids = gateway_ids or (GATEWAY_ID,)
        self._stack = contextlib.ExitStack()
        self.node = SealingNode()

    def __enter__(self) -> WholeCity:
        try:
            self._enter()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _enter(self) -> None:
        enter = self._stack.enter_context
        self.broker = enter(Mosquitto(self._folder / "broker"))
        self.local_brokers = [enter(Mosquitto(self._folder / f"nodes-{name}")) for name in self._ids]
        self.gateways = [
            enter(
                GatewayProcess(
                    self._folder / name,
                    local.port,
                    self.broker.port,
                    gateway_id=name,
                    **self._settings,  # type: ignore[arg-type]
                )
            )
            for name, local in zip(self._ids, self.local_brokers, strict=True)
        ]
        signers = {name: gateway.signer for name, gateway in zip(self._ids, self.gateways, strict=True)}
        self.collector = enter(CollectorProcess(self._folder / "city", self.broker.port, signers))
        key = (self.collector.folder / "collector.pub.pem").read_bytes()
        for gateway in self.gateways:
            (gateway.folder / "collector.pub.pem").write_bytes(key)
            gateway.register(self.node)
        self.fields = [enter(contextlib.closing(Field(local.port, self.node))) for local in self.local_brokers]
        self.gateway, self.field, self.local_broker = self.gateways[0], self.fields[0], self.local_brokers[0]
        self.collector.start()

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def listen(self, topic: str = "sc/#") -> Listener:
        """Somebody on the city's broker."""
        return self._stack.enter_context(contextlib.closing(Listener(self.broker.port, topic)))

    def send(self, *frames: bytes) -> None:
        """From the node to the first gateway."""
        self.field.send(self.node, *frames)

    def wait_acknowledged(self, *sequences: int) -> None:
        wait_until(lambda: self.node.acknowledged >= set(sequences), f"acknowledgement of {sequences}")

    def wait_counters(self, **expected: int) -> None:
        """Of the first gateway."""
        self.gateway.wait_status(
            lambda status: all(status["counters"].get(name, 0) == count for name, count in expected.items()),
            f"counters {expected}",
        )

    def stored(self) -> list[tuple[int, object]]:
        """(sequence, value) of the node's readings, in the order of their identities."""
        readings = self.collector.readings()
        return [(reading.sequence, reading.value) for reading in readings if reading.node == self.node.node_id]

    def wait_stored(self, *expected: tuple[int, object]) -> None:
        """Until the collector has exactly these (sequence, value), each once."""
        wait_until(lambda: self.collector.count() >= len(expected), f"the city to have {expected}", 30)
        assert self.stored() == list(expected)

    def journal_report(self) -> Report:
        """What the auditor's tool says of the first gateway's journal."""
        key = self.gateway.signer
        return verify(
            self.gateway.data / "journal",
            {key.key_id: key.public_key},
            {key_id(self.collector.public_key.public_bytes_raw()): self.collector.public_key},
        )

    def check_proofs(self) -> None:
        """Journal of the first gateway, and the city's archive: intact."""
        archive, journal = self.collector.verified(), self.journal_report()
        assert archive.is_intact, archive.as_text()
        assert journal.is_intact, journal.as_text()
