# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The keys of docs/wire.md section 1, derived from the node's master with HKDF-SHA256 (RFC 5869)."""

import hashlib


def _hmac(key: bytes, message: bytes) -> bytes:
    # A key longer than a block (64 bytes) never occurs here.
    padded = key + bytes(64 - len(key))
    inner = hashlib.sha256(bytes([byte ^ 0x36 for byte in padded]))
    inner.update(message)
    outer = hashlib.sha256(bytes([byte ^ 0x5C for byte in padded]))
    outer.update(inner.digest())
    return outer.digest()


def hkdf(ikm: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    if len(salt) > 64:
        salt = hashlib.sha256(salt).digest()
    prk = _hmac(salt, ikm)
    out = b""
    block = b""
    counter = 1
    while len(out) < length:
        block = _hmac(prk, block + info + bytes([counter]))
        out += block
        counter += 1
    return out[:length]


def derive_root(master: bytes, generation: int) -> bytes:
    return hkdf(master, b"sc1 root", generation.to_bytes(4, "big"), 16)


def derive_up(root: bytes, kid: bytes) -> tuple[bytes, bytes]:
    """(key of 16 bytes, base IV of 13 bytes) of the frames of one node and epoch."""
    both = hkdf(root, b"sc1 up", kid, 29)
    return both[:16], both[16:]


def derive_down(root: bytes, gateway_id: str, kid: bytes) -> bytes:
    return hkdf(root, b"sc1 down" + gateway_id.encode(), kid, 16)
