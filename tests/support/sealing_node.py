# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A node of the tests: seals frames with the gateway's own codec. The real firmware has its own tests (`vm/`).

Every key here is for tests only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from gateway_agent.model import Field, Kid, Kind, Pack, Value
from gateway_agent.wire.down import Down, open_down
from gateway_agent.wire.frame import envelope, seal_frame
from gateway_agent.wire.keys import UpKey, derive_root, derive_up
from gateway_agent.wire.senml import encode_pack


def level_pack(level_cm: int, time_ms: int = 1_790_000_000_000, *, boot: int | None = None) -> Pack:
    """One reading of the profile `tank-l1` of `profile_folder.py`: trend lane, an alarm above 11.50 m."""
    return Pack(boot, time_ms, (Field("level", "m", int(Kind.NUMBER), -2),), (0,), (level_cm,))


def open_pack(is_open: bool, time_ms: int = 1_790_000_000_000) -> Pack:
    """One reading of the record lane; an alarm where true."""
    return Pack(None, time_ms, (Field("open", None, int(Kind.BOOLEAN), 0),), (0,), (is_open,))


def pack(*records: tuple[str, str | None, int, int, Value], time_ms: int = 1_790_000_000_000) -> Pack:
    """Any records: name, unit, kind, exponent, value."""
    fields = tuple(Field(name, unit, int(kind), exponent) for name, unit, kind, exponent, _ in records)
    return Pack(None, time_ms, fields, (0,) * len(records), tuple(record[4] for record in records))


@dataclass
class SealingNode:
    """A node id, its TEST-ONLY master, an epoch and the next number."""

    node_id: bytes = bytes.fromhex("aabbccddee01")
    epoch: bytes = b"epoch-01"
    generation: int = 0
    next_sequence: int = 0
    floor: int = 0
    profile: str = "tank-l1"
    acknowledged: set[int] = field(default_factory=set)

    @property
    def master(self) -> bytes:
        return hashlib.sha256(b"TEST-ONLY master" + self.node_id).digest()[:16]

    @property
    def root(self) -> bytes:
        return derive_root(self.master, self.generation)

    @property
    def kid(self) -> Kid:
        return Kid(self.node_id + self.epoch)

    @property
    def up_key(self) -> UpKey:
        cached = self.__dict__.get("_up_key")
        if cached is None or cached.kid != self.kid:
            cached = self.__dict__["_up_key"] = derive_up(self.root, self.kid)
        return cached

    def seal(self, content: Pack | bytes, sequence: int | None = None, floor: int | None = None) -> bytes:
        """A frame with the next number, or with the one given."""
        if sequence is None:
            sequence = self.next_sequence
            self.next_sequence += 1
        pack_bytes = content if isinstance(content, bytes) else encode_pack(content)
        return seal_frame(self.up_key, sequence, min(sequence, self.floor if floor is None else floor), pack_bytes)

    def seal_nonsense(self, plaintext: bytes, sequence: int) -> bytes:
        """An authentic frame with any plaintext."""
        return envelope(self.up_key, sequence, plaintext)

    def hear(self, down_bytes: bytes) -> Down:
        """Open a down frame and note what it acknowledges."""
        down = open_down(down_bytes, self.root)
        for low, high in down.acknowledged:
            self.acknowledged.update(range(low, high + 1))
        return down
