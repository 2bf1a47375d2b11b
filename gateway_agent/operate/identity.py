# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The gateway's own keys and its nodes' generations while it runs: who signs now, what changes that, and who is told.

What seals, signs or tells asks `signer` each time, so a change of the key needs no restart.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from gateway_agent.admit.keyring import Keyring
from gateway_agent.admit.retirement import Retirement
from gateway_agent.control.moves import GenerationRecord, plan_moves
from gateway_agent.errors import Unavailable
from gateway_agent.model import ClockReading, GatewayId, LaneHead
from gateway_agent.operate.key_files import KeyFiles
from gateway_agent.operate.moved_file import write_moved
from gateway_agent.operate.rotation_request import take_request, tell_result
from gateway_agent.wire.key_change import parse_key_change
from gateway_agent.wire.signer import Signer

log = logging.getLogger(__name__)
T = TypeVar("T")

COMMANDS_WAITING_MAX = 900  # of 1,000 that may wait: a city's move leaves room for others


class Worker(Protocol):
    """Runs something blocking in one thread."""

    def __call__(self, errand: Callable[[], T]) -> Awaitable[T]: ...


class PublishWord(Protocol):
    """`ports.Uplink.publish_word`."""

    def __call__(self, word: str, data: bytes, *, retain: bool = False) -> Awaitable[None]: ...


class Identity:
    """Who this gateway is to the city, now."""

    def __init__(
        self,
        gateway_id: GatewayId,
        key_files: KeyFiles,
        data: Path,
        read_clock: Callable[[], ClockReading],
    ) -> None:
        """Finishes a change of the key that was interrupted. Raises: ConfigError, Unavailable."""
        self._gateway_id = gateway_id
        self._key_files = key_files
        self._data = data
        self._read_clock = read_clock
        self.signer = key_files.open()
        self._changes = key_files.changes(self.signer)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def changes_count(self) -> int:
        """How often the key was changed, as far as the last 64 changes."""
        return len(self._changes)

    def changed_keys(self) -> set[bytes]:
        """The ids of the keys before the present one whose changes are here."""
        return {parse_key_change(change)[1].old_key_id for change in self._changes}

    async def rotate(
        self,
        write: Worker,
        heads: Callable[[], tuple[LaneHead, ...]],
        use: Callable[[Signer], None],
        publish_word: PublishWord,
    ) -> bytes:
        """Change the signing key; returns the new public key.

        In the thread that seals: what was sealed before is in `heads`, and what is sealed after has the new key.

        Raises:
            Unavailable: the disk refuses; the old key goes on.
        """

        def errand() -> bytes:
            old = self.signer
            new, change = self._key_files.rotate(self._gateway_id, self._read_clock(), heads(), old)
            self.signer = new
            use(new)
            log.warning("the signing key was changed: %s for %s", old.key_id.hex(), new.key_id.hex())
            return change

        change = await write(errand)
        self._changes.append(change)
        self.tell(publish_word)
        return self.signer.public_bytes

    def tell(self, publish_word: PublishWord) -> None:
        """Give the city's broker every change, retained: a collector may come later, and follows from the first key on.

        Each is on its way when this returns: what the newest key signs comes behind it.
        """

        async def wait(sent: list[Awaitable[None]]) -> None:
            try:
                await asyncio.gather(*sent)
            except Unavailable as error:
                _log_untold(error)

        if not self._changes:
            return
        try:
            sent = [publish_word(f"key/{_old_key(change)}", change, retain=True) for change in self._changes]
        except Unavailable as error:
            _log_untold(error)
            return
        task = asyncio.create_task(wait(sent))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def look(self, rotate: Callable[[], Awaitable[bytes]], read: Worker) -> None:
        """Whether `startcity gateway rotate-key` has asked. Raises: Unavailable."""
        request = await read(lambda: take_request(self._data))
        if request is None:
            return
        try:
            public = await rotate()
        except Unavailable as error:
            result = {"error": str(error)}
        else:
            result = {"key_id": self.signer.key_id.hex(), "public_key": public.hex()}
        await read(lambda: tell_result(self._data, request, result))


def _log_untold(error: Unavailable) -> None:
    log.warning("a change of the key was not told: %s", error)  # the next connection tells it


def _old_key(change: bytes) -> str:
    return parse_key_change(change)[1].old_key_id.hex()


class Generations:
    """The nodes' key generations: asked to move, heard, retired."""

    def __init__(self, data: Path, keyring: Keyring, retirement: Retirement) -> None:
        self._data = data
        self._keyring = keyring
        self._retirement = retirement

    async def look(self, read: Worker) -> None:
        """Write down who has moved; end graces. Raises: Unavailable: tried again."""
        self._keyring.look_at_retirement()
        if self._retirement.is_changed:
            moved = dict(self._retirement.moved)
            self._retirement.is_changed = False
            try:
                await read(lambda: write_moved(self._data, moved))
            except Unavailable:
                self._retirement.is_changed = True
                raise

    def move(
        self,
        records: Sequence[GenerationRecord],
        generation: int,
        commands_waiting: int,
        ask: Callable[[str, dict[str, object]], None],
    ) -> str:
        """Ask every node that has a root of `generation` and was not heard under it to move; what came of it, as JSON."""
        plan = plan_moves(records, self._keyring.newest_heard(), generation)
        counts = {"asked": 0, "moved": 0, "no_root": 0, "later": 0}
        for node_id, what in plan.items():
            if what != "ask":
                counts["moved" if what == "moved" else "no_root"] += 1
            elif commands_waiting + counts["asked"] >= COMMANDS_WAITING_MAX:
                counts["later"] += 1
            else:
                request = f"move-{generation}-{node_id.hex()}-{secrets.token_hex(3)}"
                ask(request, {"node": node_id.hex(), "command": "generation", "generation": generation})
                counts["asked"] += 1
        return json.dumps(counts)
