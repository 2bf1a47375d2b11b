# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What nodes promised to keep against what was proved at the city, frame by frame. Pure: no process, no file.

A frame's identity is (node, epoch, sequence), as docs/wire.md has it; its worth is the count of its readings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

Identity = tuple[str, str, int]  # node and epoch in hex, sequence


class Stored(NamedTuple):
    """One reading as the city's export has it."""

    identity: Identity
    name: str
    value: str
    unit: str


class Tally(NamedTuple):
    """Counts of readings: `verified` stand in the archive, `lost` lack there or in the database, `invented` are of no node's frame."""

    produced: int
    acknowledged: int
    verified: int
    lost: int
    duplicated: int
    invented: int

    @property
    def is_settled(self) -> bool:
        """Everything that was promised is proved and in the database, and its node knows."""
        return self.produced == self.acknowledged == self.verified and not self.lost


def read_export(lines: Iterable[list[str]]) -> list[Stored]:
    """Rows of the collector's CSV export, without its header."""
    return [Stored((row[0], row[10], int(row[11])), row[1], row[2], row[3]) for row in lines]


def read_frames(lines: Iterable[list[str]]) -> dict[Identity, int]:
    """Rows of `startcity verify --frames`, without the header: the count of readings of each frame that was proved."""
    return {(row[1], row[2], int(row[3])): int(row[4]) for row in lines}


def settle(
    promised: Mapping[Identity, int],
    acknowledged: set[Identity],
    proved: Mapping[Identity, int],
    stored: Iterable[Stored],
) -> Tally:
    """Count.

    Args:
        promised: readings of each frame that any node has queued.
        acknowledged: frames that their nodes were told to be safe.
        proved: readings of each frame that stands in a signed batch of an archive.
        stored: all readings that the city's database has.
    """
    in_database = Counter(reading.identity for reading in stored)
    produced = sum(promised.values())
    verified = sum(min(proved.get(identity, 0), readings) for identity, readings in promised.items())
    return Tally(
        produced=produced,
        acknowledged=sum(readings for identity, readings in promised.items() if identity in acknowledged),
        verified=verified,
        lost=sum(
            max(0, readings - min(proved.get(identity, 0), in_database[identity]))
            for identity, readings in promised.items()
        ),
        duplicated=sum(max(0, count - promised.get(identity, count)) for identity, count in in_database.items()),
        invented=sum(count for identity, count in proved.items() if identity not in promised),
    )
