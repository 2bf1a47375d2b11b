# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The envelope that node frames and down frames share: COSE_Encrypt0 (RFC 9052). It is opened in cose_reader.py."""

from node_core import cbor

FRAME_BYTES_MAX = 1280
PROTECTED = b"\xa1\x01\x18\x1e"  # << {1: 30} >>: AES-CCM-16-128-128


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
