# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Node frames (docs/wire.md section 2): made once, kept and repeated byte for byte."""

from node_core import cbor
from node_core.ccm import Ccm
from node_core.cose import FRAME_BYTES_MAX, aad, seal_envelope

_SEQUENCE_AT = 26  # a sealed frame's partial IV: tag, array, protected (5), map, label, kid (15), label
_KID_AT = 10


def partial_iv(sequence: int) -> bytes:
    return sequence.to_bytes(1 if sequence < 0x100 else 2 if sequence < 0x10000 else 3, "big")


def nonce(base_iv: bytes, iv: bytes) -> bytes:
    mixed = bytearray(base_iv)
    for i in range(1, len(iv) + 1):
        mixed[-i] ^= iv[-i]
    return bytes(mixed)


def up_aad(kid: bytes) -> bytes:
    return aad(["sc-frame-1", 0, kid[:6], kid[6:]])


class Sealer:
    """Seals the frames of one node and epoch. The caller never gives a sequence number twice."""

    def __init__(self, root: bytes, kid: bytes) -> None:
        from node_core.keys import derive_up  # needed once an epoch: whoever wants the memory back forgets the module

        self.kid = kid
        key, self._base_iv = derive_up(root, kid)
        self._ccm = Ccm(key)
        self._aad = up_aad(kid)

    def seal(self, sequence: int, floor: int, pack: bytes) -> bytes:
        """Raises: ValueError where the frame would be longer than the format allows."""
        iv = partial_iv(sequence)
        plaintext = cbor.encode(sequence - floor) + pack
        ciphertext = self._ccm.seal(nonce(self._base_iv, iv), self._aad, plaintext)
        frame = seal_envelope(((4, self.kid), (6, iv)), ciphertext)
        if len(frame) > FRAME_BYTES_MAX:
            raise ValueError("a frame of %d bytes, at most %d" % (len(frame), FRAME_BYTES_MAX))
        return frame


def frame_number(frame: bytes) -> tuple[bytes, int]:
    """(epoch, sequence) of a frame of our own, read from where `Sealer` puts them.

    Raises: ValueError where the bytes are no such frame.
    """
    if len(frame) < _SEQUENCE_AT + 3 or frame[:_KID_AT] != b"\xd0\x83\x44\xa1\x01\x18\x1e\xa2\x04\x4e":
        raise ValueError("not a node frame")
    size = frame[_SEQUENCE_AT - 1] - 0x40
    if frame[_SEQUENCE_AT - 2] != 6 or not 1 <= size <= 3:
        raise ValueError("not a node frame")
    return frame[_KID_AT + 6 : _KID_AT + 14], int.from_bytes(frame[_SEQUENCE_AT : _SEQUENCE_AT + size], "big")
