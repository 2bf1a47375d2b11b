# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Frame numbers: given once, in an epoch, for ever.

Rules:
1. A number is used only when the store already says, durably, that its block is taken.
2. After any reset counting goes on at the end of the last block, whatever was used of it.
3. The floor in a frame is the floor that the store holds. It rises only with a reservation, so that a node
   that loses its power never holds a frame below a floor which it has told.
4. A store that is missing, unreadable or nearly exhausted makes a new epoch.
"""

import binascii

from node_core import cbor

SEQUENCE_MAX = (1 << 20) - 1
BLOCK = 16
_LOST_RANGES_MAX = 24
FORMAT = 1

LOST_FULL = 0
LOST_DAMAGED = 1
LOST_POWER = 2


class Numbers:
    """The number store's content, read back in number_reader.py. Whoever changes it writes `to_bytes()` before acting on the change."""

    def __init__(self, epoch: bytes) -> None:
        self.epoch = epoch
        self.next = 0
        self.reserved = 0
        self.floor = 0
        self.memory_floor = 0  # the lowest number that was only in memory at the last reservation
        self.boot = 0
        self.closed: list = []  # [epoch, floor] of earlier epochs whose frames may still lie in the backlog
        self.lost: list = [[], [], []]  # by reason: ranges given up and not yet reported
        self.commands: dict = {}  # gateway id: the last command id that was run

    def is_exhausted(self) -> bool:
        return self.reserved + BLOCK > SEQUENCE_MAX + 1

    def needs_reservation(self) -> bool:
        return self.next >= self.reserved

    def reserve(self, lowest_held, lowest_in_memory) -> None:
        """Take the next block. Both arguments are a number of this epoch, or None where nothing is held.

        The floor never falls: what lies below one that was told is closed, though its file may still be there.
        """
        self.floor = max(self.floor, self.next if lowest_held is None else min(lowest_held, self.next))
        self.memory_floor = self.next if lowest_in_memory is None else min(lowest_in_memory, self.next)
        self.reserved = self.next + BLOCK

    def take(self) -> int:
        if self.next >= self.reserved:
            raise ValueError("no number is reserved")
        number = self.next
        self.next += 1
        return number

    def note_lost(self, first: int, last: int, reason: int) -> None:
        from node_core import ranges  # whoever wants the memory back forgets the module

        ranges.add(self.lost[reason], first, last, _LOST_RANGES_MAX)

    def to_bytes(self) -> bytes:
        content = cbor.encode(
            [
                FORMAT,
                self.epoch,
                self.reserved,
                self.floor,
                self.memory_floor,
                self.boot,
                self.closed,
                self.lost,
                self.commands,
            ]
        )
        return content + binascii.crc32(content).to_bytes(4, "big")
