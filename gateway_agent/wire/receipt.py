# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The receipt: the city's word that it holds a lane up to a number (docs/wire.md, 7)."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import WireError
from gateway_agent.model import Receipt
from gateway_agent.wire import cbor, payload
from gateway_agent.wire.cose import ContentType, Sign1, external_aad, sign1
from gateway_agent.wire.signer import Signer

_KEYS = frozenset(range(6))


def sign_receipt(receipt: Receipt, signer: Signer) -> bytes:
    """Make a receipt; the collector calls this after its own durable commit.

    Raises:
        ValueError: a field out of range.
    """
    content = {
        0: payload.VERSION,
        1: receipt.gateway_id,
        2: int(receipt.lane),
        3: receipt.instance,
        4: receipt.number,
        5: receipt.link,
    }
    aad = external_aad(ContentType.RECEIPT, receipt.gateway_id)
    data = sign1(ContentType.RECEIPT, aad, cbor.encode(content), signer)
    try:
        _parse(data)
    except WireError as error:
        raise ValueError(error.detail) from None
    return data


def open_receipt(data: bytes, public_key: Ed25519PublicKey) -> Receipt:
    """Read and prove a receipt. The caller compares `gateway_id` with its own.

    Raises:
        WireError: as for every signed thing (section 11), `ReceiptShape`, `SignatureInvalid`.
    """
    signed, receipt = _parse(data)
    payload.verify(signed, ContentType.RECEIPT, receipt.gateway_id, public_key)
    return receipt


def _parse(data: bytes) -> tuple[Sign1, Receipt]:
    signed, reader = payload.parse(data, ContentType.RECEIPT, "ReceiptShape", _KEYS)
    return signed, Receipt(
        reader.gateway_id,
        reader.lane(2),
        reader.exact(3, payload.ID_BYTES),
        reader.uint(4, minimum=1),
        reader.exact(5, payload.LINK_BYTES),
    )
