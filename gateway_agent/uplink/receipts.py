# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Receipts come in: proved, kept by the journal, and told to the window. A contradiction begins a new instance."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import PeerError, Unavailable
from gateway_agent.model import GatewayId, Lane, LaneHead, Receipt
from gateway_agent.uplink.pump import Pump
from gateway_agent.uplink.window import Position
from gateway_agent.wire.batch import link_of
from gateway_agent.wire.receipt import open_receipt

log = logging.getLogger(__name__)
T = TypeVar("T")

WAITING_MAX = 64


class Verdict(Protocol):
    """`value` is "ok", "stale" or "contradiction"."""

    @property
    def value(self) -> str: ...


class ReceiptStore(Protocol):
    """The journal, as far as receipts need it."""

    def head(self, lane: Lane) -> LaneHead: ...
    def note_receipt(self, receipt: Receipt, raw: bytes) -> Verdict: ...
    def new_instance(self, lane: Lane) -> None: ...
    def trim(self) -> int: ...
    def unreceipted_from(self, lane: Lane) -> tuple[bytes, int]: ...
    def contradicted(self) -> list[tuple[Lane, bytes]]: ...
    def note_sent(self, lane: Lane, instance: bytes, number: int) -> None: ...


class Writer(Protocol):
    """Runs something blocking in the one thread that writes."""

    def __call__(self, errand: Callable[[], T]) -> Awaitable[T]: ...


class Receipts:
    """Takes receipts in the order of their coming; at most 64 wait, because the newest says all."""

    def __init__(
        self,
        gateway_id: GatewayId,
        collector_key: Ed25519PublicKey | None,
        store: ReceiptStore,
        writer: Writer,
        counters: Counter[str],
    ) -> None:
        """`collector_key` None: nobody's receipts count (delivery "broker")."""
        self._gateway_id = gateway_id
        self._collector_key = collector_key
        self._store = store
        self._writer = writer
        self._counters = counters
        self._tasks: set[asyncio.Task[None]] = set()
        self._passed: dict[tuple[Lane, bytes], int] = {}
        self._pump: Pump | None = None

    @property
    def pump(self) -> Pump | None:
        return self._pump

    @pump.setter
    def pump(self, pump: Pump) -> None:
        """Set once both are made. It learns here which instances were contradicted before this start."""
        self._pump = pump
        pump.on_passed = self._take_passed
        for lane, instance in self._store.contradicted():
            pump.note_contradicted(lane, instance, self._start(lane))

    def _start(self, lane: Lane) -> Position:
        return Position(*self._store.unreceipted_from(lane))

    def take(self, raw: bytes) -> None:
        """A message on the receipt topic. Anything but a receipt of our collector for us is counted by its error."""
        if self._collector_key is None or len(self._tasks) >= WAITING_MAX:
            self._counters["receipts_dropped"] += 1
            return
        try:
            receipt = open_receipt(raw, self._collector_key)
        except PeerError as error:
            self._counters["receipts_refused_" + error.name] += 1
            return
        if receipt.gateway_id != self._gateway_id:
            self._counters["receipts_refused_OtherGateway"] += 1
            return
        self._follow(receipt, raw)

    def take_puback(self, lane: Lane, position: Position, batch: bytes) -> None:
        """With delivery "broker" its PUBACK stands for a receipt: the promise ends there, and the status says so."""
        self._follow(Receipt(self._gateway_id, lane, *position, link_of(batch)), b"")

    def _take_passed(self, lane: Lane, position: Position) -> None:
        is_waiting = (lane, position.instance) in self._passed
        self._passed[lane, position.instance] = position.number
        if not is_waiting:
            self._run(self._keep_passed(lane, position.instance))

    async def _keep_passed(self, lane: Lane, instance: bytes) -> None:
        """The rest of a contradicted instance was sent: the journal need not keep it, and says where the lane goes on."""
        assert self.pump is not None
        number = self._passed.pop((lane, instance))

        def note() -> Position:
            self._store.note_sent(lane, instance, number)
            self._store.trim()
            return self._start(lane)

        start = await self._writer(note)
        if start.instance != instance:
            self.pump.note_known(lane, start)

    def _follow(self, receipt: Receipt, raw: bytes) -> None:
        self._run(self._keep(receipt, raw))

    def _run(self, errand: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(errand)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep(self, receipt: Receipt, raw: bytes) -> None:
        lane, instance = receipt.lane, receipt.instance
        assert self.pump is not None
        try:
            verdict = (await self._writer(lambda: self._store.note_receipt(receipt, raw))).value
            self._counters["receipts_" + verdict] += 1
            if verdict == "ok":
                self.pump.note_receipt(lane, Position(instance, receipt.number))
                start = self._start(lane)
                if start.instance != instance:
                    self.pump.note_left_behind(lane, start)
                await self._writer(self._store.trim)
            elif verdict == "stale":
                start = self._start(lane)
                if start.instance == instance:
                    self.pump.note_known(lane, start)
                self.pump.note_repeated(lane, Position(instance, receipt.number))
            else:
                await self._contradict(receipt)
        except Unavailable as error:
            self._counters["receipts_unsaved"] += 1  # it comes again with the next batch
            log.warning("a receipt cannot be kept: %s", error)

    async def _contradict(self, receipt: Receipt) -> None:
        """A new instance, unless there is one already; what is left of the old one is sent once. Raises: Unavailable."""
        lane, instance = receipt.lane, receipt.instance
        assert self.pump is not None
        try:
            if instance == self._store.head(lane).instance:
                log.error(
                    "the city's receipt for %s batch %d contradicts our journal: one of the two was restored or changed."
                    " A new instance begins; compare both sides with `startcity verify`",
                    lane.word,
                    receipt.number,
                )
                await self._writer(lambda: self._store.new_instance(lane))
        finally:
            self.pump.note_contradicted(lane, instance, self._start(lane))
