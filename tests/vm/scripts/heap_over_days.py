# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Run the whole firmware of any family on the simulated board, and print the heap in use at each look:
`heap_over_days.py NODE_DIR FIRMWARE_DIR LOOKS LOOK_S`.

The application runs at its own pace. A round of housekeeping comes each 110 s and an attempt to connect each 280 s, which would be most
of the host's work. Prints `heap BYTES SEGMENTS`, of the 64-bit interpreter and with what the simulation holds: only the change counts.
"""

import gc
import os
import sys

_board = __file__[: __file__.rfind("/tests/")] + "/simulators/board"
sys.path.insert(0, _board)

import boot_node
import simclock

look_us = int(sys.argv.pop()) * 1_000_000
looks = int(sys.argv.pop())


def look(when_us, left):
    gc.collect()
    try:
        segments = len(os.listdir("/flash/queue"))
    except OSError:
        segments = 0
    print("heap", gc.mem_alloc(), segments)
    if left == 1:
        sys.exit()
    simclock.at(when_us + look_us, lambda next_us: look(next_us, left - 1))


def run(firmware):
    import runtime

    runtime._TICK_MS = 110_000
    runtime.wait_ms = lambda *_: 280_000  # as long as the watchdog lets it
    simclock.at(simclock.now_us + look_us, lambda when_us: look(when_us, looks))
    original(firmware)


boot_node.power.count_loads = lambda: None  # it would count, too
original = boot_node._run
boot_node._run = run
boot_node.__file__ = _board + "/boot_node.py"
boot_node.main()
