# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""No frame that a node holds lies below a floor that it has told, and none vanishes without being named.

`floor_rules.py NAME` runs one of the cases, `floor_rules.py random SEED LIVES` random lives of a node. Prints `ok` at the end.
"""

import random
import sys

import ram_flash
from node_core import giving_up
from node_io import flash_store, queue_rare, seldom
from world_of_outbox import ALARM, RECORD, TREND, held, pack, sealed, start, told

TEXT = "y" * 150
real_open = open
failing = {"chance": 0, "next": 0}  # of 1000 appends; and how many of the next fail for sure
failed = {5: 0, 28: 0}


class TornFile:
    """Takes a few writes and then no more: a record can be torn, or whole though the caller heard of an error."""

    def __init__(self, file, writes):
        self.file = file
        self.writes = writes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        if not self.writes:
            raise refusal()
        self.writes -= 1
        return self.file.write(data)


def refusal():
    code = random.choice((5, 28))
    failed[code] += 1
    return OSError(code)


def failing_open(path, mode="r"):
    if mode == "ab" and (failing["next"] or random.randrange(1000) < failing["chance"]):
        is_sure = failing["next"] > 0
        failing["next"] = max(0, failing["next"] - 1)
        if random.randrange(2):
            raise refusal()
        return TornFile(real_open(path, mode), random.randrange(2 if is_sure else 6))  # a record is two writes
    return real_open(path, mode)


flash_store.open = failing_open


def all_held(outbox):
    """{(epoch, sequence)} of all that the node would still send, also of the segments that are not loaded."""
    found = set()
    for waiting in outbox._all():
        found.update([(waiting.epoch, sequence) for sequence in giving_up.waiting_sequences(waiting)])
    store = outbox._store
    for lane in range(3):
        for entry in store.resting[lane]:
            for place, epoch, sequence in queue_rare.scan(store.path(lane, entry[0], entry[1], entry[2])):
                if place >= 0 and sequence >= max(entry[3], giving_up.closed_floor(outbox.numbers, epoch)):
                    found.add((epoch, sequence))
    return found


class Life:
    """A node with the truth beside it: `open` is what was queued and neither acknowledged nor named as lost."""

    def __init__(self, segments_max):
        self.segments_max = segments_max
        self.open = set()
        self.outbox, self.listener = start(segments_max)

    def settle(self):
        for key in self.listener.acknowledged:
            self.open.discard(key)
        for entry in self.listener.given_up:
            self.open.discard(entry[:2])
        self.listener.acknowledged.clear()
        self.listener.given_up.clear()

    def queue(self, lane, text, now_s):
        epoch = self.outbox.numbers.epoch
        sequence = self.outbox.queue(lane, pack(text), 0, now_s)
        assert self.outbox.numbers.epoch == epoch, "a new epoch"
        self.open.add((epoch, sequence))
        self.settle()
        return sequence

    def restart(self, flash):
        flash = ram_flash.power_again(flash)
        self.outbox, self.listener = start(self.segments_max)
        assert not self.listener.epochs, self.listener.epochs
        self.settle()
        return flash

    def check_floor(self):
        for epoch, sequence in self.open:
            assert sequence >= told.get(epoch, 0), "holds %d, told the floor %d" % (sequence, told[epoch])

    def check(self):
        self.check_floor()
        found = all_held(self.outbox)
        below = [sequence for epoch, sequence in found if sequence < told.get(epoch, 0)]
        assert not below, "would send %s below the floor %s" % (below, list(told.values()))
        gone = [sequence for epoch, sequence in self.open if (epoch, sequence) not in found]
        assert not gone, "neither held nor named as lost: %s" % sorted(gone)


def records_that_waited_for_alarms(flash):
    """The store is full of alarms, so records wait in memory; the alarms are acknowledged and the next records are stored."""
    life = Life(4)
    alarms = [life.queue(ALARM, TEXT, 0) for _ in range(88)]
    records = [life.queue(RECORD, TEXT, 1) for _ in range(3)]
    assert [list(memory.sequences) for memory in life.outbox._memories] == [records]
    for _ in range(9):
        life.outbox.acknowledge(life.outbox.numbers.epoch, [[alarms[0], alarms[-1]]])
    life.settle()
    records.extend([life.queue(RECORD, TEXT, 2) for _ in range(3)])
    assert not life.outbox._memories, "there is room, but they still wait in memory"
    life.outbox.tidy(40)
    records.extend([life.queue(RECORD, TEXT, 41) for _ in range(16)])
    life.check()
    flash = life.restart(flash)
    life.check()
    assert sorted([key[1] for key in held(life.outbox)]) == records


def a_record_that_flash_refused_once(flash):
    """Flash refuses one record and takes the next: the first goes with it, and before it."""
    life = Life(64)
    for _ in range(3):
        life.queue(RECORD, TEXT, 0)
    life.outbox.acknowledge(life.outbox.numbers.epoch, [[0, 2]])
    life.settle()
    failing["next"] = 1
    records = [life.queue(RECORD, TEXT, 0)]
    assert life.outbox._memories and not failing["next"]
    records.extend([life.queue(RECORD, TEXT, 1) for _ in range(3)])
    life.outbox.tidy(31)
    records.extend([life.queue(RECORD, TEXT, 32) for _ in range(14)])
    life.check()
    flash = life.restart(flash)
    life.check()
    assert sorted([key[1] for key in held(life.outbox)]) == records


def what_was_said_to_be_unreported_does_not_grow(flash):
    """A loss that comes to the ledger between its report and the report's storing stays in the ledger."""
    life = Life(4)
    for i in range(24):  # as many ranges as the ledger keeps: one more joins the two nearest
        life.outbox.numbers.note_lost(10 * i, 10 * i, 0)
    found = seldom.unreported(life.outbox)
    life.outbox.numbers.note_lost(232, 232, 0)
    assert found[0][1][-1] == [230, 230], found
    seldom.reported(life.outbox, found)
    assert seldom.unreported(life.outbox)[0][1][-1] == [230, 232], "forgotten, though nobody was told"


