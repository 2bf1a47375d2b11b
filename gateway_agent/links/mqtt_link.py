# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Nodes over the local MQTT broker: sc/node/+/up in, sc/node/{node}/down out.

The broker's PUBACK promises a node nothing, and ours promises the broker nothing: what counts is the
acknowledgement in a down frame. So we have no session to keep, and a frame that the broker drops comes again by
itself. A node that sleeps has one, and finds there what was answered while it slept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

from gateway_agent.backoff import Backoff
from gateway_agent.model import NodeId
from gateway_agent.mqtt.mqtt_client import Endpoint, Messages, MqttConnection, open_connection
from gateway_agent.mqtt.staying_connected import LinkState, stay_connected

_UNSENT_BYTES_MAX = 1 << 20
# QoS 0 from the broker to us: a PUBACK a frame would promise nothing, and cost the broker a third of its time (docs/performance.md).
_UP = ("sc/node/+/up", 0)


class MqttLink:
    """A `NodeLink` over MQTT."""

    def __init__(
        self, endpoint: Endpoint, section: str, sleep_ms: Callable[[int], Awaitable[None]], counters: Counter[str]
    ) -> None:
        self._endpoint = endpoint
        self._sleep_ms = sleep_ms
        self._counters = counters
        self._connection: MqttConnection | None = None
        self._is_paused = False
        self.state = LinkState(section, f"{endpoint.host}:{endpoint.port}")

    async def run(self, on_connected: Callable[[], None], on_frames: Callable[[list[bytes]], None]) -> None:
        """Deliver the bytes of frames, a socket read at a time, until cancelled; `on_connected` says that from now on they are heard."""

        def on_messages(messages: Messages) -> None:
            on_frames([payload for _topic, payload in messages])  # who sent it is in the frame, and proved there

        async def serve(connection: MqttConnection) -> None:
            await connection.subscribe([_UP])
            self._connection = connection
            if self._is_paused:
                connection.pause_reading()
            self.state.up()
            on_connected()

        await stay_connected(
            self.state,
            lambda: open_connection(self._endpoint, on_messages),
            serve,
            self._sleep_ms,
            Backoff(250, 15_000),
        )

    def send(self, node_id: NodeId, down: bytes, *, keep: bool = False) -> None:
        """QoS 0; QoS 1 with `keep`, so that the broker holds it for a node that sleeps. Dropped, and counted, while there is
        no connection or it takes nothing."""
        connection = self._connection
        if connection is None or not connection.is_open or connection.unsent_bytes > _UNSENT_BYTES_MAX:
            self._counters["down_dropped"] += 1
            return
        topic = f"sc/node/{node_id.hex()}/down"
        if keep:
            connection.publish(topic, down)  # whatever becomes of it: what a node does not hear is said again
        else:
            connection.publish_unacknowledged(topic, down)
        self._counters["down_sent"] += 1

    def pause(self) -> None:
        """Leave further frames with the broker: we have no room."""
        if not self._is_paused:
            self._is_paused = True
            self._counters["link_pauses"] += 1
            if self._connection is not None:
                self._connection.pause_reading()

    def resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            if self._connection is not None:
                self._connection.resume_reading()

    @property
    def bytes_in(self) -> int:
        return self._connection.bytes_in if self._connection is not None else 0
