# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Answers become down frames: keys, IVs, city time and commands are added here."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway_agent.control.acknowledgements import Answer, DownNonces, city_time
from gateway_agent.control.commands import Commands, is_move
from gateway_agent.model import GatewayId, Kid, NodeId
from gateway_agent.ports import Clock
from gateway_agent.wire.down import Command, seal_down
from gateway_agent.wire.keys import derive_down

KEYS_MAX = 4_096
GREETING_ROOTS_MAX = 3


class RootOf(Protocol):
    """The root to answer a kid with that has authenticated, or the node's root of a named generation; None where we do not
    know it (any more)."""

    def __call__(self, kid: Kid, /, generation: int | None = None) -> bytes | None: ...


class Answering:
    """Seals and sends. A node whose root was forgotten is not answered: its next frame brings the root back."""

    def __init__(
        self,
        gateway_id: GatewayId,
        clock: Clock,
        commands: Commands,
        nonces: DownNonces,
        root_of: RootOf,
        roots_of: Callable[[Kid], Sequence[bytes]],
        send: Callable[[NodeId, bytes], None],
        counters: Counter[str],
    ) -> None:
        self._gateway_id = gateway_id
        self._clock = clock
        self._commands = commands
        self._nonces = nonces
        self._root_of = root_of
        self._roots_of = roots_of
        self._send = send
        self._counters = counters
        self._keys: OrderedDict[Kid, tuple[bytes, bytes]] = OrderedDict()  # kid: (root, down key)

    def send(self, answers: list[Answer]) -> None:
        """One down frame for each answer that has something to say."""
        if not answers:
            return
        time = city_time(self._clock.read())
        now_ms = self._clock.monotonic_ms()
        for kid, answered_sequence, acknowledged, with_time in answers:
            node_id = NodeId(kid[:6])
            command = self._commands.waiting(node_id, now_ms)
            if command is not None and is_move(command):
                self._send_move(kid, answered_sequence, command)
                command = None
            city_time_ms, bound_ms = time if with_time and time is not None else (None, None)
            if not acknowledged and city_time_ms is None and command is None:
                continue
            root = self._root_of(kid)
            if root is None:
                self._counters["down_without_key"] += 1
                continue
            down = seal_down(
                self._key(kid, root),
                self._gateway_id,
                kid,
                self._nonces.next_iv(),
                answered_sequence,
                acknowledged,
                city_time_ms,
                bound_ms,
                () if command is None else (command,),
            )
            self._send(node_id, down)

    def greet(self, answer: Answer) -> None:
        """One down frame that answers nothing, to a node that this process may not have heard yet: under each root that could be its."""
        for root in self._roots_of(answer.kid)[:GREETING_ROOTS_MAX]:
            key = derive_down(root, self._gateway_id, answer.kid)
            iv = self._nonces.next_iv()
            down = seal_down(key, self._gateway_id, answer.kid, iv, answer.answered_sequence, answer.acknowledged)
            self._send(NodeId(answer.kid[:6]), down)

    def _send_move(self, kid: Kid, answered_sequence: int, command: Command) -> None:
        """The command to move to another key generation, in a frame of its own under that generation's key: the proof."""
        assert isinstance(command.argument, int)
        root = self._root_of(kid, command.argument)
        if root is None:
            self._counters["down_without_key"] += 1
            return
        key = derive_down(root, self._gateway_id, kid)
        iv = self._nonces.next_iv()
        self._send(NodeId(kid[:6]), seal_down(key, self._gateway_id, kid, iv, answered_sequence, commands=(command,)))

    def _key(self, kid: Kid, root: bytes) -> bytes:
        known = self._keys.get(kid)
        if known is not None and known[0] == root:
            return known[1]
        key = derive_down(root, self._gateway_id, kid)
        self._keys[kid] = (root, key)
        if len(self._keys) > KEYS_MAX:
            self._keys.popitem(last=False)
        return key
