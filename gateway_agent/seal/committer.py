# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The clockwork of the lanes: waits for the next deadline, has it sealed and synced, tells who waits for it.

Guarantees
----------
* One worker thread seals and appends; while it syncs, the next frames gather, so one sync serves all that came
  meanwhile (group commit).
* `on_synced` is called only with batches that are on the disk, files and directories synced.
* Alarms that become due while a batch of another lane is encoded pass it: the worker seals and syncs them between two steps
  of the encoding, and goes on; so often at most that a flood of alarms cannot keep the others from the disk.
* A disk that refuses loses nothing: the frames that were to be sealed are kept and sealed anew, with back-off,
  until it takes them. While that lasts
  `refusal` says why, and the caller takes no new frames in.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from gateway_agent.backoff import Backoff
from gateway_agent.errors import NoRoom, Unavailable
from gateway_agent.model import AdmittedFrame, Eviction, Lane, LaneHead, SealedBatch
from gateway_agent.ports import Clock
from gateway_agent.seal.lanes import Lanes
from gateway_agent.seal.sealer import Sealer
from gateway_agent.wire.body import no_pause
from gateway_agent.wire.loss import LossReason, loss_records

log = logging.getLogger(__name__)

T = TypeVar("T")
EVICTIONS_MAX = 16  # for one append: a segment each
AHEAD_MAX = 4  # commits of alarms alone while other lanes are due
PASSES_MAX = 16  # of alarms, each with a sync, past one batch of another lane

Work = list[tuple[Lane, list[AdmittedFrame]]]


class SealedStore(Protocol):
    """The journal, as far as sealing needs it. All of it is called in the worker thread."""

    def head(self, lane: Lane) -> LaneHead: ...
    def is_segment_start(self, lane: Lane) -> bool: ...
    def append(self, batches: Sequence[SealedBatch], *, is_loss_record: bool = False) -> None: ...
    def next_eviction(self) -> Eviction | None: ...
    def evict(self, eviction: Eviction) -> None: ...


class Worker(Protocol):
    """Runs something blocking in the one thread that writes."""

    def __call__(self, errand: Callable[[], T]) -> Awaitable[T]: ...


