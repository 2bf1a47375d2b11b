# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A node without its network: `week_offline.py NODE_DIR DAYS`. Power fails at the end; NODE_DIR/flash.bin is what is left.

Prints the firmware's console, and `heap DAY BYTES` each evening.
"""

import gc
import sys

import simclock
import whole_node

directory, days = sys.argv[1], int(sys.argv[2])
simclock.configure("rate:0,epoch_ms:1790000000000")
files = {}
for name in ("config.json", "key.bin"):
    with open(directory + "/files/" + name, "rb") as file:
        files[name] = file.read()
whole_node.mount(directory + "/flash.bin")
for name in files:
    with open(name, "wb") as file:
        file.write(files[name])
files = None


class App:
    """A reading each five minutes, a trend each quarter of an hour, an alarm each morning."""

    def __init__(self, board, settings, clock):
        self._clock = clock

    async def run(self, report, fault):
        minutes = 0
        while minutes < days * 1440:
            await self._clock.sleep_ms(300_000)
            minutes += 5
            report([("level", minutes)])
            if minutes % 15 == 0:
                report([("tilt", minutes)])
            if minutes % 1440 == 480:
                report([("taken", True)])
            if minutes % 1440 == 1200:
                gc.collect()
                print("heap", minutes // 1440, gc.mem_alloc())
        raise whole_node.Over


assert whole_node.boot(App, tick_ms=20_000) is None
