# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The key change: a gateway's old key names the next one, and where its own word ends (docs/wire.md, 17)."""

from __future__ import annotations

from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import WireError
from gateway_agent.model import ClockReading, GatewayId, Lane, LaneHead
from gateway_agent.wire import cbor, payload
from gateway_agent.wire.cose import ContentType, Sign1, external_aad, sign1
from gateway_agent.wire.keys import key_id
from gateway_agent.wire.signer import Signer
from gateway_agent.wire.state import read_heads

PUBLIC_BYTES, PROOF_BYTES = 32, 64

_KEYS = frozenset({0, 1, 6, 7, 8, 9, 10, 13, 22, 23})


class KeyChange(NamedTuple):
    """Signed by the key `old_key_id`. `heads`, of all lanes, are the last numbers that the old key has signed."""

    gateway_id: GatewayId
    old_key_id: bytes
    clock: ClockReading
    heads: tuple[LaneHead, ...]
    new_public: bytes

    @property
    def new_key_id(self) -> bytes:
        return key_id(self.new_public)

    @property
    def new_key(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.new_public)


def sign_key_change(
    gateway_id: GatewayId, clock: ClockReading, heads: tuple[LaneHead, ...], old: Signer, new: Signer
) -> bytes:
    """Make a key change.

    Raises:
        ValueError: a field out of range.
    """
    content = {
        0: payload.VERSION,
        1: gateway_id,
        **payload.clock_map(clock),
        13: [[int(head.lane), head.instance, head.number, head.link] for head in heads],
        22: new.public_bytes,
        23: new.sign(_proof(gateway_id, old.key_id, new.public_bytes)),
    }
    data = sign1(ContentType.KEY, external_aad(ContentType.KEY, gateway_id), cbor.encode(content), old)
    try:
        parse_key_change(data)
    except WireError as error:
        raise ValueError(error.detail or error.name) from None
    return data


def open_key_change(data: bytes, public_key: Ed25519PublicKey) -> KeyChange:
    """Read a key change and prove it against the old key. The caller compares `gateway_id`.

    Raises:
        WireError: as for every signed thing (section 11), `KeyShape`, `SignatureInvalid`.
    """
    signed, change = parse_key_change(data)
    payload.verify(signed, ContentType.KEY, change.gateway_id, public_key)
    return change


def parse_key_change(data: bytes) -> tuple[Sign1, KeyChange]:
    """Read a key change. Proves that the new key agreed, and nothing of the old one."""
    signed, reader = payload.parse(data, ContentType.KEY, "KeyShape", _KEYS)
    heads = read_heads(reader)
    reader.check([head.lane for head in heads] == list(Lane), "every lane at 13")
    new_public = reader.exact(22, PUBLIC_BYTES)
    proof = reader.exact(23, PROOF_BYTES)
    clock = reader.clock()
    reader.check(key_id(new_public) != signed.key_id, "another key than the old one")
    try:
        Ed25519PublicKey.from_public_bytes(new_public).verify(
            proof, _proof(reader.gateway_id, signed.key_id, new_public)
        )
    except (InvalidSignature, ValueError):
        raise WireError("SignatureInvalid", "the new key has not agreed") from None
    return signed, KeyChange(reader.gateway_id, signed.key_id, clock, heads, new_public)


def _proof(gateway_id: GatewayId, old_key_id: bytes, new_public: bytes) -> bytes:
    """What the new key signs: nobody names a key as his next one that is another's."""
    return cbor.encode(["sc1", "key proof", gateway_id, old_key_id, new_public])
