# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The commissioning file: roots from the vault, for one gateway's eyes, signed by the vault (docs/wire.md, 20)."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from gateway_agent.errors import WireError
from gateway_agent.model import GatewayId, NodeId
from gateway_agent.wire import cbor, encrypt, payload
from gateway_agent.wire.cose import ContentType, Sign1, external_aad, parse_sign1, sign1
from gateway_agent.wire.keys import KEY_BYTES, NODE_ID_BYTES
from gateway_agent.wire.limits import TEXT_BYTES_MAX, TIME_MS_MAX, UINT32_MAX, is_uint
from gateway_agent.wire.sealed_master import PROFILE_ID
from gateway_agent.wire.signer import Signer

COMMISSION_BYTES_MAX = 1 << 20
COMMISSION_NODES_MAX = 4096
_KEYS = frozenset({0, 1, 8, 17, 20})


class CommissionedNode(NamedTuple):
    """One node at one generation; `root` is secret and not shown."""

    node_id: NodeId
    profile: str
    generation: int
    root: bytes
    name: str = ""
    place: str = ""

    def __repr__(self) -> str:
        return f"CommissionedNode({self.node_id.hex()}, {self.profile!r}, generation {self.generation})"


class Commission(NamedTuple):
    """What a vault gives a gateway. `serial` rises with each file for this gateway; `issued_at_ms` is the vault's clock."""

    gateway_id: GatewayId
    issued_at_ms: int
    serial: int
    nodes: tuple[CommissionedNode, ...]


def seal_commission(
    commission: Commission,
    vault: Signer,
    gateway: X25519PublicKey,
    *,
    ephemeral: X25519PrivateKey | None = None,
    iv: bytes | None = None,
) -> bytes:
    """Sign and seal. `ephemeral` and `iv` are for vectors only.

    Raises:
        ValueError: a field out of range, or more than a file may hold.
    """
    content = {
        0: payload.VERSION,
        1: commission.gateway_id,
        8: commission.issued_at_ms,
        17: commission.serial,
        20: [list(node) for node in commission.nodes],
    }
    aad = external_aad(ContentType.COMMISSION, commission.gateway_id)
    signed = sign1(ContentType.COMMISSION, aad, cbor.encode(content), vault, COMMISSION_BYTES_MAX)
    try:
        parse_commission(signed)
    except WireError as error:
        raise ValueError(error.detail) from None
    data = encrypt.seal(ContentType.COMMISSION, signed, gateway, ephemeral=ephemeral, iv=iv)
    if len(data) > COMMISSION_BYTES_MAX:
        raise ValueError(f"{len(data)} bytes sealed are above the limit of {COMMISSION_BYTES_MAX}")
    return data


def open_commission(data: bytes, gateway: X25519PrivateKey, vault: Ed25519PublicKey) -> Commission:
    """Open a file and prove it. The caller compares `gateway_id`.

    Raises:
        WireError: `Cbor...`, `Cose...`, `SealedRecipient`, `SealedKey`, `SealedTag` of the envelope; then, as for every
            signed thing, `CommissionShape`, `SignatureInvalid`.
    """
    sealed = encrypt.parse_encrypted(data, ContentType.COMMISSION, COMMISSION_BYTES_MAX, has_about=False)
    signed, commission = parse_commission(encrypt.open_encrypted(sealed, ContentType.COMMISSION, gateway))
    payload.verify(signed, ContentType.COMMISSION, commission.gateway_id, vault)
    return commission


def parse_commission(data: bytes) -> tuple[Sign1, Commission]:
    """Read the signed part, opened; proves nothing."""
    signed = parse_sign1(data, ContentType.COMMISSION, COMMISSION_BYTES_MAX)
    reader = payload.PayloadReader(signed, "CommissionShape", _KEYS)
    issued_at_ms, serial, rows = reader.uint(8, TIME_MS_MAX), reader.uint(17, minimum=1), reader.raw(20)
    reader.check(type(rows) is list and 1 <= len(rows) <= COMMISSION_NODES_MAX, "1 to 4096 nodes at 20")
    nodes = tuple(_node(reader, row) for row in rows)
    places = [(node.node_id, node.generation) for node in nodes]
    # Ascending, so that no node has two roots of a generation.
    reader.check(all(a < b for a, b in itertools.pairwise(places)), "ascending ids and generations")
    return signed, Commission(reader.gateway_id, issued_at_ms, serial, nodes)


def _node(reader: payload.PayloadReader, row: Any) -> CommissionedNode:
    reader.check(type(row) is list and len(row) == 6, "[node id, profile, generation, root, name, place]")
    node_id, profile, generation, root, name, place = row
    reader.check(type(node_id) is bytes and len(node_id) == NODE_ID_BYTES, "a node id of 6 bytes")
    reader.check(type(profile) is str and PROFILE_ID.fullmatch(profile) is not None, "a profile's id")
    reader.check(is_uint(generation, UINT32_MAX), "a generation")
    reader.check(type(root) is bytes and len(root) == KEY_BYTES, "a root of 16 bytes")
    for text in (name, place):
        reader.check(type(text) is str and len(text.encode()) <= TEXT_BYTES_MAX, "text of at most 256 bytes")
    return CommissionedNode(NodeId(node_id), profile, generation, root, name, place)
