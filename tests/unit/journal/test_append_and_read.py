# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Appending, rolling, reading, receipts and room, on a disk that works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateway_agent.errors import ConfigError
from gateway_agent.journal import Journal, JournalBusy, JournalFull, JournalLimits, OsFiles, ReceiptVerdict
from gateway_agent.model import GatewayId, Lane, LaneHead
from tests.support.journal_batches import BatchMaker, link_of, receipt_for, seal
from tests.support.journal_campaign import read_all
from tests.unit.journal.journal_cases import LIMITS, fill, open_journal, segment_files


class CountingFiles(OsFiles):
    """The real disk, and a list of what was synced."""

    def __init__(self) -> None:
        self.synced: list[str] = []

    def sync(self, handle: int) -> None:
        self.synced.append("file")
        super().sync(handle)

    def sync_directory(self, path: Path) -> None:
        self.synced.append(path.name)
        super().sync_directory(path)


def test_what_was_appended_is_read_in_order_across_segments_and_restarts(tmp_path: Path) -> None:
    """Batches come back byte for byte, in order, from several segments, before and after a restart."""
    maker = BatchMaker()
    journal = open_journal(tmp_path, maker)
    batches = fill(journal, maker, Lane.RECORD, 40)
    assert len(segment_files(tmp_path, Lane.RECORD)) > 2
    assert [item.batch for item in read_all(journal, Lane.RECORD)] == [batch.batch for batch in batches]
    head = journal.head(Lane.RECORD)
    journal.close()
    again = open_journal(tmp_path, maker)
    assert again.head(Lane.RECORD) == head == LaneHead(Lane.RECORD, head.instance, 40, link_of(batches[-1].batch))
    assert [item.batch for item in read_all(again, Lane.RECORD)] == [batch.batch for batch in batches]
    assert again.recovery.losses == ()
    assert again.recovery.batches == 40
    assert [item.number for item in again.read_after(Lane.RECORD, head.instance, 38, 10, 10_000)] == [39, 40]
    assert again.read_after(Lane.RECORD, head.instance, 40, 10, 10_000) == []
    again.close()


def test_a_batch_larger_than_the_limit_of_bytes_is_read_alone(tmp_path: Path) -> None:
    """A reader is never stuck before a big batch."""
    maker = BatchMaker()
    journal = open_journal(tmp_path, maker)
    fill(journal, maker, Lane.TREND, 3, 900)
    assert [item.number for item in journal.read_after(Lane.TREND, None, 0, 10, 1)] == [1]
    assert [item.number for item in journal.read_after(Lane.TREND, None, 0, 2, 100_000)] == [1, 2]
    journal.close()


def test_one_append_syncs_each_file_once_and_the_directory_of_new_files(tmp_path: Path) -> None:
    """A group over two lanes costs two file syncs, and two directory syncs only while the segments are new."""
    maker = BatchMaker()
    files = CountingFiles()
    journal = open_journal(tmp_path, maker, files)
    journal.append(maker.group(journal, Lane.ALARM, 3) + maker.group(journal, Lane.TREND, 3))
    files.synced.clear()
    before = journal.counters.syncs
    journal.append(maker.group(journal, Lane.ALARM, 3) + maker.group(journal, Lane.TREND, 3))
    assert files.synced == ["file", "file"]
    assert journal.counters.syncs - before == 2
    journal.close()


def test_the_start_of_a_segment_is_known_before_its_first_batch_is_sealed(tmp_path: Path) -> None:
    """`is_segment_start` says true exactly when the next append puts its first batch into an empty segment."""
    maker = BatchMaker()
    journal = open_journal(tmp_path, maker)
    starts = []
    for _ in range(30):
        said = journal.is_segment_start(Lane.RECORD)
        fill(journal, maker, Lane.RECORD, 1)
        firsts = [segment.first for segment in journal._logs[Lane.RECORD].segments]
        assert said == (journal.head(Lane.RECORD).number in firsts)
        starts.append(said)
    assert starts[0] and sum(starts) > 2
    journal.close()


def test_a_batch_that_does_not_follow_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """A wrong number or instance is our own mistake: ValueError, and the journal is as before."""
    maker = BatchMaker()
    journal = open_journal(tmp_path, maker)
    head = journal.head(Lane.ALARM)
    for wrong in (head._replace(number=1), head._replace(instance=b"another!")):
        with pytest.raises(ValueError, match="does not follow"):
            journal.append([*maker.group(journal, Lane.TREND, 1), seal(wrong, b"")])
    assert read_all(journal, Lane.TREND) == []
    fill(journal, maker, Lane.ALARM, 1)
    journal.close()


