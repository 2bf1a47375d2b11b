# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A disk that refuses: at any call, for any reason, the journal says so, loses nothing acknowledged, and goes on."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

import pytest

from gateway_agent.journal import Journal, JournalFull, JournalLimits, JournalUnavailable, ReceiptVerdict
from gateway_agent.journal.segment import BatchEntry, encode_batch
from gateway_agent.model import Lane, SealedBatch
from gateway_agent.wire.batch import link_of
from tests.support.journal_batches import BatchMaker, gap_bytes, receipt_for
from tests.support.journal_campaign import read_all
from tests.support.power_cut_files import PowerCutError, PowerCutFiles
from tests.unit.journal.journal_cases import fill, open_journal

ROOT = Path("/data/journal")


class FailsOnce:
    """Fails the n-th call that changes something (or with `reads`, that looks), and no other."""

    def __init__(self, nth: int, number: int, reads: bool = False) -> None:
        self.left = nth
        self.number = number
        self.reads = reads
        self.happened = ""

    def __call__(self, operation: str, path: Path | None) -> int | None:
        if (operation in ("read", "size_bytes", "list_directory", "open_append")) != self.reads:
            return None
        self.left -= 1
        if self.left:
            return None
        self.happened = f"{operation} {path}"
        return self.number


def _append_patiently(journal: Journal, maker: BatchMaker, count: int) -> tuple[list[SealedBatch], int]:
    """Append batch by batch, sealing anew after an error as the gateway does."""
    batches: list[SealedBatch] = []
    failures = 0
    while len(batches) < count:
        group = maker.group(journal, Lane.RECORD, 1)
        try:
            journal.append(group)
        except JournalUnavailable:
            failures += 1
            continue
        batches += group
    return batches, failures


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS, errno.EMFILE])
def test_an_error_in_any_write_or_sync_costs_no_acknowledged_batch(number: int) -> None:
    """Fail the n-th change of a run, for every n: appends go on, and everything acknowledged is there once, in order,
    in the running journal and after a restart with cold caches."""
    for nth in range(1, 200):
        maker = BatchMaker(nth)
        disk = PowerCutFiles(nth)
        journal = open_journal(ROOT, maker, disk)
        fails = FailsOnce(nth, number)
        disk.fail = fails
        batches, failures = _append_patiently(journal, maker, 25)
        assert failures <= 1
        expected = [batch.batch for batch in batches]
        assert [item.batch for item in read_all(journal, Lane.RECORD)] == expected, fails.happened
        journal.close()
        again = open_journal(ROOT, maker, disk.after_cut(nth))
        assert [item.batch for item in read_all(again, Lane.RECORD)] == expected, fails.happened
        if not fails.happened:
            return
    raise AssertionError("the run has more steps than were tried")


@pytest.mark.parametrize("reads", [False, True])
def test_an_error_while_opening_is_named_and_opening_again_works(reads: bool) -> None:
    """Fail the n-th call of a recovery with work to do, for every n: JournalUnavailable or success, and nothing lost."""
    for nth in range(1, 200):
        maker = BatchMaker(7)
        disk = PowerCutFiles(7)
        journal = open_journal(ROOT, maker, disk)
        batches = fill(journal, maker, Lane.RECORD, 12) + fill(journal, maker, Lane.ALARM, 2)
        handle = disk.open_append(ROOT / "record" / journal._logs[Lane.RECORD].path(3).name)
        disk.append(handle, b"SCe1torn")
        disk.sync(handle)
        journal.close()
        fails = FailsOnce(nth, errno.EIO, reads)
        disk.fail = fails
        try:
            again = open_journal(ROOT, maker, disk)
        except JournalUnavailable:
            again = open_journal(ROOT, maker, disk)
        assert [item.batch for item in read_all(again, Lane.RECORD)] == [batch.batch for batch in batches[:12]]
        assert [item.batch for item in read_all(again, Lane.ALARM)] == [batch.batch for batch in batches[12:]]
        again.close()
        if not fails.happened:
            return
    raise AssertionError("the run has more steps than were tried")


