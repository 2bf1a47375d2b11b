# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Run the whole firmware on the simulated board for hours of its time, and print the heap in use at each:
`heap_over_time.py NODE_DIR FIRMWARE_DIR HOURS TICK_MS`.

TICK_MS stands for the second between two rounds of housekeeping, which would be most of the work of a simulated week; with more than a
second its application looks around no oftener, and attempts to connect come each five minutes and not each two. Prints `heap BYTES
HOUR SEGMENTS`, of the 64-bit interpreter and with what the simulation holds: only the change counts.
"""

import gc
import os
import sys

_board = __file__[: __file__.rfind("/tests/")] + "/simulators/board"
sys.path.insert(0, _board)

import boot_node
import simclock

tick_ms = int(sys.argv.pop())
hours = int(sys.argv.pop())
_HOUR_US = 3_600_000_000


def look(when_us, hour):
    gc.collect()
    try:
        segments = len(os.listdir("/flash/queue"))
    except OSError:
        segments = 0
    print("heap", gc.mem_alloc(), hour, segments)
    if hour == hours:
        sys.exit()
    simclock.at(when_us + _HOUR_US, lambda next_us: look(next_us, hour + 1))


def run(firmware):
    import runtime

    runtime._TICK_MS = tick_ms
    if tick_ms > 1000:
        import apps.parking

        apps.parking._LOOK_MS = tick_ms
        runtime.wait_ms = lambda *_: 280_000  # between two attempts to connect: as long as the watchdog lets it
    simclock.at(simclock.now_us + _HOUR_US, lambda when_us: look(when_us, 1))
    original(firmware)


boot_node.power.count_loads = lambda: None  # it would count, too
original = boot_node._run
boot_node._run = run
boot_node.__file__ = _board + "/boot_node.py"
boot_node.main()
