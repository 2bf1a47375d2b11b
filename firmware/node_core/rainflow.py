# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Rainflow counts of a signal that never ends, in bounded memory. Pure, and integers only.

Theory of operation
-------------------
`add` first finds the reversals: a peak or valley counts as one when the signal has come back from it by `gate`, so that noise
smaller than the gate makes none. The first reversal is the extreme from which the first excursion of a gate began. With a gate of 1 these
are the reversals of the whole-number series itself.

Each reversal goes onto a stack, and ASTM E1049-85, 5.4.4 is applied to the last three: X is the latest range, Y the one before. X < Y
waits. Else Y is a whole cycle and its two points go; where Y begins at the oldest point it is half a cycle and only that point goes. What is left
are ranges that shrink strictly: the residue, which the standard counts as half cycles at the end of the record. It can only grow by ever smaller
ranges, so `DEPTH` is room for more than a structure's signal needs. Should it be full all the same, the oldest range is counted as
half a cycle at once, as if the record had begun after it, and `forced` counts that.

A range goes into the bin number range // width, the widest ones into the last bin. Everything is counted in half cycles.

Runs unchanged on MicroPython and CPython. Adding allocates nothing.
"""

from array import array

DEPTH = 64


class Rainflow:
    """`gate` and `width` are in units of the values added, at least 1; `bins` is how many. `histogram` may be read and set to 0."""

    def __init__(self, gate, width, bins):
        self.gate = gate
        self.width = width
        self.histogram = array("i", bytes(4 * bins))
        self.forced = 0
        self.values = array("i", bytes(4 * (DEPTH + 1)))  # the stack
        self.count = 0  # of the stack
        self.sign = 0  # 1 rising, -1 falling, 0 not known yet
        self.last = None  # while rising the highest value since the last reversal, while falling the lowest
        self.lowest = 0  # before the direction is known: `last` is the highest, this the lowest

    def add(self, value):
        last = self.last
        if self.sign:
            if (value - last) * self.sign >= 0:
                self.last = value
            elif abs(value - last) >= self.gate:
                self._turn(last)
                self.sign = -self.sign
                self.last = value
        elif last is None:
            self.last = self.lowest = value
        elif value > last:
            self.last = value
            if value - self.lowest >= self.gate:
                self._turn(self.lowest)
                self.sign = 1
        elif value < self.lowest:
            self.lowest = value
            if last - value >= self.gate:
                self._turn(last)
                self.sign = -1
                self.last = value

    def _turn(self, value):
        """A reversal is certain."""
        values = self.values
        values[self.count] = value
        self.count += 1
        while self.count > 2:
            count = self.count
            before = abs(values[count - 2] - values[count - 3])
            if abs(value - values[count - 2]) >= before:
                self._close(count - 3)
            elif count > DEPTH:
                self.forced += 1
                self._close(0)
            else:
                return

    def _close(self, first):
        """Count the range that begins at this point, and return it: half a cycle at the oldest one, which goes, else a whole one, which takes both."""
        values = self.values
        halves = 2 if first else 1
        size = abs(values[first + 1] - values[first])
        self.count -= halves
        for index in range(first, self.count):
            values[index] = values[index + halves]
        self.histogram[min(size // self.width, len(self.histogram) - 1)] += halves
        return size
