# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The journal compared with lists in memory, over random appends, reads, receipts, failures and restarts."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway_agent.journal import JournalFull, JournalLimits, JournalUnavailable, ReceiptVerdict
from gateway_agent.model import Lane, SealedBatch
from tests.support.journal_batches import BatchMaker, receipt_for
from tests.support.journal_campaign import read_all
from tests.support.power_cut_files import PowerCutFiles
from tests.unit.journal.journal_cases import open_journal

ROOT = Path("/data/journal")
SMALL = JournalLimits(bytes_max=9_600, segment_bytes=1_200)
SNAPSHOT_BYTES = 1_000  # taken after an append, so it may come on top
lanes = st.sampled_from(list(Lane))


class JournalModel(RuleBasedStateMachine):
    """`model` holds every batch that counts, by lane, in order; `receipted` the city's position in each instance."""

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.maker = BatchMaker(seed)
        self.disk = PowerCutFiles(seed)
        self.seed = seed
        self.model: dict[Lane, list[SealedBatch]] = {lane: [] for lane in Lane}
        self.attempted: dict[bytes, SealedBatch] = {}
        self.receipted: dict[tuple[Lane, bytes], int] = {}
        self.journal = open_journal(ROOT, self.maker, self.disk, SMALL)

    @rule(wanted=st.lists(st.tuples(lanes, st.integers(1, 3)), min_size=1, max_size=3, unique_by=lambda item: item[0]))
    def append(self, wanted: list[tuple[Lane, int]]) -> None:
        batches = [batch for lane, count in wanted for batch in self.maker.group(self.journal, lane, count)]
        try:
            self.journal.append(batches)
        except JournalFull:
            held = [batch for kept in self.model.values() for batch in kept if not self.is_receipted(batch)]
            assert held, "full although the city has everything"
            return
        for batch in batches:
            self.model[batch.lane].append(batch)
        assert self.journal.usage().bytes <= SMALL.bytes_max + SNAPSHOT_BYTES

    @rule(lane=lanes, number=st.sampled_from([errno.EIO, errno.ENOSPC]), operation=st.sampled_from(["append", "sync"]))
    def append_on_a_failing_disk(self, lane: Lane, number: int, operation: str) -> None:
        self.disk.fail = lambda name, path: number if name == operation else None
        batches = self.maker.group(self.journal, lane, 2)
        self.attempted.update({batch.batch: batch for batch in batches})
        with pytest.raises(JournalUnavailable):
            self.journal.append(batches)
        self.disk.fail = lambda name, path: None

    def is_receipted(self, batch: SealedBatch) -> bool:
        return batch.number <= self.receipted.get((batch.lane, batch.instance), 0)

    @rule(lane=lanes, share=st.floats(0, 1))
    def receipt(self, lane: Lane, share: float) -> None:
        held = [batch for batch in self.model[lane] if batch.instance == self.journal.head(lane).instance]
        if not held:
            return
        batch = held[min(int(share * len(held)), len(held) - 1)]
        expected = ReceiptVerdict.STALE if self.is_receipted(batch) else ReceiptVerdict.OK
        assert self.journal.note_receipt(receipt_for(batch), b"raw") is expected
        if expected is ReceiptVerdict.OK:
            self.receipted[lane, batch.instance] = batch.number

    @rule(lane=lanes)
    def new_instance(self, lane: Lane) -> None:
        self.journal.new_instance(lane)

    @rule()
    def restart(self) -> None:
        self.journal.close()
        self.journal = open_journal(ROOT, self.maker, self.disk, SMALL)
        # What was written and could not be synced may be found, if nothing was written after it; then it counts.
        for lane, kept in self.model.items():
            known = {batch.batch for batch in kept}
            for item in read_all(self.journal, lane):
                if not item.is_gap and item.batch not in known:
                    kept.append(self.attempted.pop(item.batch))

    @rule()
    def trim(self) -> None:
        self.journal.trim()

    @invariant()
    def everything_not_receipted_is_read_once_and_in_order(self) -> None:
        if not hasattr(self, "journal"):
            return
        for lane, kept in self.model.items():
            stored = [item.batch for item in read_all(self.journal, lane) if not item.is_gap]
            wanted = [batch.batch for batch in kept]
            assert stored == wanted[len(wanted) - len(stored) :]
            first = next((i for i, batch in enumerate(kept) if not self.is_receipted(batch)), len(kept))
            assert len(stored) >= len(wanted) - first
            instance, number = self.journal.unreceipted_from(lane)
            behind = self.journal.read_after(lane, instance, number, 1_000, 1_000_000)
            assert [item.batch for item in behind if not item.is_gap] == wanted[first:]


JournalModel.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestJournalModel = JournalModel.TestCase
