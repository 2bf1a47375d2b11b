# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The state: how far each lane has come, so that a cut-off tail is visible (docs/wire.md, 8)."""

from __future__ import annotations

from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import WireError
from gateway_agent.model import ClockReading, GatewayId, Lane, LaneHead
from gateway_agent.wire import cbor, payload
from gateway_agent.wire.cose import ContentType, Sign1, external_aad, sign1
from gateway_agent.wire.limits import is_uint
from gateway_agent.wire.signer import Signer

_KEYS = frozenset({0, 1, 6, 7, 8, 9, 10, 13, 14})


class State(NamedTuple):
    """What a gateway says of itself. In a will (`online` False) the numbers are lower bounds."""

    gateway_id: GatewayId
    clock: ClockReading
    heads: tuple[LaneHead, ...]  # by lane, each lane at most once
    online: bool


def sign_state(state: State, signer: Signer) -> bytes:
    """Make a state.

    Raises:
        ValueError: a field out of range.
    """
    content = {
        0: payload.VERSION,
        1: state.gateway_id,
        **payload.clock_map(state.clock),
        13: [[int(head.lane), head.instance, head.number, head.link] for head in state.heads],
        14: state.online,
    }
    aad = external_aad(ContentType.STATE, state.gateway_id)
    data = sign1(ContentType.STATE, aad, cbor.encode(content), signer)
    try:
        _parse(data)
    except WireError as error:
        raise ValueError(error.detail) from None
    return data


def open_state(data: bytes, public_key: Ed25519PublicKey) -> State:
    """Read and prove a state. The caller compares `gateway_id`.

    Raises:
        WireError: as for every signed thing (section 11), `StateShape`, `SignatureInvalid`.
    """
    signed, state = _parse(data)
    payload.verify(signed, ContentType.STATE, state.gateway_id, public_key)
    return state


def _parse(data: bytes) -> tuple[Sign1, State]:
    signed, reader = payload.parse(data, ContentType.STATE, "StateShape", _KEYS)
    online = reader.raw(14)
    reader.check(type(online) is bool, "a boolean at 14")
    heads = read_heads(reader)
    return signed, State(reader.gateway_id, reader.clock(), heads, online)


def read_heads(reader: payload.PayloadReader) -> tuple[LaneHead, ...]:
    """Key 13, of a state or of a key change: lanes ascend, each at most once."""
    listed = reader.raw(13)
    reader.check(type(listed) is list, "an array at 13")
    heads = tuple(_head(reader, entry) for entry in listed)
    lanes = [head.lane for head in heads]
    reader.check(lanes == sorted(set(lanes)), "lanes in order, each once")
    return heads


def _head(reader: payload.PayloadReader, entry: object) -> LaneHead:
    reader.check(type(entry) is list and len(entry) == 4, "[lane, instance, latest number, its SHA-256]")
    assert isinstance(entry, list)
    lane, instance, number, link = entry
    reader.check(is_uint(lane, max(Lane)), "a lane")
    reader.check(type(instance) is bytes and len(instance) == payload.ID_BYTES, "an instance")
    reader.check(is_uint(number, payload.NUMBER_MAX), "a number")
    reader.check(type(link) is bytes and len(link) == payload.LINK_BYTES, "a link")
    reader.check(number > 0 or link == payload.FIRST_LINK, "32 zero bytes for an empty lane")
    return LaneHead(Lane(lane), instance, number, link)
