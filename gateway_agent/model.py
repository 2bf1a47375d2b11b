# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The nouns of the data path. If you know the type, you know how far the data has come.

bytes -> Pack -> AdmittedFrame -> SealedBatch -> (journal, city) -> Receipt
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, NewType

NodeId = NewType("NodeId", bytes)  # 6 bytes, the base MAC
Kid = NewType("Kid", bytes)  # 14 bytes, node id | epoch
GatewayId = NewType("GatewayId", str)  # 1 to 32 of a-z 0-9 -

Value = int | bool | str | float | bytes


class Lane(IntEnum):
    """One append-only series of batches. Lower is more urgent; an alarm is never evicted."""

    ALARM = 0
    RECORD = 1
    TREND = 2

    @property
    def word(self) -> str:
        """The lane's name in topics and directories."""
        return self.name.lower()


class Kind(IntEnum):
    """How a value is written (docs/wire.md, 6)."""

    NUMBER = 0  # integer, or decimal fraction with the field's exponent
    BOOLEAN = 1
    TEXT = 2
    FLOAT = 3
    BYTES = 4


class Field(NamedTuple):
    """What a record is, without its value: the key of a column."""

    name: str
    unit: str | None
    kind: int  # a Kind; plain int because a million of them are compared
    exponent: int  # of a NUMBER; 0 otherwise


Shape = tuple[Field, ...]


class Pack(NamedTuple):
    """A decoded SenML pack: all records of one frame, times resolved to milliseconds.

    `boot` is None for absolute times; else `time_ms` is node time of that boot.
    `time_ms` is the first record's time, `offsets_ms` each record's time minus that (so it starts with 0).
    `values` are mantissas for NUMBER fields.
    """

    boot: int | None
    time_ms: int
    shape: Shape
    offsets_ms: tuple[int, ...]
    values: tuple[Value, ...]


class FrameRow(NamedTuple):
    """One frame inside a body: identity and meaning, nothing about lanes or keys."""

    kid: Kid
    sequence: int
    pack: Pack


class OpaqueRow(NamedTuple):
    """An authentic frame that nobody here can use, kept whole."""

    kid: Kid
    sequence: int
    reason: int
    pack_bytes: bytes


class OwnReading(NamedTuple):
    """A reading of the gateway itself. `value` is an int, (exponent, mantissa), text, boolean or bytes."""

    name: str
    time_ms: int | None
    value: int | tuple[int, int] | str | bool | bytes


class Body(NamedTuple):
    """What a batch holds, in wire order."""

    frames: tuple[FrameRow, ...]
    opaque: tuple[OpaqueRow, ...] = ()
    own: tuple[OwnReading, ...] = ()


class AdmittedFrame(NamedTuple):
    """An authentic frame that is new to us, and where it goes."""

    row: FrameRow | OpaqueRow
    floor: int
    lane: Lane
    deadline_ms: int  # monotonic: sealed by then
    size_bytes: int  # of its pack, as an estimate of what it adds to a batch


class ClockReading(NamedTuple):
    """What the gateway knows of the time at one instant."""

    boot_id: bytes  # 8 bytes
    monotonic_ms: int
    wall_ms: int | None
    state: int  # 0 unknown, 1 synchronised, 2 was synchronised in this boot
    bound_s: int | None


class LaneHead(NamedTuple):
    """The end of a lane: `number` 0 and a link of 32 zero bytes for an empty one."""

    lane: Lane
    instance: bytes  # 8 bytes
    number: int
    link: bytes  # SHA-256 of batch `number`


class Received(NamedTuple):
    """Sequence numbers of one node and epoch that one batch holds, and the floor its frames declared."""

    kid: Kid
    floor: int
    ranges: tuple[tuple[int, int], ...]  # inclusive, ascending, disjoint


class SealedBatch(NamedTuple):
    """A signed batch and what commits with it: one journal entry."""

    lane: Lane
    instance: bytes
    number: int
    batch: bytes  # the COSE_Sign1, exactly as sent
    received: tuple[Received, ...]


class Receipt(NamedTuple):
    """The city's word that it holds everything of a lane up to `number`."""

    gateway_id: GatewayId
    lane: Lane
    instance: bytes
    number: int
    link: bytes


class Eviction(NamedTuple):
    """What is to be given up for want of room: the batches `first` to `last` of one segment.

    `received` names the frames in them that the city has not receipted; `damaged` tells that there were more, unreadable ones.
    """

    lane: Lane
    instance: bytes
    serial: int
    first: int
    last: int
    received: tuple[Received, ...]
    damaged: bool
