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
from gateway_agent.wire.key_succession import KeySuccession
from gateway_agent.wire.keys import key_id
from gateway_agent.wire.signer import load_public

KEYS_FOLDER = "keys"


class ConnectedKeys(NamedTuple):
    """The succession from the earliest connected key on; `has_earlier`: changes lead to the given key, so it is not the first."""

    succession: KeySuccession
    has_earlier: bool


def connected_keys(journal: Path, given: Ed25519PublicKey) -> ConnectedKeys:
    """The given key and those before and after it.

    Files that are no change, or prove nothing, are left out: then what they should prove is not good."""
    changes: list[tuple[bytes, KeyChange]] = []
    for path in sorted((journal / KEYS_FOLDER).glob("*.cose")):
        with suppress(OSError, WireError):
            data = path.read_bytes()
            changes.append((data, parse_key_change(data)[1]))
    given_id = key_id(given.public_bytes_raw())
    anchor = _earliest(journal, given, changes)
    anchor_id = key_id(anchor.public_bytes_raw())
    gateway_id = next(
        (str(change.gateway_id) for _, change in changes if anchor_id == change.old_key_id), "this gateway"
    )
    succession = KeySuccession(gateway_id, anchor)
    succession.add_all([data for data, _ in changes])
    return ConnectedKeys(succession, any(change.new_key_id == given_id for _, change in changes))


def _earliest(journal: Path, given: Ed25519PublicKey, changes: list[tuple[bytes, KeyChange]]) -> Ed25519PublicKey:
    """The first of the keys from which proved changes lead to the given one."""
    earliest, rest, is_moving = given, list(changes), True
    while is_moving:
        is_moving = False
        for item in rest:
            data, change = item
            if change.new_public != earliest.public_bytes_raw():
                continue
            with suppress(ConfigError, WireError):
                old = load_public(journal / KEYS_FOLDER / f"{change.old_key_id.hex()}.pub.pem")
                open_key_change(data, old)
                earliest, is_moving = old, True
                rest.remove(item)  # each once: changes may lead in a circle
                break
    return earliest
