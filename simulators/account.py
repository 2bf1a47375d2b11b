# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What nodes promised to keep against what the city stored, frame by frame. Pure: no process, no file.

A frame's identity is (node, epoch, sequence), as docs/wire.md has it; its worth is the count of its readings.
"""

from __future__ import annotations

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
    """Counts of readings. `invented` were stored although no node queued their frame."""

    produced: int
    acknowledged: int
    verified: int
    lost: int
    duplicated: int
    invented: int

    @property
    def is_settled(self) -> bool:
        """Everything that was promised is there, and its node knows."""
        return self.produced == self.acknowledged == self.verified


def read_export(lines: Iterable[list[str]]) -> list[Stored]:
    """Rows of the collector's CSV export, without its header."""
    return [Stored((row[0], row[10], int(row[11])), row[1], row[2], row[3]) for row in lines]


def settle(
    promised: Mapping[Identity, int],
    acknowledged: set[Identity],
    stored: Iterable[Stored],
    known: set[Identity],
) -> Tally:
    """Count.

    Args:
        promised: readings of each frame that this is about.
        acknowledged: frames that their nodes were told to be safe.
        stored: all readings that the city has; those of other frames than promised do not count.
        known: every frame that any node has queued by now.
    """
    found: dict[Identity, int] = {}
    for reading in stored:
        found[reading.identity] = found.get(reading.identity, 0) + 1
    verified = sum(min(found.get(identity, 0), readings) for identity, readings in promised.items())
    produced = sum(promised.values())
    return Tally(
        produced=produced,
        acknowledged=sum(readings for identity, readings in promised.items() if identity in acknowledged),
        verified=verified,
        lost=produced - verified,
        duplicated=sum(max(0, found.get(identity, 0) - readings) for identity, readings in promised.items()),
        invented=sum(count for identity, count in found.items() if identity not in known),
    )
