# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What batch, receipt, state and gap share: a map with fixed keys, and a few kinds of value in it."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import WireError
from gateway_agent.model import ClockReading, GatewayId, Lane
from gateway_agent.wire import cbor
from gateway_agent.wire.cose import ContentType, Sign1, external_aad, parse_sign1, verify_sign1
from gateway_agent.wire.limits import TIME_MS_MAX, UINT32_MAX, is_gateway_id, is_uint

VERSION = 1
NUMBER_MAX = (1 << 53) - 1
LINK_BYTES = 32
ID_BYTES = 8  # an instance, a boot id
FIRST_LINK = bytes(LINK_BYTES)

Map = dict[int | str, Any]


class PayloadReader:
    """Reads a payload's fields; every defect is one WireError name, the kind's own."""

    def __init__(self, signed: Sign1, error: str, keys: frozenset[int]) -> None:
        self._error = error
        payload = cbor.decode(signed.payload)
        if type(payload) is not dict or payload.keys() != keys:
            raise WireError(error, f"a map with the keys {sorted(keys)}")
        self._map: Map = payload
        self.check(type(payload[0]) is int and payload[0] == VERSION, "format version 1")
        self.check(is_gateway_id(payload[1]), "a gateway id")
        self.gateway_id = GatewayId(payload[1])

    def check(self, is_right: bool, expected: str) -> None:
        """Raise the error unless right."""
        if not is_right:
            raise WireError(self._error, f"expected {expected}")

    def raw(self, key: int) -> Any:
        """A field as it is."""
        return self._map[key]

    def uint(self, key: int, maximum: int = NUMBER_MAX, minimum: int = 0) -> int:
        """An integer within limits."""
        value = self._map[key]
        self.check(is_uint(value, maximum) and value >= minimum, f"a number of {minimum} to {maximum} at {key}")
        return int(value)

    def exact(self, key: int, length: int) -> bytes:
        """Bytes of one length."""
        value = self._map[key]
        self.check(type(value) is bytes and len(value) == length, f"{length} bytes at {key}")
        return bytes(value)

    def lane(self, key: int) -> Lane:
        """A lane's number."""
        return Lane(self.uint(key, max(Lane)))

    def clock(self) -> ClockReading:
        """Keys 6 to 10. Without a synchronised clock there is neither wall time nor bound."""
        state = self.uint(9, 2)
        wall_ms, bound_s = self.raw(8), self.raw(10)
        self.check(wall_ms is None if state == 0 else is_uint(wall_ms, TIME_MS_MAX), "wall time unless state is 0")
        self.check(bound_s is None or (state != 0 and is_uint(bound_s, UINT32_MAX)), "a bound in seconds")
        return ClockReading(self.exact(6, ID_BYTES), self.uint(7, TIME_MS_MAX), wall_ms, state, bound_s)


def clock_map(clock: ClockReading) -> Map:
    """Keys 6 to 10 of a payload."""
    return {6: clock.boot_id, 7: clock.monotonic_ms, 8: clock.wall_ms, 9: clock.state, 10: clock.bound_s}


def parse(data: bytes, content_type: ContentType, error: str, keys: frozenset[int]) -> tuple[Sign1, PayloadReader]:
    """Read envelope and payload; proves nothing."""
    signed = parse_sign1(data, content_type)
    return signed, PayloadReader(signed, error, keys)


def verify(signed: Sign1, content_type: ContentType, gateway_id: GatewayId, public_key: Ed25519PublicKey) -> None:
    """Prove what `parse` read."""
    verify_sign1(signed, external_aad(content_type, gateway_id), public_key)
