# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Run the whole firmware on the simulated board and print the heap that it has in use: `heap_on_board.py NODE_DIR FIRMWARE_DIR AFTER_S`.

What the simulated modules, chips and wires hold before the firmware starts is taken off; what they allocate afterwards (sockets,
tasks and queues that are C on a board) counts as the firmware's, so the figure is too high rather than too low. A node that stays awake
is looked at once, AFTER_S seconds of its time after the start; one that sleeps just before each deep sleep, until AFTER_S have passed.
Prints `heap BYTES WHAT` of the 64-bit interpreter.
"""

import gc
import sys

_board = __file__[: __file__.rfind("/tests/")] + "/simulators/board"
sys.path.insert(0, _board)

import boot_node
import power
import simclock

after_s = int(sys.argv.pop())
base = 0


def in_use(what):
    gc.collect()
    print("heap", gc.mem_alloc() - base, what)


def note_run(end, sleep_ms):
    in_use("before sleep")
    if simclock.now_us - simclock.base_us > after_s * 1_000_000:
        sys.exit()


def run(firmware):
    """In place of boot_node's own: everything that is there now is the simulation's."""
    global base
    if not base:
        simclock.base_us = simclock.now_us
        simclock.at(simclock.now_us + after_s * 1_000_000, lambda when_us: finish())
        gc.collect()
        base = gc.mem_alloc()
    original(firmware)


def finish():
    if not power.sleeps:
        in_use("awake")
        sys.exit()


boot_node.power.count_loads = lambda: None  # it would count, too
original = boot_node._run
boot_node._run = run
power.note_run = note_run
boot_node.__file__ = _board + "/boot_node.py"
boot_node.main()
