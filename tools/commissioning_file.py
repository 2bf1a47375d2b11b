# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A commissioning file at the gateway: opened, proved, and each way to be wrong has its name and its exit code."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gateway_agent.errors import Unavailable, WireError
from gateway_agent.wire.commissioning import COMMISSION_BYTES_MAX, Commission, open_commission
from tools.advice import Advice

OTHER_GATEWAY, DAMAGED, OTHER_VAULT = 20, 21, 22


class CommissioningError(Exception):
    """`template` takes file, name, gateway and fingerprint."""

    def __init__(self, name: str, exit_code: int, template: str) -> None:
        super().__init__(name)
        self.name = name
        self.exit_code = exit_code
        self.template = template


def open_commissioning_file(path: Path, key: X25519PrivateKey, vault: Ed25519PublicKey, gateway_id: str) -> Commission:
    """What the vault has given this gateway.

    Raises:
        CommissioningError: for another gateway, damaged, or not by this vault.
        ConfigError, Unavailable: it cannot be read.
    """
    try:
        commission = open_commission(_read(path, COMMISSION_BYTES_MAX + 1), key, vault)
    except WireError as error:
        if error.name == "SealedRecipient":
            raise _other_gateway(error.name) from error
        if error.name == "SignatureInvalid":
            template = "{name}: {file} was not signed by the vault that this gateway trusts ({fingerprint})."
            raise CommissioningError(error.name, OTHER_VAULT, template) from error
        template = "{name}: {file} is damaged, was changed, or is no commissioning file: fetch it from the vault again."
        raise CommissioningError(error.name, DAMAGED, template) from error
    if commission.gateway_id != gateway_id:
        raise _other_gateway("CommissionGateway")
    return commission


def _other_gateway(name: str) -> CommissioningError:
    template = (
        "{name}: {file} was made for another gateway than {gateway}, or for a commissioning key that it has no more."
    )
    return CommissioningError(name, OTHER_GATEWAY, template)


def _read(path: Path, count: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(count)
    except FileNotFoundError as error:
        raise Advice("{file} does not exist.", file=path) from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
