# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Run the whole firmware of any family on the simulated board, and print the heap in use at each look:
`heap_over_days.py NODE_DIR FIRMWARE_DIR LOOKS LOOK_S TICK_MS`.

TICK_MS stands for the second between two rounds of housekeeping, which would be most of the host's work. With more than that second an
attempt to connect comes each 280 s, and a parking application looks around no oftener either; any other one runs at its own pace. Prints
`heap BYTES SEGMENTS`, of the 64-bit interpreter and with what the simulation holds: only the change counts.
"""

import gc
import os
import sys

_board = __file__[: __file__.rfind("/tests/")] + "/simulators/board"
sys.path.insert(0, _board)

import boot_node
import simclock

tick_ms = int(sys.argv.pop())
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
    import json
    import runtime

    runtime._TICK_MS = tick_ms
    if tick_ms > 1000:
        runtime.wait_ms = lambda *_: 280_000  # as long as the watchdog lets it
        with open("/flash/config.json") as file:
            if json.load(file)["app"] == "parking":
                import apps.parking

                apps.parking._LOOK_MS = tick_ms
    simclock.at(simclock.now_us + look_us, lambda when_us: look(when_us, looks))
    original(firmware)


boot_node.power.count_loads = lambda: None  # it would count, too
original = boot_node._run
boot_node._run = run
boot_node.__file__ = _board + "/boot_node.py"
boot_node.main()
