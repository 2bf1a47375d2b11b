# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the sealing side does itself: compression, chains, and refusing to seal what no reader would accept."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway_agent.errors import WireError
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
    Pack,
    Receipt,
)
from gateway_agent.wire import batch, gap, receipt, state
from gateway_agent.wire.body import NodeTable, decode_body, encode_body
from gateway_agent.wire.signer import Signer

SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
GATEWAY = GatewayId("piacenza-01")
INSTANCE = bytes(8)
CLOCK = ClockReading(bytes(8), 5, 1_790_000_000_000, 1, 2)
HEADER = batch.BatchHeader(GATEWAY, Lane.TREND, INSTANCE, 1, bytes(32), CLOCK)
SHAPE = (Field("temperature", "Cel", int(Kind.NUMBER), -2), Field("humidity", "%RH", int(Kind.NUMBER), -1))


def frames(count: int) -> Body:
    """Frames of one node, a minute apart."""
    kid = Kid(bytes(14))
    rows = (
        FrameRow(kid, number, Pack(None, number * 60_000, SHAPE, (0, 0), (2150 + number % 3, 553)))
        for number in range(count)
    )
    return Body(tuple(rows))


def test_large_bodies_travel_compressed_and_small_ones_plain() -> None:
    """A body is compressed only where that makes it smaller; either way it opens to the same bytes."""
    for count, encoding in ((0, batch.PLAIN), (1000, batch.DEFLATE)):
        plain = encode_body(frames(count), NodeTable())
        opened = batch.open_batch(batch.seal_batch(HEADER, plain, SIGNER), SIGNER.public_key)
        assert opened.encoding == encoding
        assert opened.opened_body() == plain
        assert opened.header == HEADER
        assert opened.key_id == SIGNER.key_id
        assert len(decode_body(plain, NodeTable()).frames) == count


def test_any_changed_byte_of_a_batch_is_noticed() -> None:
    """A batch with any one byte changed is refused."""
    raw = batch.seal_batch(HEADER, encode_body(frames(2), NodeTable()), SIGNER)
    for place in range(len(raw)):
        changed = raw[:place] + bytes((raw[place] ^ 1,)) + raw[place + 1 :]
        with pytest.raises(WireError):
            batch.open_batch(changed, SIGNER.public_key)


def test_another_key_does_not_verify() -> None:
    """A batch is proved only by the key that signed it."""
    raw = batch.seal_batch(HEADER, b"\xa0", SIGNER)
    with pytest.raises(WireError, match="SignatureInvalid"):
        batch.open_batch(raw, Signer.generate().public_key)


@pytest.mark.parametrize(
    "change",
    [
        {"gateway_id": GatewayId("Piacenza")},
        {"instance": bytes(7)},
        {"number": 0},
        {"link": bytes(31)},
        {"link": b"\x01" * 32},
        {"clock": CLOCK._replace(wall_ms=None)},
        {"clock": CLOCK._replace(state=0)},
        {"clock": CLOCK._replace(boot_id=b"")},
    ],
    ids=repr,
)
def test_a_header_that_no_reader_accepts_is_not_sealed(change: dict[str, Any]) -> None:
    """A mistake of ours is a ValueError here and never a signature over nonsense."""
    with pytest.raises(ValueError):
        batch.seal_batch(HEADER._replace(**change), b"\xa0", SIGNER)


def test_receipts_states_and_gaps_that_no_reader_accepts_are_not_signed() -> None:
    """The same for the three other kinds."""
    head = LaneHead(Lane.ALARM, INSTANCE, 0, b"\x01" * 32)
    with pytest.raises(ValueError):
        receipt.sign_receipt(Receipt(GATEWAY, Lane.ALARM, INSTANCE, 0, bytes(32)), SIGNER)
    with pytest.raises(ValueError):
        state.sign_state(state.State(GATEWAY, CLOCK, (head,), True), SIGNER)
    with pytest.raises(ValueError):
        gap.sign_gap(gap.Gap(GATEWAY, Lane.ALARM, INSTANCE, 5, 4, bytes(32), gap.GapReason.EVICTED), SIGNER)


def test_what_does_not_fit_a_batch_is_refused() -> None:
    """Bodies above the limits of section 13 and more than 4,096 frames are our mistake."""
    with pytest.raises(ValueError):
        batch.seal_batch(HEADER, bytes((1 << 20) + 1), SIGNER)
    noise = b"".join(SIGNER.sign(bytes((number % 256, number // 256))) for number in range(1100))
    with pytest.raises(ValueError):
        batch.seal_batch(HEADER, noise, SIGNER)
    with pytest.raises(ValueError):
        encode_body(Body(frames(4096).frames, (OpaqueRow(Kid(bytes(14)), 5000, 3, b""),)), NodeTable())
