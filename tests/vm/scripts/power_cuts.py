# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A node's life with the power cut at every single write to its flash: `power_cuts.py [FIRST LAST STEP]`.

After each cut: no number was given twice, every frame that is held is one that was made, byte for byte, none lies below a floor that
was told, and every alarm and record frame whose `queue` returned and that was not acknowledged is there. Prints `cuts N writes W`.
"""

import sys

import ram_flash
from world_of_outbox import ALARM, RECORD, TREND, held, pack, sealed, start, told

LANES = (RECORD, TREND, TREND, ALARM, RECORD, TREND, RECORD)


def live(durable, steps, salt):
    """Queue, acknowledge, tidy; `durable` always says what flash must hold."""
    outbox, _ = start(12)
    for step in range(steps):
        lane = LANES[step % len(LANES)]
        sequence = outbox.queue(lane, pack("%s %d %s" % (salt, step, "x" * (step * 37 % 180))), 0, step)
        if lane != TREND:
            durable.add((outbox.numbers.epoch, sequence))
        if step % 9 == 8:
            first = sequence - 6
            for number in range(first, first + 3):
                durable.discard((outbox.numbers.epoch, number))
            outbox.acknowledge(outbox.numbers.epoch, [[first, first + 2]])
        if step % 11 == 10:
            outbox.tidy(step + 40)
    return outbox


def check(durable, cut):
    sealed_before = dict(sealed)
    outbox, listener = start(12)
    assert not listener.epochs, "cut %d: a new epoch although nothing was damaged" % cut
    assert not listener.faults, listener.faults
    epoch = outbox.numbers.epoch
    for key in durable:
        assert key[0] == epoch
    sequence = outbox.queue(RECORD, pack("after"), 0, 0)
    found = held(outbox)
    for key, frame in found.items():
        assert key == (epoch, sequence) or sealed_before.get(key) == frame, "cut %d: a frame that was never made" % cut
    below = [key[1] for key in found if key[1] < told[epoch]]
    assert not below, "cut %d: held below the floor that was told: %s" % (cut, below)
    missing = [key[1] for key in durable if key not in found]
    assert not missing, "cut %d: durable frames are gone: %s" % (cut, missing)
    given_up = [entry for entry in listener.given_up if entry[:2] in durable]
    assert not given_up, "cut %d: named as lost, but held: %s" % (cut, given_up)


def run(cut):
    """One life with one cut. Returns the writes of a life without it."""
    flash = ram_flash.RamFlash(40)
    ram_flash.format_and_mount(flash)
    sealed.clear()
    told.clear()
    durable = set()
    live(durable, 16, "first")  # an earlier life, so that there is something to lose
    flash = ram_flash.power_again(flash)
    flash.cut_at = cut
    try:
        live(durable, 45, "second")
    except ram_flash.PowerCut:
        pass
    writes = flash.writes
    ram_flash.power_again(flash)
    check(durable, cut)
    return writes


writes = run(-1)
first, last, step = [int(word) for word in sys.argv[1:4]] if len(sys.argv) > 3 else (0, writes, 1)
count = 0
for cut in range(first, min(last, writes), step):
    run(cut)
    count += 1
print("cuts", count, "writes", writes)
