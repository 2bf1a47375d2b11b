# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The vault's own keys: one to which benches seal masters (X25519), one with which it signs for gateways (Ed25519).

vault.key    both private keys, PEM, mode 0600; never leaves the vault
vault.pub    both public keys, PEM: the one file that benches and gateways get, from a hand that they trust
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from gateway_agent.wire.signer import Signer
from tools.advice import Advice
from tools.secret_files import read_secret, write_public, write_secret

KEY_FILE, PUBLIC_FILE = "vault.key", "vault.pub"
_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----\n.*?\n-----END \1-----\n", re.DOTALL)
_PUBLIC_BYTES_MAX = 4096


class VaultPublic(NamedTuple):
    """What everyone may know of a vault."""

    sealing: X25519PublicKey
    signing: Ed25519PublicKey

    @property
    def fingerprint(self) -> str:
        """For people to compare: 8 groups of 4 hex digits, of both keys together."""
        return fingerprint_of(self.sealing.public_bytes_raw() + self.signing.public_bytes_raw())

    def pem(self) -> bytes:
        form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return self.sealing.public_bytes(*form) + self.signing.public_bytes(*form)


class VaultKeys:
    """Both private keys. `repr` shows the fingerprint and nothing else."""

    def __init__(self, sealing: X25519PrivateKey, signing: Ed25519PrivateKey) -> None:
        self.sealing = sealing
        self._signing = signing
        self.signer = Signer(signing)

    @property
    def public(self) -> VaultPublic:
        return VaultPublic(self.sealing.public_key(), self._signing.public_key())

    def __repr__(self) -> str:
        return f"VaultKeys({self.public.fingerprint})"

    def pem(self) -> bytes:
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return self.sealing.private_bytes(*form) + self._signing.private_bytes(*form)


def fingerprint_of(public: bytes) -> str:
    """The first 16 bytes of the SHA-256, in groups of 4 hex digits."""
    digits = hashlib.sha256(public).digest()[:16].hex()
    return " ".join(digits[place : place + 4] for place in range(0, 32, 4))


def make_vault_keys(folder: Path) -> tuple[VaultPublic, bool]:
    """Make a vault's keys; those that are there are kept, and `vault.pub` is written again where it is missing.

    Returns the public keys, and whether they are new. The caller holds the vault's lock.

    Raises:
        ConfigError: what is there is not a vault's key file, or others may read it.
        Unavailable: the disk refuses.
    """
    is_new = not (folder / KEY_FILE).exists()
    if is_new:
        keys = VaultKeys(X25519PrivateKey.generate(), Ed25519PrivateKey.generate())
        write_secret(folder / KEY_FILE, keys.pem())
    else:
        keys = read_vault_keys(folder)
    public = folder / PUBLIC_FILE
    if not public.exists() or public.read_bytes() != keys.public.pem():
        write_public(public, keys.public.pem())
    return keys.public, is_new


def read_vault_keys(folder: Path) -> VaultKeys:
    """Raises: ConfigError: there are none (an old vault), or the file is something else. Unavailable."""
    path = folder / KEY_FILE
    if not path.exists():
        raise Advice(
            "{folder} is a vault without keys of its own: make them with `startcity vault key {folder}`.", folder=folder
        )
    try:
        found = [load_pem_private_key(block[0], None) for block in _BLOCK.finditer(read_secret(path))]
    except (ValueError, TypeError, UnsupportedAlgorithm):
        found = []
    match found:
        case [X25519PrivateKey() as sealing, Ed25519PrivateKey() as signing]:
            return VaultKeys(sealing, signing)
    raise Advice("{file} does not hold a vault's private keys or is damaged: restore it from the backup.", file=path)


def read_vault_public(path: Path) -> VaultPublic:
    """Read a `vault.pub`, as benches and gateways do.

    Raises:
        ConfigError: it cannot be read, or is something else.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_PUBLIC_BYTES_MAX + 1)
    except OSError as error:
        raise Advice(
            "{file} cannot be read ({reason}): copy the vault's vault.pub there.", file=path, reason=error.strerror
        ) from error
    blocks = list(_BLOCK.finditer(content))
    found = []
    if len(content) <= _PUBLIC_BYTES_MAX and b"".join(block[0] for block in blocks) == content:
        try:
            found = [load_pem_public_key(block[0]) for block in blocks]
        except (ValueError, TypeError, UnsupportedAlgorithm):
            found = []
    match found:
        case [X25519PublicKey() as sealing, Ed25519PublicKey() as signing]:
            return VaultPublic(sealing, signing)
    raise Advice("{file} does not hold a vault's public keys: copy the vault's vault.pub again.", file=path)
