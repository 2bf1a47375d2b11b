# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a gateway needs before its first start: a signing key, a configuration, folders.

Making them again changes nothing that is there: a new key would end the chains that the old one signed.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from gateway_agent.errors import ConfigError
from tools.address import Address
from tools.secret_files import read_secret, write_public, write_secret


def public_path_of(key_path: Path) -> Path:
    """gateway.pem -> gateway.pub.pem"""
    return key_path.with_name(f"{key_path.stem}.pub.pem")


def make_signing_key(key_path: Path) -> bool:
    """Make an Ed25519 key (PEM, PKCS #8, mode 0600) and its public half beside it. Returns whether the key is new.

    A key that is there is kept; its public half is written again where it is missing or another one's.

    Raises:
        ConfigError: the file that is there is not an Ed25519 key, or others may read it.
        Unavailable: the disk refuses.
    """
    is_new = not key_path.exists()
    if is_new:
        key = Ed25519PrivateKey.generate()
        write_secret(key_path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    else:
        key = _read_key(key_path)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    public_path = public_path_of(key_path)
    if not public_path.exists() or public_path.read_bytes() != public:
        write_public(public_path, public)
    return is_new


def gateway_toml(
    gateway_id: str, data: str, nodes_broker: Address, city_broker: Address, collector_key: str | None
) -> str:
    """The text of a new gateway.toml. `collector_key` None: there is no collector, the city's broker is the end."""
    if collector_key is None:
        city_end = """delivery = "broker"               # no collector: the promise ends at the city's broker"""
    else:
        city_end = f"""\
collector_key = {_quoted(collector_key)}
delivery = "receipt"               # keep each batch until the collector has receipted it"""
    return f"""\
# The gateway's configuration. Paths are relative to this file. docs/operator.md explains every key.

[gateway]
id = {_quoted(gateway_id)}                 # never change it: it is in every signature
key = "gateway.pem"
data = {_quoted(data)}                     # registry.sqlite and journal/

[nodes_broker]                     # where the nodes' frames arrive
host = {_quoted(nodes_broker.host)}
port = {nodes_broker.port}
# tls_ca = "ca.pem"                # the authority of the broker's certificate; this line turns TLS on, no port does

[city_broker]                      # where the batches go
host = {_quoted(city_broker.host)}
port = {city_broker.port}
{city_end}
# tls_ca = "/etc/ssl/certs/ca-certificates.crt"   # turns TLS on; port 8883 alone does not
# tls_cert = "gateway.crt"         # and tls_key, where the broker asks the gateway for a certificate
# tls_key = "gateway.key"

[journal]
bytes_max = 536870912              # 512 MB: about 30 days of 200 nodes without the city
segment_bytes = 1048576

[profiles]
folder = ""                        # "" = the profiles of the installation

[log]
level = "info"
"""


def _read_key(path: Path) -> Ed25519PrivateKey:
    content = read_secret(path)
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        advice = "restore it from a backup; only a gateway that never sent anything may get a new key"
        raise ConfigError(f"{path} is not a private key in PEM: {advice}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path} is not an Ed25519 key: name another file in [gateway] key")
    return key


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    if not escaped.isprintable():
        raise ConfigError(f"{text!r} has characters that cannot stand in a configuration")
    return f'"{escaped}"'
