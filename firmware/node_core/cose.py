# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The envelope that node frames and down frames share: COSE_Encrypt0 (RFC 9052), checked strictly."""

from node_core import cbor
from node_core.cbor import WireError

FRAME_BYTES_MAX = 1280
PROTECTED = b"\xa1\x01\x18\x1e"  # << {1: 30} >>: AES-CCM-16-128-128
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
    envelope = cbor.decode_envelope(data)
    if not isinstance(envelope, cbor.Tag) or envelope.tag != 16:
        raise WireError("CoseTag")
    parts = envelope.value
    if not isinstance(parts, list) or len(parts) != 3:
        raise WireError("CoseShape")
    protected, headers, ciphertext = parts
    if not isinstance(protected, bytes) or not isinstance(headers, dict) or not isinstance(ciphertext, bytes):
        raise WireError("CoseShape")
    inner = cbor.decode(protected) if protected else {}
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


def aad(external: list) -> bytes:
    """The Enc_structure of RFC 9052 section 5.3, which is what the AEAD authenticates."""
    return cbor.encode(["Encrypt0", PROTECTED, cbor.encode(external)])


def seal_envelope(headers: tuple, ciphertext: bytes) -> bytes:
    """`headers` are (label, bytes) pairs in ascending order of their labels."""
    out = bytearray(b"\xd0\x83")
    cbor.put(out, PROTECTED)
    cbor.put_head(out, 5, len(headers))
    for label, value in headers:
        out.append(label)
        cbor.put(out, value)
    cbor.put(out, ciphertext)
    return bytes(out)
