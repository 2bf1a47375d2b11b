# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The resend: a collector that lost what it had receipted asks for it again (docs/wire.md, 18)."""

from __future__ import annotations

from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import WireError
from gateway_agent.model import GatewayId, Lane
from gateway_agent.wire import cbor, payload
from gateway_agent.wire.cose import ContentType, Sign1, external_aad, sign1
from gateway_agent.wire.signer import Signer

_KEYS = frozenset({0, 1, 2, 3, 4, 5, 6, 17})


class Resend(NamedTuple):
    """ "I hold this lane up to `number`, whose link is `link`, and no more." Number 0 has a link of 32 zero bytes.

    `boot_id` is the gateway's; `request` rises with each resend of the collector to this gateway.
    """

    gateway_id: GatewayId
    lane: Lane
    instance: bytes
    number: int
    link: bytes
    boot_id: bytes
    request: int


def sign_resend(resend: Resend, signer: Signer) -> bytes:
    """Make a resend.

    Raises:
        ValueError: a field out of range.
    """
    content = {
        0: payload.VERSION,
        1: resend.gateway_id,
        2: int(resend.lane),
        3: resend.instance,
        4: resend.number,
        5: resend.link,
        6: resend.boot_id,
        17: resend.request,
    }
    data = sign1(ContentType.RESEND, external_aad(ContentType.RESEND, resend.gateway_id), cbor.encode(content), signer)
    try:
        _parse(data)
    except WireError as error:
        raise ValueError(error.detail) from None
    return data


def open_resend(data: bytes, public_key: Ed25519PublicKey) -> Resend:
    """Read and prove a resend. The caller compares gateway id, boot id and request.

    Raises:
        WireError: as for every signed thing (section 11), `ResendShape`, `SignatureInvalid`.
    """
    signed, resend = _parse(data)
    payload.verify(signed, ContentType.RESEND, resend.gateway_id, public_key)
    return resend


def _parse(data: bytes) -> tuple[Sign1, Resend]:
    signed, reader = payload.parse(data, ContentType.RESEND, "ResendShape", _KEYS)
    number = reader.uint(4)
    link = reader.exact(5, payload.LINK_BYTES)
    reader.check(number > 0 or link == payload.FIRST_LINK, "32 zero bytes where nothing is held")
    return signed, Resend(
        reader.gateway_id,
        reader.lane(2),
        reader.exact(3, payload.ID_BYTES),
        number,
        link,
        reader.exact(6, payload.ID_BYTES),
        reader.uint(17, minimum=1),
    )
