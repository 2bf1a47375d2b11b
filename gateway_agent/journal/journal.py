# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The journal: batches that have been signed, until the city has receipted them.

Guarantees
----------
* When `append` returns, its batches and their received numbers survive a power cut at any moment, in order.
* When it raises, none of them counts; they may be appended again, or sealed anew under the same numbers.
* A number of an instance never has two meanings outside: see docs/journal.md, "Numbers".
* Only batches that the city has receipted are deleted, and only when room is needed; of an instance that the city's
  receipt contradicts also those that were sent since.
* Where that is not enough, the caller may evict: the oldest trends, then the oldest records, never an alarm. A signed gap takes
  their place, and the frames that were in them are named beforehand, for the caller to write down.
* Whatever turns out unreadable is kept in quarantine, counted by reason, and named by a signed gap.

All methods block. One thread at a time appends; `read_after` and `head` may run beside it in another.
"""

from __future__ import annotations

import errno
import hashlib
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from gateway_agent.journal.accounts import (
    JournalAtLimit,
    JournalBusy,
    JournalCounters,
    JournalFull,
    JournalLimits,
    JournalUnavailable,
    Oldest,
    ReceiptVerdict,
    Recovery,
    Rewound,
    Usage,
)
from gateway_agent.journal.eviction import EVICTED_BYTES_MAX, plan_eviction
from gateway_agent.journal.files import Files, OsFiles, remove_file, replace_file
from gateway_agent.journal.lane_log import LaneLog, Segment, SegmentDamagedError, StoredBatch, entry_link
from gateway_agent.journal.quarantine import Quarantine
from gateway_agent.journal.receipts import Key, Position, ReceiptLog
from gateway_agent.journal.received import ReceivedNumbers, decode_snapshot, encode_snapshot
from gateway_agent.journal.recovery import LaneRecovery, SignGap
from gateway_agent.journal.salvage import Loss, Reason, peek_batch
from gateway_agent.journal.segment import BODY_BYTES_MAX, BatchEntry, GapEntry, encode_batch
from gateway_agent.model import Eviction, GatewayId, Lane, LaneHead, Receipt, SealedBatch

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_HEADER_BYTES_MAX = 128  # of a new segment
_REPAIRS_MAX = 16  # in one call of read_after
# Above the limit, for the records of what is evicted: a segment's are shorter than the segment, whose entries name the same frames.
_LOSS_RESERVE_BYTES_MIN = 1 << 16


class Journal:
    """Open with `Journal.open`."""

    def __init__(
        self, directory: Path, gateway_id: GatewayId, limits: JournalLimits, files: Files, sign_gap: SignGap | None
    ) -> None:
        self.limits = limits
        self.counters = JournalCounters()
        self.recovery = Recovery(0, (), 0, 0, (), (), {})
        self._directory = directory
        self._gateway_id = gateway_id
        self._files = files
        self._sign_gap = sign_gap
        self._draw_instance: Callable[[], bytes] = lambda: secrets.token_bytes(8)
        self._lock = threading.RLock()  # writing, deleting, repairing
        self._lock_handle: int | None = None
        self._logs = {
            lane: LaneLog(files, directory / lane.word, gateway_id, lane, limits.segment_bytes) for lane in Lane
        }
        self._quarantine = Quarantine(files, directory / "quarantine")
        self._recoveries = {
            lane: LaneRecovery(files, log, gateway_id, self._quarantine, sign_gap) for lane, log in self._logs.items()
        }
        self._receipts = ReceiptLog(files, directory / "receipts.log")
        self._received = ReceivedNumbers()
        self._snapshot_path = directory / "received.snap"
        self._snapshot_bytes = 0
        self._snapshot_due = False
        self._covered = dict.fromkeys(Lane, 0)

    # ------------------------------------------------------------------------------------------------ opening

    @classmethod
    def open(
        cls,
        directory: Path,
        gateway_id: GatewayId,
        limits: JournalLimits,
        files: Files | None = None,
        *,
        sign_gap: SignGap | None = None,
        draw_instance: Callable[[], bytes] | None = None,
        scan_all: bool = False,
    ) -> Journal:
        """Open a journal, recovering whatever is there, or begin a new one.

        Args:
            directory: `journal/`, created where it is missing.
            gateway_id: whose batches these are.
            limits: see `JournalLimits`.
            files: the disk.
            sign_gap: signs a gap in place of batches that are damaged. Without it such a hole stays a hole, is found
                again at each start, and can be signed later.
            draw_instance: 8 random bytes for a new instance.
            scan_all: read every segment, also those that the snapshot covers (slower; finds silent damage now).

        Raises:
            JournalBusy: another process has it open.
            ConfigError: it is another gateway's, or was written by a newer program.
            JournalUnavailable: the disk refuses; nothing is lost by trying again.
        """
        journal = cls(directory, gateway_id, limits, OsFiles() if files is None else files, sign_gap)
        if draw_instance is not None:
            journal._draw_instance = draw_instance
        try:
            journal._take_lock()
            journal._recover(scan_all)
        except OSError as error:
            journal.close()
            raise _unavailable(error, directory) from error
        except BaseException:
            journal.close()
            raise
        return journal

    def _take_lock(self) -> None:
        self._files.make_directory(self._directory)
        self._files.sync_directory(self._directory.parent)  # a run that was killed may have created it
        try:
            self._lock_handle = self._files.lock(self._directory / "lock")
        except BlockingIOError:
            raise JournalBusy(
                f"{self._directory} is in use by another process: stop it, or give this gateway its own 'data'"
            ) from None

    def _recover(self, scan_all: bool) -> None:
        losses: list[Loss] = []
        self._quarantine.open()
        self._load_receipts(losses)
        covered = self._load_snapshot(losses)
        new_instances = []
        for lane, recovery in self._recoveries.items():

            def receipted(instance: bytes, lane: Lane = lane) -> int:
                return self._settled(lane, instance)

            recovery.run(0 if scan_all else covered[lane], receipted, self._draw_instance)
            losses += recovery.losses
            self._take_received(recovery)
            if recovery.is_instance_replaced:
                new_instances.append(lane)
            recovery.losses = []
        if any(recovery.scanned_segments > 1 for recovery in self._recoveries.values()):
            self._snapshot_due = True
        self.recovery = Recovery(
            batches=self.usage().batches,
            losses=tuple(losses),
            torn_bytes=sum(loss.bytes_aside for loss in losses if loss.reason is Reason.TORN_TAIL),
            damaged_batches=sum(
                loss.last - loss.first + 1 for loss in losses if loss.reason is Reason.DAMAGED and loss.first
            ),
            quarantined=tuple(self._quarantine.names),
            new_instances=tuple(new_instances),
            received=self._received.by_kid(),
        )

    def _load_receipts(self, losses: list[Loss]) -> None:
        remove_file(self._files, self._directory / "receipts.new")
        self._receipts.load()
        if self._receipts.damaged_bytes:
            losses.append(Loss(Reason.RECEIPTS, "", b"", 0, 0, self._receipts.damaged_bytes))

    def _load_snapshot(self, losses: list[Loss]) -> dict[Lane, int]:
        remove_file(self._files, self._snapshot_path.with_suffix(".new"))
        try:
            self._files.settle(self._snapshot_path)
            data = self._files.read(self._snapshot_path)
        except FileNotFoundError:
            return self._covered
        snapshot = decode_snapshot(data)
        if snapshot is None:
            losses.append(Loss(Reason.SNAPSHOT, "", b"", 0, 0, len(data)))
            self._quarantine.keep_segment("received.snap", data)
            self._files.unlink(self._snapshot_path)
            return self._covered
        self._snapshot_bytes = len(data)
        self._covered = snapshot.covered
        for item in snapshot.received:
            self._received.add(item)
        return snapshot.covered

    def _take_received(self, recovery: LaneRecovery) -> None:
        for item in recovery.received:
            self._received.add(item)
        recovery.received = []

    def settle(self) -> None:
        """Write now what otherwise waits for the next receipt and append: a log of receipts in place of a damaged one, which goes to
        quarantine first, and the snapshot.

        Raises:
            JournalUnavailable: the disk refuses; what was wrong is found again.
        """
        with self._lock:
            try:
                if self._receipts.damaged_bytes:
                    log_path = self._directory / "receipts.log"
                    self._quarantine.keep_segment(log_path.name, self._files.read(log_path))
                    self._receipts.sync(self._held())
                    self.recovery = replace(self.recovery, quarantined=tuple(self._quarantine.names))
                if self._snapshot_due:
                    self._take_snapshot()
            except OSError as error:
                raise _unavailable(error, self._directory) from error

    def close(self) -> None:
        """Close every file and give up the lock. Nothing is written: what was acknowledged is synced already."""
        with self._lock:
            for log in self._logs.values():
                log.close_segment()
            self._receipts.close()
            if self._lock_handle is not None:
                self._files.close(self._lock_handle)
                self._lock_handle = None

    # ------------------------------------------------------------------------------------------------ writing

    def head(self, lane: Lane) -> LaneHead:
        """The last batch of a lane that counts; the next one continues it."""
        return self._logs[lane].head

    def is_segment_start(self, lane: Lane) -> bool:
        """Whether the next append begins a segment in this lane, so that its first batch starts a node table."""
        return self._logs[lane].is_segment_start

    def append(self, batches: Sequence[SealedBatch], *, is_loss_record: bool = False) -> None:
        """Write batches of any lanes, sync each file once, and count them.

        Args:
            batches: in the order of their numbers.
            is_loss_record: they name what is to be evicted next, and may use the room that is kept for that.

        Raises:
            JournalUnavailable: a write or a sync failed, or (`JournalFull`, `JournalAtLimit`) there is no room. No batch of this call
                counts. The next append starts a new segment in the lanes concerned, so seal those batches anew if
                they rest on a node table.
            ValueError: a batch does not continue its lane, or is too long. Nothing was written.
        """
        if not batches:
            return
        with self._lock:
            groups: dict[Lane, list[SealedBatch]] = {}
            for batch in batches:
                groups.setdefault(batch.lane, []).append(batch)
            entries = {lane: self._encode(lane, group) for lane, group in groups.items()}
            self._make_room(sum(map(len, entries.values())), self._loss_reserve_bytes if is_loss_record else 0)
            touched: list[LaneLog] = []
            try:
                for lane, data in entries.items():
                    touched.append(self._logs[lane])
                    self._logs[lane].write(data)
                for log in touched:
                    self.counters.syncs += log.sync()
            except OSError as error:
                self._abandon(touched, error)
                raise _unavailable(error, self._directory) from error
            self._commit(groups)
            self.counters.appends += 1
            self.counters.batches += len(batches)
            self.counters.bytes_written += sum(map(len, entries.values()))
            if self._snapshot_due:
                self._take_snapshot_if_possible()

    def _encode(self, lane: Lane, group: list[SealedBatch]) -> bytes:
        self._logs[lane].check_next(group)
        parts = []
        for batch in group:
            part = encode_batch(BatchEntry(batch.number, batch.received, batch.batch))
            if len(part) > BODY_BYTES_MAX:
                raise ValueError(f"{lane.word}: batch {batch.number} needs {len(part)} bytes")
            parts.append(part)
        return b"".join(parts)

    def _commit(self, groups: dict[Lane, list[SealedBatch]]) -> None:
        for lane, group in groups.items():
            rolled = self._logs[lane].commit(len(group), hashlib.sha256(group[-1].batch).digest())
            self._snapshot_due |= rolled
            for batch in group:
                for item in batch.received:
                    self._received.add(item)

    def _abandon(self, touched: list[LaneLog], error: OSError) -> None:
        self.counters.failed_appends += 1
        for log in touched:
            log.abandon()
        if error.errno in _DISK_FULL:
            self._delete_receipted(self.limits.segment_bytes)  # so that the next try finds room

    def new_instance(self, lane: Lane) -> None:
        """Begin the numbering of a lane anew: after a contradicting receipt, or a restored backup.

        Raises:
            JournalUnavailable: the old instance goes on.
        """
        with self._lock:
            try:
                log = self._logs[lane]
                self.counters.syncs += log.start_instance(self._draw_instance(), log.head.number)
            except OSError as error:
                raise _unavailable(error, self._directory) from error
            self._snapshot_due = True

    # ------------------------------------------------------------------------------------------------ reading

    def read_after(
        self, lane: Lane, instance: bytes | None, number: int, limit_batches: int, limit_bytes: int
    ) -> list[StoredBatch]:
        """The next batches behind `number` of `instance`, in order, on into younger instances.

        A gap is returned in place of what it stands for; its `number` is the last missing one. An instance that is not
        held, or None, means from the oldest batch. At least one batch is returned if there is one, whatever its size.

        Raises:
            JournalUnavailable: the disk refuses.
        """
        log = self._logs[lane]
        for _ in range(_REPAIRS_MAX):
            stored: list[StoredBatch] = []
            size_bytes = 0
            try:
                for segment, entry in log.entries_after(instance, number):
                    item = _stored(lane, segment.instance, entry)
                    size_bytes += len(item.batch)
                    if stored and size_bytes > limit_bytes:
                        break
                    stored.append(item)
                    if len(stored) >= limit_batches:
                        break
                return stored
            except SegmentDamagedError as error:
                if stored:
                    return stored  # what is good first; the next call comes to the damage
                self._repair(log, error.serial)
            except OSError as error:
                raise _unavailable(error, self._directory) from error
        raise JournalUnavailable(f"{log.directory}: what is read differs from what was written, again and again")

    def _repair(self, log: LaneLog, serial: int) -> None:
        """Salvage one segment. Afterwards its good entries can be read. Raises: JournalUnavailable."""
        with self._lock:
            segment = next((item for item in log.segments if item.serial == serial), None)
            if segment is None:
                return  # deleted meanwhile
            if segment is log.segments[-1]:
                log.close_segment()
            recovery = self._recoveries[log.lane]
            try:
                recovery.repair(segment, self._settled(log.lane, segment.instance))
            except OSError as error:
                raise _unavailable(error, self._directory) from error
            self.counters.losses.update(str(loss.reason) for loss in recovery.losses)
            recovery.losses = []
            recovery.received = []  # they were taken in when they were appended

    # ------------------------------------------------------------------------------------------------ receipts

    def note_receipt(self, receipt: Receipt, raw: bytes) -> ReceiptVerdict:
        """Take the city's word (its signature was checked by the caller) for everything up to a number.

        Kept in `receipts.log`, unsynced: a power cut may take it back, and then some batches are sent again. So is it
        kept that an instance was contradicted: see `note_sent`.

        Raises:
            JournalUnavailable: the disk refuses to be read.
        """
        with self._lock:
            verdict = self._judge(receipt, raw)
            if verdict is ReceiptVerdict.CONTRADICTION:
                self._receipts.note_contradicted((receipt.lane, receipt.instance), 0, self._held())
            return verdict

    def _judge(self, receipt: Receipt, raw: bytes) -> ReceiptVerdict:
        key: Key = (receipt.lane, receipt.instance)
        known = self._receipts.positions.get(key)
        if receipt.gateway_id != self._gateway_id:
            return ReceiptVerdict.STALE
        if known is not None and receipt.number == known.number and receipt.link != known.link:
            return ReceiptVerdict.CONTRADICTION
        if receipt.number <= (known.number if known else 0):
            return ReceiptVerdict.STALE
        log = self._logs[receipt.lane]
        lasts = [segment.last for segment in log.segments if segment.instance == receipt.instance]
        if not lasts:
            return ReceiptVerdict.STALE
        if receipt.number > max(lasts):
            return ReceiptVerdict.CONTRADICTION
        link = self._link_at(log, receipt.instance, receipt.number)
        if link is not None and link != receipt.link:
            return ReceiptVerdict.CONTRADICTION
        self._receipts.note(key, Position(receipt.number, receipt.link, raw), self._held())
        self.counters.receipt_writes += 1
        return ReceiptVerdict.OK

    def contradicted(self) -> list[tuple[Lane, bytes]]:
        """The instances of which the city holds another history: they will never be receipted."""
        with self._lock:
            return list(self._receipts.contradicted)

    def note_sent(self, lane: Lane, instance: bytes, number: int) -> None:
        """A contradicted instance was handed to the city's broker up to `number`, since it was contradicted.

        That is all that can be done for it: what was sent need not be sent again, and may be deleted. For any other
        instance this says nothing.
        """
        with self._lock:
            if (lane, instance) in self._receipts.contradicted:
                self._receipts.note_contradicted((lane, instance), number, self._held())

    def rewind(self, lane: Lane, instance: bytes, number: int, link: bytes) -> Rewound | None:
        """The city has lost what it had receipted above `number`, whose link is `link`: what is here is owed again.

        None, and nothing is changed, where we know nothing of this history: no such instance or number is here, or another link.

        Raises:
            JournalUnavailable: the disk refuses; asked again, it goes on.
        """
        with self._lock:
            log = self._logs[lane]
            held = [segment for segment in log.segments if segment.instance == instance]
            is_present = instance == log.head.instance
            last = log.head.number if is_present else max((segment.last for segment in held), default=0)
            if not held or number > last:
                return None
            known = self._link_at(log, instance, number) if number else None
            if known is not None and known != link:
                return None
            found = self._first_behind(log, instance, number, last)
            if found is None:
                return None
            key = (lane, instance)
            position = self._receipts.positions.get(key)
            if position is not None and position.number > number:
                try:
                    self._receipts.take_back(key, Position(number, link, b""), self._held())
                except OSError as error:
                    raise _unavailable(error, self._directory) from error
            return found

    def _first_behind(self, log: LaneLog, instance: bytes, number: int, last: int) -> Rewound | None:
        """The first number that is here behind `number`, or the one after the last; None where it cannot be read."""
        if number == last:
            return Rewound(last + 1, b"")
        for _ in range(_REPAIRS_MAX):
            try:
                for segment, entry in log.entries_after(instance, number):
                    if segment.instance != instance:
                        break
                    first = entry.first if isinstance(entry, GapEntry) else entry.number
                    # A gap names no link of the batch before it, and nobody compares one with it.
                    if isinstance(entry, GapEntry):
                        return Rewound(max(first, number + 1), bytes(32))
                    peek = peek_batch(entry.batch)
                    return Rewound(first, peek.link) if peek is not None else None
                return Rewound(last + 1, log.head.link) if instance == log.head.instance else None
            except SegmentDamagedError as error:
                self._repair(log, error.serial)
            except OSError as error:
                raise _unavailable(error, self._directory) from error
        return None

    def receipted(self, lane: Lane) -> int:
        """The number up to which the city holds the lane's present instance."""
        return self._receipted(lane, self._logs[lane].head.instance)

    def unreceipted_from(self, lane: Lane) -> tuple[bytes, int]:
        """Where `read_after` has to begin so that everything comes that the city does not hold and can still take."""
        log = self._logs[lane]
        for segment in log.segments:
            settled = self._settled(lane, segment.instance)
            if segment.last > settled:
                return segment.instance, settled
        return log.head.instance, log.head.number

    def _receipted(self, lane: Lane, instance: bytes) -> int:
        position = self._receipts.positions.get((lane, instance))
        return 0 if position is None else position.number

    def _settled(self, lane: Lane, instance: bytes) -> int:
        """The number up to which nothing is left to do: receipted or, where that will never come, sent."""
        return max(self._receipted(lane, instance), self._receipts.contradicted.get((lane, instance), 0))

    def _held(self) -> set[Key]:
        return {(lane, segment.instance) for lane, log in self._logs.items() for segment in log.segments}

    def _link_at(self, log: LaneLog, instance: bytes, number: int) -> bytes | None:
        """The link that the batch after `number` carries; None where only a gap stands for that number."""
        if (instance, number) == (log.head.instance, log.head.number):
            return log.head.link
        for _ in range(_REPAIRS_MAX):
            try:
                for _, entry in log.entries_after(instance, number - 1):
                    return entry_link(entry) if entry.number == number else None
                return None
            except SegmentDamagedError as error:
                self._repair(log, error.serial)
            except OSError as error:
                raise _unavailable(error, self._directory) from error
        return None

    # ------------------------------------------------------------------------------------------------ room

    def trim(self) -> int:
        """Delete receipted segments if the journal is within four segments of its limit; returns how many."""
        with self._lock:
            return self._delete_receipted(self._size_bytes() + 4 * self.limits.segment_bytes - self.limits.bytes_max)

    @property
    def _loss_reserve_bytes(self) -> int:
        return max(_LOSS_RESERVE_BYTES_MIN, self.limits.segment_bytes)

    def _make_room(self, wanted_bytes: int, reserve_bytes: int) -> None:
        """Raises: JournalAtLimit: there is none."""
        wanted_bytes += _HEADER_BYTES_MAX * len(Lane) - reserve_bytes
        if self._size_bytes() + wanted_bytes <= self.limits.bytes_max:
            return
        self._delete_receipted(self._size_bytes() + wanted_bytes - self.limits.bytes_max)
        if self._size_bytes() + wanted_bytes > self.limits.bytes_max:
            self.counters.failed_appends += 1
            raise JournalAtLimit(
                f"{self._directory} holds {self._size_bytes()} of {self.limits.bytes_max} bytes, and the city has "
                "receipted nothing that could be deleted: see in the status whether the city's broker is connected and "
                f"receipts come, or raise journal.bytes_max{self._quarantine_advice()}"
            )

    def _quarantine_advice(self) -> str:
        size_bytes = self._quarantine.size_bytes
        return f"; {size_bytes} of them are in quarantine/: copy it away, and delete it" if size_bytes else ""

    def next_eviction(self) -> Eviction | None:
        """What is given up first for want of room: the oldest segment of the trends, else of the records; None if none may go.

        Changes nothing but damage that it meets. What it names is to be written down (in the alarm lane) before `evict` is called.

        Raises:
            JournalUnavailable: the disk refuses.
        """
        if self._sign_gap is None:
            return None
        with self._lock:
            for lane in (Lane.TREND, Lane.RECORD):
                log = self._logs[lane]
                for segment in log.segments[:-1]:
                    if segment.size_bytes > EVICTED_BYTES_MAX and segment.last >= segment.first:
                        try:
                            found = self._recoveries[lane].look(segment.serial)
                        except OSError as error:
                            raise _unavailable(error, self._directory) from error
                        return plan_eviction(lane, segment, found, self._settled(lane, segment.instance))
        return None

    def evict(self, eviction: Eviction) -> None:
        """Put a signed gap in place of what `next_eviction` has named.

        Raises:
            JournalUnavailable: the disk refuses; the batches stay.
        """
        assert self._sign_gap is not None
        with self._lock:
            log = self._logs[eviction.lane]
            segment = next((item for item in log.segments[:-1] if item.serial == eviction.serial), None)
            if segment is None:
                return  # receipted and deleted meanwhile
            try:
                # A node that repeats one of these frames is told that it arrived: that has to outlive the segment.
                if segment.serial > self._covered[eviction.lane]:
                    self._take_snapshot()
                self._recoveries[eviction.lane].replace_by_gap(segment)
            except OSError as error:
                raise _unavailable(error, self._directory) from error
            self._snapshot_due = True
            self.counters.evicted_segments += 1
            self.counters.evicted_batches += eviction.last - eviction.first + 1
            self.counters.syncs += 2

    def _delete_receipted(self, wanted_bytes: int) -> int:
        """Delete the oldest receipted segments, at least `wanted_bytes` of them if there are; trends first."""
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
            if segment.last >= segment.first and segment.last > self._settled(lane, segment.instance):
                return
            yield segment

    def _delete_oldest(self, log: LaneLog, count: int) -> int:
        """Delete segments in the safe order: first what makes them superfluous becomes durable. Returns how many."""
        if log.segments[count - 1].serial > self._covered[log.lane]:
            self._take_snapshot_if_possible()
            count = sum(segment.serial <= self._covered[log.lane] for segment in log.segments[:count])
        if not count:
            return 0
        try:
            self._receipts.sync(self._held())
        except OSError as error:
            if error.errno not in _DISK_FULL:
                self.counters.failed_deletions += 1
                return 0
            # A disk too full for a few bytes of receipts: one segment goes first, and makes room for them. Cut in
            # between, recovery would sign a gap for batches that the city has, which does no harm.
            count = 1
        before = self.counters.deleted_segments
        try:
            for _ in range(count):
                log.remove_oldest()
                self.counters.deleted_segments += 1
                self.counters.syncs += 1
            self._receipts.sync(self._held())
            self.counters.syncs += 1
        except OSError:
            self.counters.failed_deletions += 1  # still there, or gone: both are fine
        return self.counters.deleted_segments - before

    def _take_snapshot_if_possible(self) -> None:
        try:
            self._take_snapshot()
        except OSError:
            self.counters.failed_snapshots += 1  # due again after the next append

    def _take_snapshot(self) -> None:
        """Write `received.snap`: all numbers that are synced, and the segments that need not be read. Raises: OSError."""
        covered = {lane: self._covered_serial(log) for lane, log in self._logs.items()}
        data = encode_snapshot(self._received, covered)
        replace_file(self._files, self._snapshot_path, self._snapshot_path.with_suffix(".new"), data)
        self._covered = covered
        self._snapshot_bytes = len(data)
        self._snapshot_due = False
        self.counters.snapshots += 1
        self.counters.syncs += 2
        self.counters.bytes_written += len(data)

    @staticmethod
    def _covered_serial(log: LaneLog) -> int:
        """The last finished segment, but none from the first with an unsigned hole on: that is to be found again."""
        serial = 0
        for segment in log.segments[:-1]:
            if segment.has_holes:
                break
            serial = segment.serial
        return serial

    def _size_bytes(self) -> int:
        return (
            sum(log.size_bytes for log in self._logs.values())
            + self._quarantine.size_bytes
            + self._receipts.size_bytes
            + self._snapshot_bytes
        )

    def usage(self) -> Usage:
        """How full the journal is."""
        segments = [(lane, segment) for lane, log in self._logs.items() for segment in log.segments]
        oldest: Oldest = {}
        for lane, segment in segments:
            if segment.last >= segment.first:
                oldest.setdefault(lane, (segment.instance, segment.first))
        size_bytes = self._size_bytes()
        return Usage(
            bytes=size_bytes,
            kept_bytes=size_bytes - sum(segment.size_bytes for lane in Lane for segment in self._deletable(lane)),
            bytes_max=self.limits.bytes_max,
            segments=len(segments),
            batches=sum(segment.last - segment.first + 1 for _, segment in segments),
            unreceipted_batches=sum(
                max(0, segment.last - max(segment.first - 1, self._settled(lane, segment.instance)))
                for lane, segment in segments
            ),
            quarantine_bytes=self._quarantine.size_bytes,
            oldest=oldest,
        )


def _stored(lane: Lane, instance: bytes, entry: BatchEntry | GapEntry) -> StoredBatch:
    if isinstance(entry, GapEntry):
        return StoredBatch(lane, instance, entry.number, entry.gap, True, entry.first)
    return StoredBatch(lane, instance, entry.number, entry.batch, False, entry.number)


def _unavailable(error: OSError, directory: Path) -> JournalUnavailable:
    kind = JournalFull if error.errno in _DISK_FULL else JournalUnavailable
    return kind(f"{directory}: {error.strerror or error}")