def random_life(seed):
    random.seed(seed)
    sealed.clear()
    told.clear()
    flash = ram_flash.RamFlash(48)
    ram_flash.format_and_mount(flash)
    life = Life(random.choice((3, 5, 8, 12)))
    failing["chance"] = random.choice((0, 30, 200))
    now_s = 0
    lane = RECORD
    for step in range(240):
        now_s += random.randrange(4)
        if not random.randrange(12):
            lane = random.choice((ALARM, RECORD, RECORD, TREND))
        what = random.randrange(100)
        if what < 62:
            mine = lane if random.randrange(4) else random.choice((ALARM, RECORD, TREND))
            life.queue(mine, "z" * random.randrange(180), now_s)
        elif what < 80:
            newest = life.outbox.numbers.next
            first = random.randrange(max(1, newest))
            if random.randrange(2):
                first = max(0, newest - random.randrange(1, 60))
            last = first + random.choice((0, 1, 5, 20, 100))
            life.outbox.acknowledge(life.outbox.numbers.epoch, [[first, last]])
        elif what < 90:
            life.outbox.tidy(now_s)
        elif what < 92:
            now_s += 31
            life.outbox.tidy(now_s)
        elif what < 94:
            failing["next"] = random.randrange(1, 5)
        elif what < 96:
            flash = life.restart(flash)
            now_s = 0
        elif what < 98:
            found = seldom.unreported(life.outbox)
            if found:
                life.queue(RECORD, "lost", now_s)
                seldom.reported(life.outbox, found)
        else:
            due = life.outbox.next_due(now_s)
            if due is not None and life.outbox.frame(due[0], due[1]) is not None:
                life.outbox.sent(due[0], due[1], now_s * 1000)
        life.settle()
        life.check_floor()
        if step % 6 == 0:
            life.check()
    failing["chance"] = failing["next"] = 0
    flash = life.restart(flash)
    life.check()
    found = held(life.outbox)
    assert all(sealed[key] == frame for key, frame in found.items()), "a frame that was never made"
    life.settle()
    assert not life.open, "could not be sent: %s" % sorted([key[1] for key in life.open])
    flash.is_gone = True


if sys.argv[1] == "random":
    for seed in range(int(sys.argv[2]), int(sys.argv[2]) + int(sys.argv[3])):
        print("seed", seed)
        random_life(seed)
    print("refused", failed)
    assert failed[5] and failed[28], failed
else:
    chip = ram_flash.RamFlash(48)
    ram_flash.format_and_mount(chip)
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.getrandbits(24)
    print("seed", seed)
    random.seed(seed)
    globals()[sys.argv[1]](chip)
print("ok")
