# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""AES-CCM with 13-byte nonces (RFC 3610, L = 2) from what stock MicroPython has.

ESP32 builds of MicroPython have AES in ECB and CBC only. CCM needs no more: one CBC call over all
blocks is the MAC, one ECB call over the counter blocks is the key stream.
"""

import cryptolib
import struct

_ECB = 1
_CBC = 2


class Ccm:
    """One key. `tag_bytes` is 16 in node frames. Opened is in cose_reader.py: a node is seldom answered."""

    def __init__(self, key: bytes, tag_bytes: int = 16) -> None:
        self._key = bytes(key)
        self.tag_bytes = tag_bytes
        self._ecb = cryptolib.aes(self._key, _ECB)

    def seal(self, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
        """The ciphertext with its tag behind it. A nonce must never be used twice with one key."""
        mac = self.cbc_mac(nonce, aad, plaintext)
        text = bytes(16) + plaintext  # counter block 0 covers the tag
        mixed = self.with_key_stream(nonce, text)
        return mixed[16:] + xor(mac, mixed[:16])[: self.tag_bytes]

    def cbc_mac(self, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
        if len(nonce) != 13 or len(aad) >= 0xFF00 or len(plaintext) > 0xFFFF:
            raise ValueError("CCM: a nonce of 13 bytes, aad below 65280, at most 65535 bytes of text")
        flags = (0x40 if aad else 0) | (self.tag_bytes - 2) // 2 << 3 | 1
        blocks = bytearray([flags])
        blocks.extend(nonce)
        blocks.extend(struct.pack(">H", len(plaintext)))
        if aad:
            blocks.extend(struct.pack(">H", len(aad)))
            blocks.extend(aad)
            blocks.extend(bytes(-len(blocks) % 16))
        blocks.extend(plaintext)
        blocks.extend(bytes(-len(blocks) % 16))
        # A new object each time: a CBC object chains from one call to the next.
        return cryptolib.aes(self._key, _CBC, bytes(16)).encrypt(blocks)[-16:]

    def with_key_stream(self, nonce: bytes, text: bytes) -> bytes:
        """XOR with the key stream from counter 0 on."""
        count = (len(text) + 15) // 16
        blocks = bytearray(count * 16)
        for i in range(count):
            at = i * 16
            blocks[at] = 1
            blocks[at + 1 : at + 14] = nonce
            blocks[at + 14] = i >> 8
            blocks[at + 15] = i & 255
        return xor(text, self._ecb.encrypt(blocks)[: len(text)])


def xor(a: bytes, b: bytes) -> bytes:
    # Long integers do in one step what a loop over bytes does in milliseconds on the board.
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(len(a), "big")
