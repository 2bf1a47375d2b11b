# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A sleeping node's life, cut off at every single write to its flash: `sleep_power_cuts.py FIRMWARE power|reset [FIRST STEP]`.

The firmware's own boots and wakes run; only the radio is ours: it hands frames to a gateway that now and then does not answer, does
not hear, or is not there, and that orders the move to another key generation. After each cut the node lives on until its queue is empty.
Then: no number stands for two frames, no epoch for two keys, nothing arrives below a floor that was told, and what was promised has
arrived or is named as lost. With `reset` RTC memory outlives the cut, as a watchdog's bite leaves it: then nothing is lost. With `power`
no alarm is. Prints `cuts N writes W`.
"""

import sys

import esp32
import machine
import ram_flash
import sleeping_life
from sleeping_life import forget_rtc, live, new_board, promise, use_app

PLAN = ("ok", "absent", "mute", "late", "deaf", "ok", "absent", "deaf", "late", "mute")
WAKES = 10
WAKES_AFTER = 5


class App:
    """Three frames each wake, of all lanes."""

    def __init__(self, board, settings, clock):
        pass

    async def wake(self, report, fault, state, why):
        count = int(state or b"0") + 1
        for reading in (("count", count), ("state", count), ("alert", True) if count % 5 == 3 else ("count", -count)):
            promise(report, reading)
        return str(count).encode(), 420, []


def one(cut, kind):
    """One life with one cut. Returns the writes of a life without it."""
    flash = new_board(PLAN)
    life = sleeping_life.life
    before = flash.writes
    flash.cut_at = -1 if cut < 0 else before + cut
    try:
        cause = live(WAKES, machine.PWRON_RESET)
        life.command = [1, 6, 1]
        live(WAKES_AFTER, cause)
    except ram_flash.PowerCut:
        pass
    writes = flash.writes - before
    life.chip = ram_flash.power_again(flash)
    if kind == "power":
        forget_rtc()
    promised = set(life.promised)
    cause = machine.PWRON_RESET if kind == "power" else machine.WDT_RESET
    life.plan = []
    life.command = [1, 6, 1]
    for _ in range(16):
        cause = live(1, cause)
        if promised <= life.received | life.named:
            break
    silent = promised - life.received - life.named
    assert not silent, "cut %d: nobody says what became of %s" % (cut, sorted([key[1] for key in silent]))
    held = promised if kind == "reset" else life.alarms & promised
    gone = held - life.received
    for _ in range(4):
        if gone:  # a number may be named before its frame comes
            cause = live(1, cause)
            gone = held - life.received
    assert not gone, "cut %d: gone for ever: %s" % (cut, sorted([key[1] for key in gone]))
    for _ in range(4):
        if esp32.NVS("node").get_i32("generation") != 1:
            life.command = [
                life.command[0] + 1,
                6,
                1,
            ]  # the cut came between its note and the deed: somebody asks again
            cause = live(3, cause)
    assert esp32.NVS("node").get_i32("generation") == 1, "cut %d: it has not moved" % cut
    assert len(life.roots) <= 3, "cut %d: a new epoch although nothing was damaged" % cut
    assert len(set(life.roots.values())) <= 2
    return writes


use_app(App)
writes = one(-1, sys.argv[2])
first, step = [int(word) for word in sys.argv[3:5]] if len(sys.argv) > 4 else (0, 1)
count = 0
for cut in range(first, writes, step):
    one(cut, sys.argv[2])
    count += 1
print("cuts", count, "writes", writes)
