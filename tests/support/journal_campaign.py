# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Runs the unmodified journal on a disk that loses power, and holds it to its promise.

`run(seed, cut_at)` is one life of a journal: several starts, each ended by a cut, then a last start and a look at
everything. It raises `BrokenPromiseError` with the seed that replays it.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Iterable
from pathlib import Path

from gateway_agent.journal import Journal, JournalLimits, JournalUnavailable, ReceiptVerdict, StoredBatch
from gateway_agent.model import Eviction, Kid, Lane, Received, SealedBatch
from tests.support.journal_batches import GATEWAY, BatchMaker, gap_bytes, receipt_for
from tests.support.power_cut_files import PowerCutError, PowerCutFiles

ROOT = Path("/data/journal")
LIMITS = JournalLimits(bytes_max=60_000, segment_bytes=1_500)
Key = tuple[Lane, bytes, int]


class BrokenPromiseError(AssertionError):
    """The journal did what it promised not to do."""


class Truth:
    """What was acknowledged, written down outside of the journal."""

    def __init__(self) -> None:
        self.acknowledged: dict[Key, SealedBatch] = {}  # in the order of acknowledgement
        self.attempted: dict[bytes, SealedBatch] = {}  # by the batch's bytes: written, never acknowledged
        self.receipted: dict[tuple[Lane, bytes], int] = {}
        self.given_up: set[Key] = set()  # named as lost, and perhaps still there
        self.cuts = 0

    def acknowledge(self, batches: list[SealedBatch]) -> None:
        for batch in batches:
            key = (batch.lane, batch.instance, batch.number)
            if self.acknowledged.get(key, batch) != batch:
                raise BrokenPromiseError(f"{key} has a second meaning")
            self.acknowledged[key] = batch
            self.attempted.pop(batch.batch, None)

    def check(self, journal: Journal) -> None:
        """Everything acknowledged and not receipted is there once and in order; nothing else is, but attempts."""
        for lane in Lane:
            stored = read_all(journal, lane)
            self._check_lane(lane, stored)
            head = journal.head(lane)
            if stored and stored[-1].instance == head.instance and stored[-1].number != head.number:
                raise BrokenPromiseError(f"the head is {head.number}, the last batch {stored[-1].number}")
        self._check_received(journal)

    def _check_lane(self, lane: Lane, stored: list[StoredBatch]) -> None:
        found: list[SealedBatch] = []
        for item in stored:
            if item.is_gap:
                self._check_gap(item)
                continue
            key = (lane, item.instance, item.number)
            batch = self.acknowledged.get(key) or self.attempted.get(item.batch)
            if batch is None or batch.batch != item.batch:
                raise BrokenPromiseError(f"{key} is not what was written")
            found.append(batch)
        keys = [(lane, batch.instance, batch.number) for batch in found]
        if len(set(keys)) != len(keys):
            raise BrokenPromiseError("a batch is there twice")
        wanted = [key for key in self.acknowledged if key[0] is lane and not self._may_be_gone(key)]
        there = [key for key in keys if key in self.acknowledged and not self._may_be_gone(key)]
        if there != wanted:
            lost = [key for key in wanted if key not in there]
            raise BrokenPromiseError(f"lost {lost}" if lost else f"out of order: {there}")
        self.acknowledge(found)  # what recovery kept may have been sent by now

    def _may_be_gone(self, key: Key) -> bool:
        return key in self.given_up or key[2] <= self.receipted.get(key[:2], 0)

    def give_up(self, eviction: Eviction) -> None:
        """What the journal is about to evict; it has to name every frame of it, and none that is safe elsewhere."""
        wanted: set[tuple[Kid, int]] = set()
        allowed: set[tuple[Kid, int]] = set()
        for number in range(eviction.first, eviction.last + 1):
            key = (eviction.lane, eviction.instance, number)
            if key in self.acknowledged:
                frames = _frames(self.acknowledged[key].received)
                allowed |= frames
                wanted |= frames if key not in self.given_up else set()  # an eviction that failed may have named it
            self.given_up.add(key)
        if eviction.lane is Lane.ALARM or not wanted <= _frames(eviction.received) <= allowed:
            raise BrokenPromiseError(f"{eviction} should name {wanted}")

    def _check_gap(self, item: StoredBatch) -> None:
        for number in range(item.first, item.number + 1):
            key = (item.lane, item.instance, number)
            if key in self.acknowledged and not self._may_be_gone(key):
                raise BrokenPromiseError(f"a gap stands for the acknowledged {item.lane.word} {number}")

    def _check_received(self, journal: Journal) -> None:
        wanted: dict[Kid, set[int]] = {}
        for batch in self.acknowledged.values():
            for kid, _, ranges in batch.received:
                for low, high in ranges:
                    wanted.setdefault(kid, set()).update(range(low, high + 1))
        there = {
            kid: {number for low, high in ranges for number in range(low, high + 1)}
            for kid, (_, ranges) in journal.recovery.received.items()
        }
        for kid in wanted.keys() | there.keys():
            lost = wanted.get(kid, set()) - there.get(kid, set())
            invented = there.get(kid, set()) - wanted.get(kid, set())
            if lost or invented:
                raise BrokenPromiseError(f"received of {kid.hex()}: lost {lost}, invented {invented}")


