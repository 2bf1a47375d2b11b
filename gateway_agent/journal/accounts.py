# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the journal is told (limits) and what it says of itself: errors, counters, usage, what recovery found."""

from __future__ import annotations

import errno
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from gateway_agent.errors import ConfigError, NoRoom, Unavailable
from gateway_agent.journal.received import Ranges
from gateway_agent.journal.salvage import Loss
from gateway_agent.model import Kid, Lane

_SEGMENTS_MIN = 8


class JournalUnavailable(Unavailable):
    """The disk refuses. Nothing of this call counts; try again with back-off."""


class JournalFull(JournalUnavailable):
    """No room, and nothing that the city has receipted is left to delete. Receipts, or a bigger disk, make room."""


class JournalAtLimit(JournalFull, NoRoom):
    """The journal has reached the size that it may have. `Journal.next_eviction` tells what may be given up for it."""


class JournalBusy(ConfigError):
    """Another process has this journal open."""


@dataclass(frozen=True, slots=True)
class JournalLimits:
    """
    Attributes:
        bytes_max: no append takes the journal's files, quarantine included, over it, but for the records of what was
            evicted, which may pass it by 64 KiB. At least 8 segments.
        segment_bytes: a segment is finished by the append that reaches this size; so it may be longer by one append.
            Smaller: room is freed in smaller steps. Bigger: fewer files, snapshots and node tables.
    """

    bytes_max: int = 536_870_912
    segment_bytes: int = 1_048_576

    def __post_init__(self) -> None:
        if self.segment_bytes < 1 or self.bytes_max < _SEGMENTS_MIN * self.segment_bytes:
            raise ConfigError(
                f"journal: bytes_max = {self.bytes_max} must be at least {_SEGMENTS_MIN} times "
                f"segment_bytes = {self.segment_bytes}"
            )


@dataclass(frozen=True, slots=True)
class Recovery:
    """What `open` found. Everything it counts is synced.

    Attributes:
        batches: batches held (damaged ones that nobody has read yet included).
        losses: every finding, in order; `reasons` counts them.
        torn_bytes: cut off behind the last good entry of a file.
        damaged_batches: batches that are gone, and whose numbers a gap names where it could be signed.
        quarantined: names in quarantine/.
        new_instances: lanes whose numbering begins anew because a number might get a second meaning.
        received: kid to (floor, ranges), for admission.
    """

    batches: int
    losses: tuple[Loss, ...]
    torn_bytes: int
    damaged_batches: int
    quarantined: tuple[str, ...]
    new_instances: tuple[Lane, ...]
    received: dict[Kid, tuple[int, Ranges]]

    @property
    def reasons(self) -> Counter[str]:
        return Counter(str(loss.reason) for loss in self.losses)


@dataclass(slots=True)
class JournalCounters:
    """Since `open`."""

    appends: int = 0
    batches: int = 0
    bytes_written: int = 0
    syncs: int = 0  # of files and of directories
    receipt_writes: int = 0  # appended to receipts.log without a sync
    failed_appends: int = 0
    snapshots: int = 0
    failed_snapshots: int = 0
    deleted_segments: int = 0
    evicted_segments: int = 0
    evicted_batches: int = 0
    failed_deletions: int = 0
    losses: Counter[str] = field(default_factory=Counter)  # found while reading, by reason; `recovery` has the others


Oldest = dict[Lane, tuple[bytes, int]]


@dataclass(frozen=True, slots=True)
class Usage:
    """How full the journal is.

    `kept_bytes` of `bytes` cannot be deleted now, because the city has not receipted them or the numbering rests on them.
    `oldest` is the first batch held, by lane: (instance, number).
    """

    bytes: int
    kept_bytes: int
    bytes_max: int
    segments: int
    batches: int
    unreceipted_batches: int
    quarantine_bytes: int
    oldest: Oldest


class Rewound(NamedTuple):
    """Where a lane goes on after `Journal.rewind`: the first number that is still here, and the link that it carries."""

    first: int
    link: bytes


def is_disk_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def unavailable(error: OSError, directory: Path) -> JournalUnavailable:
    """What the journal in this folder raises for an error of the disk."""
    kind = JournalFull if is_disk_full(error) else JournalUnavailable
    return kind(f"{directory}: {error.strerror or error}")


class ReceiptVerdict(Enum):
    """What a receipt means to us."""

    OK = "ok"
    STALE = "stale"  # nothing new, or of an instance that we do not hold
    CONTRADICTION = "contradiction"  # it names what we never wrote: draw a new instance, and raise an alarm