def test_a_failed_append_reuses_its_number_and_its_segment_is_void() -> None:
    """After a failed sync the same number is sealed anew, in another segment, and the first writing never shows."""
    maker = BatchMaker()
    disk = PowerCutFiles(1)
    journal = open_journal(ROOT, maker, disk)
    fill(journal, maker, Lane.RECORD, 2)
    disk.fail = lambda operation, path: errno.EIO if operation == "sync" else None
    void = maker.group(journal, Lane.RECORD, 2)
    with pytest.raises(JournalUnavailable, match="injected into sync"):
        journal.append(void)
    assert journal.head(Lane.RECORD).number == 2
    assert journal.is_segment_start(Lane.RECORD)
    assert journal.counters.failed_appends == 1
    disk.fail = lambda operation, path: None
    batches = fill(journal, maker, Lane.RECORD, 1)
    assert batches[0].number == void[0].number == 3
    for _ in range(2):
        stored = read_all(journal, Lane.RECORD)
        assert [item.number for item in stored] == [1, 2, 3]
        assert stored[-1].batch == batches[0].batch
        journal.close()
        journal = open_journal(ROOT, maker, disk)
    received = journal.recovery.received
    for kid, _, ranges in void[1].received:
        for low, high in ranges:
            assert not any(start <= low <= high <= end for start, end in received[kid][1])


def test_what_is_left_of_a_failed_append_takes_no_number_from_what_was_written_again() -> None:
    """Of a failed append that began a segment only its second batch is good: the first number, written again in the next segment
    and acknowledged, is no hole."""
    maker = BatchMaker()
    disk = PowerCutFiles(1)
    journal = open_journal(ROOT, maker, disk)
    first = fill(journal, maker, Lane.RECORD, 1)
    void = maker.group(journal, Lane.RECORD, 2)
    disk.fail = lambda operation, path: errno.EIO if operation == "sync" else None
    with pytest.raises(JournalUnavailable):
        journal.append(void)
    disk.fail = lambda operation, path: None
    log = journal._logs[Lane.RECORD]
    left = log.path(log.next_serial)
    log.next_serial += 1  # as if there had been another try
    entries = [encode_batch(BatchEntry(batch.number, batch.received, batch.batch)) for batch in void]
    batches = first + fill(journal, maker, Lane.RECORD, 2)
    journal.close()
    disk = disk.clone()
    disk.store(left, bytes(100 + len(entries[0])) + entries[1])
    for _ in range(2):
        journal = open_journal(ROOT, maker, disk)
        assert [item.batch for item in read_all(journal, Lane.RECORD)] == [batch.batch for batch in batches]
        journal.close()


def test_what_a_failed_append_left_takes_no_number_from_what_was_written_again_and_lost() -> None:
    """The number was written again in the next segment, whose beginning is damaged: what stands under it is not what counted, and a
    gap goes before the first good batch."""
    maker = BatchMaker()
    disk = PowerCutFiles(1)
    journal = open_journal(ROOT, maker, disk)
    first = fill(journal, maker, Lane.RECORD, 2)
    (void,) = maker.group(journal, Lane.RECORD, 1)
    disk.fail = lambda operation, path: errno.EIO if operation == "sync" else None
    with pytest.raises(JournalUnavailable):
        journal.append([void])
    disk.fail = lambda operation, path: None
    lost, good = maker.group(journal, Lane.RECORD, 2)
    journal.append([lost, good])
    log = journal._logs[Lane.RECORD]
    earlier, later = (log.path(segment.serial) for segment in log.segments)
    size_bytes = log.segments[0].size_bytes
    journal.close()
    disk = disk.clone()
    left, kept = (encode_batch(BatchEntry(batch.number, batch.received, batch.batch)) for batch in (void, good))
    disk.store(earlier, disk.content(earlier)[:size_bytes] + left)  # the sync failed, and the disk has it all the same
    disk.store(later, bytes(len(disk.content(later)) - len(kept)) + kept)
    for _ in range(2):
        journal = open_journal(ROOT, maker, disk)
        stored = read_all(journal, Lane.RECORD)
        gap = gap_bytes(Lane.RECORD, lost.instance, lost.number, lost.number, link_of(lost.batch), 1)
        assert [item.batch for item in stored] == [*(batch.batch for batch in first), gap, good.batch]
        journal.close()


