# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Codes and their times between an interrupt that puts them in and a program that takes them out. Neither touches the heap."""

from array import array

from micropython import const

_HELD_US = const(700_000)  # a program is longer away only where the interrupts are, too
_PLACES_MIN = const(64)
_PLACES_MAX = const(256)


class SampleRing:
    """For a converter that gives a code each `period_us`: as many places, a power of two, as 0.7 s need, 64 to 256."""

    def __init__(self, period_us):
        places = _PLACES_MIN
        while places < _PLACES_MAX and places * period_us < _HELD_US:
            places *= 2
        self._codes = array("i", bytes(4 * places))
        self._ticks_us = array("i", bytes(4 * places))
        self._mask = places - 1
        self._head = 0  # next place to write, counting on for ever modulo twice the places
        self._tail = 0
        self.overruns = 0  # samples that found the ring full

    def put(self, word, ticks_us):
        """A code as the converter shifts it out: 24 bits, two's complement. Full: the new one is counted and dropped."""
        head = self._head
        mask = self._mask
        if (head - self._tail) & (2 * mask + 1) > mask:
            self.overruns += 1
            return
        if word & 0x800000:
            word -= 0x1000000
        self._codes[head & mask] = word
        self._ticks_us[head & mask] = ticks_us
        self._head = (head + 1) & (2 * mask + 1)

    def take(self, codes, ticks_us):
        """Move up to len(codes) samples, oldest first, into the two arrays; how many."""
        mask = self._mask
        tail = self._tail
        count = min((self._head - tail) & (2 * mask + 1), len(codes))
        for index in range(count):
            codes[index] = self._codes[tail & mask]
            ticks_us[index] = self._ticks_us[tail & mask]
            tail += 1
        self._tail = tail & (2 * mask + 1)
        return count
