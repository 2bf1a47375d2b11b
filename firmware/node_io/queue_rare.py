# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the queue needs at the start or once in a while, loaded for the moment: to find and to read segments of earlier boots, to
make room."""

import os

from node_core import numbers, ranges
from node_core.frame import frame_number
from node_core.giving_up import closed_floor, evictable, waiting_sequences
from node_io.flash_store import LETTERS, UNKNOWN, Segment, read_record, tag_of

_CLOSED_MAX = 4  # earlier epochs that are remembered


def find_segments(store, folder: str) -> None:
    try:
        os.mkdir(folder)
    except OSError:
        pass  # it is there; if it cannot be made, the listing says so
    try:
        names = os.listdir(folder)
    except OSError as error:  # what is written will say so, too; the node lives on what it has in memory
        print("fault flash: the queue cannot be read (%s)" % error)
        names = []
        try:
            os.remove(folder)  # a file in its place
            os.mkdir(folder)
        except OSError:
            pass
    segments: list = [[], [], []]
    for name in names:
        lane = LETTERS.find(name[:1])
        parts = name[1:].split("-")
        if lane < 0 or len(parts) != 3:
            continue
        try:
            number = int(parts[0], 16)
            found = (number, int(parts[1], 16), int(parts[2], 16), UNKNOWN)
        except ValueError:
            continue
        segments[lane].append(found)
        store.next_number = max(store.next_number, number + 1)
    for lane in range(3):
        for found in sorted(segments[lane]):
            store.resting[lane].append(found)


def held_from(store, lowest: int, epoch: bytes) -> list:
    """The numbers of an epoch from `lowest` on that resting segments hold, ascending."""
    held = []
    for lane in range(3):
        for number, first, tag, _ in reversed(list(store.resting[lane])):
            if tag != tag_of(epoch):
                continue
            found = scan(store.path(lane, number, first, tag))
            held.extend([record[2] for record in found if record[0] >= 0 and record[2] >= lowest])
            if first <= lowest:
                break
    held.sort()
    return held


def claim_lost_memory(outbox, store) -> None:
    """What an earlier boot may have held in memory only, and did not bring to flash, counts as lost."""
    first = outbox.numbers.memory_floor
    last = outbox.numbers.reserved - 1
    if first <= last:
        held = held_from(store, first, outbox.numbers.epoch)
        for pair in ranges.subtract(first, last, held):
            outbox.note_lost(outbox.numbers.epoch, pair[0], pair[1], numbers.LOST_POWER)


def start_epoch(outbox, why: str) -> None:
    """Begin a new epoch. What waits stays as it is, sealed under the key of its day."""
    begin_epoch(outbox, why)
    outbox._reserve()


def use_root(outbox, root: bytes) -> None:
    """Seal with another key from now on. Only straight after `start_epoch`: an epoch has one key."""
    outbox._root = root
    outbox._renew_sealer()


def begin_epoch(outbox, why: str) -> None:
    """Count and seal anew. What waits stays as it is."""
    events = outbox._events
    known = outbox.numbers
    if any(known.lost):
        events.fault("queue", "losses of an epoch that is over were not reported")
    _start_epoch(known, outbox._draw_epoch())
    outbox._renew_sealer()
    events.new_epoch(known.epoch, why)


def _start_epoch(known: numbers.Numbers, epoch: bytes) -> None:
    """Begin to count anew. Boot number and commands go on: they belong to the node, not to the epoch."""
    known.closed = [pair for pair in known.closed if pair[0] != known.epoch][1 - _CLOSED_MAX :]
    known.closed.append([known.epoch, known.floor])
    known.epoch = epoch
    known.next = known.reserved = known.floor = known.memory_floor = 0
    known.lost = [[], [], []]


def rescue(outbox, store, frames: list) -> bool:
    """Bring to flash what a sleeping node remembered, before it counts as lost; what flash refuses stays in memory, and then this is False.

    Below a floor that was told nothing may be sent.
    """
    is_done = True
    numbered = [frame_number(entry[4]) for entry in frames]
    held = {epoch: held_from(store, 0, epoch) for epoch, _ in numbered}  # it may have begun to move there
    for lane, _, wait_s, _, frame in frames:
        epoch, sequence = frame_number(frame)
        if sequence < closed_floor(outbox.numbers, epoch) or sequence in held[epoch]:
            continue
        if not outbox.append(lane, epoch, [(sequence, frame, wait_s, 0, 0)]):
            memory = outbox.memory(epoch, lane)
            memory.add(sequence, 0, wait_s, 0, 1)  # it may have been sent
            memory.put(frame)
            is_done = False
    for lane in range(3):
        store.rest(lane)
    return is_done


def go_on_unsaved(outbox, duty) -> None:
    """After an orderly sleep: go on with an epoch that flash refused to know, and try again to tell it."""
    known = outbox.numbers
    _start_epoch(known, duty.epoch)
    known.boot = duty.boot
    known.next = duty.next
    in_memory = [frame_number(entry[4]) for entry in duty.frames]
    known.memory_floor = min([sequence for epoch, sequence in in_memory if epoch == duty.epoch] + [known.next])
    known.reserved = known.next + numbers.BLOCK
    if known.is_exhausted() or not outbox.save():
        known.reserved = duty.reserved


def load_segment(store, lane: int, entry: tuple, numbers) -> Segment:
    """Find the frames of a resting segment that still wait.

    Frames of an earlier boot below their epoch's floor are closed already, for the floor never passes what
    waits; so are those below the lowest that waited when the segment was put to rest. `lost` of what is returned
    names what is neither closed nor sent: the numbers that damaged records may have had (all between
    their good neighbours), and a frame that did wait but that a gateway would refuse for the floor.
    """
    number, first, tag, lowest = entry
    path = store.path(lane, number, first, tag)
    segment = Segment(b"", lane, number, path)
    segment.is_fresh = False
    expected = first
    is_damaged = False
    for place, epoch, sequence in scan(path):
        if place < 0 or (segment.epoch and epoch != segment.epoch):
            is_damaged = True
            continue
        segment.epoch = epoch
        if is_damaged and sequence > expected:
            segment.lost.append([expected, sequence - 1])
        is_damaged = False
        expected = sequence + 1
        if sequence < lowest:
            continue
        if sequence >= closed_floor(numbers, epoch):
            segment.add(sequence, place, store.waits_s[lane])
        elif lowest != UNKNOWN:
            segment.lost.append([sequence, sequence])
    if not segment.epoch and tag == tag_of(numbers.epoch):
        segment.epoch = numbers.epoch
    if is_damaged:
        segment.lost.append([expected, _last_of(store, lane, tag, numbers)])
    return segment


def _last_of(store, lane: int, tag: int, numbers) -> int:
    """The highest number that a segment may hold whose end cannot be read."""
    after = store.resting[lane][0] if store.resting[lane] else None
    return after[1] - 1 if after is not None and after[2] == tag else numbers.reserved - 1


def scan(path: str) -> list:
    """(place, epoch, sequence) of each record of a segment; a damaged one has place -1."""
    found: list = []
    place = 0
    try:
        with open(path, "rb") as file:
            while True:
                frame, size = read_record(file)
                if not size:
                    return found
                if frame is None:
                    found.append((-1, b"", 0))
                else:
                    epoch, sequence = frame_number(frame)
                    found.append((place, epoch, sequence))
                if size < 0:
                    return found
                place += size
    except OSError:
        found.append((-1, b"", 0))
        return found


def evict(outbox, store, incoming_lane: int) -> bool:
    """Give up the oldest segment of the least urgent lane. The ledger knows before the segment goes."""
    lane = evictable(incoming_lane, store.counts())
    if lane < 0:
        return False
    outbox.refill()
    victims = store.loaded(lane)
    if victims:
        segment = victims[0]
        gone: list = []
        for sequence in waiting_sequences(segment):
            ranges.add(gone, sequence, sequence, 256)
        for first, last in gone:
            outbox.note_lost(segment.epoch, first, last, numbers.LOST_FULL)
        outbox.save()
        store.remove(segment)
    return True


def put_back(memories: list, memory, entries: list) -> None:
    """What flash did not take stays in memory, with what is known of its transmissions. Until then `memory` does."""
    rest = type(memory)(memory.epoch, memory.lane)
    for sequence, frame, wait_s, due_s, tries in entries:
        at = list(memory.sequences).index(sequence)
        rest.add(sequence, memory.places[at], wait_s, due_s, tries)
        rest.put(frame)
    memories.remove(memory)
    if entries:
        memories.append(rest)


def drop_from_memory(outbox, memories: list) -> None:
    """Give up the oldest frame of the least urgent lane."""
    memory = max(memories, key=lambda candidate: candidate.lane)
    sequence = memory.lowest()
    i = list(memory.sequences).index(sequence)
    outbox.note_lost(memory.epoch, sequence, sequence, numbers.LOST_FULL)
    memory.done(i)
    memory.forget(i)
    outbox.drop_if_empty(memory)
