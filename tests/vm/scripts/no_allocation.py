# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What runs between an interrupt and the application, with the heap locked: the ring of samples, filled past its end and emptied."""

import gc
import micropython
from array import array

from node_io.drivers.sample_ring import SampleRing

ring = SampleRing(12_500)
codes = array("i", bytes(4 * 50))
ticks = array("i", bytes(4 * 50))


def passes(rounds):
    taken = 0
    for pass_of in range(rounds):
        for index in range(90):
            ring.put(0x7FFFFF + index, pass_of)  # of both signs
        taken += ring.take(codes, ticks)
    return taken


taken = passes(2)  # and a place for the name: a new one would allocate
ring.overruns = 0
gc.collect()
micropython.heap_lock()
try:
    taken = passes(20)
finally:
    micropython.heap_unlock()
assert taken == 1000 and ring.overruns > 500, (taken, ring.overruns)
print("ok")
