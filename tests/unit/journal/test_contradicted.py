# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""An instance of which the city holds another history: remembered, read until it was sent, then deletable."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_agent.journal import JournalFull, JournalLimits, ReceiptVerdict
from gateway_agent.model import Lane
from tests.support.journal_batches import BatchMaker, receipt_for
from tests.unit.journal.journal_cases import fill, open_journal

LANE = Lane.RECORD
SMALL = JournalLimits(bytes_max=16_000, segment_bytes=2_000)


def test_a_contradicted_instance_is_read_until_it_was_sent_across_restarts(tmp_path: Path) -> None:
    """The mark and how far was sent outlive restarts; reading begins behind it; other instances take no such mark."""
    maker = BatchMaker(1)
    journal = open_journal(tmp_path, maker)
    old = fill(journal, maker, LANE, 6)
    assert journal.note_receipt(receipt_for(old[1]), b"raw") is ReceiptVerdict.OK
    journal.note_sent(LANE, old[0].instance, 6)
    assert journal.unreceipted_from(LANE) == (old[0].instance, 2)
    beyond = receipt_for(old[5])._replace(number=10)
    assert journal.note_receipt(beyond, b"raw") is ReceiptVerdict.CONTRADICTION
    journal.new_instance(LANE)
    new = fill(journal, maker, LANE, 2)
    journal.close()

    journal = open_journal(tmp_path, maker)
    assert journal.contradicted() == [(LANE, old[0].instance)]
    assert journal.unreceipted_from(LANE) == (old[0].instance, 2)
    journal.note_sent(LANE, old[0].instance, 4)
    assert journal.unreceipted_from(LANE) == (old[0].instance, 4)
    journal.note_sent(LANE, old[0].instance, 6)
    journal.close()

    journal = open_journal(tmp_path, maker)
    assert journal.unreceipted_from(LANE) == (new[0].instance, 0)
    assert journal.usage().unreceipted_batches == 2
    assert journal.note_receipt(receipt_for(new[1]), b"raw") is ReceiptVerdict.OK
    journal.close()


def test_what_was_never_sent_of_a_contradicted_instance_is_not_deleted(tmp_path: Path) -> None:
    """The journal fills up before it deletes an unsent batch; once all were sent there is room, and no gap is signed."""
    maker = BatchMaker(2)
    journal = open_journal(tmp_path, maker, limits=SMALL)
    old = fill(journal, maker, LANE, 20)
    assert journal.note_receipt(receipt_for(old[-1])._replace(number=99), b"raw") is ReceiptVerdict.CONTRADICTION
    journal.new_instance(LANE)
    new = []
    with pytest.raises(JournalFull):
        while True:
            new += fill(journal, maker, LANE, 1)
            journal.note_receipt(receipt_for(new[-1]), b"raw")
    assert [item.batch for item in journal.read_after(LANE, None, 0, 20, 1 << 20)] == [batch.batch for batch in old]
    journal.note_sent(LANE, old[0].instance, 10)
    for _ in range(3):
        batch = fill(journal, maker, LANE, 1)[0]
        journal.note_receipt(receipt_for(batch), b"raw")
    assert journal.counters.deleted_segments
    behind = journal.read_after(LANE, old[0].instance, 10, 10, 1 << 20)
    assert [item.batch for item in behind] == [batch.batch for batch in old[10:]]
    journal.close()

    journal = open_journal(tmp_path, maker, limits=SMALL, scan_all=True)
    assert journal.recovery.losses == ()
    assert journal.unreceipted_from(LANE) == (old[0].instance, 10)
    journal.note_sent(LANE, old[0].instance, 20)
    for _ in range(100):
        journal.note_receipt(receipt_for(fill(journal, maker, LANE, 1)[0]), b"raw")
    assert journal.usage().unreceipted_batches == 0
    journal.close()