class Committer:
    """Runs until cancelled; `flush` seals what waits without regard to deadlines."""

    def __init__(
        self,
        lanes: Lanes,
        sealer: Sealer,
        store: SealedStore,
        clock: Clock,
        worker: Worker,
        on_synced: Callable[[list[SealedBatch]], None],
        jitter: random.Random | None = None,
    ) -> None:
        """`jitter` spreads what is tried again after a refusal; None: the system's."""
        self._lanes = lanes
        self._jitter = jitter
        self._sealer = sealer
        self._store = store
        self._clock = clock
        self._worker = worker
        self._on_synced = on_synced
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._is_flushing = False
        self.refusal = ""  # why the disk takes nothing, empty while it does
        self.refused_count = 0
        self.frames_in_work = 0
        self._is_alarm_in_work = False
        # Alarms that shall pass what is in work. Set by the loop where it is None, and taken away by the worker once they are synced:
        # what the worker does not come to is the loop's next work.
        self._passing: list[AdmittedFrame] | None = None
        self._passes_count = 0  # past what is in work
        self._passed: deque[tuple[Work, list[SealedBatch]]] = deque()  # synced, and not told yet
        self._loop: asyncio.AbstractEventLoop | None = None
        self.due_since_ms: int | None = None  # when the work that runs now became due
        self._named: tuple[Lane, bytes, int, int] | None = None  # the eviction that was written down last

    def wake(self) -> None:
        """A lane may have become due, or due earlier."""
        self._wake.set()
        self._let_alarms_pass()

    @property
    def has_alarm(self) -> bool:
        """Whether an alarm is on its way to the disk."""
        return self._is_alarm_in_work or self._passing is not None or self._lanes.has(Lane.ALARM)

    async def flush(self) -> None:
        """Done when nothing waits and nothing is in work."""
        self._is_flushing = True
        try:
            while self._lanes.frames_count or self.frames_in_work:
                self._idle.clear()
                self._wake.set()
                await self._idle.wait()
        finally:
            self._is_flushing = False

    def overdue_ms(self) -> int:
        """How long the oldest due work has been waiting; 0 while a refusing disk explains it."""
        if self.refusal:
            return 0
        deadline_ms = self.due_since_ms if self.due_since_ms is not None else self._lanes.next_deadline_ms()
        return 0 if deadline_ms is None else max(0, self._clock.monotonic_ms() - deadline_ms)

    async def run(self) -> None:
        """Seal and sync whatever becomes due."""
        self._loop = asyncio.get_running_loop()
        times_ahead = 0
        while True:
            now_ms = self._clock.monotonic_ms()
            due = self._lanes.waiting() if self._is_flushing else self._lanes.due(now_ms)
            if self._passing is not None:
                due = []
            elif not due:
                await self._wait(self._lanes.next_deadline_ms(), now_ms)
                continue
            # An alarm does not wait until a full batch of another lane is sealed and synced with it; but alarms go ahead some times
            # only, or a flood of them would keep the others from the disk.
            elif due[0] is Lane.ALARM and len(due) > 1 and times_ahead < AHEAD_MAX:
                due = due[:1]
                times_ahead += 1
            else:
                times_ahead = 0
            deadline_ms = self._lanes.next_deadline_ms()
            self.due_since_ms = now_ms if deadline_ms is None else min(now_ms, deadline_ms)
            work: Work = [(lane, self._take(lane, now_ms)) for lane in due]
            if self._passing is not None:  # the worker was done before it came to them
                work, self._passing = [(Lane.ALARM, self._passing)], None
            self._is_alarm_in_work = work[0][0] is Lane.ALARM
            self._passes_count = 0
            sealed = await self._commit(work)
            self._is_alarm_in_work = False
            self.due_since_ms = None
            self._note_passed()
            self._note_synced(work, sealed)

    def _take(self, lane: Lane, now_ms: int) -> list[AdmittedFrame]:
        frames = self._lanes.take(lane, now_ms)
        self.frames_in_work += len(frames)
        return frames

    def _note_synced(self, work: Work, sealed: list[SealedBatch]) -> None:
        for lane, frames in work:
            self.frames_in_work -= len(frames)
            self._lanes.learn(lane, frames, sum(len(batch.batch) for batch in sealed if batch.lane is lane))
        self._on_synced(sealed)
        self._idle.set()

    def _let_alarms_pass(self) -> None:
        """While other lanes are in work: hand the alarms that are due to the worker."""
        if not self.frames_in_work or self._is_alarm_in_work or self._passing is not None:
            return
        now_ms = self._clock.monotonic_ms()
        if self._passes_count < PASSES_MAX and Lane.ALARM in self._lanes.due(now_ms):
            self._passes_count += 1
            self._passing = self._take(Lane.ALARM, now_ms)

    def _pass(self) -> None:
        """In the worker, between two steps of an encoding. Raises: Unavailable, NoRoom; then they still wait to pass."""
        frames = self._passing
        if frames is None:
            return
        work: Work = [(Lane.ALARM, frames)]
        sealed = self._try_to_append(work)
        self._passing = None
        self._passed.append((work, sealed))
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._note_passed)

    def _note_passed(self) -> None:
        while self._passed:
            self._note_synced(*self._passed.popleft())
        self._let_alarms_pass()

    async def _wait(self, deadline_ms: int | None, now_ms: int) -> None:
        """Until the deadline or `wake`."""
        if deadline_ms is None:
            await self._wake.wait()
        elif not self._wake.is_set():
            # The deadline wakes like everybody else, and an alarm's turn comes one turn of the loop after `wake`: `asyncio.wait`
            # would take three, each as long as a slice of frames.
            sleep = asyncio.ensure_future(self._clock.sleep_ms(max(1, deadline_ms - now_ms)))
            sleep.add_done_callback(self._note_slept)
            try:
                await self._wake.wait()
            finally:
                sleep.remove_done_callback(self._note_slept)
                sleep.cancel()
        self._wake.clear()

    def _note_slept(self, _sleep: asyncio.Future[None]) -> None:
        self._wake.set()

    async def _commit(self, work: Work) -> list[SealedBatch]:
        backoff = Backoff(500, 30_000, self._jitter)
        while True:
            try:
                sealed = await self._worker(lambda: self._seal_and_append(work))
            except Unavailable as error:
                self.refused_count += 1
                if str(error) != self.refusal:
                    log.error("the journal takes nothing, so nothing is acknowledged: %s", error)
                self.refusal = str(error)
                await self._clock.sleep_ms(backoff.next_ms())
            else:
                if self.refusal:
                    log.warning("the journal takes batches again")
                    self.refusal = ""
                return sealed

    def _seal_and_append(self, work: Work) -> list[SealedBatch]:
        """What was sealed, with the records of what had to be given up for it. Raises: Unavailable."""
        losses: list[SealedBatch] = []
        for _ in range(EVICTIONS_MAX):
            try:
                return losses + self._try_to_append(work)
            except NoRoom:
                lost = self._evict()
                if lost is None:
                    raise
                losses += lost
        return losses + self._try_to_append(work)

    def _evict(self) -> list[SealedBatch] | None:
        """Give up the oldest of the least urgent, in writing first. None where nothing may be given up.

        A cut in between leaves a claim of loss for what is still there: the city prefers what it has.
        """
        eviction = self._store.next_eviction()
        if eviction is None:
            return None
        # Once only: a disk that refuses the eviction again and again must not fill the room that is kept for these records.
        named = (eviction.lane, eviction.instance, eviction.serial, eviction.last)
        sealed = self._write_down(eviction) if named != self._named else []
        self._named = named
        self._store.evict(eviction)
        log.warning(
            "the journal is full: batches %d to %d of the lane %s are given up",
            eviction.first,
            eviction.last,
            eviction.lane.word,
        )
        return sealed

    def _write_down(self, eviction: Eviction) -> list[SealedBatch]:
        clock = self._clock.read()
        records = loss_records(eviction.received, LossReason.EVICTED, clock.wall_ms)
        head = self._store.head(Lane.ALARM)
        sealed = self._sealer.seal_own(head, self._store.is_segment_start(Lane.ALARM), records, clock)
        try:
            self._store.append(sealed, is_loss_record=True)
        except Exception:
            self._sealer.forget_table(Lane.ALARM)
            raise
        return sealed

    def _try_to_append(self, work: Work) -> list[SealedBatch]:
        clock = self._clock.read()
        sealed: list[SealedBatch] = []
        pause = no_pause if work[0][0] is Lane.ALARM else self._pass
        try:
            for lane, frames in work:
                head, is_segment_start = self._store.head(lane), self._store.is_segment_start(lane)
                sealed += self._sealer.seal(head, is_segment_start, frames, clock, pause)
            self._store.append(sealed)
        except Exception:
            # The nodes of these batches stand in the tables already, but nobody will have the batches.
            for lane, _ in work:
                self._sealer.forget_table(lane)
            raise
        return sealed
