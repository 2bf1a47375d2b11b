# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Commands that wait for their nodes. Pure: ids and times are arguments.

An id rises per gateway and is never used twice, also not after the gateway was restored from a backup: it continues
above whatever a node reports. A command is sent with each answer to its node until the node reports its id (a `cmd`
record) or it expires; the node runs an id once.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway_agent.errors import WireError
from gateway_agent.model import GatewayId, NodeId
from gateway_agent.wire import cbor
from gateway_agent.wire.down import CODE_GENERATION, CODES, Argument, Command
from gateway_agent.wire.limits import UINT32_MAX

# A configuration is on trial for up to ten minutes before its result comes; a sleeping node is heard once a day at least.
EXPIRES_AWAKE_MS = 1_800_000
EXPIRES_SLEEPING_MS = 26 * 3_600_000
WAITING_MAX = 1_000
LEAP_MAX = 1 << 16

# What a node may report (docs/wire.md, 4).
RESULTS = (
    "done",
    "unknown command",
    "bad argument",
    "not possible now",
    "old configuration restored",
    "not proven",
    "number too low",
)
RESULT_DONE = 0
RESULT_STALE = 6
CODE_WORDS = {code: word for word, code in CODES.items()}


class Finished(NamedTuple):
    """A command that waits no longer: state `done`, `failed`, `expired` or `replaced`; `result` where a node gave one."""

    command_id: int
    state: str
    result: int | None


class _Waiting(NamedTuple):
    command: Command
    expires_at_ms: int


class Commands:
    """At most one command a node waits: a newer one takes the place of an older."""

    def __init__(self, last_id: int = 0) -> None:
        self.last_id = last_id
        self._waiting: dict[NodeId, _Waiting] = {}
        self._finished: list[Finished] = []

    @property
    def has_room(self) -> bool:
        """Whether one more may wait: not too many do, and the ids are not used up."""
        return len(self._waiting) < WAITING_MAX and self.last_id < UINT32_MAX

    def add(self, node_id: NodeId, command: Command, now_ms: int, expires_ms: int = EXPIRES_AWAKE_MS) -> None:
        """Let a command wait for its node. Its id is a new one, or one that waited before a restart."""
        self.last_id = max(self.last_id, command.command_id)
        older = self._waiting.get(node_id)
        if older is not None:
            self._finished.append(Finished(older.command.command_id, "replaced", None))
        self._waiting[node_id] = _Waiting(command, now_ms + expires_ms)

    def waiting(self, node_id: NodeId, now_ms: int) -> Command | None:
        """What to send to a node now."""
        waiting = self._waiting.get(node_id)
        if waiting is None or now_ms >= waiting.expires_at_ms:
            return None
        return waiting.command

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._waiting

    def __len__(self) -> int:
        return len(self._waiting)

    def note_result(self, node_id: NodeId, command_id: int, result: int) -> None:
        """A node reports the last id of ours that it ran, and what became of it."""
        waiting = self._waiting.get(node_id)
        if waiting is not None and command_id >= waiting.command.command_id:
            del self._waiting[node_id]
            if command_id != waiting.command.command_id:
                self._finished.append(Finished(waiting.command.command_id, "failed", RESULT_STALE))
        if result != RESULT_STALE:  # that one speaks of a command that the node did not run
            self._finished.append(Finished(command_id, "done" if result == RESULT_DONE else "failed", result))
        # A node that lies must not use up the ids of all others: what a restored backup can lack is far less than this.
        if command_id <= self.last_id + LEAP_MAX:
            self.last_id = max(self.last_id, min(command_id, UINT32_MAX - 1))

    def take_finished(self, now_ms: int) -> list[Finished]:
        """What has ended since the last call, the expired ones with it."""
        for node_id, (command, expires_at_ms) in list(self._waiting.items()):
            if now_ms >= expires_at_ms:
                del self._waiting[node_id]
                self._finished.append(Finished(command.command_id, "expired", None))
        finished, self._finished = self._finished, []
        return finished


def is_move(command: Command) -> bool:
    """Whether the command has to come under the key generation that it names."""
    return command.code == CODE_GENERATION


def read_result(gateway_id: GatewayId, value: object) -> tuple[int, int] | None:
    """Command id and result in a `cmd` record, if it is one of ours (docs/wire.md, 3)."""
    if not isinstance(value, bytes):
        return None
    try:
        report = cbor.decode(value)
    except WireError:
        return None
    if not isinstance(report, list) or len(report) != 3 or report[0] != gateway_id:
        return None
    command_id, result = report[1], report[2]
    if type(command_id) is not int or type(result) is not int or command_id < 0:
        return None
    return command_id, result


__all__ = ["CODES", "CODE_WORDS", "RESULTS", "Argument", "Command", "Commands", "Finished", "is_move", "read_result"]
