# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Batches for journals: shaped as docs/wire.md section 5 says, chained, unsigned, each with frames of its own."""

from __future__ import annotations

import hashlib
import random

from gateway_agent.journal import Journal
from gateway_agent.model import GatewayId, Kid, Lane, LaneHead, Receipt, Received, SealedBatch
from gateway_agent.wire import cbor

GATEWAY = GatewayId("test-only-01")


def link_of(batch: bytes) -> bytes:
    return hashlib.sha256(batch).digest()


def seal(head: LaneHead, body: bytes, received: tuple[Received, ...] = ()) -> SealedBatch:
    """The batch that follows a lane's head."""
    payload = {
        0: 1,
        1: GATEWAY,
        2: int(head.lane),
        3: head.instance,
        4: head.number + 1,
        5: head.link,
        12: body,
    }
    signed = cbor.Tag(18, [b"\xa1\x01\x32", {}, cbor.encode(payload), bytes(64)])
    return SealedBatch(head.lane, head.instance, head.number + 1, cbor.encode(signed), received)


def after(batch: SealedBatch) -> LaneHead:
    """The head when that batch is the last one."""
    return LaneHead(batch.lane, batch.instance, batch.number, link_of(batch.batch))


def receipt_for(batch: SealedBatch) -> Receipt:
    return Receipt(GATEWAY, batch.lane, batch.instance, batch.number, link_of(batch.batch))


def gap_bytes(lane: Lane, instance: bytes, first: int, last: int, link: bytes, reason: int) -> bytes:
    """Stands for the signer of gaps."""
    return cbor.encode(["gap", int(lane), instance, first, last, link, reason])


class BatchMaker:
    """Makes the next batches of a journal; every frame number is used once."""

    def __init__(self, seed: int = 0, nodes_count: int = 3) -> None:
        self.rng = random.Random(seed)
        self._kids = [Kid(bytes((node,)) * 14) for node in range(1, nodes_count + 1)]
        self._next = dict.fromkeys(self._kids, 0)

    def instance(self) -> bytes:
        return self.rng.randbytes(8)

    def group(self, journal: Journal, lane: Lane, count: int, body_bytes: int = 120) -> list[SealedBatch]:
        """`count` batches that continue a lane of the journal."""
        batches: list[SealedBatch] = []
        head = journal.head(lane)
        for _ in range(count):
            body = self.rng.randbytes(self.rng.randrange(body_bytes // 2, body_bytes + 1))
            batches.append(seal(head, body, self._received()))
            head = after(batches[-1])
        return batches

    def _received(self) -> tuple[Received, ...]:
        kids = sorted(self.rng.sample(self._kids, self.rng.randint(1, len(self._kids))))
        received = []
        for kid in kids:
            first = self._next[kid] + self.rng.choice((0, 0, 0, 1))
            last = first + self.rng.choice((0, 0, 2))
            self._next[kid] = last + 1
            received.append(Received(kid, 0, ((first, last),)))
        return tuple(received)
