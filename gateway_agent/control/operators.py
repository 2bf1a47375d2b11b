# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Who may command this gateway: a folder with a public key for each operator.

    {name}.pub.pem        counts
    {name}.revoked.pem    counted once; refused by its name since

It is read when a command comes, so that nothing has to be started anew, and at most 64 files of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import ConfigError
from gateway_agent.wire.keys import key_id
from gateway_agent.wire.signer import load_public

OPERATORS_MAX = 64
GOOD, REVOKED = ".pub.pem", ".revoked.pem"


class Operator(NamedTuple):
    """A key that is, or was, on the list."""

    name: str
    key_id: bytes
    public_key: Ed25519PublicKey
    is_revoked: bool


def read_operators(folder: Path) -> tuple[list[Operator], list[str]]:
    """The operators by name, and what is wrong with the files that are none. A folder that is not there is empty."""
    operators: list[Operator] = []
    problems: list[str] = []
    try:
        paths = sorted(path for path in folder.iterdir() if path.name.endswith((GOOD, REVOKED)))
    except OSError:
        return [], []
    if len(paths) > OPERATORS_MAX:
        problems.append(f"{folder}: {len(paths)} keys, only the first {OPERATORS_MAX} count")
    for path in paths[:OPERATORS_MAX]:
        try:
            public_key = load_public(path)
        except ConfigError as error:
            problems.append(str(error))
            continue
        ending = REVOKED if path.name.endswith(REVOKED) else GOOD
        name = path.name.removesuffix(ending)
        operators.append(Operator(name, key_id(public_key.public_bytes_raw()), public_key, ending == REVOKED))
    return operators, problems


def find_operator(folder: Path, wanted: bytes) -> Operator | None:
    """The operator with this key id. One that stands there twice counts as revoked."""
    found = [operator for operator in read_operators(folder)[0] if operator.key_id == wanted]
    return max(found, key=lambda operator: operator.is_revoked, default=None)
