# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The city's broker: batches and states in, receipts out. May lose, repeat and reorder: receipts make that harmless.

Each connection is a client of its own with a clean session: what the broker would have kept for us, the gateways keep
better. (gmqtt's own reconnect keeps packet ids of messages that a lost session has dropped, and runs out of them.)
Receipts go with QoS 1 as far as the broker's receive maximum allows; the newest of each lane waits for room,
because a receipt speaks for all before it.

A broker that drops us soon after each of several connections is not stormed: most likely another collector runs under our client
id, and each takes the connection from the other.

MQTT 5 is tried first. A broker that knows 3.1.1 only may refuse, close or just say nothing: after each failure the other
version is tried, and the one that worked is kept.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable

import gmqtt
from gmqtt.mqtt.constants import MQTTv50, MQTTv311
from gmqtt.mqtt.handler import MQTTError
from gmqtt.storage import PersistentStorage

from collector.config import BrokerSection
from collector.inbox import Message
from gateway_agent.mqtt.packets import REASONS
from gateway_agent.mqtt.staying_connected import DROPPED_OFTEN, DROPPED_WITHIN_S, OTHER_CLIENT

LOG = logging.getLogger("startcity.collector.mqtt")
TOPICS = ("key/+", "alarm", "record", "trend", "state", "answer")
CONNECT_TIMEOUT_S = 5.0
BACKOFF_S_MIN = 0.2
BACKOFF_S_MAX = 30.0

# What the library has to say we say ourselves, in words. Its modules' own loggers are children of "gmqtt".
_SILENCE = logging.CRITICAL + 1
_quiet = logging.getLogger("startcity.collector.gmqtt")
for _logger in (_quiet, logging.getLogger("gmqtt")):
    _logger.setLevel(_SILENCE)


class _Sent(PersistentStorage):  # type: ignore[misc]
    """gmqtt's store of unacknowledged messages, which tells us when there is room again."""

    def __init__(self, on_room: Callable[[], None]) -> None:
        super().__init__()
        self._on_room = on_room

    @property
    def count(self) -> int:
        return len(self._messages)

    def remove_message_by_mid(self, mid: int) -> None:
        super().remove_message_by_mid(mid)
        self._on_room()


class MqttFeed:
    """One connection to the broker, kept until cancelled."""

    def __init__(self, broker: BrokerSection, password: str | None, tls: ssl.SSLContext | None) -> None:
        self._broker = broker
        self._password = password
        self._tls = tls
        self._client: gmqtt.Client | None = None
        self._sent = _Sent(self._send_waiting)
        self._receive_maximum = 65_535
        self._waiting: dict[str, bytes] = {}
        self._version = MQTTv50
        self.connections = 0
        self.is_connected = False

    async def run(self, on_message: Callable[[Message], None], on_connected: Callable[[], None]) -> None:
        """Connect, subscribe and deliver until cancelled. Reconnects by itself, with back-off and jitter.

        `on_connected` is called after each subscription was granted.
        """
        backoff_s = BACKOFF_S_MIN
        dropped_count = 0
        loop = asyncio.get_running_loop()
        while True:
            lost: asyncio.Future[str] = loop.create_future()
            try:
                began_s = loop.time()
                await self._connect(on_message, on_connected, lost)
                LOG.info("connected to %s:%d", self._broker.host, self._broker.port)
                reason = await lost
                dropped_count = dropped_count + 1 if loop.time() - began_s < DROPPED_WITHIN_S else 0
                if dropped_count < DROPPED_OFTEN:
                    backoff_s = BACKOFF_S_MIN
                else:
                    reason += f", soon after each of the last {dropped_count} times that we connected: {OTHER_CLIENT}"
                LOG.warning("connection to %s:%d lost%s", self._broker.host, self._broker.port, reason)
            except (OSError, TimeoutError, MQTTError) as error:
                dropped_count = 0
                self._version = MQTTv311 if self._version == MQTTv50 else MQTTv50
                LOG.warning(
                    "broker %s:%d: %s; next try in %.1f s",
                    self._broker.host,
                    self._broker.port,
                    # TimeoutError() has no words, and is true all the same.
                    str(error) or "no answer",
                    backoff_s,
                )
            finally:
                self.is_connected = False
                await self._drop()
            await asyncio.sleep(backoff_s * random.uniform(0.5, 1.0))  # noqa: S311 (jitter is no secret)
            backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)

    async def _connect(
        self, on_message: Callable[[Message], None], on_connected: Callable[[], None], lost: asyncio.Future[str]
    ) -> None:
        self._sent = _Sent(self._send_waiting)
        client = gmqtt.Client(self._broker.client_id, clean_session=True, persistent_storage=self._sent, logger=_quiet)
        # One below gmqtt's "unlimited" (-1): it never reconnects by itself.
        client.set_config({"reconnect_retries": -2})
        if self._broker.username is not None:
            client.set_auth_credentials(self._broker.username, self._password)
        granted = asyncio.Event()

        def deliver(_client: object, topic: str, payload: bytes, _qos: int, _properties: object) -> int:
            on_message(Message(topic, bytes(payload)))
            return 0

        def note_connack(_client: object, _flags: int, _reason: int, properties: dict[str, list[int]]) -> None:
            self._receive_maximum = properties.get("receive_maximum", [65_535])[0]

        def note_lost(_client: object, packet: object, *_: object) -> None:
            # The broker's DISCONNECT of version 5; nothing in it where it just closes.
            reason = packet[0] if isinstance(packet, bytes) and packet else None
            if not lost.done():
                lost.set_result("" if reason is None else f": {REASONS.get(reason, reason)}")

        client.on_connect = note_connack
        client.on_message = deliver
        client.on_disconnect = note_lost
        client.on_subscribe = lambda *_: granted.set()
        self._client = client
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await client.connect(
                self._broker.host, self._broker.port, ssl=self._tls or False, keepalive=30, version=self._version
            )
            client.subscribe([gmqtt.Subscription(f"sc/+/{word}", qos=1) for word in TOPICS])
            await granted.wait()
        self.connections += 1
        self.is_connected = True
        on_connected()
        self._send_waiting()

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        try:
            async with asyncio.timeout(1):
                await client.disconnect()
        except (OSError, TimeoutError, AttributeError):
            pass  # it was gone already

    def publish(self, topic: str, payload: bytes, lane_key: str) -> None:
        """Send a receipt, or keep the newest of each `lane_key` until there is a connection and room."""
        self._waiting.pop(lane_key, None)
        self._waiting[lane_key] = topic.encode() + b"\0" + payload
        self._send_waiting()

    def _send_waiting(self) -> None:
        client = self._client
        if client is None or not self.is_connected:
            return
        # gmqtt takes a receive maximum of 1 for none at all.
        while self._waiting and self._sent.count < self._receive_maximum:
            lane_key = next(iter(self._waiting))
            topic, _, payload = self._waiting[lane_key].partition(b"\0")
            try:
                client.publish(topic.decode(), payload, qos=1)
            except OverflowError:  # the broker's receive maximum is reached: the next PUBACK calls us again
                return
            del self._waiting[lane_key]
