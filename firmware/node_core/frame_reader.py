# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Reads node frames as a gateway does. The board does not load this: it is there to be held against the test vectors."""

from node_core import cbor_reader
from node_core.cbor import WireError
from node_core.ccm import Ccm
from node_core.cose_reader import check_kid, open_envelope, open_text
from node_core.frame import nonce, partial_iv, up_aad
from node_core.keys import derive_up
from node_core.numbers import SEQUENCE_MAX


def open_frame(data, root: bytes) -> tuple:
    """(kid, sequence, floor, pack bytes). Raises: WireError."""
    headers, ciphertext = open_envelope(data, (4, 6))
    kid = check_kid(headers[4])
    iv = headers[6]
    if not isinstance(iv, bytes) or not 1 <= len(iv) <= 3:
        raise WireError("FramePartialIv")
    sequence = int.from_bytes(iv, "big")
    if sequence > SEQUENCE_MAX or partial_iv(sequence) != iv:
        raise WireError("FramePartialIv")
    key, base_iv = derive_up(root, kid)
    plaintext = open_text(Ccm(key), nonce(base_iv, iv), up_aad(kid), ciphertext)
    held, start = cbor_reader.decode_from(plaintext, 0)
    if isinstance(held, bool) or not isinstance(held, int) or not 0 <= held <= sequence:
        raise WireError("FrameFloor")
    return kid, sequence, sequence - held, plaintext[start:]
