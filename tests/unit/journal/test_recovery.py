# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Opening a journal whose files were cut, flipped, removed or mixed up. Everything that is lost is counted by reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_agent.errors import ConfigError
from gateway_agent.journal import Journal, JournalLimits, StoredBatch
from gateway_agent.journal.segment import Header, Piece, frame, scan
from gateway_agent.model import Lane, SealedBatch
from gateway_agent.wire import cbor
from tests.support.journal_batches import GATEWAY, BatchMaker, gap_bytes, link_of, receipt_for
from tests.support.journal_campaign import read_all
from tests.support.power_cut_files import PowerCutFiles
from tests.unit.journal.journal_cases import LIMITS, fill, open_journal, segment_files

ROOT = Path("/data/journal")
SMALL = JournalLimits(20_000, 700)
Made = tuple[Path, BatchMaker, list[SealedBatch]]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A closed journal of 24 records in several segments, the last of which holds more than one."""
    directory = tmp_path / "made"
    maker = BatchMaker(3)
    journal = open_journal(directory, maker)
    batches = fill(journal, maker, Lane.RECORD, 24)
    assert len(journal._logs[Lane.RECORD].segments) >= 3
    assert journal._logs[Lane.RECORD].segments[-1].last - journal._logs[Lane.RECORD].segments[-1].first >= 2
    journal.close()
    return directory, maker, batches


def _number(piece: Piece) -> int:
    assert not isinstance(piece.entry, Header)
    return piece.entry.number


def _numbers(stored: list[StoredBatch]) -> list[int]:
    return [item.number for item in stored]


def _quarantined(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((directory / "quarantine").iterdir()))


@pytest.fixture
def in_memory() -> tuple[PowerCutFiles, BatchMaker, list[SealedBatch], Path]:
    """The same on a disk in memory, and the path of its last segment: for the tests of every byte."""
    maker = BatchMaker(3)
    disk = PowerCutFiles()
    journal = open_journal(ROOT, maker, disk, SMALL)
    batches = fill(journal, maker, Lane.RECORD, 9, 40)
    log = journal._logs[Lane.RECORD]
    assert log.segments[-1].last - log.segments[-1].first >= 2
    journal.close()
    return disk, maker, batches, log.path(log.segments[-1].serial)


def _aside(disk: PowerCutFiles) -> bytes:
    directory = ROOT / "quarantine"
    return b"".join(disk.content(directory / name) for name in sorted(disk.list_directory(directory)))


def test_every_cut_of_the_last_segment_keeps_what_is_before_it(
    in_memory: tuple[PowerCutFiles, BatchMaker, list[SealedBatch], Path],
) -> None:
    """Wherever the last file ends: it opens, whole entries stay, the torn bytes are set aside and counted, and the
    lane goes on under a new instance, so that no number gets a second meaning."""
    original, maker, batches, path = in_memory
    whole = original.content(path)
    ends = [piece.end for piece in scan(whole).pieces]
    first = len(batches) - (len(ends) - 1) + 1
    for size in range(len(whole)):
        disk = original.clone()
        disk.store(path, whole[:size])
        journal = open_journal(ROOT, maker, disk, SMALL)
        kept = first - 1 + max(0, sum(end <= size for end in ends) - 1)
        stored = read_all(journal, Lane.RECORD)
        assert [item.batch for item in stored] == [batch.batch for batch in batches[:kept]], size
        torn = size - max([end for end in ends if end <= size], default=0)
        is_readable = size >= ends[0]
        assert journal.recovery.reasons["torn_tail"] == (1 if torn and is_readable else 0)
        assert journal.recovery.reasons["unreadable_segment"] == (0 if is_readable else 1)
        assert len(_aside(disk)) == torn
        # A cut between two entries cannot be seen here; only the city can contradict it (docs/journal.md, Numbers).
        is_seen = torn > 0 or size <= ends[0]
        assert (journal.recovery.new_instances == (Lane.RECORD,)) == is_seen, size
        assert (journal.head(Lane.RECORD).instance != batches[0].instance) == is_seen
        more = fill(journal, maker, Lane.RECORD, 2)
        journal.close()
        again = open_journal(ROOT, maker, disk, SMALL)
        assert [item.batch for item in read_all(again, Lane.RECORD)] == [b.batch for b in [*batches[:kept], *more]]
        assert again.recovery.losses == ()


def test_every_flipped_byte_of_the_last_segment_costs_one_batch_at_most(
    in_memory: tuple[PowerCutFiles, BatchMaker, list[SealedBatch], Path],
) -> None:
    """Whichever byte of the last file is bad: it opens, all other batches stay in order, the lost one is named by a
    gap (or, at the very end, leads to a new instance), and the bad bytes are in quarantine."""
    original, maker, batches, path = in_memory
    whole = original.content(path)
    pieces = scan(whole).pieces
    for position in range(len(whole)):
        data = bytearray(whole)
        data[position] ^= 0x10
        disk = original.clone()
        disk.store(path, bytes(data))
        journal = open_journal(ROOT, maker, disk, SMALL)
        hit = next(piece for piece in pieces if piece.start <= position < piece.end)
        stored = read_all(journal, Lane.RECORD)
        kept = [item.batch for item in stored if not item.is_gap]
        gaps = [(item.first, item.number) for item in stored if item.is_gap]
        if hit is pieces[0]:  # the header
            assert kept == [batch.batch for batch in batches]
            assert gaps == []
            assert journal.recovery.reasons == {"damaged": 1}
        elif hit is pieces[-1]:
            assert kept == [batch.batch for batch in batches[:-1]]
            assert gaps == []
            assert journal.recovery.reasons == {"torn_tail": 1}
            assert journal.recovery.new_instances == (Lane.RECORD,)
        else:
            lost = _number(hit)
            assert kept == [batch.batch for batch in batches if batch.number != lost]
            assert gaps == [(lost, lost)]
            assert _numbers(stored) == list(range(1, len(batches) + 1))
            assert journal.recovery.reasons == {"damaged": 1}
            assert journal.recovery.damaged_batches == 1
            assert journal.recovery.new_instances == ()
        assert bytes(data[hit.start : hit.end]) in _aside(disk)


def test_a_gap_carries_the_link_of_the_batch_behind_it(made: Made) -> None:
    """The stored gap is what the signer was asked for: first, last, and the link that the next batch carries."""
    directory, maker, batches = made
    path = segment_files(directory, Lane.RECORD)[-1]
    data = bytearray(path.read_bytes())
    entries = scan(bytes(data)).pieces[1:]
    data[entries[0].end - 1] ^= 1
    path.write_bytes(data)
    journal = open_journal(directory, maker)
    lost = batches[_number(entries[0]) - 1]
    gap = next(item for item in read_all(journal, Lane.RECORD) if item.is_gap)
    expected = gap_bytes(Lane.RECORD, lost.instance, lost.number, lost.number, link_of(lost.batch), 1)
    assert gap.batch == expected
    assert journal.note_receipt(receipt_for(lost), b"raw").value == "ok"
    journal.close()


def test_a_finished_segment_that_goes_bad_is_salvaged_when_it_is_read(made: Made) -> None:
    """Damage in a trusted segment does not stop reading: good batches, then a gap, then the rest, also after a restart."""
    directory, maker, batches = made
    path = segment_files(directory, Lane.RECORD)[0]
    data = bytearray(path.read_bytes())
    lost = scan(bytes(data)).pieces[2]
    data[lost.start + 20] ^= 1
    path.write_bytes(data)
    journal = open_journal(directory, maker)
    assert journal.recovery.losses == ()
    stored = read_all(journal, Lane.RECORD)
    assert _numbers(stored) == list(range(1, 25))
    assert [item.number for item in stored if item.is_gap] == [_number(lost)]
    assert journal.counters.losses == {"damaged": 1}
    assert bytes(data) in _quarantined(directory)
    journal.close()
    again = open_journal(directory, maker)
    assert read_all(again, Lane.RECORD) == stored
    again.close()
    assert len([batch for batch in batches if batch.batch in {item.batch for item in stored}]) == 23


def test_the_segment_being_written_is_salvaged_when_it_is_read_and_appending_goes_on(tmp_path: Path) -> None:
    """Damage in the segment that is open for appending costs what is damaged, and the lane goes on behind it."""
    maker = BatchMaker()
    journal = open_journal(tmp_path, maker)
    fill(journal, maker, Lane.ALARM, 5)
    path = segment_files(tmp_path, Lane.ALARM)[-1]
    data = bytearray(path.read_bytes())
    for piece in (scan(bytes(data)).pieces[2], scan(bytes(data)).pieces[-1]):
        data[piece.end - 1] ^= 1
    path.write_bytes(data)
    stored = read_all(journal, Lane.ALARM)
    assert [(item.first, item.number) for item in stored if item.is_gap] == [(2, 2), (5, 5)]
    more = fill(journal, maker, Lane.ALARM, 2)
    assert [batch.number for batch in more] == [6, 7]
    journal.close()
    again = open_journal(tmp_path, maker)
    assert _numbers(read_all(again, Lane.ALARM)) == [1, 2, 3, 4, 5, 6, 7]
    again.close()


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("scan_all", [False, True])
def test_a_segment_that_vanished_becomes_a_gap(made: Made, index: int, scan_all: bool) -> None:
    """A file that is gone leaves a signed gap, the rest is read, and reading does not stop or loop."""
    directory, maker, batches = made
    path = segment_files(directory, Lane.RECORD)[index]
    gone = [_number(piece) for piece in scan(path.read_bytes()).pieces[1:]]
    path.unlink()
    journal = open_journal(directory, maker, scan_all=scan_all)
    stored = read_all(journal, Lane.RECORD)
    assert [(item.first, item.number) for item in stored if item.is_gap] == [(gone[0], gone[-1])]
    rest = [batch.batch for batch in batches if batch.number not in gone]
    assert [item.batch for item in stored if not item.is_gap] == rest
    journal.close()


def test_a_beginning_that_vanished_has_the_link_of_a_beginning(made: Made) -> None:
    """Number 1 follows a link of zeros, also where all that is left of it is a gap."""
    directory, maker, _ = made
    segment_files(directory, Lane.RECORD)[0].unlink()
    open_journal(directory, maker, scan_all=True).close()
    header = scan(segment_files(directory, Lane.RECORD)[0].read_bytes()).header
    assert header is not None and (header.first, header.link) == (1, bytes(32))


def test_without_a_signer_a_hole_is_left_and_found_again_by_one_that_can_sign(made: Made) -> None:
    """No signer: good batches are read, the hole is counted, and the next start with a signer closes it."""
    directory, maker, _ = made
    path = segment_files(directory, Lane.RECORD)[1]
    data = bytearray(path.read_bytes())
    lost = scan(bytes(data)).pieces[1]
    data[lost.start + 13] ^= 1
    path.write_bytes(data)
    number = _number(lost)
    journal = open_journal(directory, maker, signs=False, scan_all=True)
    assert journal.recovery.reasons == {"damaged": 1}
    assert _numbers(read_all(journal, Lane.RECORD)) == [other for other in range(1, 25) if other != number]
    fill(journal, maker, Lane.RECORD, 20)  # rolls, so that a snapshot is taken
    journal.close()
    again = open_journal(directory, maker)
    assert [item.number for item in read_all(again, Lane.RECORD) if item.is_gap] == [number]
    again.close()


def test_a_hole_that_the_city_has_receipted_is_no_loss(made: Made) -> None:
    """What was receipted before it went bad needs no gap."""
    directory, maker, batches = made
    journal = open_journal(directory, maker)
    journal.note_receipt(receipt_for(batches[5]), b"raw")
    journal.close()
    path = segment_files(directory, Lane.RECORD)[0]
    data = bytearray(path.read_bytes())
    data[scan(bytes(data)).pieces[1].end - 1] ^= 1
    path.write_bytes(data)
    again = open_journal(directory, maker, scan_all=True)
    assert again.recovery.damaged_batches == 0
    assert _numbers(read_all(again, Lane.RECORD)) == list(range(2, 25))
    again.close()


def test_a_hole_that_the_city_has_receipted_keeps_nothing_from_being_deleted(made: Made) -> None:
    """No gap will ever stand there. Its segment goes when room is needed, and so does what follows it, also after a restart."""
    directory, maker, batches = made
    journal = open_journal(directory, maker)
    journal.note_receipt(receipt_for(batches[-1]), b"raw")
    journal.close()
    (directory / "received.snap").unlink()
    path = segment_files(directory, Lane.RECORD)[0]
    data = bytearray(path.read_bytes())
    data[scan(bytes(data)).pieces[1].end - 1] ^= 1
    path.write_bytes(data)
    for turn in range(2):
        again = open_journal(directory, maker, limits=JournalLimits(bytes_max=16_000, segment_bytes=2_000))
        for _ in range(60):
            (batch,) = fill(again, maker, Lane.RECORD, 1)
            again.note_receipt(receipt_for(batch), b"raw")
        assert not path.exists()
        assert _numbers(read_all(again, Lane.RECORD))[-1] == 24 + 60 * (turn + 1)
        again.close()


def test_a_tail_that_the_city_holds_but_we_do_not_starts_a_new_instance(made: Made) -> None:
    """A disk that forgot the end of a lane is found out by the receipt, and no number is used twice."""
    directory, maker, batches = made
    journal = open_journal(directory, maker)
    journal.note_receipt(receipt_for(batches[-1]), b"raw")
    journal.close()
    path = segment_files(directory, Lane.RECORD)[-1]
    data = path.read_bytes()
    path.write_bytes(data[: scan(data).pieces[-1].start])
    again = open_journal(directory, maker)
    assert again.recovery.reasons == {"lost_tail": 1}
    assert again.recovery.new_instances == (Lane.RECORD,)
    assert again.head(Lane.RECORD).instance != batches[0].instance
    again.close()


@pytest.mark.parametrize("position", [0, 5, 9, 14, -1])
def test_a_damaged_snapshot_costs_a_longer_start_and_is_counted(made: Made, position: int) -> None:
    """Without the snapshot all segments are read, and the numbers of those that are held are rebuilt."""
    directory, maker, _ = made
    journal = open_journal(directory, maker)
    received = journal.recovery.received
    journal.close()
    path = directory / "received.snap"
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    again = open_journal(directory, maker)
    assert again.recovery.reasons == {"snapshot": 1}
    assert again.recovery.received == received
    assert bytes(data) in _quarantined(directory)
    fill(again, maker, Lane.RECORD, 1)
    again.close()
    assert open_journal(directory, maker).recovery.losses == ()


def test_damaged_receipts_only_mean_that_batches_are_sent_again(made: Made) -> None:
    """Bad bytes in receipts.log are counted; positions that can be read stay."""
    directory, maker, batches = made
    journal = open_journal(directory, maker)
    for batch in batches[:2]:
        journal.note_receipt(receipt_for(batch), b"raw")
    journal.close()
    path = directory / "receipts.log"
    path.write_bytes(path.read_bytes()[:-1])
    again = open_journal(directory, maker)
    assert again.recovery.reasons == {"receipts": 1}
    assert again.receipted(Lane.RECORD) == 1
    again.note_receipt(receipt_for(batches[9]), b"raw")
    again.close()
    assert open_journal(directory, maker).receipted(Lane.RECORD) == 10


def test_a_file_of_garbage_is_set_aside_whole(made: Made) -> None:
    """A segment without one good entry goes to quarantine, and opening is none the worse for it."""
    directory, maker, batches = made
    garbage = b"SCe1" + bytes(500)
    (directory / "record" / "000000000099.seg").write_bytes(garbage)
    journal = open_journal(directory, maker)
    assert journal.recovery.reasons == {"unreadable_segment": 1}
    assert journal.recovery.quarantined == ("000001-record-000000000099.seg.damaged",)
    assert _quarantined(directory) == garbage
    assert len(read_all(journal, Lane.RECORD)) == len(batches)
    assert journal.recovery.new_instances == (Lane.RECORD,)
    journal.close()


def test_files_that_are_not_ours_are_left_alone(made: Made) -> None:
    """Unknown names in the journal's directories are not read, renamed or removed; unfinished replacements go."""
    directory, maker, _ = made
    note = directory / "record" / "note.txt"
    note.write_text("from a colleague")
    beside = directory / "record" / "000000000001.new"
    beside.write_bytes(b"half")
    open_journal(directory, maker).close()
    assert note.read_text() == "from a colleague"
    assert not beside.exists()


def test_a_journal_of_a_newer_program_is_refused_and_untouched(made: Made) -> None:
    """A later format is not damage."""
    directory, _, _ = made
    path = directory / "record" / "000000000099.seg"
    path.write_bytes(frame(cbor.encode([2, "test-only-01", {}, 1])))
    with pytest.raises(ConfigError, match="newer program"):
        Journal.open(directory, GATEWAY, LIMITS)
    assert path.exists()
