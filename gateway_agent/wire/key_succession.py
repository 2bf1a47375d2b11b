# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Which of a gateway's keys may have signed what: from the first public key on, along the signed changes.

Theory of operation
-------------------
The anchor is the key that somebody trusts from elsewhere: the first. A change is signed by one key, names the next, and
says with which number of each lane the old key ends. A key changes once; a second, different change of the same key is
a fork of the identity, and the first one counts. So a later key is proved by the anchor alone, however many changes
lie between, and however old they are.

A batch of an instance that the change names belongs to the old key up to the named number and to the new one behind it. A
*gap* may be signed by a later key for any number: it is signed when the batches are given up. An instance that the change does
not name is older than it (then it is the old key's alone) or younger (then it is none of the old key's), and only
who has seen it begin knows which.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import WireError
from gateway_agent.model import LaneHead
from gateway_agent.wire.key_change import KeyChange, open_key_change, parse_key_change
from gateway_agent.wire.keys import key_id

CHANGES_MAX = 1_024


class KeySuccession:
    """The keys of one gateway."""

    def __init__(self, gateway_id: str, anchor: Ed25519PublicKey) -> None:
        self.gateway_id = gateway_id
        self.current = key_id(anchor.public_bytes_raw())
        self._keys = {self.current: anchor}
        self._changes: dict[bytes, tuple[KeyChange, bytes]] = {}  # by the old key's id
        self._before: dict[bytes, bytes] = {}  # a key's predecessor

    def add(self, raw: bytes) -> bool:
        """Take a change; returns whether it is new.

        Raises:
            WireError: as `open_key_change`; `SignatureInvalid` also where its signer is no key of this gateway;
                `KeyFork`: that key was changed for another one, or the new key is an older one.
        """
        signed, change = parse_key_change(raw)
        public_key = self.key_of(signed.key_id)
        open_key_change(raw, public_key)
        if change.gateway_id != self.gateway_id:
            raise WireError("SignatureInvalid", f"for gateway {change.gateway_id}")
        known = self._changes.get(signed.key_id)
        if known is not None:
            if known[0].new_public != change.new_public or known[0].heads != change.heads:
                raise WireError("KeyFork", f"key {signed.key_id.hex()} was changed twice")
            return False
        if change.new_key_id in self._keys or len(self._changes) >= CHANGES_MAX:
            raise WireError("KeyFork", f"key {change.new_key_id.hex()} was a key of this gateway before")
        self._changes[signed.key_id] = (change, raw)
        self._keys[change.new_key_id] = change.new_key
        self._before[change.new_key_id] = signed.key_id
        self.current = change.new_key_id
        return True

    def add_all(self, raws: list[bytes]) -> list[bytes]:
        """Take what can be proved, in whatever order it comes; returns the rest."""
        rest, is_moving = list(raws), True
        while is_moving and rest:
            is_moving = False
            for raw in list(rest):
                try:
                    self.add(raw)
                except WireError:
                    continue
                rest.remove(raw)
                is_moving = True
        return rest

    def key_of(self, named: bytes) -> Ed25519PublicKey:
        """The public key with this id. Raises: WireError: `SignatureInvalid`: it is none of this gateway's."""
        public_key = self._keys.get(named)
        if public_key is None:
            raise WireError("SignatureInvalid", f"signed by {named.hex()}, no key of {self.gateway_id}")
        return public_key

    def keys(self) -> dict[bytes, Ed25519PublicKey]:
        """All keys by id, the anchor first."""
        return dict(self._keys)

    def is_retired(self, named: bytes) -> bool:
        """Whether the key was changed for another one."""
        return named in self._changes

    def names(self, named: bytes, lane: int, instance: bytes) -> bool:
        """Whether the change of a retired key names this lane in this instance."""
        return named in self._changes and _last(self._changes[named][0], lane, instance) is not None

    def is_unnamed(self, named: bytes, lane: int, instance: bytes) -> bool:
        """Whether the key is retired, and its change does not name this lane in this instance."""
        return named in self._changes and not self.names(named, lane, instance)

    def check(self, named: bytes, lane: int, instance: bytes, number: int, *, is_gap: bool = False) -> None:
        """Whether this key may have signed this number of this instance.

        Raises:
            WireError: `RetiredKey`: the key ended before it. `EarlyKey`: the key before it had not ended.
        """
        if named in self._changes:
            last = _last(self._changes[named][0], lane, instance)
            if last is not None and number > last.number:
                raise WireError("RetiredKey", f"key {named.hex()} ends with number {last.number}, this is {number}")
        before = self._before.get(named)
        if before is not None and not is_gap:
            last = _last(self._changes[before][0], lane, instance)
            if last is not None and number <= last.number:
                raise WireError("EarlyKey", f"key {named.hex()} begins behind number {last.number}, this is {number}")


class KeysInTurn:
    """The keys of one instance, for who reads its entries from a disk in their order: each in its turn."""

    def __init__(self, lane: int, instance: bytes) -> None:
        self._lane = lane
        self._instance = instance
        self._last: bytes | None = None  # the key of the last batch

    def check(self, keys: KeySuccession, named: bytes, number: int, *, is_gap: bool = False) -> None:
        """Whether it was this key's turn to sign this number.

        Raises:
            WireError: `RetiredKey`, `EarlyKey` as `KeySuccession.check`; `RetiredKey` also where the key changes within an
                instance that no change names.
        """
        keys.check(named, self._lane, self._instance, number, is_gap=is_gap)
        if is_gap:
            return
        before, self._last = self._last, named
        if before is not None and before != named and not keys.names(before, self._lane, self._instance):
            raise WireError(
                "RetiredKey", f"number {number} has another key, and no change of a key names this instance"
            )


def _last(change: KeyChange, lane: int, instance: bytes) -> LaneHead | None:
    return next((head for head in change.heads if head.lane == lane and head.instance == instance), None)
