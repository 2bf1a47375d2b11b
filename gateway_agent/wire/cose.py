# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""COSE_Sign1 with Ed25519 (RFC 9052, RFC 9864), in the one form that docs/wire.md, 5 allows."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import WireError
from gateway_agent.model import GatewayId
from gateway_agent.wire import cbor, headers
from gateway_agent.wire.keys import key_id
from gateway_agent.wire.limits import SEALED_BYTES_MAX
from gateway_agent.wire.signer import Signer

KEY_ID_BYTES = 8
_PROTECTED_LABELS = frozenset({headers.ALGORITHM, headers.CONTENT_TYPE, headers.KID})
_UNPROTECTED_LABELS: frozenset[int] = frozenset()


class ContentType(IntEnum):
    """The kinds of signed things; numbers of CoAP's range for experiments."""

    BATCH = 65001
    RECEIPT = 65002
    STATE = 65003
    GAP = 65004
    COMMAND = 65005
    ANSWER = 65006
    KEY = 65007
    RESEND = 65008
    MASTER = 65009
    COMMISSION = 65010
    BUNDLE = 65011

    @property
    def word(self) -> str:
        """The word in `external_aad`, so that no kind can pass for another."""
        return self.name.lower()


class Sign1(NamedTuple):
    """A signed thing as it came; nothing is proved yet."""

    content_type: int
    key_id: bytes
    payload: bytes
    protected: bytes
    signature: bytes


def external_aad(content_type: ContentType, gateway_id: GatewayId) -> bytes:
    """`<< ["sc1", word, gateway id] >>`."""
    return cbor.encode(["sc1", content_type.word, gateway_id])


def sign1(
    content_type: ContentType, aad: bytes, payload: bytes, signer: Signer, bytes_max: int = SEALED_BYTES_MAX
) -> bytes:
    """Sign a payload.

    Raises:
        ValueError: the result would be above `bytes_max`.
    """
    protected = cbor.encode(
        {headers.ALGORITHM: headers.ED25519, headers.CONTENT_TYPE: int(content_type), headers.KID: signer.key_id}
    )
    signature = signer.sign(_to_be_signed(protected, aad, payload))
    data = cbor.encode(cbor.Tag(headers.SIGN1_TAG, [protected, {}, payload, signature]))
    if len(data) > bytes_max:
        raise ValueError(f"{len(data)} bytes signed are above the limit of {bytes_max}")
    return data


def parse_sign1(data: bytes, content_type: ContentType | None = None, bytes_max: int = SEALED_BYTES_MAX) -> Sign1:
    """Read an envelope; proves nothing.

    Raises:
        WireError: `CborTooLong` above `bytes_max`, `Cbor...`, `Cose...`.
    """
    if len(data) > bytes_max:
        raise WireError("CborTooLong", f"{len(data)} bytes signed")
    protected, unprotected, payload, signature = headers.open_envelope(
        data, headers.SIGN1_TAG, (bytes, dict, bytes, bytes)
    )
    ours = headers.check_headers(protected, unprotected, headers.ED25519, _PROTECTED_LABELS, _UNPROTECTED_LABELS)
    named = ours[headers.KID]
    if type(named) is not bytes or len(named) != KEY_ID_BYTES:
        raise WireError("CoseHeader", "a key id has 8 bytes")
    kind = ours[headers.CONTENT_TYPE]
    if type(kind) is not int or (content_type is not None and kind != content_type):
        raise WireError("CoseContentType", f"{kind!r}")
    return Sign1(kind, named, payload, protected, signature)


def verify_sign1(signed: Sign1, aad: bytes, public_key: Ed25519PublicKey) -> None:
    """Prove a signed thing.

    Raises:
        WireError: `SignatureInvalid`.
    """
    if signed.key_id != key_id(public_key.public_bytes_raw()):
        raise WireError("SignatureInvalid", f"signed by key {signed.key_id.hex()}")
    try:
        public_key.verify(signed.signature, _to_be_signed(signed.protected, aad, signed.payload))
    except InvalidSignature:
        raise WireError("SignatureInvalid") from None


def _to_be_signed(protected: bytes, aad: bytes, payload: bytes) -> bytes:
    return cbor.encode(["Signature1", protected, aad, payload])
