# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Keys from keys (docs/wire.md, 1). The master is only ever seen by the vault and the node."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway_agent.model import GatewayId, Kid
from gateway_agent.wire import cbor

KEY_BYTES = 16
NONCE_BYTES = 13
TAG_BYTES = 16
NODE_ID_BYTES = 6
KID_BYTES = 14

# << {1: 30} >>, AES-CCM-16-128-128: the only algorithm on a node key's allow-list.
PROTECTED = bytes.fromhex("a101181e")
_FRAME_BEGIN = bytes.fromhex("d08344") + PROTECTED + bytes.fromhex("a2044e")


class UpKey:
    """What opens one node's frames of one epoch. The AES key schedule is made once; `repr` shows no key."""

    __slots__ = ("aead", "associated", "base_iv", "frame_head", "key", "kid")

    def __init__(self, kid: Kid, key: bytes, base_iv: bytes) -> None:
        self.kid = kid
        self.key = key
        self.base_iv = int.from_bytes(base_iv, "big")
        self.aead = AESCCM(key, tag_length=TAG_BYTES)
        external = cbor.encode(["sc-frame-1", 0, bytes(kid[:NODE_ID_BYTES]), bytes(kid[NODE_ID_BYTES:])])
        self.associated = cbor.encode(["Encrypt0", PROTECTED, external])
        # What each of its frames begins with, up to the sequence number.
        self.frame_head = _FRAME_BEGIN + kid + b"\x06"

    def __repr__(self) -> str:
        return f"UpKey(kid={self.kid.hex()})"

    def nonce(self, sequence: int) -> bytes:
        """13 bytes: the base IV with the sequence number laid over its end."""
        return (self.base_iv ^ sequence).to_bytes(NONCE_BYTES, "big")


def derive_root(master: bytes, generation: int) -> bytes:
    """The 16-byte root that a gateway may hold, of a 16-byte master and a generation from 0."""
    return _hkdf(master, b"sc1 root", generation.to_bytes(4, "big"), KEY_BYTES)


def derive_up(root: bytes, kid: Kid) -> UpKey:
    """The key of a node's frames in one epoch."""
    material = _hkdf(root, b"sc1 up", kid, KEY_BYTES + NONCE_BYTES)
    return UpKey(kid, material[:KEY_BYTES], material[KEY_BYTES:])


def derive_down(root: bytes, gateway_id: GatewayId, kid: Kid) -> bytes:
    """The 16-byte key of one gateway's frames to a node in one epoch."""
    return _hkdf(root, b"sc1 down" + gateway_id.encode(), kid, KEY_BYTES)


def key_id(public: bytes) -> bytes:
    """The 8-byte name of a 32-byte Ed25519 public key."""
    return hashlib.sha256(public).digest()[:8]


def _hkdf(material: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    if len(material) != KEY_BYTES:
        raise ValueError(f"a master or root has {KEY_BYTES} bytes, not {len(material)}")
    return HKDF(SHA256(), length, salt, info).derive(material)
