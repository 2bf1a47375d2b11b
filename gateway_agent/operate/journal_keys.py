# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Which keys a journal's batches may be signed by, as its own gateway sees it: the one that is given, and those that signed
changes connect with it.

Forward a change is proved by the key before it. Backward the given key itself has agreed, in the change, whose successor it
is; the old public key lies beside the change (`keys/{key id}.pub.pem`) and has to have that id. An auditor does not go
backward: he begins with the first key (`startcity verify`).
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import ConfigError, WireError
from gateway_agent.wire.key_change import KeyChange, open_key_change, parse_key_change
from gateway_agent.wire.keys import key_id
from gateway_agent.wire.signer import load_public

KEYS_FOLDER = "keys"


class ConnectedKeys(NamedTuple):
    """Keys by id; `has_earlier`: changes lead to the given key, so it is not the first."""

    keys: dict[bytes, Ed25519PublicKey]
    has_earlier: bool


def connected_keys(journal: Path, given: Ed25519PublicKey) -> ConnectedKeys:
    """The given key and those before and after it.

    Files that are no change, or prove nothing, are left out: then what they should prove is not good."""
    keys = {key_id(given.public_bytes_raw()): given}
    changes: list[tuple[bytes, KeyChange]] = []
    for path in sorted((journal / KEYS_FOLDER).glob("*.cose")):
        with suppress(OSError, WireError):
            data = path.read_bytes()
            changes.append((data, parse_key_change(data)[1]))
    has_earlier = any(change.new_key_id in keys for _, change in changes)
    is_moving = True
    while is_moving:
        is_moving = False
        for data, change in changes:
            old = keys.get(change.old_key_id)
            if old is None and change.new_key_id in keys:
                with suppress(ConfigError):
                    old = load_public(journal / KEYS_FOLDER / f"{change.old_key_id.hex()}.pub.pem")
            if old is None or (change.old_key_id in keys and change.new_key_id in keys):
                continue
            with suppress(WireError):
                open_key_change(data, old)
                keys |= {change.old_key_id: old, change.new_key_id: change.new_key}
                is_moving = True
    return ConnectedKeys(keys, has_earlier)
