# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Runs the unmodified journal on a disk that loses power, and holds it to its promise.

`live(life)` is one life of a gateway's journal: several starts, each ended by a cut, then a last start. Nodes send
frames and send again what was not acknowledged; the gateway's own sealer signs them; the city receipts some; room runs
short and segments are given up in writing. After each cut the journal is opened and compared with a record that was
kept outside of it, and then read from its files by the auditor's `verify`, which shares no code with it.
"""

from __future__ import annotations

import errno
import random
import shutil
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from collector.verify import verify
from gateway_agent.journal import Journal, JournalLimits, JournalUnavailable, ReceiptVerdict, StoredBatch
from gateway_agent.model import (
    AdmittedFrame,
    ClockReading,
    Eviction,
    GatewayId,
    Kid,
    Lane,
    LaneHead,
    Receipt,
    Received,
    SealedBatch,
)
from gateway_agent.seal.sealer import Sealer
from gateway_agent.wire.batch import link_of
from gateway_agent.wire.gap import Gap, GapReason, sign_gap
from gateway_agent.wire.loss import LossReason, loss_records
from gateway_agent.wire.receipt import sign_receipt
from tests.support.power_cut_files import PowerCutError, PowerCutFiles
from tests.support.signing_gateway import GATEWAY, START_MS, frame, test_only_signer

ROOT = Path("/data/journal")
LIMITS = JournalLimits(bytes_max=60_000, segment_bytes=1_500)
GATEWAY_ID = GatewayId(GATEWAY)
SIGNER, COLLECTOR = test_only_signer(GATEWAY), test_only_signer("collector")
GATEWAY_KEYS = {SIGNER.key_id: SIGNER.public_key}
COLLECTOR_KEYS = {COLLECTOR.key_id: COLLECTOR.public_key}
NODES = 3
READINGS_PER_FRAME = 3

Key = tuple[Lane, bytes, int]
Frame = tuple[Kid, int]
Promise = Literal["acknowledged_lost", "duplicated", "unreadable"]
MakeFiles = Callable[[int], PowerCutFiles]


class BrokenPromiseError(AssertionError):
    """The journal did what it promised not to do; `readings` says to how many, where that is known."""

    def __init__(self, promise: Promise, text: str, readings: int = 1) -> None:
        super().__init__(f"{promise}: {text}")
        self.promise, self.readings = promise, readings


class Life(NamedTuple):
    """What decides everything in one life: `cut_at` is the step of the first start at which the power goes, None: at random
    or after its work; `with_errors`: some writes and syncs fail on the way."""

    seed: int
    cut_at: int | None = None
    with_errors: bool = False


class Account(NamedTuple):
    """What happened in a life."""

    cuts: int
    first_steps: int  # changes to the disk in the first start
    readings: int  # acknowledged
    evicted: int  # batches that were given up in writing


class Truth:
    """What was acknowledged, written down outside of the journal."""

    def __init__(self) -> None:
        self.acknowledged: dict[Key, SealedBatch] = {}  # in the order of acknowledgement
        self.attempted: dict[bytes, SealedBatch] = {}  # by the batch's bytes: written, never acknowledged
        self.receipted: dict[tuple[Lane, bytes], int] = {}
        self.given_up: set[Key] = set()  # named as lost, and perhaps still there

    def acknowledge(self, batches: Iterable[SealedBatch]) -> None:
        for batch in batches:
            key = (batch.lane, batch.instance, batch.number)
            if self.acknowledged.get(key, batch) != batch:
                raise BrokenPromiseError("duplicated", f"{key} has a second meaning")
            self.acknowledged[key] = batch
            self.attempted.pop(batch.batch, None)

    def readings_count(self) -> int:
        return sum(len(frames_of(batch.received)) for batch in self.acknowledged.values()) * READINGS_PER_FRAME

    def check(self, journal: Journal) -> int:
        """Everything acknowledged and not receipted is there once and in order; nothing else is, but attempts. Returns how
        many frames there are."""
        seen: Counter[Frame] = Counter()
        for lane in Lane:
            stored = read_all(journal, lane)
            seen.update(identity for batch in self._check_lane(lane, stored) for identity in frames_of(batch.received))
            head = journal.head(lane)
            if stored and stored[-1].instance == head.instance and stored[-1].number != head.number:
                raise BrokenPromiseError("unreadable", f"the head is {head.number}, the last batch {stored[-1].number}")
        twice = [identity for identity, count in seen.items() if count > 1]
        if twice:
            raise BrokenPromiseError("duplicated", f"frames {twice} are there twice", len(twice) * READINGS_PER_FRAME)
        self._check_received(journal)
        return len(seen)

    def _check_lane(self, lane: Lane, stored: list[StoredBatch]) -> list[SealedBatch]:
        found: list[SealedBatch] = []
        for item in stored:
            if item.is_gap:
                self._check_gap(item)
                continue
            key = (lane, item.instance, item.number)
            batch = self.acknowledged.get(key) or self.attempted.get(item.batch)
            if batch is None or batch.batch != item.batch:
                raise BrokenPromiseError("unreadable", f"{key} is not what was written")
            found.append(batch)
        keys = [(lane, batch.instance, batch.number) for batch in found]
        if len(set(keys)) != len(keys):
            raise BrokenPromiseError("duplicated", "a batch is there twice")
        wanted = [key for key in self.acknowledged if key[0] is lane and not self._may_be_gone(key)]
        there = [key for key in keys if key in self.acknowledged and not self._may_be_gone(key)]
        if there != wanted:
            lost = [key for key in wanted if key not in there]
            if lost:
                frames = sum(len(frames_of(self.acknowledged[key].received)) for key in lost)
                raise BrokenPromiseError("acknowledged_lost", f"lost {lost}", max(frames * READINGS_PER_FRAME, 1))
            raise BrokenPromiseError("unreadable", f"out of order: {there}")
        self.acknowledge(found)  # what recovery kept may have been sent by now
        return found

    def _may_be_gone(self, key: Key) -> bool:
        return key in self.given_up or key[2] <= self.receipted.get(key[:2], 0)

    def judge_eviction(self, eviction: Eviction) -> None:
        """What the journal is about to give up has to name every frame of it, and none that is safe elsewhere."""
        wanted: set[Frame] = set()
        allowed: set[Frame] = set()
        for number in range(eviction.first, eviction.last + 1):
            key = (eviction.lane, eviction.instance, number)
            if key in self.acknowledged:
                frames = frames_of(self.acknowledged[key].received)
                allowed |= frames
                wanted |= frames if not self._may_be_gone(key) else set()  # named before, or held by the city
        if eviction.lane is Lane.ALARM or not wanted <= frames_of(eviction.received) <= allowed:
            raise BrokenPromiseError("acknowledged_lost", f"{eviction} should name {wanted}", max(len(wanted), 1))

    def give_up(self, eviction: Eviction) -> int:
        """The loss is on the disk, in writing: now it may go. Returns how many batches that are."""
        keys = {(eviction.lane, eviction.instance, number) for number in range(eviction.first, eviction.last + 1)}
        new = {key for key in keys if key in self.acknowledged} - self.given_up
        self.given_up |= keys
        return len(new)

    def _check_gap(self, item: StoredBatch) -> None:
        for number in range(item.first, item.number + 1):
            key = (item.lane, item.instance, number)
            if key in self.acknowledged and not self._may_be_gone(key):
                raise BrokenPromiseError(
                    "acknowledged_lost", f"a gap stands for the acknowledged {item.lane.word} {number}"
                )

    def _check_received(self, journal: Journal) -> None:
        """Numbers that recovery has forgotten would be stored twice; numbers that it made up would be acknowledged and lost."""
        wanted = set().union(*(frames_of(batch.received) for batch in self.acknowledged.values()))
        there = frames_of(Received(kid, *known) for kid, known in journal.recovery.received.items())
        if wanted - there:
            raise BrokenPromiseError("duplicated", f"received numbers are forgotten: {wanted - there}")
        if there - wanted:
            raise BrokenPromiseError("acknowledged_lost", f"received numbers are invented: {there - wanted}")


def frames_of(received: Iterable[Received]) -> set[Frame]:
    """(kid, sequence) of each frame."""
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


class Nodes:
    """Nodes that keep each frame until it is acknowledged. Every number is used once, some are left out."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._next = dict.fromkeys(range(1, NODES + 1), 0)
        self.waiting: dict[Lane, dict[Frame, AdmittedFrame]] = {lane: {} for lane in Lane}

    def measure(self, lane: Lane, count: int) -> None:
        for _ in range(count):
            node = self._rng.randint(1, NODES)
            sequence = self._next[node] + self._rng.choice((0, 0, 0, 1))
            self._next[node] = sequence + 1
            row = frame(sequence, node, self._rng.randrange(-9_999, 9_999))
            self.waiting[lane][row.kid, sequence] = AdmittedFrame(row, 0, lane, 0, 60)

    def acknowledge(self, frames: set[Frame]) -> None:
        for waiting in self.waiting.values():
            for identity in frames & waiting.keys():
                del waiting[identity]


