# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Reads the lanes, and salvages what turns out damaged on the way, however long after it was written.

The good entries in front of the damage are returned first; the next call comes to the damage, salvages that segment and goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from gateway_agent.journal.accounts import JournalCounters, JournalUnavailable, Rewound, unavailable
from gateway_agent.journal.lane_log import LaneLog, SegmentDamagedError, StoredBatch
from gateway_agent.journal.receipts import ReceiptLog
from gateway_agent.journal.recovery import LaneRecovery
from gateway_agent.journal.salvage import entry_link, peek_batch
from gateway_agent.journal.segment import BatchEntry, GapEntry
from gateway_agent.model import Lane

_REPAIRS_MAX = 16  # in one call

T = TypeVar("T")


class Reading:
    """Readers may run beside the one thread that appends; salvaging takes the journal's lock."""

    def __init__(
        self,
        directory: Path,
        logs: Mapping[Lane, LaneLog],
        recoveries: Mapping[Lane, LaneRecovery],
        receipts: ReceiptLog,
        lock: threading.RLock,
        counters: JournalCounters,
    ) -> None:
        self._directory = directory
        self._logs = logs
        self._recoveries = recoveries
        self._receipts = receipts
        self._lock = lock
        self._counters = counters

    def read_after(
        self, lane: Lane, instance: bytes | None, number: int, limit_batches: int, limit_bytes: int
    ) -> list[StoredBatch]:
        """See `Journal.read_after`."""

        def read() -> list[StoredBatch]:
            stored: list[StoredBatch] = []
            size_bytes = 0
            try:
                for segment, entry in self._logs[lane].entries_after(instance, number):
                    item = _stored(lane, segment.instance, entry)
                    size_bytes += len(item.batch)
                    if stored and size_bytes > limit_bytes:
                        break
                    stored.append(item)
                    if len(stored) >= limit_batches:
                        break
            except SegmentDamagedError:
                if not stored:
                    raise  # else what is good first; the next call comes to the damage
            return stored

        return self._salvaging(lane, read)

    def link_behind(self, lane: Lane, instance: bytes, number: int) -> bytes | None:
        """The link that the batch after `number` carries; None where only a gap stands for that number, or nothing."""
        log = self._logs[lane]
        if (instance, number) == (log.head.instance, log.head.number):
            return log.head.link

        def look() -> bytes | None:
            for _, entry in log.entries_after(instance, number - 1):
                return entry_link(entry) if entry.number == number else None
            return None

        return self._salvaging(lane, look)

    def first_behind(self, lane: Lane, instance: bytes, number: int, last: int) -> Rewound | None:
        """The first number that is here behind `number`, or the one after the last; None where neither can be said."""
        if number == last:
            return Rewound(last + 1, b"")
        log = self._logs[lane]

        def look() -> Rewound | None:
            for segment, entry in log.entries_after(instance, number):
                if segment.instance != instance:
                    break
                # A gap names no link of the batch before it, and nobody compares one with it.
                if isinstance(entry, GapEntry):
                    return Rewound(max(entry.first, number + 1), bytes(32))
                peek = peek_batch(entry.batch)
                return Rewound(entry.number, peek.link) if peek is not None else None
            return Rewound(last + 1, log.head.link) if instance == log.head.instance else None

        return self._salvaging(lane, look)

    def _salvaging(self, lane: Lane, read: Callable[[], T]) -> T:
        """Raises: JournalUnavailable: the disk refuses, or reads something else each time."""
        log = self._logs[lane]
        for _ in range(_REPAIRS_MAX):
            try:
                return read()
            except SegmentDamagedError as error:
                self._salvage(log, error.serial)
            except OSError as error:
                raise unavailable(error, self._directory) from error
        raise JournalUnavailable(f"{log.directory}: what is read differs from what was written, again and again")

    def _salvage(self, log: LaneLog, serial: int) -> None:
        """Salvage one segment. Afterwards its good entries can be read. Raises: JournalUnavailable."""
        with self._lock:
            segment = next((item for item in log.segments if item.serial == serial), None)
            if segment is None:
                return  # deleted meanwhile
            if segment is log.segments[-1]:
                log.close_segment()
            recovery = self._recoveries[log.lane]
            try:
                recovery.repair(segment, self._receipts.settled((log.lane, segment.instance)))
            except OSError as error:
                raise unavailable(error, self._directory) from error
            self._counters.losses.update(str(loss.reason) for loss in recovery.losses)
            recovery.losses = []
            recovery.received = []  # they were taken in when they were appended


def _stored(lane: Lane, instance: bytes, entry: BatchEntry | GapEntry) -> StoredBatch:
    if isinstance(entry, GapEntry):
        return StoredBatch(lane, instance, entry.number, entry.gap, True, entry.first)
    return StoredBatch(lane, instance, entry.number, entry.batch, False, entry.number)