def test_a_void_file_that_cannot_be_removed_never_outlives_what_makes_it_void() -> None:
    """The leftover of a failed append stays for a while; before the segment behind it is deleted, it goes."""
    maker = BatchMaker()
    disk = PowerCutFiles(1)
    journal = open_journal(ROOT, maker, disk)
    disk.fail = lambda operation, path: (
        errno.EIO if operation == "unlink" or (operation == "sync_directory" and path == ROOT / "record") else None
    )
    journal._logs[Lane.RECORD].close_segment()  # so that the next append creates a file
    with pytest.raises(JournalUnavailable):
        fill(journal, maker, Lane.RECORD, 1)
    disk.fail = lambda operation, path: None
    void = disk.list_directory(ROOT / "record")
    assert "000000000002.seg" in void
    batches = fill(journal, maker, Lane.RECORD, 40)
    journal.note_receipt(receipt_for(batches[-1]), b"raw")
    assert journal._room.delete_receipted(3_000) >= 2
    assert "000000000002.seg" not in disk.list_directory(ROOT / "record")
    journal.close()
    again = open_journal(ROOT, maker, disk.after_cut(1))
    stored = [item.batch for item in read_all(again, Lane.RECORD)]
    assert stored == [batch.batch for batch in batches[-len(stored) :]]


def test_a_full_disk_is_called_full_and_receipted_segments_make_room() -> None:
    """ENOSPC raises JournalFull, deletes what the city has, and the next append finds room."""
    maker = BatchMaker()
    disk = PowerCutFiles(1)
    journal = open_journal(ROOT, maker, disk)
    batches = fill(journal, maker, Lane.RECORD, 40)
    journal.note_receipt(receipt_for(batches[29]), b"raw")
    segments = journal.usage().segments
    disk.fail = lambda operation, path: (
        errno.ENOSPC if operation == "append" and journal.usage().segments == segments else None
    )
    with pytest.raises(JournalFull):
        fill(journal, maker, Lane.RECORD, 1)
    assert journal.counters.deleted_segments >= 1
    batches += fill(journal, maker, Lane.RECORD, 1)
    stored = [item.batch for item in read_all(journal, Lane.RECORD)]
    assert stored == [batch.batch for batch in batches[-len(stored) :]]
    assert len(stored) >= 11


def test_a_snapshot_that_fails_does_not_fail_the_append() -> None:
    """received.snap is a help: if it cannot be written it is counted, and taken again later."""
    maker = BatchMaker()
    disk = PowerCutFiles(1)
    journal = open_journal(ROOT, maker, disk)
    disk.fail = lambda operation, path: errno.EIO if path is not None and path.name == "received.new" else None
    fill(journal, maker, Lane.RECORD, 30)
    assert journal.counters.failed_snapshots > 0
    disk.fail = lambda operation, path: None
    fill(journal, maker, Lane.RECORD, 1)
    assert journal.counters.snapshots == 1


