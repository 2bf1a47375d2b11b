# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Codes and their times between an interrupt that puts them in and a program that takes them out. Neither touches the heap."""

from array import array

from micropython import const

_RING = const(256)  # 3.2 s at 80 a second, 1.5 s at 175; a power of two
_MASK = const(_RING - 1)


class SampleRing:
    def __init__(self):
        self._codes = array("i", bytes(4 * _RING))
        self._ticks_us = array("i", bytes(4 * _RING))
        self._head = 0  # next place to write, counting on for ever modulo 2 * _RING
        self._tail = 0
        self.overruns = 0  # samples that found the ring full

    def put(self, word, ticks_us):
        """A code as the converter shifts it out: 24 bits, two's complement. Full: the new one is counted and dropped."""
        head = self._head
        if (head - self._tail) & (2 * _RING - 1) == _RING:
            self.overruns += 1
            return
        if word & 0x800000:
            word -= 0x1000000
        self._codes[head & _MASK] = word
        self._ticks_us[head & _MASK] = ticks_us
        self._head = (head + 1) & (2 * _RING - 1)

    def take(self, codes, ticks_us):
        """Move up to len(codes) samples, oldest first, into the two arrays; how many."""
        count = (self._head - self._tail) & (2 * _RING - 1)
        count = min(count, len(codes))
        tail = self._tail
        for index in range(count):
            codes[index] = self._codes[tail & _MASK]
            ticks_us[index] = self._ticks_us[tail & _MASK]
            tail += 1
        self._tail = tail & (2 * _RING - 1)
        return count
