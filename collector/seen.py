# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Which identities a check has met, with a fingerprint of their contents. Four bytes an identity."""

from __future__ import annotations

import zlib
from array import array
from enum import Enum

from gateway_agent.errors import WireError
from gateway_agent.model import Pack
from gateway_agent.wire.senml import decode_pack


class Sight(Enum):
    """What an identity is to us."""

    NEW = "new"
    SAME_GATEWAY = "same gateway"  # it must not come twice there
    HEARD_TWICE = "heard twice"  # another gateway heard the node too
    CONFLICT = "conflict"  # another gateway says something else


class Seen:
    """All identities met so far."""

    def __init__(self) -> None:
        self._by_kid: dict[bytes, dict[str, array[int]]] = {}

    def meet(self, gateway_id: str, kid: bytes, sequence: int, fingerprint: int) -> Sight:
        """Remember a frame and say what it is."""
        gateways = self._by_kid.setdefault(kid, {})
        known = gateways.setdefault(gateway_id, array("I"))
        if sequence >= len(known):
            known.frombytes(bytes(4 * (sequence + 1 - len(known) + len(known) // 4)))
        sight = Sight.NEW
        if known[sequence]:
            sight = Sight.SAME_GATEWAY
        elif len(gateways) > 1:
            for other, theirs in gateways.items():
                if other != gateway_id and sequence < len(theirs) and theirs[sequence]:
                    sight = Sight.HEARD_TWICE if theirs[sequence] == fingerprint else Sight.CONFLICT
        known[sequence] = fingerprint
        return sight


def fingerprint_of(pack: Pack) -> int:
    """32 bits, never 0. Finds honest differences; it is no proof against a forger, and need not be: both sides are signed."""
    return zlib.crc32(repr(pack).encode()) or 1


def fingerprint_of_bytes(pack_bytes: bytes) -> int:
    """The same for a frame that was kept as bytes."""
    try:
        return fingerprint_of(decode_pack(pack_bytes))
    except WireError:
        return zlib.crc32(pack_bytes) or 1