def test_a_bad_block_costs_the_batches_on_it() -> None:
    """A block that can never be read again is damage, not the end: the rest of the segment is salvaged."""
    maker = BatchMaker()
    disk = PowerCutFiles(1)
    journal = open_journal(ROOT, maker, disk, JournalLimits(400_000, 50_000))
    batches = fill(journal, maker, Lane.TREND, 20, 2_000)
    log = journal._logs[Lane.TREND]
    path = log.path(log.segments[0].serial)
    bad_file = disk._file(path)
    honest = disk.read

    def read(file: Path, offset: int = 0, size_bytes: int = -1) -> bytes:
        end = offset + (size_bytes if size_bytes >= 0 else 1 << 30)
        if disk._file(file) is bad_file and offset <= 9_000 < end:
            raise OSError(errno.EIO, "bad block")
        return honest(file, offset, size_bytes)

    disk.read = read  # type: ignore[assignment,method-assign]
    stored = read_all(journal, Lane.TREND)
    gaps = [item for item in stored if item.is_gap]
    assert [item.number for item in stored if not item.is_gap] == [
        number for number in range(1, 21) if not gaps[0].first <= number <= gaps[0].number
    ]
    assert len(gaps) == 1
    assert gaps[0].number - gaps[0].first <= 5
    assert len(batches) == 20


def test_out_of_descriptors_is_not_taken_for_damage() -> None:
    """EMFILE while reading is Unavailable: nothing is quarantined, nothing replaced."""
    maker = BatchMaker()
    disk = PowerCutFiles(1)
    journal = open_journal(ROOT, maker, disk)
    fill(journal, maker, Lane.TREND, 5)
    disk.fail = lambda operation, path: errno.EMFILE if operation == "read" else None
    with pytest.raises(JournalUnavailable):
        journal.read_after(Lane.TREND, None, 0, 10, 10_000)
    disk.fail = lambda operation, path: None
    assert len(read_all(journal, Lane.TREND)) == 5
    assert journal.counters.losses == {}


def test_what_could_not_be_synced_before_a_new_instance_stays_void() -> None:
    """The new instance's header says where the old one ended, so a failed append's entry does not come back."""
    maker = BatchMaker()
    disk = PowerCutFiles(1)
    journal = open_journal(ROOT, maker, disk)
    batches = fill(journal, maker, Lane.RECORD, 2)
    disk.fail = lambda operation, path: errno.EIO if operation == "sync" else None
    with pytest.raises(JournalUnavailable):
        fill(journal, maker, Lane.RECORD, 1)
    disk.fail = lambda operation, path: None
    path = journal._logs[Lane.RECORD].path(1)
    disk.store(path, disk.content(path))  # the disk has it after all
    journal.new_instance(Lane.RECORD)
    batches += fill(journal, maker, Lane.RECORD, 1)
    journal.close()
    again = open_journal(ROOT, maker, disk)
    assert [item.batch for item in read_all(again, Lane.RECORD)] == [batch.batch for batch in batches]
    assert again.recovery.reasons == {"void": 1}


def test_what_only_the_cache_has_does_not_count_after_a_restart() -> None:
    """A sync fails, the process is killed, the file still reads well: recovery keeps only what outlives a power cut."""
    for seed in range(20):
        maker = BatchMaker(seed)
        disk = PowerCutFiles(seed)
        journal = open_journal(ROOT, maker, disk)
        fill(journal, maker, Lane.RECORD, 1)
        disk.fail = lambda operation, path: errno.EIO if operation == "sync" else None
        with pytest.raises(JournalUnavailable):
            journal.append(maker.group(journal, Lane.RECORD, 2))
        disk.fail = lambda operation, path: None
        kept = read_all(open_journal(ROOT, maker, disk), Lane.RECORD)
        assert read_all(open_journal(ROOT, maker, disk.after_cut(seed)), Lane.RECORD) == kept, f"seed={seed}"


