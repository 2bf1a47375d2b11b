# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The outbox of a node that sleeps: frames wait in the memory that survives deep sleep, and numbers go on from there.

Rules, beside those of node_core/numbers.py:
1. After an orderly sleep counting goes on where it was: what was remembered must fit the number store exactly. Anything
   else is a boot, which goes on at the end of the reserved block.
2. What is remembered is written anew before a frame is sent, so no later start can meet an older state of it.
3. A boot that finds the memory (a watchdog's bite, a reset) first brings its frames to flash.
   An epoch that flash refused to know goes on from one orderly sleep to the next, in this memory only.
4. Alarms are on flash before they are sent. The rest goes there when it fills half of the memory, or when two transmissions
   of a frame were not acknowledged.
"""

import network

from micropython import const

from node_core.backlog import ALARM, RECORD, TREND
from node_core.duty import FRAME_HEAD_BYTES
from node_core.frame import frame_number
from node_core.numbers import SEQUENCE_MAX
from node_io import borrowed
from node_io.outbox import Memory, Outbox
from node_io.sleeping_store import SleepingStore

_STALE_TRIES = const(2)


class SleepingOutbox(Outbox):
    _store: SleepingStore
    memory_wait_s = 1 << 16  # more than a frame's age can be: `lay_down` decides
    durable_lane = ALARM

    def __init__(self, root: bytes, node_id: bytes, store, events, duty, is_resumed: bool) -> None:
        self._duty = duty
        self._is_resumed = is_resumed
        self.may_drain = True  # send the backlog on flash; False while acknowledgements of it may still come
        super().__init__(root, node_id, store, events)

    def _begin(self) -> None:
        duty, known = self._duty, self.numbers
        fits = duty.epoch == known.epoch and duty.reserved == known.reserved and duty.boot == known.boot
        is_unsaved = duty.reserved > SEQUENCE_MAX
        if self._is_resumed and (fits or is_unsaved) and duty.next <= duty.reserved:
            if is_unsaved:
                borrowed.call("node_io.queue_rare", "go_on_unsaved", self, duty)
            known.next = duty.next
            self._renew_sealer()
            self._take_frames()
            for lane in range(3):
                tail = duty.tails[lane]
                if tail is not None:
                    self._store.reopened[lane] = tail + (known,)
            self.refill()
            return
        self._is_resumed = False
        is_rescued = borrowed.call("node_io.queue_rare", "rescue", self, self._store, duty.frames)
        duty.frames = []
        if is_rescued and fits:
            known.memory_floor = known.reserved  # so nothing is lost that was in memory only
        super()._begin()
        duty.has_backlog = sum(self._store.counts()) > 0

    def _take_frames(self) -> None:
        """Frames of the last wake, as if they had been queued in this one."""
        for lane, tries, wait_s, due_s, frame in self._duty.frames:
            epoch, sequence = frame_number(frame)
            memory = self.memory(epoch, lane)
            memory.add(sequence, 0, wait_s, due_s, tries)
            memory.put(frame)

    def _draw_epoch(self) -> bytes:
        network.WLAN(network.STA_IF).active(True)  # with the radio off, random numbers are not
        return super()._draw_epoch()

    def is_fresh_waiting(self) -> bool:
        """Whether something waits that was never sent: its answer will tell the time."""
        return any(
            [not memory.tries[i] for memory in self._memories for i in range(len(memory.tries)) if memory.is_waiting(i)]
        )

    def waits_in(self, lane: int) -> bool:
        return any([memory.remaining for memory in self._of(lane)]) or self._store.counts()[lane] > 0

    def flush(self) -> bool:
        is_done = super().flush()
        self.keep()
        self._events.remember()
        return is_done

    def has_resting(self) -> bool:
        """Whether flash holds segments that have not had their turn."""
        return any(self._store.resting)

    def next_unsent(self):
        """(waiting, index) of a frame that was never sent, alarms first, or None: its answer can tell the time."""
        tails = self._store.tails
        memories = sorted(self._memories, key=lambda memory: memory.lane)
        for waiting in [tails[ALARM]] + memories + [tails[RECORD], tails[TREND]]:
            if waiting is not None and waiting.is_fresh:
                for i in range(len(waiting.tries)):
                    if not waiting.tries[i] and waiting.is_waiting(i):
                        return waiting, i
        return None

    def next_due(self, now_s: int):
        if self.may_drain:
            return super().next_due(now_s)
        store = self._store
        for waiting in self._of(ALARM) + [store.tails[ALARM]] + store.heads[ALARM] + self._of(RECORD) + self._of(TREND):
            if waiting is not None and waiting.next_due(now_s) >= 0:
                return waiting, waiting.next_due(now_s)
        return None

    def keep(self) -> None:
        """Write numbers and frames into what is remembered."""
        duty, known = self._duty, self.numbers
        duty.epoch, duty.next, duty.reserved, duty.boot = known.epoch, known.next, known.reserved, known.boot
        duty.frames = [
            (memory.lane, tries, wait_s, due_s, frame)
            for memory in self._memories
            for _, frame, wait_s, due_s, tries in memory.entries()
        ]
        for lane in range(3):
            tail = self._store.tails[lane]
            if tail is not None:
                duty.tails[lane] = (tail.number, tail.size_bytes) if tail.remaining else None

    def lay_down(self) -> None:
        """Before sleep: bring to flash what has to go there, give up what does not fit where flash refuses, and `keep` the rest."""
        held = sum([FRAME_HEAD_BYTES + len(entry[1]) for memory in self._memories for entry in memory.entries()])
        is_stale = any([_is_stale(memory) for memory in self._memories])
        if held and (is_stale or held * 2 >= self._duty.room_bytes()):
            self._duty.has_backlog |= self.is_fresh_waiting()
            self.flush()
        self.keep()
        has_dropped = False
        while self._duty.frames and self._duty.frames_bytes() > self._duty.room_bytes():
            borrowed.call("node_io.queue_rare", "drop_from_memory", self, self._memories)
            has_dropped = True
            self.keep()
        if has_dropped:
            self.save()


def _is_stale(memory: Memory) -> bool:
    return any([memory.tries[i] >= _STALE_TRIES and memory.is_waiting(i) for i in range(len(memory.tries))])
