# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The two sides of a gateway in a test: nodes that send and hear, and a collector that verifies and receipts.

Both speak through paho-mqtt, so that the gateway's own MQTT client meets another one's bytes.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway_agent.errors import PeerError
from gateway_agent.model import Body, GatewayId, Kid, Lane, OwnReading, Receipt
from gateway_agent.wire.batch import link_of, open_batch
from gateway_agent.wire.body import decode_body
from gateway_agent.wire.cose import ContentType, parse_sign1
from gateway_agent.wire.gap import Gap, open_gap
from gateway_agent.wire.node_table import NodeTable
from gateway_agent.wire.receipt import sign_receipt
from gateway_agent.wire.signer import Signer
from gateway_agent.wire.state import State, open_state
from tests.support.gateway_process import GATEWAY_ID
from tests.support.sealing_node import SealingNode

Identity = tuple[Kid, int]


class Client:
    """An MQTT client of the tests that subscribes and hears."""

    def __init__(self, port: int, subscriptions: Iterable[str], username: str = "", password: str = "") -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311)
        self._client.reconnect_delay_set(1, 1)
        self._client.max_inflight_messages_set(1_000)
        if username:
            self._client.username_pw_set(username, password)
        self._ready = threading.Event()
        self._subscriptions = list(subscriptions)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _client, _data, message: self._take(message.topic, message.payload)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(10), "the test's client is not connected"

    def _on_connect(self, client: paho.Client, *_rest: object) -> None:
        client.subscribe([(topic, 1) for topic in self._subscriptions])

    def _take(self, topic: str, payload: bytes) -> None:
        raise NotImplementedError

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1)

    def close(self) -> None:
        self._client.loop_stop()
        self._client.disconnect()


class Field(Client):
    """Nodes on the local broker."""

    def __init__(self, port: int, *nodes: SealingNode, username: str = "", password: str = "") -> None:
        self.nodes = {node.node_id: node for node in nodes}
        self.downs: list[tuple[bytes, bytes]] = []  # node id, down frame
        self.lock = threading.Lock()
        super().__init__(port, ["sc/node/+/down"], username, password)

    def _take(self, topic: str, payload: bytes) -> None:
        node_id = bytes.fromhex(topic.split("/")[2])
        with self.lock:
            self.downs.append((node_id, payload))
            node = self.nodes.get(node_id)
            if node is not None:
                node.hear(payload)

    def send(self, node: SealingNode, *frames: bytes) -> None:
        for frame in frames:
            self.publish(f"sc/node/{node.node_id.hex()}/up", frame)


class City(Client):
    """A small collector: verifies each batch, follows each chain, and counts what it stored how often.

    It stores a batch when it is the next of its lane and instance, and receipts that; anything else is a repeat, or out
    of order, and is ignored until it is the next.
    """

    def __init__(self, port: int, gateway: Signer, collector: Signer, *, receipts: bool = True) -> None:
        self._gateway = gateway
        self._collector = collector
        self.receipts = receipts
        self.heads: dict[tuple[Lane, bytes], tuple[int, bytes]] = {}
        self.tables: dict[tuple[Lane, bytes], NodeTable] = {}
        self.stored: Counter[Identity] = Counter()
        self.bodies: list[tuple[Lane, Body]] = []
        self.own: list[OwnReading] = []
        self.batches: list[bytes] = []
        self.gaps: list[Gap] = []
        self.states: list[State] = []
        self.repeats = 0
        self.repeated: set[tuple[Lane, bytes]] = set()
        self.errors: list[str] = []
        super().__init__(port, [f"sc/{GATEWAY_ID}/+"])

    def _take(self, topic: str, payload: bytes) -> None:
        word = topic.rsplit("/", 1)[1]
        try:
            if word == "state":
                self.states.append(open_state(payload, self._gateway.public_key))
            elif word != "receipt":
                self._take_batch(payload)
        except (PeerError, AssertionError) as error:
            self.errors.append(f"{topic}: {error!r}")

    def _take_batch(self, data: bytes) -> None:
        if parse_sign1(data).content_type == ContentType.GAP:
            self._take_gap(data)
            return
        batch = open_batch(data, self._gateway.public_key)
        header = batch.header
        key = (header.lane, header.instance)
        number, link = self.heads.get(key, (0, bytes(32)))
        if header.number <= number:
            self.repeats += 1
            self.repeated.add(key)
        elif header.number == number + 1:
            assert header.link == link, f"{header.lane.word} {header.number}: the chain is broken"
            body = decode_body(batch.opened_body(), self.tables.setdefault(key, NodeTable()))
            self.heads[key] = (header.number, link_of(data))
            self.batches.append(data)
            self.bodies.append((header.lane, body))
            self.own += body.own
            self.stored.update((row.kid, row.sequence) for row in (*body.frames, *body.opaque))
        self._receipt(key)

    def _take_gap(self, data: bytes) -> None:
        gap = open_gap(data, self._gateway.public_key)
        key = (gap.lane, gap.instance)
        number, _ = self.heads.get(key, (0, bytes(32)))
        if gap.first <= number + 1 and gap.last > number:
            self.gaps.append(gap)
            self.heads[key] = (gap.last, gap.link)
            self.tables.pop(key, None)
        self._receipt(key)

    def _receipt(self, key: tuple[Lane, bytes]) -> None:
        if self.receipts and key in self.heads:
            lane, instance = key
            number, link = self.heads[key]
            receipt = Receipt(GatewayId(GATEWAY_ID), lane, instance, number, link)
            self.publish(f"sc/{GATEWAY_ID}/receipt", sign_receipt(receipt, self._collector))

    def readings_count(self) -> int:
        return sum(len(row.pack.values) for _, body in self.bodies for row in body.frames)
