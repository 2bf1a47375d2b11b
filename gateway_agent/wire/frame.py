# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The node frame: COSE_Encrypt0 with a partial IV (docs/wire.md, 2).

Theory of operation
-------------------
A valid frame has one byte pattern, because every head is in its shortest form and the headers are fixed. `_FRAME`
matches that pattern; whatever does not match goes through the general reader, which exists to name the error.
Parsing needs no key, so that a gateway can find the key by the kid first.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag

from gateway_agent.errors import WireError
from gateway_agent.model import Kid
from gateway_agent.wire import cbor, headers
from gateway_agent.wire.down import Command, Down, open_down, parse_down, seal_down
from gateway_agent.wire.keys import NONCE_BYTES, PROTECTED, TAG_BYTES, UpKey
from gateway_agent.wire.limits import FRAME_BYTES_MAX, SEQUENCE_MAX

__all__ = [
    "Command",
    "Down",
    "OpenedFrame",
    "SealedFrame",
    "open_down",
    "open_frame",
    "parse_down",
    "parse_frame",
    "seal_down",
    "seal_frame",
]

_FRAME = re.compile(
    rb"\xd0\x83\x44\xa1\x01\x18\x1e\xa2\x04\x4e(.{14})\x06"
    rb"(\x41.|\x42[\x01-\xff].|\x43[\x01-\x0f]..)"
    rb"([\x40-\x57]|\x58[\x18-\xff]|\x59[\x01-\xff].)",
    re.DOTALL,
)
_PROTECTED_LABELS = frozenset({headers.ALGORITHM})
_UNPROTECTED_LABELS = frozenset({headers.KID, headers.PARTIAL_IV})


# The same pattern up to the first head that varies, for a frame whose kid is known.
KID_AT, KID_END = 10, 24
_HEAD_BYTES = 25
_USUAL_BYTES_MIN = _HEAD_BYTES + 3 + TAG_BYTES  # then nothing that is looked at is missing

_new = tuple.__new__  # of a named tuple, without the call in between


class SealedFrame(NamedTuple):
    """A frame as it came: who says to have sent it, and nothing proved yet."""

    kid: Kid
    sequence: int
    ciphertext: bytes


class OpenedFrame(NamedTuple):
    """An authentic frame. `pack_bytes` is not decoded: what nobody can read is kept whole."""

    kid: Kid
    sequence: int
    floor: int
    pack_bytes: bytes


def parse_frame(data: bytes) -> SealedFrame:
    """Read a frame's envelope.

    Raises:
        WireError: `FrameTooLong`, `Cbor...`, `Cose...`, `FrameKid` or `FramePartialIv`, in the order of section 11.
    """
    if len(data) > FRAME_BYTES_MAX:
        raise WireError("FrameTooLong", f"{len(data)} bytes")
    match = _FRAME.match(data)
    if match is not None:
        kid, partial_iv, ciphertext_head = match.groups()
        end = match.end()
        length = ciphertext_head[0] - 0x40 if len(ciphertext_head) == 1 else int.from_bytes(ciphertext_head[1:], "big")
        if end + length == len(data):
            return _new(SealedFrame, (kid, int.from_bytes(partial_iv[1:], "big"), data[end:]))
    return _parse_slowly(data)


def _parse_slowly(data: bytes) -> SealedFrame:
    """The general reader: the same result for every valid frame, and the error's name for any other bytes."""
    protected, unprotected, ciphertext = headers.open_envelope(data, headers.ENCRYPT0_TAG, (bytes, dict, bytes))
    headers.check_headers(protected, unprotected, headers.AES_CCM_16_128_128, _PROTECTED_LABELS, _UNPROTECTED_LABELS)
    kid = headers.check_kid(unprotected[headers.KID])
    partial_iv = unprotected[headers.PARTIAL_IV]
    if type(partial_iv) is not bytes or not 1 <= len(partial_iv) <= 3 or (len(partial_iv) > 1 and partial_iv[0] == 0):
        raise WireError("FramePartialIv", "1 to 3 bytes in shortest form")
    sequence = int.from_bytes(partial_iv, "big")
    if sequence > SEQUENCE_MAX:
        raise WireError("FramePartialIv", f"{sequence} is above 2^20 - 1")
    return SealedFrame(kid, sequence, ciphertext)