class _Life:
    def __init__(self, life: Life, make_files: MakeFiles, folder: Path) -> None:
        self._life, self._make_files, self._folder = life, make_files, folder
        self._rng = random.Random(life.seed)
        self._truth = Truth()
        self._nodes = Nodes(self._rng)
        self._wall_ms = START_MS
        self._disk = make_files(self._rng.getrandbits(32))
        self._cuts = self._first_steps = self._evicted = 0
        self.log: list[str] = []

    def live(self) -> Account:
        for start in range(self._rng.choice((1, 2, 3))):
            if start == 0:
                self._disk.cut_at = self._life.cut_at
            elif self._rng.random() < 0.9:
                self._disk.cut_at = self._rng.randrange(1, 120)  # often within recovery
            try:
                journal = self._open()
                if self._life.with_errors:
                    self._disk.fail = _failing(random.Random(self._rng.getrandbits(32)))
                self._work(journal, self._rng.randrange(5, 18))
            except PowerCutError:
                self._cuts += 1
            self._first_steps = self._first_steps or self._disk.steps
            self.log += [f"start {start}", *self._disk.log[-12:]]
            self._disk = self._powered_again()
        journal = self._open()
        self._work(journal, 3)
        journal.close()
        return Account(self._cuts, self._first_steps, self._truth.readings_count(), self._evicted)

    def _powered_again(self) -> PowerCutFiles:
        seed = self._rng.getrandbits(32)
        found = self._disk.after_cut(seed)
        other = self._make_files(seed)
        other.__dict__.update(found.__dict__)
        return other

    def _open(self) -> Journal:
        """Open it and look at everything; then nodes that repeat what is there are acknowledged."""
        self._sealer = Sealer(GATEWAY_ID, SIGNER)
        journal = Journal.open(
            ROOT, GATEWAY_ID, LIMITS, self._disk, sign_gap=_sign_gap, draw_instance=lambda: self._rng.randbytes(8)
        )
        frames_count = self._truth.check(journal)
        self._audit(frames_count)
        received = journal.recovery.received
        self._nodes.acknowledge(frames_of(Received(kid, *known) for kid, known in received.items()))
        return journal

    def _audit(self, frames_count: int) -> None:
        """What `startcity verify` says of the files: every signature, number, link and identity."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._disk.copy_to(self._folder)
        directory = self._folder.joinpath(*ROOT.parts[1:])
        if not any(directory.rglob("*.seg")):
            return
        report = verify(directory, GATEWAY_KEYS, COLLECTOR_KEYS)
        if not report.is_intact:
            raise BrokenPromiseError("unreadable", "; ".join(map(str, report.problems[:5])))
        found = sum(node.frames for node in report.nodes.values())
        if found != frames_count:
            raise BrokenPromiseError("unreadable", f"the journal reads {frames_count} frames, its files hold {found}")

    # ------------------------------------------------------------------------------------------- what a gateway does

    def _clock(self) -> ClockReading:
        self._wall_ms += 1_000
        return ClockReading(b"boot-id.", self._wall_ms - START_MS, self._wall_ms, 1, 2)

    def _work(self, journal: Journal, count: int) -> None:
        rng = self._rng
        for _ in range(count):
            if not self._append(journal):
                continue
            if rng.random() < 0.3:
                self._receipt(journal)
            if rng.random() < 0.1:
                journal._room.delete_receipted(2_000)  # as if room were short
            if rng.random() < 0.1:
                self._evict(journal)
            if rng.random() < 0.02:
                try:
                    journal.new_instance(rng.choice(list(Lane)))
                except JournalUnavailable:
                    continue

    def _append(self, journal: Journal) -> bool:
        rng = self._rng
        lanes = rng.sample(list(Lane), rng.choice((1, 1, 1, 2, 3)))
        batches: list[SealedBatch] = []
        for lane in lanes:
            head, is_start = journal.head(lane), journal.is_segment_start(lane)
            self._nodes.measure(lane, rng.choice((1, 2, 6)))
            waiting = list(self._nodes.waiting[lane].values())
            middle = len(waiting) // 2 if rng.random() < 0.3 else 0
            for frames in filter(None, (waiting[:middle], waiting[middle:])):
                sealed = self._sealer.seal(head, is_start, frames, self._clock())
                batches += sealed
                head, is_start = after(sealed[-1]), True  # none of one append leans on another
        return self._store(journal, batches)

    def _store(self, journal: Journal, batches: list[SealedBatch], *, is_loss_record: bool = False) -> bool:
        """Append, and count as acknowledged what the journal has taken."""
        self._truth.attempted.update({batch.batch: batch for batch in batches})
        try:
            journal.append(batches, is_loss_record=is_loss_record)
        except JournalUnavailable:
            for lane in {batch.lane for batch in batches}:
                self._sealer.forget_table(lane)
            return False
        self._truth.acknowledge(batches)
        for batch in batches:
            self._nodes.acknowledge(frames_of(batch.received))
        return True

    def _evict(self, journal: Journal) -> None:
        """As if room were short: the loss is written down first."""
        try:
            eviction = journal.next_eviction()
            if eviction is None:
                return
            self._truth.judge_eviction(eviction)
            clock = self._clock()
            records = loss_records(eviction.received, LossReason.EVICTED, clock.wall_ms)
            head, is_start = journal.head(Lane.ALARM), journal.is_segment_start(Lane.ALARM)
            if self._store(journal, self._sealer.seal_own(head, is_start, records, clock), is_loss_record=True):
                self._evicted += self._truth.give_up(eviction)
                journal.evict(eviction)
        except JournalUnavailable:
            return

    def _receipt(self, journal: Journal) -> None:
        lane = self._rng.choice(list(Lane))
        instance = journal.head(lane).instance
        held = [batch for key, batch in self._truth.acknowledged.items() if key[:2] == (lane, instance)]
        if not held:
            return
        batch = self._rng.choice(held)
        # The city holds it from now on, whatever becomes of the receipt on our side.
        receipted = self._truth.receipted
        receipted[lane, instance] = max(batch.number, receipted.get((lane, instance), 0))
        receipt = Receipt(GATEWAY_ID, lane, instance, batch.number, link_of(batch.batch))
        try:
            verdict = journal.note_receipt(receipt, sign_receipt(receipt, COLLECTOR))
        except JournalUnavailable:
            return  # it comes again with the next batch
        if verdict is ReceiptVerdict.CONTRADICTION:
            raise BrokenPromiseError("unreadable", f"a true receipt for {batch.number} contradicts")


def after(batch: SealedBatch) -> LaneHead:
    """The head when that batch is the last one."""
    return LaneHead(batch.lane, batch.instance, batch.number, link_of(batch.batch))


def _sign_gap(lane: Lane, instance: bytes, first: int, last: int, link: bytes, reason: int) -> bytes:
    return sign_gap(Gap(GATEWAY_ID, lane, instance, first, last, link, GapReason(reason)), SIGNER)


def _failing(rng: random.Random) -> Callable[[str, Path | None], int | None]:
    changes = ("append", "sync", "create", "sync_directory", "rename", "unlink")
    return lambda operation, _: (
        rng.choice((errno.EIO, errno.ENOSPC)) if operation in changes and rng.random() < 0.04 else None
    )


def live(life: Life, folder: Path, make_files: MakeFiles = PowerCutFiles) -> Account:
    """One life.

    Args:
        life: what decides everything.
        folder: emptied and filled again after each cut, for the auditor's tool.
        make_files: the disk.

    Raises:
        BrokenPromiseError: with the life that replays it and the last steps before each cut. An error of the journal's own is
            `unreadable`.
    """
    run = _Life(life, make_files, folder)
    try:
        return run.live()
    except BrokenPromiseError as error:
        promise, readings, text = error.promise, error.readings, str(error)
    except Exception:
        promise, readings, text = "unreadable", 1, traceback.format_exc()
    steps = "\n  ".join(run.log)
    raise BrokenPromiseError(promise, f"{life}: {text}\n  {steps}", readings)
