# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The life of a link to a broker: connect, serve, wait, again. Says each change of state once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway_agent.backoff import Backoff
from gateway_agent.errors import Unavailable
from gateway_agent.mqtt.mqtt_client import ENDED_BY_US, Dropped, MqttConnection, NoConnack, Refused

log = logging.getLogger(__name__)

# A broker that drops us so soon after each of so many connections, with none that failed in between, most likely does so because
# somebody else connects under our client id. Most brokers do not say.
DROPPED_WITHIN_S = 60
DROPPED_OFTEN = 3
OTHER_CLIENT = "does another program use our client id, as a copy of this one on another machine would?"

# What a person can do about a refusal; %s is the section of the configuration file.
_ADVICE = {
    0x86: "check `username` and `password_file` in [%s]",
    0x87: "check `username` and `password_file` in [%s], and the broker's access list",
    0x85: "another rule of the broker forbids our client id: check its access list for [%s]",
    0x8A: "the broker has banned us: ask whoever runs the broker of [%s]",
    0x9A: "the gateway's state has to be kept for who comes later: allow retained messages at the broker of [%s]",
    0x9B: "without an acknowledgement of each batch nothing can be promised: allow QoS 1 at the broker of [%s]",
}


def connect_reason(error: Unavailable, section: str, address: str) -> str:
    """Why there is no connection to `address`, and what to check in the `section` of the configuration."""
    if isinstance(error, Refused):
        advice = _ADVICE.get(error.reason, "ask whoever runs the broker of [%s]") % section
        return f"{address} refused the connection: {error}; {advice}"
    if isinstance(error, NoConnack):
        return (
            f"{address} takes the connection and does not answer: {error}; check whether it wants TLS (`tls_ca` in [{section}]) or"
            " takes very short packets only: its log may say"
        )
    return f"cannot reach {address}: {error}; check `host` and `port` in [{section}] and that the broker runs"


class LinkState:
    """What the status shows of one link."""

    def __init__(self, section: str, address: str) -> None:
        self.section = section
        self.address = address
        self.is_connected = False
        self.reason = "not tried yet"
        self.connections_count = 0
        self.refusals_count = 0

    def up(self) -> None:
        self.is_connected, self.reason = True, ""
        self.connections_count += 1
        log.info("%s: connected to %s", self.section, self.address)

    def down(self, error: Unavailable, dropped_count: int = 0) -> None:
        """Note why; log it only where the reason is new. `dropped_count`: how often in a row soon after connecting."""
        reason = str(error)
        if dropped_count >= DROPPED_OFTEN:
            reason += f", soon after each of the last {dropped_count} times that we connected: {OTHER_CLIENT}"
        if isinstance(error, Refused):
            self.refusals_count += 1
        if isinstance(error, Refused) or not self.is_connected:
            reason = connect_reason(error, self.section, self.address)
        if reason == ENDED_BY_US:
            log.info("%s: %s", self.section, reason)
        elif self.is_connected or reason != self.reason:
            log.warning("%s: %s", self.section, reason if not self.is_connected else f"connection ended: {reason}")
        self.is_connected, self.reason = False, reason


async def stay_connected(
    state: LinkState,
    connect: Callable[[], Awaitable[MqttConnection]],
    serve: Callable[[MqttConnection], Awaitable[None]],
    sleep_ms: Callable[[int], Awaitable[None]],
    backoff: Backoff,
) -> None:
    """Until cancelled: connect, `serve` until the connection ends, wait with back-off and jitter.

    `serve` may raise `Unavailable`. The wait goes back to its first
    length only after a connection that served, and not where such connections end soon one after the other, so that a broker that
    accepts and then drops us is not stormed.
    """
    loop = asyncio.get_running_loop()
    dropped_count = 0
    while True:
        connection: MqttConnection | None = None
        began_s = loop.time()
        try:
            connection = await connect()
            await serve(connection)
            raise await connection.wait_closed()
        except Unavailable as error:
            is_soon = loop.time() - began_s < DROPPED_WITHIN_S
            is_dropped = state.is_connected and isinstance(error, Dropped) and is_soon
            dropped_count = dropped_count + 1 if is_dropped else 0
            if state.is_connected and dropped_count < DROPPED_OFTEN:
                backoff.reset()
            state.down(error, dropped_count)
        finally:
            if connection is not None:
                await connection.close()
        await sleep_ms(backoff.next_ms())