def test_an_old_instance_is_read_before_the_new_one(tmp_path: Path) -> None:
    """After a new instance both are kept, in the order in which they were written, also after a restart."""
    maker = BatchMaker()
    journal = open_journal(tmp_path, maker)
    old = fill(journal, maker, Lane.RECORD, 5)
    journal.new_instance(Lane.RECORD)
    assert journal.is_segment_start(Lane.RECORD)
    assert journal.head(Lane.RECORD).number == 0
    new = fill(journal, maker, Lane.RECORD, 4)
    assert old[0].instance != new[0].instance
    for _ in range(2):
        assert [item.batch for item in read_all(journal, Lane.RECORD)] == [batch.batch for batch in old + new]
        behind = journal.read_after(Lane.RECORD, old[0].instance, 5, 9, 9_999)
        assert [item.number for item in behind] == [1, 2, 3, 4]
        assert journal.unreceipted_from(Lane.RECORD) == (old[0].instance, 0)
        journal.close()
        journal = open_journal(tmp_path, maker)
    journal.note_receipt(receipt_for(old[-1]), b"raw")
    assert journal.unreceipted_from(Lane.RECORD) == (new[0].instance, 0)
    journal.close()


def test_a_receipt_is_ok_then_stale_and_contradicts_with_another_link_or_a_future_number(tmp_path: Path) -> None:
    """The three verdicts, and a position that outlives a restart."""
    maker = BatchMaker()
    journal = open_journal(tmp_path, maker)
    batches = fill(journal, maker, Lane.RECORD, 30)
    third = receipt_for(batches[2])
    assert journal.note_receipt(third._replace(link=bytes(32)), b"") is ReceiptVerdict.CONTRADICTION
    assert journal.receipted(Lane.RECORD) == 0
    assert journal.note_receipt(third, b"raw") is ReceiptVerdict.OK
    assert journal.receipted(Lane.RECORD) == 3
    assert journal.note_receipt(third, b"raw") is ReceiptVerdict.STALE
    assert journal.note_receipt(receipt_for(batches[0]), b"raw") is ReceiptVerdict.STALE
    assert journal.note_receipt(third._replace(link=bytes(32)), b"") is ReceiptVerdict.CONTRADICTION
    assert journal.note_receipt(third._replace(number=31), b"") is ReceiptVerdict.CONTRADICTION
    assert journal.note_receipt(third._replace(number=9, instance=b"unknown!"), b"") is ReceiptVerdict.STALE
    assert journal.note_receipt(third._replace(gateway_id=GatewayId("other")), b"") is ReceiptVerdict.STALE
    assert journal.receipted(Lane.RECORD) == 3
    journal.close()
    again = open_journal(tmp_path, maker)
    assert again.receipted(Lane.RECORD) == 3
    assert again.unreceipted_from(Lane.RECORD) == (batches[0].instance, 3)
    assert again.usage().unreceipted_batches == 27
    again.close()


def test_thousands_of_receipts_keep_their_log_small(tmp_path: Path) -> None:
    """The log of receipts is rewritten when it has grown, and the newest position stays."""
    maker = BatchMaker()
    journal = open_journal(tmp_path, maker, limits=JournalLimits(8_000_000, 1_000_000))
    batches = []
    for _ in range(40):
        group = maker.group(journal, Lane.TREND, 20, 10)
        journal.append(group)
        batches += group
    for batch in batches:
        assert journal.note_receipt(receipt_for(batch), bytes(250)) is ReceiptVerdict.OK
    assert (tmp_path / "receipts.log").stat().st_size < 70_000
    journal.close()
    again = open_journal(tmp_path, maker)
    assert again.receipted(Lane.TREND) == 800
    again.close()


def test_only_receipted_segments_are_deleted_and_only_when_room_is_needed(tmp_path: Path) -> None:
    """Nothing goes before the journal is nearly full; then receipted segments go, and what is not receipted stays."""
    maker = BatchMaker()
    limits = JournalLimits(40_000, 2_000)
    journal = open_journal(tmp_path, maker, limits=limits)
    batches = fill(journal, maker, Lane.RECORD, 40)
    journal.note_receipt(receipt_for(batches[29]), b"raw")
    assert journal.trim() == 0
    assert journal.usage().batches == 40
    batches += fill(journal, maker, Lane.RECORD, 110)
    usage = journal.usage()
    assert usage.bytes <= usage.bytes_max
    stored = [item.batch for item in read_all(journal, Lane.RECORD)]
    assert stored == [batch.batch for batch in batches[-len(stored) :]]
    assert len(stored) >= 120
    assert journal.counters.deleted_segments > 0
    assert usage.oldest[Lane.RECORD] == (batches[0].instance, 151 - len(stored))
    journal.close()


