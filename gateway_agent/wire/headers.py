# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The header rules that every COSE object shares (docs/wire.md, 0 and 11)."""

from __future__ import annotations

from typing import Any

from gateway_agent.errors import WireError
from gateway_agent.model import Kid
from gateway_agent.wire import cbor
from gateway_agent.wire.keys import KID_BYTES

ENCRYPT0_TAG = 16
SIGN1_TAG = 18
AES_CCM_16_128_128 = 30
ED25519 = -19

ALGORITHM = 1
CRIT = 2
CONTENT_TYPE = 3
KID = 4
IV = 5
PARTIAL_IV = 6
KID_CONTEXT = 10

Labels = dict[int | str, Any]


def open_envelope(data: bytes, tag: int, parts: tuple[type, ...]) -> list[Any]:
    """Decode an envelope and check its tag and the types of its parts.

    Raises:
        WireError: `Cbor...`, then `CoseTag`, then `CoseShape`.
    """
    item = cbor.decode_envelope(data)
    if type(item) is not cbor.Tag or item.number != tag:
        raise WireError("CoseTag", f"expected tag {tag}")
    array = item.value
    if type(array) is not list or tuple(map(type, array)) != parts:
        raise WireError("CoseShape")
    return array


def check_headers(
    protected: bytes,
    unprotected: Labels,
    algorithm: int,
    protected_labels: frozenset[int | str] | frozenset[int],
    unprotected_labels: frozenset[int],
) -> Labels:
    """Check both buckets against what this kind of object must carry, no more and no less; returns the protected one.

    Raises:
        WireError: `Cbor...` of the protected bytes, then `CoseCrit`, `CoseAlgorithm`, `CoseHeader`, in this order.
    """
    ours = cbor.decode(protected) if protected else {}
    if type(ours) is not dict:
        raise WireError("CoseShape", "the protected header is not a map")
    if CRIT in ours or CRIT in unprotected:
        raise WireError("CoseCrit")
    named = ours.get(ALGORITHM)
    if type(named) is not int or named != algorithm:
        raise WireError("CoseAlgorithm", f"expected {algorithm} in the protected header")
    if ours.keys() != protected_labels or unprotected.keys() != unprotected_labels:
        raise WireError("CoseHeader")
    return ours


def check_kid(kid: object) -> Kid:
    """A kid of 14 bytes, or WireError `FrameKid`."""
    if type(kid) is not bytes or len(kid) != KID_BYTES:
        raise WireError("FrameKid", "14 bytes")
    return Kid(kid)
