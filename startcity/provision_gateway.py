# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A running gateway as the installer meets it: its journal, its receipts, its list of commands. Nothing of it is written here
but requests.
"""

from __future__ import annotations

import hashlib
import secrets
import shlex
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from gateway_agent.clock import make_clock
from gateway_agent.config import Config
from gateway_agent.control.command_files import ask, read_all
from gateway_agent.errors import Unavailable, WireError
from gateway_agent.journal.files import OsFiles
from gateway_agent.journal.receipts import ReceiptLog
from gateway_agent.model import Lane
from gateway_agent.operate.journal_folder import JournalFolder
from gateway_agent.operate.moved_file import read_moved
from gateway_agent.operate.status import read_status
from gateway_agent.operate.stored_batches import latest_batches
from gateway_agent.wire.receipt import open_receipt
from gateway_agent.wire.signer import load_public
from startcity.journal_tail import JournalTail, Stored
from startcity.words import say


class Proof(NamedTuple):
    """The collector's signed word that it holds a batch."""

    lane: str
    instance: str
    number: int
    receipted: int
    receipt_sha256: str


def is_gateway_running(config: Config) -> bool:
    """Whether its process is there, by its last status."""
    try:
        return bool(read_status(config.data)["is_running"])
    except Unavailable:
        return False


def not_running(config: Config) -> str:
    """What is told of a gateway that hears nothing now."""
    template = "The gateway does not run, so no node is heard: `startcity gateway status --config {config}` says how to start it."
    return say(template, config=shlex.quote(str(config.path)))


class GatewaySide:
    """Looks at one gateway's folders. Times are of the gateway's own clock."""

    def __init__(self, config: Config) -> None:
        """Raises: ConfigError: the collector's key is missing."""
        self._config = config
        self._clock = make_clock(config.clock.trust)
        city = config.city_broker
        self._collector = load_public(config.beside(city.collector_key)) if city.delivery == "receipt" else None

    @property
    def has_collector(self) -> bool:
        return self._collector is not None

    def monotonic_s(self) -> float:
        return self._clock.monotonic_ms() / 1_000

    def wall_ms(self) -> int | None:
        return self._clock.read().wall_ms

    def status(self) -> dict[str, Any]:
        """What the gateway said last. Raises: Unavailable: it does not run."""
        found = read_status(self._config.data)
        if not found["is_running"]:
            raise Unavailable(not_running(self._config))
        return found

    def is_running(self) -> bool:
        return is_gateway_running(self._config)

    def heads(self) -> dict[str, tuple[str, int]]:
        """By lane the last batch of the journal. Raises: ConfigError, Unavailable."""
        folder = JournalFolder(self._config.data / "journal")
        last = {lane.word: latest_batches(folder, lane, 1) for lane in Lane}
        return {word: (found[-1].instance.hex(), found[-1].number) for word, found in last.items() if found}

    def tail(self, node_id: bytes, since: dict[str, tuple[str, int]]) -> JournalTail:
        """The node's readings in batches behind `since`, as they come."""
        return JournalTail(self._config.data / "journal", node_id, since)

    def receipts(self) -> ReceiptLog:
        """The newest of each lane. Raises: Unavailable."""
        log = ReceiptLog(OsFiles(), self._config.data / "journal" / "receipts.log")
        try:
            log.load()
        except OSError as error:
            raise Unavailable(f"{error.filename}: {error.strerror}") from error
        return log

    def proof(self, stored: Stored, log: ReceiptLog) -> Proof | None:
        """The receipt that covers a batch, proved with the collector's key. None: there is none yet."""
        position = log.positions.get((stored.lane, stored.instance))
        if position is None or position.number < stored.number or self._collector is None:
            return None
        try:
            receipt = open_receipt(position.raw, self._collector)
        except WireError:
            return None
        names = (receipt.gateway_id, receipt.lane, receipt.instance)
        if names != (self._config.gateway.id, stored.lane, stored.instance) or receipt.number < stored.number:
            return None
        digest = hashlib.sha256(position.raw).hexdigest()
        return Proof(stored.lane.word, stored.instance.hex(), stored.number, receipt.number, digest)

    def heard_generation(self, node_id: bytes) -> int:
        """The newest key generation under which the node was heard; 0 where it has not moved."""
        moved = read_moved(self._config.data).get(node_id)
        return 0 if moved is None else moved.generation

    def ask(self, node: str, content: Mapping[str, object]) -> str:
        """Put a command for a node on the gateway's list; returns the request's name. Raises: Unavailable."""
        request = f"{time.time_ns() // 1_000_000}-{node}-{secrets.token_hex(3)}"
        ask(self._config.data / "commands", request, {"node": node, **content})
        return request

    def answer(self, request: str) -> dict[str, Any] | None:
        """What became of a request; None while it waits."""
        found = next((item for item in read_all(self._config.data / "commands") if item["request"] == request), None)
        return None if found is None or found["state"] in ("asked", "waiting") else found