def test_a_full_journal_says_so_keeps_everything_and_goes_on_after_a_receipt(tmp_path: Path) -> None:
    """With nothing receipted an append raises JournalFull and changes nothing; a receipt makes it work again."""
    maker = BatchMaker()
    journal = open_journal(tmp_path, maker, limits=JournalLimits(16_000, 2_000))
    batches = []
    with pytest.raises(JournalFull, match="receipts come, or raise"):
        for _ in range(1_000):
            batches += fill(journal, maker, Lane.TREND, 1)
    assert journal.usage().bytes <= 16_000
    assert [item.batch for item in read_all(journal, Lane.TREND)] == [batch.batch for batch in batches]
    assert journal.note_receipt(receipt_for(batches[len(batches) // 2]), b"raw") is ReceiptVerdict.OK
    fill(journal, maker, Lane.TREND, 5)
    journal.close()


def test_received_numbers_outlive_the_segments_that_held_them(tmp_path: Path) -> None:
    """After trimming and a restart every number that was ever appended is still known."""
    maker = BatchMaker()
    limits = JournalLimits(20_000, 2_000)
    journal = open_journal(tmp_path, maker, limits=limits)
    batches = []
    for _ in range(150):
        batches += fill(journal, maker, Lane.RECORD, 1)
        journal.note_receipt(receipt_for(batches[-1]), b"raw")
    assert journal.usage().batches < 150
    journal.close()
    again = open_journal(tmp_path, maker, limits=limits)
    received = again.recovery.received
    for batch in batches:
        for kid, _, ranges in batch.received:
            for low, high in ranges:
                assert any(start <= low and high <= end for start, end in received[kid][1])
    assert again.recovery.losses == ()
    again.close()


def test_a_start_reads_only_what_the_snapshot_does_not_cover(tmp_path: Path) -> None:
    """Finished segments are trusted by their headers, so a start does not read a full journal."""
    maker = BatchMaker()
    journal = open_journal(tmp_path, maker)
    fill(journal, maker, Lane.RECORD, 60)
    journal.close()
    again = open_journal(tmp_path, maker)
    assert len(segment_files(tmp_path, Lane.RECORD)) > 4
    assert again._recoveries[Lane.RECORD].scanned_segments == 1
    again.close()


def test_a_second_opener_is_refused_in_plain_words(tmp_path: Path) -> None:
    """Two agents on one journal: the second gets JournalBusy, from another process too."""
    maker = BatchMaker()
    journal = open_journal(tmp_path, maker)
    with pytest.raises(JournalBusy, match="in use by another process"):
        open_journal(tmp_path, maker)
    code = (
        "import sys; from pathlib import Path; from gateway_agent.journal import Journal, JournalBusy, JournalLimits\n"
        "try: Journal.open(Path(sys.argv[1]), 'test-only-01', JournalLimits())\n"
        "except JournalBusy: print('busy')"
    )
    answer = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert answer.stdout == "busy\n"
    journal.close()
    open_journal(tmp_path, maker).close()


def test_files_are_ours_alone(tmp_path: Path) -> None:
    """Directories have mode 0700 and files 0600."""
    maker = BatchMaker()
    journal = open_journal(tmp_path / "journal", maker)
    fill(journal, maker, Lane.ALARM, 1)
    journal.close()
    for path in (tmp_path / "journal").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_another_gateways_journal_is_refused_and_untouched(tmp_path: Path) -> None:
    """A journal of another gateway is a configuration mistake, not damage."""
    maker = BatchMaker()
    journal = open_journal(tmp_path, maker)
    fill(journal, maker, Lane.ALARM, 3)
    journal.close()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.seg")}
    with pytest.raises(ConfigError, match="test-only-01"):
        Journal.open(tmp_path, GatewayId("other"), LIMITS)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.seg")} == before


def test_limits_that_cannot_work_are_a_config_error() -> None:
    """bytes_max below eight segments is refused when it is configured, not when the disk is full."""
    with pytest.raises(ConfigError, match="at least 8 times"):
        JournalLimits(bytes_max=7_000, segment_bytes=1_000)


def test_memory_does_not_grow_with_the_batches_of_a_segment(tmp_path: Path) -> None:
    """A segment is one small object, however many batches it holds and however often it is read."""
    maker = BatchMaker()
    journal = open_journal(tmp_path, maker, limits=JournalLimits(80_000_000, 10_000_000))
    journal.append(maker.group(journal, Lane.TREND, 3_000, 20))
    assert len(read_all(journal, Lane.TREND, 100)) == 3_000
    log = journal._logs[Lane.TREND]
    assert len(log.segments) == 1
    assert len(log._places) <= 64
    journal.close()
