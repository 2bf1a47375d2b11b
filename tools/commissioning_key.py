# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A gateway's commissioning key (X25519): the vault seals roots for it, and nobody else can open them.

commissioning.key    PEM, mode 0600; stays at the gateway
commissioning.pub    the line `Gateway: ID`, then PEM; carried to the vault
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from gateway_agent.model import GatewayId
from tools.advice import Advice
from tools.secret_files import read_secret, write_public, write_secret
from tools.vault_keys import fingerprint_of

_FORM = re.compile(
    rb"Gateway: ([a-z0-9][a-z0-9-]{0,31})\n(-----BEGIN PUBLIC KEY-----\n[^-]+\n-----END PUBLIC KEY-----\n)"
)
_PUBLIC_BYTES_MAX = 4096


class GatewayPublic(NamedTuple):
    """For whom the vault seals."""

    gateway_id: GatewayId
    key: X25519PublicKey

    @property
    def fingerprint(self) -> str:
        """For people to compare: `gateway init` and `vault commission` show the same."""
        return fingerprint_of(self.key.public_bytes_raw())

    def text(self) -> bytes:
        pem = self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return f"Gateway: {self.gateway_id}\n".encode() + pem


def public_path_of(key_path: Path) -> Path:
    """commissioning.key -> commissioning.pub"""
    return key_path.with_suffix(".pub")


def make_commissioning_key(key_path: Path, gateway_id: GatewayId) -> tuple[GatewayPublic, bool]:
    """Make a commissioning key; one that is there is kept, and its public half is written again where it is missing.

    Raises:
        ConfigError: what is there is something else, or others may read it.
        Unavailable: the disk refuses.
    """
    is_new = not key_path.exists()
    if is_new:
        key = X25519PrivateKey.generate()
        write_secret(key_path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    else:
        key = read_commissioning_key(key_path)
    public = GatewayPublic(gateway_id, key.public_key())
    path = public_path_of(key_path)
    if not path.exists() or path.read_bytes() != public.text():
        write_public(path, public.text())
    return public, is_new


def read_commissioning_key(path: Path) -> X25519PrivateKey:
    """Raises: ConfigError: there is none, or it is something else. Unavailable."""
    if not path.exists():
        raise Advice(
            "{file} is not there: `startcity gateway init` makes what is missing and keeps the rest.", file=path
        )
    try:
        key = load_pem_private_key(read_secret(path), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, X25519PrivateKey):
        raise Advice(
            "{file} is no commissioning key or is damaged: restore it, or move it away and let `startcity gateway init` make a new one.",
            file=path,
        )
    return key


def read_commissioning_public(path: Path) -> GatewayPublic:
    """Raises: ConfigError: it cannot be read, or is something else."""
    try:
        with path.open("rb") as file:
            content = file.read(_PUBLIC_BYTES_MAX)
    except OSError as error:
        raise Advice(
            "{file} cannot be read ({reason}): copy the gateway's commissioning.pub there.",
            file=path,
            reason=error.strerror,
        ) from error
    found = _FORM.fullmatch(content)
    try:
        key = load_pem_public_key(found[2]) if found is not None else None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if found is None or not isinstance(key, X25519PublicKey):
        raise Advice("{file} is no gateway's commissioning.pub: copy it again.", file=path)
    return GatewayPublic(GatewayId(found[1].decode()), key)