def test_a_segment_is_deleted_only_after_its_receipt_is_durable() -> None:
    """Wherever a deletion is cut, recovery finds no hole that the city would have to be told of."""
    for steps in range(1, 12):
        for seed in range(6):
            maker = BatchMaker(seed)
            disk = PowerCutFiles(seed)
            journal = open_journal(ROOT, maker, disk)
            batches = fill(journal, maker, Lane.RECORD, 30)
            journal.note_receipt(receipt_for(batches[-1]), b"raw")
            disk.cut_at = disk.steps + steps
            with suppress(PowerCutError):
                journal._room.delete_receipted(3_000)
            again = open_journal(ROOT, maker, disk.after_cut(seed))
            assert not any(item.is_gap for item in read_all(again, Lane.RECORD)), f"steps={steps} seed={seed}"


def test_a_segment_is_deleted_only_after_its_numbers_are_in_the_snapshot() -> None:
    """While received.snap cannot be written nothing goes, however receipted; then it goes, and a start still knows every frame."""
    maker, disk = BatchMaker(1), PowerCutFiles(1)
    journal = open_journal(ROOT, maker, disk)
    disk.fail = lambda operation, path: errno.EIO if path is not None and path.name == "received.new" else None
    batches = fill(journal, maker, Lane.RECORD, 30)
    journal.note_receipt(receipt_for(batches[-1]), b"raw")
    known = journal._snapshot.received.by_kid()
    assert journal._room.delete_receipted(3_000) == 0
    disk.fail = lambda operation, path: None
    assert journal._room.delete_receipted(3_000) >= 2
    for seed in range(4):
        again = open_journal(ROOT, maker, disk.after_cut(seed))
        assert again.recovery.received == known
        again.close()


def test_a_segment_is_evicted_only_after_its_numbers_are_in_the_snapshot() -> None:
    """While received.snap cannot be written the batches stay; then a gap takes their place, and a start still knows every frame."""
    maker, disk = BatchMaker(1), PowerCutFiles(1)
    journal = open_journal(ROOT, maker, disk)
    disk.fail = lambda operation, path: errno.EIO if path is not None and path.name == "received.new" else None
    batches = fill(journal, maker, Lane.RECORD, 30)
    known = journal._snapshot.received.by_kid()
    eviction = journal.next_eviction()
    assert eviction is not None
    with pytest.raises(JournalUnavailable):
        journal.evict(eviction)
    assert [item.batch for item in read_all(journal, Lane.RECORD)] == [batch.batch for batch in batches]
    disk.fail = lambda operation, path: None
    journal.evict(eviction)
    for seed in range(4):
        again = open_journal(ROOT, maker, disk.after_cut(seed))
        assert again.recovery.received == known and read_all(again, Lane.RECORD)[0].is_gap
        again.close()


@pytest.mark.parametrize(
    ("number", "deleted", "failed"), [(errno.ENOSPC, 1, 0), (errno.EDQUOT, 1, 0), (errno.EIO, 0, 1)]
)
def test_a_disk_too_full_for_a_receipt_lets_one_segment_go_and_a_broken_one_none(
    number: int, deleted: int, failed: int
) -> None:
    """Else a disk that is full to the last byte would never have room again, however much the city holds."""
    maker, disk = BatchMaker(1), PowerCutFiles(1)
    journal = open_journal(ROOT, maker, disk)
    batches = fill(journal, maker, Lane.RECORD, 30)
    disk.fail = lambda operation, path: number if path is not None and path.name.startswith("receipts.") else None
    journal.note_receipt(receipt_for(batches[-1]), b"raw")
    segments = len(journal._logs[Lane.RECORD].segments)
    journal._room.delete_receipted(1 << 30)
    assert segments - len(journal._logs[Lane.RECORD].segments) == deleted
    assert journal.counters.failed_deletions >= failed
    disk.fail = lambda operation, path: None
    journal._room.delete_receipted(1 << 30)
    assert len(journal._logs[Lane.RECORD].segments) == 1
    journal.close()


