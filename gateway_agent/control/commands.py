# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Commands that wait for their nodes. Pure, but for nothing: ids and times are arguments.

An id rises per gateway and is never used twice, also not after the gateway was restored from a backup: it continues
above whatever a node reports. A command is sent with each answer to its node until the node reports its id (a `cmd`
record) or it expires; the node runs an id once.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway_agent.errors import WireError
from gateway_agent.model import GatewayId, NodeId
from gateway_agent.wire import cbor
from gateway_agent.wire.down import CODE_IDENTIFY, Command
from gateway_agent.wire.limits import UINT32_MAX

COMMAND_EXPIRES_MS = 600_000
WAITING_MAX = 1_000
LEAP_MAX = 1 << 16
CODES = {"identify": CODE_IDENTIFY}


class _Waiting(NamedTuple):
    command: Command
    expires_at_ms: int


class Commands:
    """At most one command a node waits: a newer one takes the place of an older."""

    def __init__(self, last_id: int = 0) -> None:
        self.last_id = last_id
        self._waiting: dict[NodeId, _Waiting] = {}

    @property
    def has_room(self) -> bool:
        """Whether one more may wait: not too many do, and the ids are not used up."""
        return len(self._waiting) < WAITING_MAX and self.last_id < UINT32_MAX

    def add(self, node_id: NodeId, code: int, now_ms: int) -> Command:
        """Let a command wait for its node."""
        self.last_id += 1
        command = Command(self.last_id, code, None)
        self._waiting[node_id] = _Waiting(command, now_ms + COMMAND_EXPIRES_MS)
        return command

    def waiting(self, node_id: NodeId, now_ms: int) -> tuple[Command, ...]:
        """What to send to a node now."""
        waiting = self._waiting.get(node_id)
        if waiting is None:
            return ()
        if now_ms >= waiting.expires_at_ms:
            del self._waiting[node_id]
            return ()
        return (waiting.command,)

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._waiting

    def note_result(self, node_id: NodeId, command_id: int) -> None:
        """A node reports the last id of ours that it ran."""
        waiting = self._waiting.get(node_id)
        if waiting is not None and command_id >= waiting.command.command_id:
            del self._waiting[node_id]
        # A node that lies must not use up the ids of all others: what a restored backup can lack is far less than this.
        if command_id <= self.last_id + LEAP_MAX:
            self.last_id = max(self.last_id, min(command_id, UINT32_MAX - 1))


def read_result(gateway_id: GatewayId, value: object) -> int | None:
    """The command id in a `cmd` record, if it is one of ours (docs/wire.md, 3)."""
    if not isinstance(value, bytes):
        return None
    try:
        report = cbor.decode(value)
    except WireError:
        return None
    if not isinstance(report, list) or len(report) != 3 or report[0] != gateway_id or type(report[1]) is not int:
        return None
    return report[1] if report[1] >= 0 else None
