# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The loss record of a gateway: which frames it had acknowledged and then had to give up (docs/wire.md, 6)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from gateway_agent.errors import WireError
from gateway_agent.model import Kid, OwnReading, Received
from gateway_agent.wire import cbor, headers
from gateway_agent.wire.limits import SEQUENCE_MAX, is_uint

NAME = "evicted"
RANGES_MAX = 64  # in one record; a record has at most 1,024 bytes


class LossReason(IntEnum):
    """Why frames were given up."""

    EVICTED = 0  # the journal was full, and the city took nothing


class Loss(NamedTuple):
    """Frames of one node and epoch. A stored reading overrides a claim of loss."""

    kid: Kid
    ranges: tuple[tuple[int, int], ...]
    reason: int


def loss_records(received: Iterable[Received], reason: LossReason, time_ms: int | None) -> list[OwnReading]:
    """One record a node and epoch, or more where it has more than 64 ranges."""
    records = []
    for kid, _, ranges in received:
        for start in range(0, len(ranges), RANGES_MAX):
            part = [list(pair) for pair in ranges[start : start + RANGES_MAX]]
            records.append(OwnReading(NAME, time_ms, cbor.encode([bytes(kid), part, int(reason)])))
    return records


def read_loss(reading: OwnReading) -> Loss | None:
    """The loss that a reading names; None where it is another reading, or not in this form."""
    if reading.name != NAME or type(reading.value) is not bytes:
        return None
    try:
        content = cbor.decode(reading.value)
        if type(content) is not list or len(content) != 3:
            return None
        kid = headers.check_kid(content[0])
    except WireError:
        return None
    _, ranges, reason = content
    if type(ranges) is not list or not 1 <= len(ranges) <= RANGES_MAX or not is_uint(reason, 255):
        return None
    before = -1
    for pair in ranges:
        if type(pair) is not list or len(pair) != 2 or not all(is_uint(part, SEQUENCE_MAX) for part in pair):
            return None
        if not before < pair[0] <= pair[1]:
            return None
        before = pair[1]
    return Loss(kid, tuple([(low, high) for low, high in ranges]), reason)
