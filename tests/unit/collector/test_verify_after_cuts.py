# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A journal that was cut off, evicted from or refused by its disk is no forgery: `verify` must not call it one."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from collector.findings import Report
from collector.verify import verify
from gateway_agent.journal import JournalLimits, JournalUnavailable
from gateway_agent.model import GatewayId, Lane, Receipt
from gateway_agent.seal.sealer import Sealer
from gateway_agent.wire.batch import link_of
from gateway_agent.wire.receipt import sign_receipt
from tests.support.power_cut_files import PowerCutFiles
from tests.support.signed_journal import SignedJournal, frame
from tests.support.signing_gateway import test_only_signer

GATEWAY, COLLECTOR = test_only_signer("gateway"), test_only_signer("collector")
ROOT = Path("/journal")


def made(disk: PowerCutFiles) -> SignedJournal:
    limits = JournalLimits(bytes_max=60_000, segment_bytes=2_500)
    return SignedJournal(ROOT, GatewayId("test-only-01"), GATEWAY, limits, disk)


def audited(disk: PowerCutFiles, folder: Path) -> Report:
    shutil.rmtree(folder, ignore_errors=True)
    disk.copy_to(folder)
    return verify(folder / "journal", {GATEWAY.key_id: GATEWAY.public_key}, {COLLECTOR.key_id: COLLECTOR.public_key})


@pytest.mark.parametrize("left", [b"", bytes(64), b"SCe1\0\0"], ids=["empty", "zeros", "torn"])
def test_a_log_of_receipts_whose_first_entry_is_torn_is_a_note(tmp_path: Path, left: bytes) -> None:
    """The log is written without a sync, so a power cut may leave anything of it: noted, and what can be read still counts."""
    disk = PowerCutFiles()
    made_journal = made(disk)
    for _ in range(3):
        made_journal.append(Lane.RECORD)
    made_journal.receipt(Lane.RECORD, 1, COLLECTOR)
    first = len(disk.content(ROOT / "receipts.log"))
    made_journal.receipt(Lane.RECORD, 2, COLLECTOR)
    whole = disk.content(ROOT / "receipts.log")
    disk.store(ROOT / "receipts.log", left + whole[first:])
    report = audited(disk, tmp_path / "disk")
    assert report.is_intact, report.as_text()
    assert [note.kind for note in report.notes] == (["damage"] if left else [])
    assert next(chain for chain in report.chains if chain.lane == "record").confirmed_to == 2


def test_a_receipt_that_comes_after_its_segment_was_given_up_is_no_fork(tmp_path: Path) -> None:
    """The gap carries the hash of the batch that it ends with; a receipt for another batch of that number still is one."""
    disk = PowerCutFiles()
    made_journal = made(disk)
    while made_journal.journal.next_eviction() is None:
        made_journal.append(Lane.TREND)
    eviction = made_journal.journal.next_eviction()
    assert eviction is not None
    made_journal.evict_oldest()
    made_journal.append(Lane.TREND)
    made_journal.receipt(Lane.TREND, eviction.last, COLLECTOR)
    report = audited(disk, tmp_path / "disk")
    assert report.is_intact, report.as_text()
    other = Receipt(made_journal.gateway_id, Lane.TREND, eviction.instance, eviction.last, b"x" * 32)
    (tmp_path / "other.cose").write_bytes(sign_receipt(other, COLLECTOR))
    keys = {GATEWAY.key_id: GATEWAY.public_key}
    city_keys = {COLLECTOR.key_id: COLLECTOR.public_key}
    report = verify(tmp_path / "disk" / "journal", keys, city_keys, [tmp_path / "other.cose"])
    assert [finding.kind for finding in report.problems] == ["fork"]


def test_a_receipt_for_all_that_was_deleted_is_no_fork(tmp_path: Path) -> None:
    """What the city has may go; where nothing came behind it, the next segment's header alone still tells the last batch's hash."""
    disk = PowerCutFiles()
    made_journal = made(disk)
    made_journal.append(Lane.TREND)
    while not made_journal.journal.is_segment_start(Lane.TREND):
        made_journal.append(Lane.TREND)
    last = made_journal.batches[Lane.TREND][-1]
    made_journal.append(Lane.TREND)
    _, begun = sorted(name for name in disk.list_directory(ROOT / "trend") if name.endswith(".seg"))
    content = disk.content(ROOT / "trend" / begun)
    disk.store(ROOT / "trend" / begun, content[: content.index(b"SCe1", 4)])  # all that a power cut has left of it
    receipt = Receipt(made_journal.gateway_id, Lane.TREND, last.instance, last.number, link_of(last.batch))
    folder = tmp_path / "disk"
    disk.copy_to(folder)
    (folder / "journal" / "trend" / "000000000001.seg").unlink()
    for place, link in enumerate((receipt.link, b"x" * 32)):
        (tmp_path / "receipt.cose").write_bytes(sign_receipt(receipt._replace(link=link), COLLECTOR))
        keys, city_keys = {GATEWAY.key_id: GATEWAY.public_key}, {COLLECTOR.key_id: COLLECTOR.public_key}
        report = verify(folder / "journal", keys, city_keys, [tmp_path / "receipt.cose"])
        assert [finding.kind for finding in report.problems] == ["fork"] * place, report.as_text()


def test_a_failed_write_of_two_batches_leaves_an_abandoned_place(tmp_path: Path) -> None:
    """Of a failed write the second batch may be there and the first not; both stand in the next segment, so nothing is wrong.
    Where they do not stand there, it is damage."""
    disk = PowerCutFiles()
    made_journal = made(disk)
    made_journal.append(Lane.RECORD)
    journal, sealer = made_journal.journal, Sealer(made_journal.gateway_id, GATEWAY)
    path = ROOT / "record" / "000000000001.seg"
    before = len(disk.content(path))
    head = journal.head(Lane.RECORD)
    first = sealer.seal(head, False, [frame(Lane.RECORD, 50)], made_journal.clock())
    head = head._replace(number=head.number + 1, link=link_of(first[0].batch))
    disk.fail = lambda operation, _: errno.EIO if operation == "sync" else None
    with pytest.raises(JournalUnavailable):
        journal.append(first + sealer.seal(head, False, [frame(Lane.RECORD, 51)], made_journal.clock()))
    disk.fail = lambda operation, _: None
    left = disk.content(path)
    hole = left.index(b"SCe1", before + 4) - before
    disk.store(path, left[:before] + bytes(hole) + left[before + hole :])
    made_journal._sealer.forget_table(Lane.RECORD)
    made_journal.append(Lane.RECORD)
    made_journal.append(Lane.RECORD)
    report = audited(disk, tmp_path / "disk")
    assert report.is_intact, report.as_text()
    assert {note.kind for note in report.notes} == {"abandoned", "void"}
    folder = tmp_path / "disk" / "journal"
    sorted((folder / "record").glob("*.seg"))[-1].unlink()
    assert not verify(folder, {GATEWAY.key_id: GATEWAY.public_key}).is_intact
