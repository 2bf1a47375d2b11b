# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Ed25519 keys: the gateway's and the collector's own, and those that they trust."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from gateway_agent.errors import ConfigError
from gateway_agent.wire.keys import key_id

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Signer:
    """One signing key. `repr` shows its id and nothing else."""

    __slots__ = ("_private_key", "key_id", "public_bytes")

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self.public_bytes = private_key.public_key().public_bytes_raw()
        self.key_id = key_id(self.public_bytes)

    @classmethod
    def generate(cls) -> Signer:
        """A new random key."""
        return cls(Ed25519PrivateKey.generate())

    def __repr__(self) -> str:
        return f"Signer(key_id={self.key_id.hex()})"

    @property
    def public_key(self) -> Ed25519PublicKey:
        """What others verify with."""
        return self._private_key.public_key()

    def sign(self, data: bytes) -> bytes:
        """64 bytes."""
        return self._private_key.sign(data)

    def private_pem(self) -> bytes:
        """PKCS #8 without a password: belongs into a file of mode 0600 and nowhere else."""
        return self._private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def public_pem(self) -> bytes:
        """SubjectPublicKeyInfo, for `load_public` on the other side."""
        return self.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def load_signer(path: Path) -> Signer:
    """Read a private key.

    Raises:
        ConfigError: the file is missing, readable for others, or not an Ed25519 key in PEM; says what to do.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read the private key ({error.strerror}); it must belong to the user that runs this. Restore it from the"
            " backup, or make a new one with `init`: a new key is a new identity"
        ) from error
    if mode & _OTHERS:
        raise ConfigError(f"{path}: others may read the private key (mode {mode & 0o777:04o}); run `chmod 600 {path}`")
    try:
        key = load_pem_private_key(text, None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path}: not a private key in PEM without a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path}: not an Ed25519 key; `openssl genpkey -algorithm ed25519` makes one")
    return Signer(key)


def load_public(path: Path) -> Ed25519PublicKey:
    """Read a public key.

    Raises:
        ConfigError: the file is missing or not an Ed25519 public key in PEM.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read the public key ({error.strerror}); copy the file that the other side's `init` has made there"
        ) from error
    try:
        key = load_pem_public_key(text)
    except ValueError as error:
        raise ConfigError(f"{path}: not a public key in PEM (it begins with BEGIN PUBLIC KEY)") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"{path}: not an Ed25519 key")
    return key
