# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How full the journal is, and what goes to make room: first what the city has, then, in writing, what is least urgent.

Before a segment goes, what makes it superfluous is durable: the received numbers, and the receipts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway_agent.journal.accounts import (
    JournalAtLimit,
    JournalCounters,
    JournalLimits,
    Oldest,
    Usage,
    is_disk_full,
    unavailable,
)
from gateway_agent.journal.eviction import EVICTED_BYTES_MAX, plan_eviction
from gateway_agent.journal.lane_log import LaneLog, Segment, held_instances
from gateway_agent.journal.quarantine import Quarantine
from gateway_agent.journal.receipts import ReceiptLog
from gateway_agent.journal.recovery import LaneRecovery
from gateway_agent.journal.snapshot_file import SnapshotFile
from gateway_agent.model import Eviction, Lane

_HEADER_BYTES_MAX = 128  # of a new segment
# Above the limit, for the records of what is evicted: a segment's are shorter than the segment, whose entries name the same frames.
_LOSS_RESERVE_BYTES_MIN = 1 << 16


class Room:
    """The caller holds the journal's lock."""

    def __init__(
        self,
        directory: Path,
        limits: JournalLimits,
        logs: Mapping[Lane, LaneLog],
        recoveries: Mapping[Lane, LaneRecovery],
        receipts: ReceiptLog,
        snapshot: SnapshotFile,
        quarantine: Quarantine,
        counters: JournalCounters,
    ) -> None:
        self._directory = directory
        self._limits = limits
        self._logs = logs
        self._recoveries = recoveries
        self._receipts = receipts
        self._snapshot = snapshot
        self._quarantine = quarantine
        self._counters = counters

    # ------------------------------------------------------------------------------------------------ how full

    @property
    def size_bytes(self) -> int:
        return (
            sum(log.size_bytes for log in self._logs.values())
            + self._quarantine.size_bytes
            + self._receipts.size_bytes
            + self._snapshot.size_bytes
        )

    def usage(self) -> Usage:
        """How full the journal is."""
        segments = [(lane, segment) for lane, log in self._logs.items() for segment in log.segments]
        oldest: Oldest = {}
        for lane, segment in segments:
            if segment.last >= segment.first:
                oldest.setdefault(lane, (segment.instance, segment.first))
        size_bytes = self.size_bytes
        return Usage(
            bytes=size_bytes,
            kept_bytes=size_bytes - sum(segment.size_bytes for lane in Lane for segment in self._deletable(lane)),
            bytes_max=self._limits.bytes_max,
            segments=len(segments),
            batches=sum(segment.last - segment.first + 1 for _, segment in segments),
            unreceipted_batches=sum(
                max(0, segment.last - max(segment.first - 1, self._receipts.settled((lane, segment.instance))))
                for lane, segment in segments
            ),
            quarantine_bytes=self._quarantine.size_bytes,
            oldest=oldest,
        )

    def _quarantine_advice(self) -> str:
        size_bytes = self._quarantine.size_bytes
        return f"; {size_bytes} of them are in quarantine/: copy it away, and delete it" if size_bytes else ""

    # ------------------------------------------------------------------------------------------------ what the city has

    def trim(self) -> int:
        """Delete receipted segments if the journal is within four segments of its limit; returns how many."""
        return self.delete_receipted(self.size_bytes + 4 * self._limits.segment_bytes - self._limits.bytes_max)

    def make(self, wanted_bytes: int, *, is_loss_record: bool) -> None:
        """Room for an append. Raises: JournalAtLimit: there is none."""
        reserve_bytes = max(_LOSS_RESERVE_BYTES_MIN, self._limits.segment_bytes) if is_loss_record else 0
        wanted_bytes += _HEADER_BYTES_MAX * len(Lane) - reserve_bytes
        if self.size_bytes + wanted_bytes <= self._limits.bytes_max:
            return
        self.delete_receipted(self.size_bytes + wanted_bytes - self._limits.bytes_max)
        if self.size_bytes + wanted_bytes > self._limits.bytes_max:
            self._counters.failed_appends += 1
            raise JournalAtLimit(
                f"{self._directory} holds {self.size_bytes} of {self._limits.bytes_max} bytes, and the city has "
                "receipted nothing that could be deleted: see in the status whether the city's broker is connected and "
                f"receipts come, or raise journal.bytes_max{self._quarantine_advice()}"
            )

    def delete_receipted(self, wanted_bytes: int) -> int:
        """Delete the oldest receipted segments, at least `wanted_bytes` of them if there are, trends first; returns how many."""
        deleted = 0
        for lane in reversed(Lane):
            log = self._logs[lane]
            count = 0
            for segment in self._deletable(lane):
                if wanted_bytes <= 0:
                    break
                wanted_bytes -= segment.size_bytes
                count += 1
            if count:
                deleted += self._delete_oldest(log, count)
        return deleted

    def _deletable(self, lane: Lane) -> Iterator[Segment]:
        """The segments that are not needed any more, oldest first; never the last: it says where the lane's numbering stands."""
        for segment in self._logs[lane].segments[:-1]:
            if segment.last >= segment.first and segment.last > self._receipts.settled((lane, segment.instance)):
                return
            yield segment

    def _delete_oldest(self, log: LaneLog, count: int) -> int:
        """Delete segments in the safe order: first what makes them superfluous becomes durable. Returns how many."""
        if log.segments[count - 1].serial > self._snapshot.covered[log.lane]:
            self._snapshot.take_if_possible()
            count = sum(segment.serial <= self._snapshot.covered[log.lane] for segment in log.segments[:count])
        if not count:
            return 0
        try:
            self._receipts.sync(held_instances(self._logs))
        except OSError as error:
            if not is_disk_full(error):
                self._counters.failed_deletions += 1
                return 0
            # A disk too full for a few bytes of receipts: one segment goes first, and makes room for them. Cut in
            # between, recovery would sign a gap for batches that the city has, which does no harm.
            count = 1
        before = self._counters.deleted_segments
        try:
            for _ in range(count):
                log.remove_oldest()
                self._counters.deleted_segments += 1
                self._counters.syncs += 1
            self._receipts.sync(held_instances(self._logs))
            self._counters.syncs += 1
        except OSError:
            self._counters.failed_deletions += 1  # still there, or gone: both are fine
        return self._counters.deleted_segments - before

    # ------------------------------------------------------------------------------------------------ what it has not

    def next_eviction(self) -> Eviction | None:
        """See `Journal.next_eviction`."""
        for lane in (Lane.TREND, Lane.RECORD):
            for segment in self._logs[lane].segments[:-1]:
                if segment.size_bytes > EVICTED_BYTES_MAX and segment.last >= segment.first:
                    try:
                        found = self._recoveries[lane].look(segment.serial)
                    except OSError as error:
                        raise unavailable(error, self._directory) from error
                    return plan_eviction(lane, segment, found, self._receipts.settled((lane, segment.instance)))
        return None

    def evict(self, eviction: Eviction) -> None:
        """See `Journal.evict`."""
        log = self._logs[eviction.lane]
        segment = next((item for item in log.segments[:-1] if item.serial == eviction.serial), None)
        if segment is None:
            return  # receipted and deleted meanwhile
        try:
            # A node that repeats one of these frames is told that it arrived: that has to outlive the segment.
            if segment.serial > self._snapshot.covered[eviction.lane]:
                self._snapshot.take()
            self._recoveries[eviction.lane].replace_by_gap(segment)
        except OSError as error:
            raise unavailable(error, self._directory) from error
        self._snapshot.is_due = True
        self._counters.evicted_segments += 1
        self._counters.evicted_batches += eviction.last - eviction.first + 1
        self._counters.syncs += 2
