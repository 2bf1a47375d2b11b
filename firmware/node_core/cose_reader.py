# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The envelope of cose.py, opened and checked strictly. It lies elsewhere because a node is seldom answered."""

from node_core import cbor_reader
from node_core.cbor import WireError
from node_core.ccm import Ccm, xor
from node_core.cose import FRAME_BYTES_MAX

_CRIT = 2
_ALGORITHM = 1
_AES_CCM_16_128_128 = 30
_KID_BYTES = 14


def open_envelope(data, labels: tuple) -> tuple:
    """(unprotected header map, ciphertext) of an envelope whose headers are exactly `labels`.

    Raises: WireError, in the order of docs/wire.md section 11, up to the headers' labels.
    """
    if len(data) > FRAME_BYTES_MAX:
        raise WireError("FrameTooLong")
    envelope = cbor_reader.decode_envelope(data)
    if not isinstance(envelope, cbor_reader.Tag) or envelope.tag != 16:
        raise WireError("CoseTag")
    parts = envelope.value
    if not isinstance(parts, list) or len(parts) != 3:
        raise WireError("CoseShape")
    protected, headers, ciphertext = parts
    if not isinstance(protected, bytes) or not isinstance(headers, dict) or not isinstance(ciphertext, bytes):
        raise WireError("CoseShape")
    inner = cbor_reader.decode(protected) if protected else {}
    if not isinstance(inner, dict):
        raise WireError("CoseShape")
    if _CRIT in inner or _CRIT in headers:
        raise WireError("CoseCrit")
    if inner.get(_ALGORITHM) != _AES_CCM_16_128_128:
        raise WireError("CoseAlgorithm")
    if len(inner) != 1 or len(headers) != len(labels):
        raise WireError("CoseHeader")
    for label in labels:
        if label not in headers:
            raise WireError("CoseHeader")
    return headers, ciphertext


def check_kid(kid) -> bytes:
    """Raises: WireError("FrameKid")."""
    if not isinstance(kid, bytes) or len(kid) != _KID_BYTES:
        raise WireError("FrameKid")
    return kid


def open_text(ccm: Ccm, nonce: bytes, aad: bytes, ciphertext: bytes) -> bytes:
    """What was sealed. Raises: WireError("FrameTag") where key, nonce, aad or bytes do not fit."""
    if len(ciphertext) < ccm.tag_bytes:
        raise WireError("FrameTag")
    mixed = ccm.with_key_stream(nonce, bytes(16) + ciphertext[: -ccm.tag_bytes])
    plaintext = mixed[16:]
    expected = xor(ccm.cbc_mac(nonce, aad, plaintext), mixed[:16])
    difference = 0
    for i in range(ccm.tag_bytes):
        difference |= expected[i] ^ ciphertext[len(plaintext) + i]
    if difference:
        raise WireError("FrameTag")
    return plaintext
