# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The city over MQTT 5 (3.1.1 where its broker knows no better), with mutual TLS where configured.

Nothing that a batch means depends on a property or a session: those are not signed, and not ours.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping

from gateway_agent.backoff import Backoff
from gateway_agent.errors import Unavailable
from gateway_agent.model import GatewayId, Lane
from gateway_agent.mqtt.mqtt_client import Endpoint, Messages, MqttConnection, Refused, open_connection
from gateway_agent.mqtt.packets import PACKET_TOO_LARGE, REASONS, Will
from gateway_agent.mqtt.staying_connected import LinkState, stay_connected

log = logging.getLogger(__name__)

_UNSENT_BYTES_MAX = 131_072  # an alarm waits behind no more than this and what the kernel holds


def city_backoff(source: random.Random | None = None) -> Backoff:
    """Of gateways that lose the city at once, 500 spread their return over four seconds (bench/stampede.py)."""
    return Backoff(4_000, 60_000, source, first_from_ms=100)


class MqttUplink:
    """An `Uplink` over MQTT."""

    def __init__(
        self,
        endpoint: Endpoint,
        section: str,
        gateway_id: GatewayId,
        make_state: Callable[[bool], bytes],
        sleep_ms: Callable[[int], Awaitable[None]],
        listeners: Mapping[str, Callable[[bytes], None]] | None = None,
    ) -> None:
        """`make_state(online)` gives the signed state: the will is one with online false.

        `listeners` take what comes on further topics of the gateway, by their last word. A broker that does not let us
        subscribe to one of them is told in the log, and serves for the rest.
        """
        self._endpoint = endpoint
        self._gateway_id = gateway_id
        self._make_state = make_state
        self._sleep_ms = sleep_ms
        self._connection: MqttConnection | None = None
        self._topics = {lane: f"sc/{gateway_id}/{lane.word}" for lane in Lane}
        self._state_topic = f"sc/{gateway_id}/state"
        self._listeners = {f"sc/{gateway_id}/{word}".encode(): take for word, take in (listeners or {}).items()}
        self.state = LinkState(section, f"{endpoint.host}:{endpoint.port}")
        self._state_refusal = ""

    async def run(self, on_connected: Callable[[], None], on_receipt: Callable[[bytes], None]) -> None:
        """Keep a connection until cancelled; then it ends in order, so that the broker drops the will."""

        def on_messages(messages: Messages) -> None:
            for topic, payload in messages:
                self._listeners.get(topic, on_receipt)(payload)

        async def connect() -> MqttConnection:
            will = Will(self._state_topic, self._make_state(False))
            return await open_connection(self._endpoint, on_messages, will)

        async def serve(connection: MqttConnection) -> None:
            await connection.subscribe([(f"sc/{self._gateway_id}/receipt", 1)])
            for topic in self._listeners:
                try:
                    await connection.subscribe([(topic.decode(), 1)])
                except Refused as error:
                    log.warning("the city's broker: %s; check its access list", error)
            self._connection = connection
            self.state.up()
            on_connected()  # first: it tells the changes of the key that the state is signed with
            self.publish_state(self._make_state(True))

        await stay_connected(self.state, connect, serve, self._sleep_ms, city_backoff())

    @property
    def is_connected(self) -> bool:
        return self._connection is not None and self._connection.is_open

    @property
    def receive_maximum(self) -> int:
        """How many unacknowledged messages the broker takes."""
        connack = self._connection.connack if self._connection is not None else None
        return connack.receive_maximum if connack is not None else 1

    @property
    def can_take_more(self) -> bool:
        """Whether the socket keeps up: bytes that it does not take would only wait in our memory."""
        return self.is_connected and self._connection is not None and self._connection.unsent_bytes < _UNSENT_BYTES_MAX

    async def publish(self, lane: Lane, batch: bytes) -> None:
        """Done when the broker has it (PUBACK).

        Raises:
            Unavailable: not connected, the connection ended first, or the broker refused the message.
        """
        if self._connection is None:
            raise Unavailable("not connected")
        _check_taken(f"a batch of {len(batch)} bytes", await self._connection.publish(self._topics[lane], batch))

    def publish_word(self, word: str, data: bytes, *, retain: bool = False) -> Awaitable[None]:
        """On a further topic of the gateway, before whatever is published after this call. Done when the broker has it.

        Raises:
            Unavailable: as `publish`; at once where there is no connection.
        """
        if self._connection is None:
            raise Unavailable("not connected")
        return self._word_done(word, self._connection.publish(f"sc/{self._gateway_id}/{word}", data, retain=retain))

    async def _word_done(self, word: str, sent: Awaitable[int]) -> None:
        _check_taken(word, await sent)

    def publish_state(self, state: bytes) -> None:
        """Retained; dropped while not connected. A broker that refuses it is told in the log."""
        if self._connection is not None and self._connection.is_open:
            sent = self._connection.publish(self._state_topic, state, retain=True)
            sent.add_done_callback(self._note_state_sent)

    def _note_state_sent(self, sent: asyncio.Future[int]) -> None:
        if sent.cancelled() or sent.exception() is not None:
            return
        try:
            _check_taken("the gateway's state", sent.result())
            self._state_refusal = ""
        except Unavailable as error:
            if str(error) != self._state_refusal:
                self._state_refusal = str(error)
                log.warning("%s", error)


def _check_taken(what: str, reason: int) -> None:
    if reason >= 0x80:
        advice = (
            "raise its largest packet (mosquitto: max_packet_size)"
            if reason == PACKET_TOO_LARGE
            else "check its access list"
        )
        raise Unavailable(f"the city's broker does not take {what}: {REASONS.get(reason, reason)}; {advice}")
