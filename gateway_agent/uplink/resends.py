# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A collector that was restored from an older copy asks again for what it had receipted: the lane goes back.

What the journal still holds is sent again from there, and kept again until it is receipted. For what was deleted after
its receipt a signed gap (reason 2) goes first, so that the collector can go on. A request counts once, and for this boot of
the gateway only; a lane goes back at most once in 30 s.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import PeerError, Unavailable
from gateway_agent.model import ClockReading, GatewayId, Lane
from gateway_agent.uplink.window import Position
from gateway_agent.wire.gap import GapReason
from gateway_agent.wire.resend import Resend, open_resend

log = logging.getLogger(__name__)
T = TypeVar("T")

EACH_MS = 30_000
WAITING_MAX = 8


class Rewound(Protocol):
    """What the journal says: the first number it holds behind the request's, and the link of the one before that."""

    @property
    def first(self) -> int: ...
    @property
    def link(self) -> bytes: ...


class RewindStore(Protocol):
    """The journal, as far as this needs it."""

    def rewind(self, lane: Lane, instance: bytes, number: int, link: bytes) -> Rewound | None: ...
    def unreceipted_from(self, lane: Lane) -> tuple[bytes, int]: ...


class RewindPump(Protocol):
    """The pump, as far as this needs it."""

    def note_rewound(self, lane: Lane, position: Position) -> None: ...


class Writer(Protocol):
    """Runs something blocking in the one thread that writes."""

    def __call__(self, errand: Callable[[], T]) -> Awaitable[T]: ...


class Resends:
    """`take` is for the uplink."""

    def __init__(
        self,
        gateway_id: GatewayId,
        collector_key: Ed25519PublicKey | None,
        store: RewindStore,
        pump: RewindPump,
        writer: Writer,
        clock: Callable[[], ClockReading],
        sign_gap: Callable[[Lane, bytes, int, int, bytes, int], bytes],
        publish: Callable[[Lane, bytes], Awaitable[None]],
        counters: Counter[str],
    ) -> None:
        """`collector_key` None: nobody may ask (delivery "broker" without a collector)."""
        self._gateway_id = gateway_id
        self._collector_key = collector_key
        self._store = store
        self._pump = pump
        self._writer = writer
        self._clock = clock
        self._sign_gap = sign_gap
        self._publish = publish
        self._counters = counters
        self._requests: dict[Lane, int] = {}
        self._at_ms: dict[Lane, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, raw: bytes) -> None:
        """A message on the resend topic. What does not count is counted by its reason."""
        if self._collector_key is None or len(self._tasks) >= WAITING_MAX:
            self._counters["resends_dropped"] += 1
            return
        try:
            resend = open_resend(raw, self._collector_key)
            self._check(resend)
        except PeerError as error:
            self._counters[f"resends_refused_{error.name}"] += 1
            return
        task = asyncio.create_task(self._rewind(resend))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _check(self, resend: Resend) -> None:
        clock, lane = self._clock(), resend.lane
        if resend.gateway_id != self._gateway_id:
            raise PeerError("OtherGateway")
        if resend.boot_id != clock.boot_id:
            raise PeerError("OtherBoot")
        if resend.request <= self._requests.get(lane, 0):
            raise PeerError("Repeated")
        if clock.monotonic_ms - self._at_ms.get(lane, -EACH_MS) < EACH_MS:
            raise PeerError("TooOften")
        self._requests[lane], self._at_ms[lane] = resend.request, clock.monotonic_ms

    async def _rewind(self, resend: Resend) -> None:
        lane, instance, number = resend.lane, resend.instance, resend.number
        try:
            found = await self._writer(lambda: self._store.rewind(lane, instance, number, resend.link))
            if found is None:
                self._counters["resends_refused_NotHeld"] += 1
                log.error(
                    "the collector holds %s batch %d of instance %s and asks for what follows; this journal has no such"
                    " history: compare both sides with `startcity verify`",
                    lane.word,
                    number,
                    instance.hex(),
                )
                return
            self._counters["resends_taken"] += 1
            log.warning(
                "the collector holds the %s lane up to batch %d only: it was restored from an older copy, or never got the"
                " rest. From batch %d on it is sent again%s",
                lane.word,
                number,
                found.first,
                f"; {number + 1} to {found.first - 1} were deleted after a receipt, and are gone"
                if found.first > number + 1
                else "",
            )
            if found.first > number + 1:
                last = found.first - 1
                gap = self._sign_gap(lane, instance, number + 1, last, found.link, GapReason.TRIMMED)
                await self._publish(lane, gap)
            # What an older instance still owes comes before it: nothing else would bring the lane back there.
            self._pump.note_rewound(lane, Position(*await self._writer(lambda: self._store.unreceipted_from(lane))))
        except Unavailable as error:
            self._counters["resends_unfinished"] += 1  # the collector asks again
            log.warning("a resend cannot be followed: %s", error)