def _frames(received: Iterable[Received]) -> set[tuple[Kid, int]]:
    return {(kid, number) for kid, _, ranges in received for low, high in ranges for number in range(low, high + 1)}


def read_all(journal: Journal, lane: Lane, step: int = 7) -> list[StoredBatch]:
    """Everything a lane holds, oldest first, a few batches at a time."""
    stored: list[StoredBatch] = []
    instance, number = None, 0
    while True:
        batches = journal.read_after(lane, instance, number, step, 1_000)
        if not batches:
            return stored
        stored += batches
        instance, number = batches[-1].instance, batches[-1].number


def run(
    seed: int,
    cut_at: int | None = None,
    make_files: Callable[[int], PowerCutFiles] = PowerCutFiles,
    with_errors: bool = False,
) -> tuple[int, int]:
    """One life. Returns (cuts, steps of the first start).

    Args:
        seed: of everything.
        cut_at: the step of the first start at which the power goes; None: at random, or after its work.
        make_files: the disk.
        with_errors: some writes and syncs fail on the way.

    Raises:
        BrokenPromiseError: with the seed and the last steps before the first cut.
    """
    rng = random.Random(seed)
    maker = BatchMaker(seed)
    truth = Truth()
    disk = make_files(rng.getrandbits(32))
    first_steps = 0
    log: list[str] = []
    try:
        for start in range(rng.choice((1, 2, 3))):
            if start == 0:
                disk.cut_at = cut_at
            elif rng.random() < 0.9:
                disk.cut_at = rng.randrange(1, 120)  # often within recovery
            try:
                _work(disk, rng, maker, truth, with_errors)
            except PowerCutError:
                truth.cuts += 1
            first_steps = first_steps or disk.steps
            log += [f"start {start}", *disk.log[-12:]]
            disk = _powered_again(disk, make_files, rng.getrandbits(32))
        journal = Journal.open(ROOT, GATEWAY, LIMITS, disk, sign_gap=gap_bytes, draw_instance=maker.instance)
        truth.check(journal)
        _append_some(journal, rng, maker, truth, 3)
        journal.close()
    except BrokenPromiseError as error:
        steps = "\n  ".join(log)
        raise BrokenPromiseError(f"seed={seed} cut_at={cut_at} with_errors={with_errors}: {error}\n  {steps}") from None
    return truth.cuts, first_steps


def _powered_again(disk: PowerCutFiles, make_files: Callable[[int], PowerCutFiles], seed: int) -> PowerCutFiles:
    found = disk.after_cut(seed)
    if make_files is PowerCutFiles:
        return found
    other = make_files(seed)
    other.__dict__.update(found.__dict__)
    return other


def _work(disk: PowerCutFiles, rng: random.Random, maker: BatchMaker, truth: Truth, with_errors: bool) -> None:
    journal = Journal.open(ROOT, GATEWAY, LIMITS, disk, sign_gap=gap_bytes, draw_instance=maker.instance)
    truth.check(journal)
    if with_errors:
        fail_rng = random.Random(rng.getrandbits(32))
        disk.fail = lambda operation, path: (
            fail_rng.choice((errno.EIO, errno.ENOSPC))
            if operation in ("append", "sync", "create", "sync_directory", "rename", "unlink")
            and fail_rng.random() < 0.04
            else None
        )
    _append_some(journal, rng, maker, truth, rng.randrange(5, 25))


def _append_some(journal: Journal, rng: random.Random, maker: BatchMaker, truth: Truth, count: int) -> None:
    for _ in range(count):
        batches: list[SealedBatch] = []
        for lane in rng.sample(list(Lane), rng.choice((1, 1, 1, 2, 3))):
            batches += maker.group(journal, lane, rng.choice((1, 1, 2)), rng.choice((60, 300)))
        truth.attempted.update({batch.batch: batch for batch in batches})
        try:
            journal.append(batches)
        except JournalUnavailable:
            continue
        truth.acknowledge(batches)
        if rng.random() < 0.3:
            _receipt(journal, rng, truth)
        if rng.random() < 0.1:
            journal._delete_receipted(2_000)  # as if room were short
        if rng.random() < 0.1:
            _evict(journal, truth)
        if rng.random() < 0.02:
            try:
                journal.new_instance(rng.choice(list(Lane)))
            except JournalUnavailable:
                continue


def _evict(journal: Journal, truth: Truth) -> None:
    """As if room were short, and the loss had been written down."""
    try:
        eviction = journal.next_eviction()
        if eviction is not None:
            truth.give_up(eviction)
            journal.evict(eviction)
    except JournalUnavailable:
        return


def _receipt(journal: Journal, rng: random.Random, truth: Truth) -> None:
    lane = rng.choice(list(Lane))
    instance = journal.head(lane).instance
    held = [batch for key, batch in truth.acknowledged.items() if key[:2] == (lane, instance)]
    if not held:
        return
    batch = rng.choice(held)
    # The city holds it from now on, whatever becomes of the receipt on our side.
    truth.receipted[(lane, instance)] = max(batch.number, truth.receipted.get((lane, instance), 0))
    if journal.note_receipt(receipt_for(batch), b"raw") is ReceiptVerdict.CONTRADICTION:
        raise BrokenPromiseError(f"a true receipt for {batch.number} contradicts")