def open_frame(sealed: SealedFrame, up_key: UpKey) -> OpenedFrame:
    """Prove a frame authentic and read its floor.

    Raises:
        WireError: `FrameTag`; then `Cbor...` of the first item or `FrameFloor`. The pack is not looked at.
    """
    kid, sequence, ciphertext = sealed
    try:
        plaintext = up_key.aead.decrypt(up_key.nonce(sequence), ciphertext, up_key.associated)
    except InvalidTag:
        raise WireError("FrameTag") from None
    return _opened(kid, sequence, plaintext)


def _opened(kid: Kid, sequence: int, plaintext: bytes) -> OpenedFrame:
    """The floor, which stands first, and the pack behind it."""
    behind: Any
    start: int
    first = plaintext[0] if plaintext else 0xFF
    if first < 24:
        behind, start = first, 1
    elif first == 0x18 and len(plaintext) > 1 and plaintext[1] >= 24:
        behind, start = plaintext[1], 2
    elif first == 0x19 and len(plaintext) > 2 and plaintext[1]:
        behind, start = plaintext[1] << 8 | plaintext[2], 3
    else:
        behind, start = cbor.decode_first(plaintext)
    if type(behind) is not int or not 0 <= behind <= sequence:
        raise WireError("FrameFloor", f"sequence {sequence}, sequence - floor {behind!r}")
    return _new(OpenedFrame, (kid, sequence, sequence - behind, plaintext[start:]))


def open_usual(data: bytes, up_key: UpKey) -> OpenedFrame | None:
    """`open_frame` of `parse_frame`, for the frames that nearly all are: of this key's kid, a ciphertext of 24 to 255 bytes. None for
    others, valid or not.

    Raises:
        WireError: as `open_frame`.
    """
    if len(data) < _USUAL_BYTES_MIN or data[:_HEAD_BYTES] != up_key.frame_head:
        return None
    head = data[25]
    if head == 0x42:
        sequence, at = data[26] << 8 | data[27], 28
        if sequence < 0x100:
            return None
    elif head == 0x41:
        sequence, at = data[26], 27
    elif head == 0x43:
        sequence, at = data[26] << 16 | data[27] << 8 | data[28], 29
        if not 0x10000 <= sequence <= SEQUENCE_MAX:
            return None
    else:
        return None
    if data[at] != 0x58 or data[at + 1] < 24 or at + 2 + data[at + 1] != len(data):
        return None
    try:
        plaintext = up_key.aead.decrypt(
            (up_key.base_iv ^ sequence).to_bytes(NONCE_BYTES, "big"), data[at + 2 :], up_key.associated
        )
    except InvalidTag:
        raise WireError("FrameTag") from None
    if plaintext and (behind := plaintext[0]) < 24 and behind <= sequence:
        return _new(OpenedFrame, (up_key.kid, sequence, sequence - behind, plaintext[1:]))
    return _opened(up_key.kid, sequence, plaintext)


def seal_frame(up_key: UpKey, sequence: int, floor: int, pack_bytes: bytes) -> bytes:
    """Make a frame, as a node does.

    Raises:
        ValueError: numbers out of range.
    """
    if not 0 <= floor <= sequence <= SEQUENCE_MAX:
        raise ValueError(f"floor {floor} and sequence {sequence}")
    plaintext = cbor.encode_int(sequence - floor) + pack_bytes
    return envelope(up_key, sequence, plaintext)


def envelope(up_key: UpKey, sequence: int, plaintext: bytes) -> bytes:
    """Encrypt any plaintext under a frame number; tests use it to make authentic nonsense."""
    partial_iv = sequence.to_bytes(max(1, (sequence.bit_length() + 7) // 8), "big")
    ciphertext = up_key.aead.encrypt(up_key.nonce(sequence), plaintext, up_key.associated)
    unprotected = {headers.KID: bytes(up_key.kid), headers.PARTIAL_IV: partial_iv}
    return cbor.encode(cbor.Tag(headers.ENCRYPT0_TAG, [PROTECTED, unprotected, ciphertext]))
