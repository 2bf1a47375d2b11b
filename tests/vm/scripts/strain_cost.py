# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a sample costs on its way from the ring to its meaning, without the simulated board: time, and no heap. argv: samples.

STARTCITY_SETTINGS: JSON of the application's settings. Prints `us_per_sample FIGURE` of this machine.
"""

import gc
import json
import micropython
import os
import sys
import time
from array import array

from node_core.strain_monitor import Recorder
from node_core.strain_setup import new_monitor
from node_io.drivers.sample_ring import SampleRing

settings = json.loads(os.getenv("STARTCITY_SETTINGS"))
PERIOD_US = 10_000
COUNT = int(sys.argv[1])
ring = SampleRing(PERIOD_US)
monitor = new_monitor(settings, PERIOD_US)
recorder = Recorder(PERIOD_US, 40, settings["pre_samples"])
codes, ticks = array("i", bytes(4 * 64)), array("i", bytes(4 * 64))
# A lorry every ten seconds on noise of a good converter: events, reversals and cycles all happen.
signal = array("i", [0] * 1000)
state = 1
for index in range(1000):
    state = (state * 1103515245 + 12345) & 0x7FFFFFFF
    load = max(0, 9000 - abs(index - 300) * 60)
    signal[index] = load + (state >> 16) % 700 - 350


def path(start, count):
    """As `_drain` of the application: 16 samples in, the same out, each judged."""
    done = 0
    while done < count:
        for index in range(16):
            place = start + done + index
            ring.put(signal[place % 1000] & 0xFFFFFF, place * PERIOD_US & 0x3FFFFFFF)
        got = ring.take(codes, ticks)
        for index in range(got):
            code = codes[index]
            recorder.add(code, ticks[index])
            monitor.add(code)
        done += 16


path(0, 4000)  # two passages, so that everything has happened once
gc.collect()
micropython.heap_lock()
try:
    path(4000, 8000)
finally:
    micropython.heap_unlock()
assert sum(monitor.cycles.histogram) > 10 and monitor.live.event_high > 6000, (
    monitor.cycles.histogram,
    monitor.live.event_high,
)
start_us = time.ticks_us()
path(12_000, COUNT)
print("us_per_sample", time.ticks_diff(time.ticks_us(), start_us) / COUNT)
