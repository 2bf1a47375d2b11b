# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The life of a link to a broker: connect, serve, wait, again. Says each change of state once."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from gateway_agent.backoff import Backoff
from gateway_agent.errors import Unavailable
from gateway_agent.mqtt.mqtt_client import ENDED_BY_US, MqttConnection, Refused

log = logging.getLogger(__name__)

# What a person can do about a refusal; %s is the section of the configuration file.
_ADVICE = {
    0x86: "check `username` and `password_file` in [%s]",
    0x87: "check `username` and `password_file` in [%s], and the broker's access list",
    0x85: "another rule of the broker forbids our client id: check its access list for [%s]",
    0x8A: "the broker has banned us: ask whoever runs the broker of [%s]",
}


def connect_reason(error: Unavailable, section: str, address: str) -> str:
    """Why there is no connection to `address`, and what to check in the `section` of the configuration."""
    if isinstance(error, Refused):
        advice = _ADVICE.get(error.reason, "ask whoever runs the broker of [%s]") % section
        return f"{address} refused the connection: {error}; {advice}"
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

    def down(self, error: Unavailable) -> None:
        """Note why; log it only where the reason is new."""
        reason = str(error)
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
    length only after a connection that served, so that a broker that accepts and then drops us is not stormed.
    """
    while True:
        connection: MqttConnection | None = None
        try:
            connection = await connect()
            await serve(connection)
            raise await connection.wait_closed()
        except Unavailable as error:
            if state.is_connected:
                backoff.reset()
            state.down(error)
        finally:
            if connection is not None:
                await connection.close()
        await sleep_ms(backoff.next_ms())
