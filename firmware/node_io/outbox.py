# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""From a pack to an acknowledged frame: number it, seal it, keep it, say what is sent next, forget it when it is safe.

Alarm and record frames are on flash before they may be sent. Trend frames wait in memory; they move to flash when the oldest has
waited for 30 s, or when they and what it takes to know what lies on flash exceed 3.5 kB: the fuller the queue, the sooner.
What is given up is named in the ledger of the number store.
"""

import os
import random

from micropython import const

from node_core import numbers
from node_core.backlog import ALARM, RECORD, TREND, Waiting, first_wait_s
from node_core.frame import Sealer
from node_io import borrowed, number_store
from node_io.flash_store import FlashStore, StoreFull

_MEMORY_BYTES_MAX = const(6144)  # of frames, while flash refuses
_QUEUE_BYTES = const(3584)  # of frames in memory, and of the lists of those on flash
_FRAMES_BYTES_MIN = const(768)  # of frames all the same: each time that they move costs an erased block
_FRAME_COST_BYTES = const(48)  # what a frame in memory takes beside its own bytes
_NO_SPACE = const(28)


class Memory(Waiting):
    """Frames that are in memory only. `places` holds the second in which each was queued, modulo 65536."""

    def __init__(self, epoch: bytes, lane: int) -> None:
        super().__init__(epoch, lane)
        self.frames: list = []
        self.bytes_held = 0

    def keep(self, sequence: int, frame: bytes, wait_s: int, now_s: int) -> None:
        self.add(sequence, now_s & 0xFFFF, wait_s)
        self.put(frame)

    def put(self, frame: bytes) -> None:
        self.frames.append(frame)
        self.bytes_held += len(frame) + _FRAME_COST_BYTES

    def forget(self, i: int) -> None:
        self.bytes_held -= len(self.frames[i]) + _FRAME_COST_BYTES
        self.frames[i] = b""

    def entries(self) -> list:
        """What waits, as (sequence, frame, wait, due, tries)."""
        indices = [i for i in range(len(self.frames)) if self.is_waiting(i)]
        return [(self.sequences[i], self.frames[i], self.waits_s[i], self.due_s[i], self.tries[i]) for i in indices]

    def age_s(self, now_s: int) -> int:
        """How long the oldest has waited."""
        for i in range(len(self.frames)):
            if self.is_waiting(i):
                return now_s - self.places[i] & 0xFFFF
        return 0


class Outbox:
    memory_wait_s = 30
    durable_lane = RECORD  # frames of this lane, and of more urgent ones, are on flash before they may be sent

    def __init__(self, root: bytes, node_id: bytes, store: FlashStore, events) -> None:
        """`events` hears `acked(epoch, sequence)`, `lost(epoch, first, last, reason)`, `fault(part, reason)`
        and `new_epoch(epoch, why)`.
        """
        self._root = root
        self._node_id = node_id
        self._events = events
        self._store = store
        self._memories: list = []
        self._spill_again_s = 0
        known, why = number_store.load()
        self.numbers = known if known is not None else numbers.Numbers(self._draw_epoch())
        if known is None:
            events.new_epoch(self.numbers.epoch, why)
        self._begin()

    def _begin(self) -> None:
        """A boot begins: with new numbers, and without what was in memory only."""
        self.numbers.boot += 1
        borrowed.call("node_io.queue_rare", "claim_lost_memory", self, self._store)
        self._renew_sealer()
        self.refill()
        self._reserve()

    def _renew_sealer(self) -> None:
        self._sealer = Sealer(self._root, self._node_id + self.numbers.epoch)
        borrowed.forget("node_core.keys")

    def _draw_epoch(self) -> bytes:
        return os.urandom(8)

    # Numbers and epochs

    def _reserve(self) -> None:
        if self.numbers.is_exhausted():
            borrowed.call("node_io.queue_rare", "begin_epoch", self, "its numbers are used up")
        ours = self.numbers.epoch
        in_memory = [memory.lowest() for memory in self._memories if memory.remaining and memory.epoch == ours]
        held = [number for number in in_memory + [self._store.lowest(ours)] if number is not None]
        self.numbers.reserve(min(held) if held else None, min(in_memory) if in_memory else None)
        if not self.save():
            # No number is safe that the store does not know of, but an epoch that nobody can ever resume is.
            borrowed.call("node_io.queue_rare", "begin_epoch", self, "the number store cannot be written")
            self.numbers.reserved = numbers.SEQUENCE_MAX + 1

    def save(self) -> bool:
        """Write numbers, ledger and commands. False, and a fault, where flash refuses."""
        try:
            number_store.save(self.numbers.to_bytes())
            return True
        except OSError as error:
            self._events.fault("flash", "numbers cannot be stored: %s" % error)
            return False

    def is_our_epoch(self, epoch: bytes) -> bool:
        return epoch == self.numbers.epoch or any(waiting.epoch == epoch for waiting in self._all())

    # In

    def queue(self, lane: int, pack: bytes, deadline_s: int, now_s: int) -> int:
        """Seal a pack and keep it until it is acknowledged. Returns its number.

        `deadline_s` is how long a gateway may take to seal it.

        Raises: ValueError where the pack is too long for a frame.
        """
        if self.numbers.needs_reservation():
            self._reserve()
        epoch = self.numbers.epoch
        frame = self._sealer.seal(self.numbers.next, self.numbers.floor, pack)
        sequence = self.numbers.take()
        wait_s = first_wait_s(deadline_s)
        memory = self.memory(epoch, lane)
        memory.keep(sequence, frame, wait_s, now_s)
        # An older frame that flash refused goes before the new one: a lane's segments ascend, and the floor rests on that.
        if lane > self.durable_lane or not self._spill(memory):
            self.tidy(now_s)
        return sequence

    def tidy(self, now_s: int) -> None:
        """Bring memory to flash when it is time. To be called every few seconds."""
        held = sum([memory.bytes_held for memory in self._memories])
        most = max(_FRAMES_BYTES_MIN, _QUEUE_BYTES - self._store.memory_bytes())
        oldest_s = max([memory.age_s(now_s) for memory in self._memories]) if self._memories else 0
        if (held > most or oldest_s >= self.memory_wait_s) and now_s >= self._spill_again_s:
            for memory in list(self._memories):
                if not self._spill(memory):
                    self._spill_again_s = now_s + self.memory_wait_s
            held = sum([memory.bytes_held for memory in self._memories])
        while held > _MEMORY_BYTES_MAX:
            borrowed.call("node_io.queue_rare", "drop_from_memory", self, self._memories)
            held = sum([memory.bytes_held for memory in self._memories])
        for memory in list(self._memories):
            if len(memory.frames) > memory.remaining * 2 + 16:  # mostly places of frames that are gone
                borrowed.call("node_io.queue_rare", "put_back", self._memories, memory, memory.entries())

    def flush(self) -> bool:
        """Bring everything to flash, before a reset or a sleep. False where some of it has to stay in memory."""
        return all([self._spill(memory) for memory in list(self._memories)])

    def close(self) -> None:
        """Before a reset that is meant: everything to flash, and what is left of the block given back, so that nothing counts as lost."""
        if self.flush():
            self.numbers.reserved = self.numbers.memory_floor = self.numbers.next
            self.save()

    def _spill(self, memory: Memory) -> bool:
        """Bring what waits in memory to flash, in the order of its numbers. False where some of it has to stay."""
        entries = memory.entries()
        is_stored = self.append(memory.lane, memory.epoch, entries)
        if is_stored:
            self._memories.remove(memory)
        else:
            borrowed.call("node_io.queue_rare", "put_back", self._memories, memory, entries)
        return is_stored

    def memory(self, epoch: bytes, lane: int) -> Memory:
        for memory in self._memories:
            if memory.epoch == epoch and memory.lane == lane:
                return memory
        memory = Memory(epoch, lane)
        self._memories.append(memory)
        return memory

    def append(self, lane: int, epoch: bytes, entries: list) -> bool:
        """Bring frames to flash, making room where it is full. `entries` keeps what could not be stored."""
        while entries:
            try:
                self._store.append(lane, epoch, entries)
            except StoreFull:
                if not borrowed.call("node_io.queue_rare", "evict", self, self._store, lane):
                    return False
            except OSError as error:
                if error.args[0] != _NO_SPACE or not borrowed.call(
                    "node_io.queue_rare", "evict", self, self._store, lane
                ):
                    self._events.fault("flash", "frames cannot be stored: %s" % error)
                    return False
        return True

    def note_lost(self, epoch: bytes, first: int, last: int, reason: int) -> None:
        if epoch == self.numbers.epoch:
            self.numbers.note_lost(first, last, reason)
            borrowed.forget("node_core.ranges")
        else:  # a loss record speaks of its own epoch only
            self._events.fault("queue", "frames of an earlier epoch are lost")
        self._events.lost(epoch, first, last, reason)

    # Out

    def next_due(self, now_s: int):
        """(waiting, index) of the frame to send now, or None.

        Alarms first, then what is new, then the backlog in the order of its numbers: the gateway keeps
        a bounded count of ranges, and gaps between them.
        """
        store = self._store
        for waiting in self._of(ALARM) + [store.tails[ALARM]] + store.heads[ALARM] + self._of(RECORD):
            if waiting is not None and waiting.next_due(now_s) >= 0:
                return waiting, waiting.next_due(now_s)
        for waiting in [store.tails[RECORD]] + self._of(TREND):
            if waiting is not None and waiting.next_due(now_s) >= 0:
                return waiting, waiting.next_due(now_s)
        best = None
        for segment in store.heads[RECORD] + store.loaded(TREND):
            i = segment.next_due(now_s)
            if i >= 0 and (best is None or _is_before(segment, i, best[0], best[1])):
                best = segment, i
        return best

    def frame(self, waiting, i: int):
        """The frame's bytes, or None where flash has damaged them: then it is given up, by name."""
        if isinstance(waiting, Memory):
            return waiting.frames[i]
        frame = self._store.read(waiting, i)
        if frame is None:
            self.note_lost(waiting.epoch, waiting.sequences[i], waiting.sequences[i], numbers.LOST_DAMAGED)
            self.save()
            waiting.done(i)
            self.drop_if_empty(waiting)
        return frame

    def sent(self, waiting: Waiting, i: int, now_ms: int) -> None:
        waiting.sent(i, now_ms, random.getrandbits(16))

    def acknowledge(self, epoch: bytes, acknowledged: list) -> None:
        for waiting in self._all():
            if waiting.epoch == epoch:
                for i in waiting.acknowledge(acknowledged):
                    if isinstance(waiting, Memory):
                        waiting.forget(i)
                    self._events.acked(epoch, waiting.sequences[i])
                self.drop_if_empty(waiting)
        self.refill()

    def hurry(self, epoch, sequence: int, now_s: int) -> None:
        """Send a frame again soon, because the connection broke that carried it.

        No epoch and -1: everything that was sent, for the gateway has started anew, and may have lost what it had not sealed.
        """
        for waiting in self._all():
            if epoch is None or waiting.epoch == epoch:
                waiting.hurry(sequence, now_s)

    def _all(self) -> list:
        found = list(self._memories)
        for lane in range(3):
            found.extend(self._store.loaded(lane))
        return found

    def _of(self, lane: int) -> list:
        return [memory for memory in self._memories if memory.lane == lane]

    def drop_if_empty(self, waiting) -> None:
        if waiting.remaining:
            return
        if not isinstance(waiting, Memory):
            self._store.remove(waiting)
        elif waiting in self._memories:
            self._memories.remove(waiting)

    def refill(self) -> None:
        for lane in range(3):
            segment = self._store.refill(lane, self.numbers)
            while segment is not None:
                for first, last in segment.lost:
                    if first <= last:
                        self.note_lost(segment.epoch, first, last, numbers.LOST_DAMAGED)
                if segment.lost:
                    self.save()
                self.drop_if_empty(segment)
                segment = self._store.refill(lane, self.numbers)


def _is_before(a, i: int, b, j: int) -> bool:
    """Whether frame i of segment a has its turn before frame j of segment b."""
    return a.sequences[i] < b.sequences[j] if a.epoch == b.epoch else a.number < b.number
