# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Where requests become commands, and commands results: between the folder and what waits for the nodes."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Protocol, TypeVar

from device_profiles import Profile
from gateway_agent.control.command_check import CommandError, check_command
from gateway_agent.control.command_files import CommandFiles, Wanted
from gateway_agent.control.commands import EXPIRES_AWAKE_MS, EXPIRES_SLEEPING_MS, Commands, Finished
from gateway_agent.model import NodeId
from gateway_agent.wire.down import Command

log = logging.getLogger(__name__)
T = TypeVar("T")


class KnownNodes(Protocol):
    """What the registry says of the nodes."""

    def profile_of(self, node_id: bytes) -> str | None: ...
    def generations_of(self, node_id: bytes) -> Collection[int]: ...


class CommandDesk:
    """`look` is called each second. The disk is only touched in the thread that `in_thread` runs an errand in."""

    def __init__(
        self,
        files: CommandFiles,
        commands: Commands,
        nodes: KnownNodes,
        profiles: Mapping[str, Profile],
        in_thread: Callable[[Callable[[], object]], Awaitable[object]],
        counters: Counter[str],
    ) -> None:
        self._files = files
        self._commands = commands
        self._nodes = nodes
        self._profiles = profiles
        self._in_thread = in_thread
        self._counters = counters
        self._finished: deque[Finished] = deque()

    def restore(self, now_ms: int) -> None:
        """Let wait again what waited when the gateway ended. Its time begins anew: nobody knows how long we were away."""
        for node_id, command in self._files.read_taken():
            self._commands.add(node_id, command, now_ms, self._expires_ms(node_id))

    async def look(self, now_ms: int) -> None:
        """Write down what has ended, then take what was asked for. Raises: Unavailable: the rest is done next time."""
        self._finished.extend(self._commands.take_finished(now_ms))
        while self._finished:
            finished = self._finished[0]
            await self._in_thread(lambda finished=finished: self._files.finish(*finished))  # type: ignore[misc]
            self._counters[f"commands_{finished.state}"] += 1
            self._finished.popleft()
        wanted_all: list[Wanted] = []
        await self._in_thread(lambda: wanted_all.extend(self._files.look()))
        for wanted in wanted_all:
            await self._take(wanted, now_ms)

    async def _take(self, wanted: Wanted, now_ms: int) -> None:
        try:
            node_id, command = self._command(wanted)
        except CommandError as error:
            log.warning("command %s is refused: %s", wanted.request, error.detail)
            reason = error.detail
            await self._in_thread(lambda: self._files.refuse(wanted, reason))
            self._counters["commands_refused"] += 1
            return
        # Durable before it may leave: an id is never used twice, whatever happens in between.
        await self._in_thread(lambda: self._files.take(wanted, command))
        self._commands.add(node_id, command, now_ms, self._expires_ms(node_id))
        self._counters["commands_taken"] += 1

    def _command(self, wanted: Wanted) -> tuple[NodeId, Command]:
        node_id, content = wanted.node_id, wanted.content
        if node_id is None:
            raise CommandError('the file is no command: {"node": "aabbccddee01", "command": "identify"}')
        if not self._commands.has_room:
            raise CommandError("too many commands wait")
        profile = self._profiles.get(self._nodes.profile_of(node_id) or "")
        code, argument = check_command(
            content.get("command"),
            content.get("settings"),
            content.get("generation"),
            profile,
            self._nodes.generations_of(node_id),
        )
        return node_id, Command(self._commands.last_id + 1, code, argument)

    def _expires_ms(self, node_id: NodeId) -> int:
        profile = self._profiles.get(self._nodes.profile_of(node_id) or "")
        is_sleeping = profile is not None and profile.power_source == "battery"
        return EXPIRES_SLEEPING_MS if is_sleeping else EXPIRES_AWAKE_MS
