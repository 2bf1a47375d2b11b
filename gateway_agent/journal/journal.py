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

All methods block. One thread at a time appends; `read_after`, `older_ends` and `head` may run beside it in another.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from gateway_agent.journal.accounts import (
    JournalBusy,
    JournalCounters,
    JournalLimits,
    JournalUnavailable,
    ReceiptVerdict,
    Recovery,
    Rewound,
    Usage,
    is_disk_full,
    unavailable,
)
from gateway_agent.journal.city_word import CityWord
from gateway_agent.journal.files import Files, OsFiles, remove_file
from gateway_agent.journal.lane_log import LaneLog, StoredBatch, held_instances
from gateway_agent.journal.quarantine import Quarantine
from gateway_agent.journal.reading import Reading
from gateway_agent.journal.receipts import ReceiptLog
from gateway_agent.journal.recovery import LaneRecovery, SignGap
from gateway_agent.journal.room import Room
from gateway_agent.journal.salvage import Loss, Reason
from gateway_agent.journal.segment import BODY_BYTES_MAX, BatchEntry, encode_batch
from gateway_agent.journal.snapshot_file import SnapshotFile
from gateway_agent.model import Eviction, GatewayId, Lane, LaneHead, Receipt, SealedBatch


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
        self._snapshot = SnapshotFile(
            files, directory / "received.snap", self._logs, self._receipts.settled, self.counters
        )
        self._reading = Reading(directory, self._logs, self._recoveries, self._receipts, self._lock, self.counters)
        self._city = CityWord(directory, gateway_id, self._logs, self._receipts, self._reading, self.counters)
        self._room = Room(
            directory,
            limits,
            self._logs,
            self._recoveries,
            self._receipts,
            self._snapshot,
            self._quarantine,
            self.counters,
        )

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
            raise unavailable(error, directory) from error
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
        # Before anything is mended: a lane that cannot be read must not cost the others anything.
        for recovery in self._recoveries.values():
            recovery.check_belongs()
        self._snapshot.check_version()
        losses: list[Loss] = []
        self._quarantine.open()
        self._load_receipts(losses)
        self._snapshot.load(self._quarantine, losses)
        covered, new_instances = self._snapshot.covered, []
        for lane, recovery in self._recoveries.items():

            def receipted(instance: bytes, lane: Lane = lane) -> int:
                return self._receipts.settled((lane, instance))

            recovery.run(0 if scan_all else covered[lane], receipted, self._draw_instance)
            losses += recovery.losses
            self._snapshot.add(recovery.received)
            if recovery.is_instance_replaced:
                new_instances.append(lane)
            recovery.losses, recovery.received = [], []
        if any(recovery.scanned_segments > 1 for recovery in self._recoveries.values()):
            self._snapshot.is_due = True
        self.recovery = Recovery(
            batches=self.usage().batches,
            losses=tuple(losses),
            torn_bytes=sum(loss.bytes_aside for loss in losses if loss.reason is Reason.TORN_TAIL),
            damaged_batches=sum(
                loss.last - loss.first + 1 for loss in losses if loss.reason is Reason.DAMAGED and loss.first
            ),
            quarantined=tuple(self._quarantine.names),
            new_instances=tuple(new_instances),
            received=self._snapshot.received.by_kid(),
        )

    def _load_receipts(self, losses: list[Loss]) -> None:
        remove_file(self._files, self._directory / "receipts.new")
        self._receipts.load()
        if self._receipts.damaged_bytes:
            losses.append(Loss(Reason.RECEIPTS, "", b"", 0, 0, self._receipts.damaged_bytes))

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
                    self._receipts.sync(held_instances(self._logs))
                    self.recovery = replace(self.recovery, quarantined=tuple(self._quarantine.names))
                if self._snapshot.is_due:
                    self._snapshot.take()
            except OSError as error:
                raise unavailable(error, self._directory) from error

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

    def heads_for_key_change(self) -> tuple[LaneHead, ...]:
        """Every lane's head, where a change of the signing key may end with it: no restart can find anything behind it, and of no
        instance before it anything is owed. A change names the present ones alone, and who has not seen an older one begin
        takes nothing of it any more that the old key has signed.

        Raises:
            JournalUnavailable: not now. A failed append may be found after a restart, and then counts, until the lane's next one;
                or the city does not hold an older instance whole.
        """
        with self._lock:
            for lane, log in self._logs.items():
                if not log.is_end_certain:
                    raise JournalUnavailable(
                        f"{log.directory}: the last write failed, so nobody knows yet where the lane ends; try again when"
                        " the journal takes batches again"
                    )
                if self._city.unreceipted_from(lane)[0] != log.head.instance:
                    raise JournalUnavailable(
                        f"{log.directory}: the city does not hold all of the instance before the present one, and takes it from"
                        " the present key alone; let the gateway run until `unreceipted_batches` in its status is 0"
                    )
            return tuple(log.head for log in self._logs.values())

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
            self._room.make(sum(map(len, entries.values())), is_loss_record=is_loss_record)
            touched: list[LaneLog] = []
            try:
                for lane, data in entries.items():
                    touched.append(self._logs[lane])
                    self._logs[lane].write(data)
                for log in touched:
                    self.counters.syncs += log.sync()
            except OSError as error:
                self._abandon(touched, error)
                raise unavailable(error, self._directory) from error
            self._commit(groups)
            self.counters.appends += 1
            self.counters.batches += len(batches)
            self.counters.bytes_written += sum(map(len, entries.values()))
            if self._snapshot.is_due:
                self._snapshot.take_if_possible()

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
            self._snapshot.is_due |= rolled
            for batch in group:
                self._snapshot.add(batch.received)

    def _abandon(self, touched: list[LaneLog], error: OSError) -> None:
        self.counters.failed_appends += 1
        for log in touched:
            log.abandon()
        if is_disk_full(error):
            self._room.delete_receipted(self.limits.segment_bytes)  # so that the next try finds room

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
                raise unavailable(error, self._directory) from error
            self._snapshot.is_due = True

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
        return self._reading.read_after(lane, instance, number, limit_batches, limit_bytes)

    # ------------------------------------------------------------------------------------------------ receipts

    def note_receipt(self, receipt: Receipt, raw: bytes) -> ReceiptVerdict:
        """Take the city's word (its signature was checked by the caller) for everything up to a number.

        Kept in `receipts.log`, unsynced: a power cut may take it back, and then some batches are sent again. So is it
        kept that an instance was contradicted: see `note_sent`.

        Raises:
            JournalUnavailable: the disk refuses to be read.
        """
        with self._lock:
            return self._city.note_receipt(receipt, raw)

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
            self._city.note_sent(lane, instance, number)

    def rewind(self, lane: Lane, instance: bytes, number: int, link: bytes) -> Rewound | None:
        """The city has lost what it had receipted above `number`, whose link is `link`: what is here is owed again.

        None, and nothing is changed, where we know nothing of this history: no such instance or number is here, or another link.

        Raises:
            JournalUnavailable: the disk refuses; asked again, it goes on.
        """
        with self._lock:
            return self._city.rewind(lane, instance, number, link)

    def receipted(self, lane: Lane) -> int:
        """The number up to which the city holds the lane's present instance."""
        return self._receipts.receipted((lane, self._logs[lane].head.instance))

    def older_ends(self, lane: Lane) -> list[bytes]:
        """The last batches of the newest four instances before the present one, as far as they are here and receipted.

        Raises:
            JournalUnavailable: the disk refuses.
        """
        return self._city.older_ends(lane)

    def unreceipted_from(self, lane: Lane) -> tuple[bytes, int]:
        """Where `read_after` has to begin so that everything comes that the city does not hold and can still take."""
        return self._city.unreceipted_from(lane)

    # ------------------------------------------------------------------------------------------------ room

    def trim(self) -> int:
        """Delete receipted segments if the journal is within four segments of its limit; returns how many."""
        with self._lock:
            return self._room.trim()

    def next_eviction(self) -> Eviction | None:
        """What is given up first for want of room: the oldest segment of the trends, else of the records; None if none may go.

        Changes nothing but damage that it meets. What it names is to be written down (in the alarm lane) before `evict` is called.

        Raises:
            JournalUnavailable: the disk refuses.
        """
        if self._sign_gap is None:
            return None
        with self._lock:
            return self._room.next_eviction()

    def evict(self, eviction: Eviction) -> None:
        """Put a signed gap in place of what `next_eviction` has named.

        Raises:
            JournalUnavailable: the disk refuses; the batches stay.
        """
        assert self._sign_gap is not None
        with self._lock:
            self._room.evict(eviction)

    def usage(self) -> Usage:
        """How full the journal is."""
        return self._room.usage()
