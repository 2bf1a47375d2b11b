# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A gateway of the tests that only signs: batches, gaps and states in any order, well made or not. No journal, no links."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway_agent.model import (
    Body,
    ClockReading,
    Field,
    FrameRow,
    GatewayId,
    Kid,
    Kind,
    Lane,
    LaneHead,
    OpaqueRow,
    OwnReading,
    Pack,
)
from gateway_agent.wire.batch import BatchHeader, link_of, seal_batch
from gateway_agent.wire.body import NodeTable, encode_body
from gateway_agent.wire.gap import Gap, GapReason, sign_gap
from gateway_agent.wire.signer import Signer
from gateway_agent.wire.state import State, sign_state

GATEWAY = "test-only-01"
START_MS = 1_790_000_000_000
SHAPE = (
    Field("temperature", "Cel", int(Kind.NUMBER), -2),
    Field("humidity", "%RH", int(Kind.NUMBER), -1),
    Field("open", None, int(Kind.BOOLEAN), 0),
)


def test_only_signer(word: str) -> Signer:
    """The same key for the same word, TEST-ONLY."""
    return Signer(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"TEST-ONLY " + word.encode()).digest()))


test_only_signer.__test__ = False  # type: ignore[attr-defined]  # a helper, though its name begins like a test


def kid(node: int = 1, epoch: int = 1) -> Kid:
    """Node and epoch as 14 bytes."""
    return Kid(bytes((0xAA, 0xBB, 0xCC, 0xDD, 0xEE, node)) + epoch.to_bytes(8, "big"))


def pack(value: int = 2150, time_ms: int = START_MS, boot: int | None = None) -> Pack:
    """Three readings, the second a second later."""
    return Pack(boot, time_ms, SHAPE, (0, 1000, 1000), (value, 455, value % 2 == 0))


def frame(sequence: int, node: int = 1, value: int | None = None, epoch: int = 1) -> FrameRow:
    """One frame with three readings."""
    return FrameRow(
        kid(node, epoch), sequence, pack(2000 + sequence if value is None else value, START_MS + sequence * 60_000)
    )


def anchor(boot: int, node_ms: int, city_ms: int, round_trip_ms: int, *drift_ppm: int) -> Pack:
    """A pack with one anchor record; a node that sleeps states its drift."""
    from gateway_agent.wire import cbor

    value = cbor.encode([boot, node_ms, city_ms, round_trip_ms, *drift_ppm])
    return Pack(None, city_ms, (Field("anchor", None, int(Kind.BYTES), 0),), (0,), (value,))


class SigningGateway:
    """One lane's chain of one gateway; `number`, `link` and `table` may be set to make forks and holes."""

    def __init__(
        self,
        gateway_id: str = GATEWAY,
        lane: Lane = Lane.RECORD,
        instance: bytes = b"instance",
        signer: Signer | None = None,
    ) -> None:
        self.gateway_id = GatewayId(gateway_id)
        self.lane = lane
        self.instance = instance
        self.signer = signer or test_only_signer(gateway_id)
        self.number = 0
        self.link = bytes(32)
        self.table = NodeTable()
        self.wall_ms = START_MS
        self.bound_s: int | None = 1

    @property
    def topic(self) -> str:
        return f"sc/{self.gateway_id}/{self.lane.word}"

    def clock(self) -> ClockReading:
        self.wall_ms += 1000
        return ClockReading(b"boot-id.", self.wall_ms - START_MS, self.wall_ms, 1, self.bound_s)

    def seal(
        self,
        frames: Sequence[FrameRow] = (),
        opaque: Sequence[OpaqueRow] = (),
        own: Sequence[OwnReading] = (),
        *,
        fresh: bool = False,
    ) -> bytes:
        """The next batch. `fresh` starts the node table anew."""
        if fresh:
            self.table = NodeTable()
        return self.seal_plain(encode_body(Body(tuple(frames), tuple(opaque), tuple(own)), self.table))

    def seal_plain(self, body: bytes) -> bytes:
        """The next batch with any bytes as its body."""
        self.number += 1
        header = BatchHeader(self.gateway_id, self.lane, self.instance, self.number, self.link, self.clock())
        batch = seal_batch(header, body, self.signer)
        self.link = link_of(batch)
        return batch

    def run(self, count: int, first_sequence: int = 0, node: int = 1) -> list[bytes]:
        """Batches of one frame each."""
        return [self.seal([frame(first_sequence + place, node)]) for place in range(count)]

    def gap(self, first: int, last: int, reason: GapReason = GapReason.EVICTED) -> bytes:
        """A gap that goes on with this chain's link."""
        return sign_gap(Gap(self.gateway_id, self.lane, self.instance, first, last, self.link, reason), self.signer)

    def state(self, online: bool = True) -> bytes:
        """A state that names this lane's head."""
        head = LaneHead(self.lane, self.instance, self.number, self.link)
        return sign_state(State(self.gateway_id, self.clock(), (head,), online), self.signer)
