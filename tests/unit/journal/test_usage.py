# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How much of the journal is needed: what the status calls `kept_bytes`."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_agent.model import Lane
from tests.support.journal_batches import BatchMaker, receipt_for
from tests.unit.journal.journal_cases import fill, open_journal


@pytest.mark.parametrize("receipted", [0, 3, 25, 40])
def test_kept_is_what_is_left_when_all_is_deleted_that_may_be(tmp_path: Path, receipted: int) -> None:
    """Segments that the city holds whole are not needed, but for the last of a lane; everything else is."""
    maker = BatchMaker(receipted)
    journal = open_journal(tmp_path / "journal", maker)
    batches = fill(journal, maker, Lane.RECORD, 40)
    fill(journal, maker, Lane.ALARM, 2)
    if receipted:
        journal.note_receipt(receipt_for(batches[receipted - 1]), b"raw")
        assert journal.counters.receipt_writes == 1
    journal.settle()
    usage = journal.usage()
    assert (usage.kept_bytes < usage.bytes) == (receipted >= 25)
    journal._room.delete_receipted(1 << 30)
    assert journal.usage().bytes == usage.kept_bytes
    assert journal.usage().kept_bytes == usage.kept_bytes
    journal.close()