@pytest.mark.parametrize("operation", ["append", "sync", "sync_directory"])
@pytest.mark.parametrize("seed", range(6))
def test_where_a_key_ends_is_not_said_while_a_failed_append_may_be_found_after_a_restart(
    operation: str, seed: int
) -> None:
    """A head that was said to be certain is the head after a power cut, unless the lane begins anew; else the question is refused."""
    maker, disk = BatchMaker(seed), PowerCutFiles(seed)
    journal = open_journal(ROOT, maker, disk)
    kept = fill(journal, maker, Lane.RECORD, 3)
    if operation == "sync_directory":
        journal._logs[Lane.RECORD].close_segment()  # so that the next append creates a file
    assert journal.heads_for_key_change() == tuple(journal.head(lane) for lane in Lane)
    disk.fail = lambda name, _path: errno.EIO if name == operation else None
    with pytest.raises(JournalUnavailable):
        fill(journal, maker, Lane.RECORD, 1)
    disk.fail = lambda _name, _path: None
    fill(journal, maker, Lane.TREND, 1)
    with pytest.raises(JournalUnavailable, match="record: the last write failed"):
        journal.heads_for_key_change()
    journal.close()
    journal = open_journal(ROOT, maker, disk.after_cut(seed))
    journal.note_receipt(receipt_for(kept[-1]), b"raw")  # an older instance that is owed is another matter
    journal.heads_for_key_change()  # recovery has settled it
    fill(journal, maker, Lane.RECORD, 1)
    said = journal.heads_for_key_change()[Lane.RECORD]
    journal.close()
    found = open_journal(ROOT, maker, disk.after_cut(seed)).head(Lane.RECORD)
    assert found.instance != said.instance or found.number <= said.number


def test_the_next_append_makes_the_end_certain_again() -> None:
    """Its segment's header makes void whatever the failed one has left."""
    maker, disk = BatchMaker(1), PowerCutFiles(1)
    journal = open_journal(ROOT, maker, disk)
    disk.fail = lambda name, _path: errno.EIO if name == "sync" else None
    with pytest.raises(JournalUnavailable):
        fill(journal, maker, Lane.ALARM, 1)
    disk.fail = lambda _name, _path: None
    fill(journal, maker, Lane.ALARM, 1)
    said = journal.heads_for_key_change()[Lane.ALARM]
    for seed in range(8):
        found = open_journal(ROOT, maker, disk.after_cut(seed)).head(Lane.ALARM)
        assert found == said


class TwoFacedFiles(PowerCutFiles):
    """Bad sectors that come and go: a part of a segment reads as zeros, the whole of it as it was written."""

    is_lying = False

    def read(self, path: Path, offset: int = 0, size_bytes: int = -1) -> bytes:
        data = super().read(path, offset, size_bytes)
        return bytes(len(data)) if self.is_lying and size_bytes >= 0 and path.suffix == ".seg" else data


def test_what_reads_differently_each_time_is_no_ground_for_a_receipt() -> None:
    """Salvage finds nothing to mend, reading finds damage: after some tries the journal says so, and believes neither a receipt nor a
    resend; when the disk reads well again both count, and nothing was given up."""
    maker, disk = BatchMaker(1), TwoFacedFiles(1)
    journal = open_journal(ROOT, maker, disk)
    batches = fill(journal, maker, Lane.RECORD, 3)
    instance = batches[0].instance
    disk.is_lying = True
    with pytest.raises(JournalUnavailable, match="again and again"):
        journal.note_receipt(receipt_for(batches[0]), b"raw")
    with pytest.raises(JournalUnavailable, match="again and again"):
        journal.rewind(Lane.RECORD, instance, 1, link_of(batches[0].batch))
    with pytest.raises(JournalUnavailable, match="again and again"):
        journal.read_after(Lane.RECORD, instance, 0, 8, 100_000)
    assert journal.receipted(Lane.RECORD) == 0
    disk.is_lying = False
    assert journal.note_receipt(receipt_for(batches[0]), b"raw") is ReceiptVerdict.OK
    assert [item.batch for item in read_all(journal, Lane.RECORD)] == [batch.batch for batch in batches]
    assert not journal.counters.losses
    journal.close()
