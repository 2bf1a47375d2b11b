# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The gap: batches that are gone, signed (docs/wire.md, 9)."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import WireError
from gateway_agent.model import GatewayId, Lane
from gateway_agent.wire import cbor, payload
from gateway_agent.wire.cose import ContentType, Sign1, external_aad, sign1
from gateway_agent.wire.signer import Signer

_KEYS = frozenset({0, 1, 2, 3, 4, 5, 15, 16})


class GapReason(IntEnum):
    """Why batches are missing."""

    EVICTED = 0
    DAMAGED = 1
    TRIMMED = 2  # after a receipt; the city has lost them since

    @property
    def words(self) -> str:
        """For people."""
        return _WORDS[self]


_WORDS = {
    GapReason.EVICTED: "evicted",
    GapReason.DAMAGED: "damaged",
    GapReason.TRIMMED: "not in this archive: trimmed at the gateway after a receipt for them",
}


class Gap(NamedTuple):
    """Stands for the batches `first` to `last`; the chain goes on with `link`."""

    gateway_id: GatewayId
    lane: Lane
    instance: bytes
    first: int
    last: int
    link: bytes
    reason: GapReason


def sign_gap(gap: Gap, signer: Signer) -> bytes:
    """Make a gap.

    Raises:
        ValueError: a field out of range.
    """
    content = {
        0: payload.VERSION,
        1: gap.gateway_id,
        2: int(gap.lane),
        3: gap.instance,
        4: gap.last,
        5: gap.link,
        15: gap.first,
        16: int(gap.reason),
    }
    data = sign1(ContentType.GAP, external_aad(ContentType.GAP, gap.gateway_id), cbor.encode(content), signer)
    try:
        parse_gap(data)
    except WireError as error:
        raise ValueError(error.detail) from None
    return data


def open_gap(data: bytes, public_key: Ed25519PublicKey) -> Gap:
    """Read and prove a gap. The caller compares `gateway_id`.

    Raises:
        WireError: as for every signed thing (section 11), `GapShape`, `SignatureInvalid`.
    """
    signed, gap = parse_gap(data)
    payload.verify(signed, ContentType.GAP, gap.gateway_id, public_key)
    return gap


def parse_gap(data: bytes) -> tuple[Sign1, Gap]:
    """Read a gap; proves nothing."""
    signed, reader = payload.parse(data, ContentType.GAP, "GapShape", _KEYS)
    first = reader.uint(15, minimum=1)
    last = reader.uint(4, minimum=first)
    return signed, Gap(
        reader.gateway_id,
        reader.lane(2),
        reader.exact(3, payload.ID_BYTES),
        first,
        last,
        reader.exact(5, payload.LINK_BYTES),
        GapReason(reader.uint(16, max(GapReason))),
    )
