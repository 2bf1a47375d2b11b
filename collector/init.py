# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity collector init`: a key, its public half for the gateways, and a configuration to fill in."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from collector.config import check_gateway_id
from gateway_agent.errors import ConfigError
from gateway_agent.wire.signer import load_public

_TEMPLATE = """\
# The city end of startcity. Paths are relative to this file.

[collector]
key = "collector.pem"        # signs the receipts; only its owner may read it
data = "data"                # collector.sqlite and archive/
# overdue_s = 60             # a lane this long behind its gateway's signed state is shown as cut off

[broker]                     # the city's MQTT broker
host = {host}
port = {port}
# username = "collector"
# password_file = "broker.password"
# tls = true
# tls_ca = "ca.pem"

[profiles]
folder = ""                  # "" = the shipped ones

# One block for each gateway that may deliver; `startcity gateway init` makes its public key.
{gateways}
# Optional: which profile a node has, so that its own limits are checked.
# [[node]]
# id = "aabbccddeeff"
# profile = "parking-qmc5883l"
"""

_GATEWAY = """\
[[gateway]]
id = "{id}"
key = {key}
"""

_GATEWAY_EXAMPLE = """\
# [[gateway]]
# id = "piacenza-01"
# key = "piacenza-01.pub.pem"
"""


class Made(NamedTuple):
    """What `init` made."""

    config: Path
    key: Path
    public_key: Path


def init(
    directory: Path, host: str = "127.0.0.1", port: int = 1883, gateways: tuple[tuple[str, Path], ...] = ()
) -> Made:
    """Make key, public key and configuration in a directory. Never overwrites anything.

    Args:
        gateways: (gateway id, file with its public key, from where the caller stands). It is copied: the file may change
            with the gateway's key, and the collector follows from the first.

    Raises:
        ConfigError: one of the files is there already, a gateway's id or key is none, or the directory cannot be written.
    """
    made = Made(directory / "collector.toml", directory / "collector.pem", directory / "collector.pub.pem")
    there = [path for path in made if path.exists()]
    if there:
        raise ConfigError(f"{there[0]} exists already; move it away or choose another directory")
    key = Ed25519PrivateKey.generate()
    copies = {_copy_path(directory, name): _gateway_key(directory, name, path) for name, path in gateways}
    blocks = "\n".join(_block(directory, gateway_id) for gateway_id, _ in gateways) or _GATEWAY_EXAMPLE
    ids = [gateway_id for gateway_id, _ in gateways]
    if len(set(ids)) < len(ids):
        raise ConfigError("--gateway: one id is given twice; give each gateway once")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, public_key in copies.items():
            if not path.exists():  # else it holds this very key
                _write(path, public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
        _write(made.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
        _write(made.public_key, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
        _write(made.config, _TEMPLATE.format(host=json.dumps(host), port=port, gateways=blocks).encode(), 0o644)
    except OSError as error:
        raise ConfigError(f"{directory}: {error.strerror}; choose a directory that you may write") from error
    return made


def _copy_path(directory: Path, gateway_id: str) -> Path:
    """Where a gateway's key stands. An id has no dot, so the second name is no other gateway's."""
    return directory / ("collector.gateway.pub.pem" if gateway_id == "collector" else f"{gateway_id}.pub.pem")


def _gateway_key(directory: Path, gateway_id: str, file: Path) -> Ed25519PublicKey:
    """The key to copy. Raises: ConfigError: id or file is none, or another key stands where the copy goes."""
    if (reason := check_gateway_id(gateway_id)) is not None:
        raise ConfigError(f"--gateway {gateway_id}={file}: the id is {reason}")
    try:
        key = load_public(file)
    except ConfigError as error:
        raise ConfigError(
            f"--gateway {gateway_id}: {error}; name the gateway.pub.pem that `startcity gateway init` made there"
        ) from error
    copy = _copy_path(directory, gateway_id)
    if copy.is_symlink() or (copy.exists() and load_public(copy).public_bytes_raw() != key.public_bytes_raw()):
        raise ConfigError(
            f"--gateway {gateway_id}: {copy} is a link, or another key; move it away: the key is copied there"
        )
    return key


def _block(directory: Path, gateway_id: str) -> str:
    """A gateway's lines; the path is relative to the configuration."""
    name = _copy_path(directory, gateway_id).name
    return _GATEWAY.format(id=gateway_id, key=json.dumps(name))


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
