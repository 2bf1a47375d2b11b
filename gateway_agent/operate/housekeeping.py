# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a running gateway does beside its path: registry, commands, status, the retained state, the watchdog."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gateway_agent.admit.keyring import Keyring
from gateway_agent.control.command_desk import CommandDesk
from gateway_agent.errors import ConfigError, Unavailable
from gateway_agent.model import LaneHead
from gateway_agent.operate.status import WRITTEN_EACH_MS, StatusFile
from gateway_agent.ports import Clock
from gateway_agent.registry import Registry
from gateway_agent.supervise.notify import notify, watchdog_interval_s
from gateway_agent.supervise.progress import Progress
from gateway_agent.supervise.threads import Threads

log = logging.getLogger(__name__)

LOOK_EACH_MS = 1_000
STATE_EACH_MS = 30_000


class Housekeeping:
    """Runs until cancelled."""

    def __init__(
        self,
        clock: Clock,
        threads: Threads,
        registry: Registry,
        keyring: Keyring,
        command_desk: CommandDesk,
        status_file: StatusFile,
        make_status: Callable[[bool], dict[str, Any]],
        heads: Callable[[], tuple[LaneHead, ...]],
        publish_state: Callable[[], bool],
        counters: Counter[str],
        errands: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        """`make_status(stopped)`; `publish_state()` is True where the city's broker was there to take it. `errands` are
        run each second."""
        self._clock = clock
        self._threads = threads
        self._registry = registry
        self._registry_version: int | None = None
        self._keyring = keyring
        self._command_desk = command_desk
        self._status_file = status_file
        self._make_status = make_status
        self._heads = heads
        self._publish_state = publish_state
        self._counters = counters
        self._errands = errands

    async def run(self) -> None:
        """Registry and commands each second, the status each few seconds, the retained state each half minute."""
        status_at_ms = state_at_ms = 0
        said = ""
        told: tuple[LaneHead, ...] = ()
        while True:
            now_ms = self._clock.monotonic_ms()
            try:
                self.look_at_registry()
                await self._command_desk.look(now_ms)
                for errand in self._errands:
                    await errand()
                if now_ms >= status_at_ms:
                    status_at_ms = now_ms + WRITTEN_EACH_MS
                    await self._threads.read(self.write_status)
                    said = ""
            except (ConfigError, Unavailable) as error:
                self._counters["housekeeping_failures"] += 1
                if str(error) != said:  # a disk may be full for days, and the log is on it
                    said = str(error)
                    log.warning("%s", error)
            heads = self._heads()
            if now_ms >= state_at_ms and heads != told and self._publish_state():
                state_at_ms, told = now_ms + STATE_EACH_MS, heads
            await self._clock.sleep_ms(LOOK_EACH_MS)

    def look_at_registry(self) -> None:
        """Take the nodes over if another process has changed them. Raises: Unavailable."""
        version = self._registry.version()
        if version != self._registry_version:
            self._keyring.replace_nodes(self._registry.nodes())
            self._registry_version = version
            log.info("%d nodes are registered", len(self._keyring))

    def write_status(self, *, stopped: bool = False) -> None:
        """Raises: Unavailable."""
        self._status_file.write(self._make_status(stopped))


async def feed_watchdog(threads: Threads, progress: Progress, overdue_ms: Callable[[], int]) -> None:
    """Feed systemd's watchdog while the data path moves: an errand went through the writer, and no lane is overdue."""
    interval_s = watchdog_interval_s()
    if interval_s is None:
        await asyncio.Event().wait()  # nobody watches
    while interval_s is not None:
        await threads.write(lambda: None)
        if progress.is_moving(overdue_ms()):
            notify("WATCHDOG=1")
        await asyncio.sleep(interval_s)
