# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the gateway's writing costs a memory card, and how long the journal's room lasts. Pure arithmetic.

The model, on purpose a pessimistic one (docs/operator.md, "The memory card"):

    worn per day = syncs per day * erase block + bytes per day
    life         = card's size * erase cycles / worn per day

A card can erase whole blocks only, and a sync forces out whatever is there: so each sync is charged one block, beside the
bytes themselves. Wear is taken as spread over the whole card. Receipts are appended without a sync; the kernel writes
them back within 30 s, which is charged as one more sync each time, but not more often than there were receipts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

DAY_S = 86_400
EXTRAPOLATE_AFTER_S = 600  # the first minutes after a start say little about a day
WRITEBACK_S = 30  # vm.dirty_expire_centisecs of Linux


class Card(NamedTuple):
    """What the card is assumed to be."""

    size_bytes: int = 32_000_000_000
    erase_cycles: int = 1_000
    erase_block_bytes: int = 4 << 20


class Written(NamedTuple):
    """What a gateway has written since its start."""

    running_s: int
    syncs: int  # of files and directories
    size_bytes: int
    receipt_writes: int
    readings: int

    @property
    def flushes(self) -> int:
        """Syncs, and the kernel's own writing back of receipts."""
        return self.syncs + min(self.receipt_writes, self.running_s // WRITEBACK_S)


class Budget(NamedTuple):
    """None where it is too early to say, or nothing was written."""

    bytes_per_reading: float | None
    syncs_per_reading: float | None
    bytes_per_day: float | None
    syncs_per_day: float | None
    life_days: float | None


def written_of(status: Mapping[str, Any]) -> Written:
    """The figures of a status; what an older program did not say counts as nothing."""
    journal, counters = status.get("journal", {}), status.get("counters", {})
    return Written(
        int(status.get("running_s", 0)),
        int(journal.get("syncs", 0)),
        int(journal.get("bytes_written", 0)),
        int(journal.get("receipt_writes", 0)),
        int(counters.get("readings", 0)),
    )


def write_budget(written: Written, card: Card) -> Budget:
    """What a reading costs, what a day costs, and the card's life at that rate."""
    readings = written.readings
    bytes_each = written.size_bytes / readings if readings else None
    syncs_each = written.flushes / readings if readings else None
    if written.running_s < EXTRAPOLATE_AFTER_S:
        return Budget(bytes_each, syncs_each, None, None, None)
    days = written.running_s / DAY_S
    bytes_per_day, syncs_per_day = written.size_bytes / days, written.flushes / days
    worn_per_day = syncs_per_day * card.erase_block_bytes + bytes_per_day
    life_days = card.size_bytes * card.erase_cycles / worn_per_day if worn_per_day else None
    return Budget(bytes_each, syncs_each, bytes_per_day, syncs_per_day, life_days)


def outage_s(kept_bytes: int, bytes_max: int, written: Written) -> float | None:
    """How long the journal can go on without the city, at the average rate since the start, before it gives anything up.

    None where it is too early to say, or nothing was written.
    """
    if written.running_s < EXTRAPOLATE_AFTER_S or not written.size_bytes:
        return None
    return max(0, bytes_max - kept_bytes) / (written.size_bytes / written.running_s)
