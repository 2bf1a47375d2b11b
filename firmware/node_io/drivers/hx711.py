# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""HX711 bridge converter, bit-banged. Give it two pins; it keeps up with 80 conversions a second.

Theory of operation
-------------------
DOUT goes low when a conversion is ready. Its falling edge calls `_on_ready`, which notes the time, shifts out 24 bits with
interrupts off (an interrupt that holds SCK high for 60 us would switch the converter off) and writes
code and time into a ring, without touching the heap. The program takes samples out of the ring with `take`.
Shifting makes edges on DOUT too; the call that they cause finds DOUT high and returns.

Codes go in as they came: saturation, spikes and gaps are judged later, from codes and times (node_core/strain_processing.py).
Only the first conversions after power-up are dropped: the converter settles for four, and the first of a warm bridge is often wrong.
A conversion that was not read before the next one ended is lost, and shows as a gap in time; on an ESP32 a flash erase
(45 ms, everything stands still) costs up to four at 80 a second.

Source: Avia Semiconductor HX711 data sheet. 25 clocks: channel A, gain 128.
"""

import machine
import micropython
import time
from array import array

from micropython import const

_EXTRA_CLOCKS = {128: 1, 32: 2, 64: 3}  # gain -> clocks after the 24th
_DROP_AT_START = const(4)
_POWER_DOWN_US = const(100)
_RING = const(256)  # 3.2 s at 80 a second; a power of two
_MASK = const(_RING - 1)


class Hx711:
    def __init__(self, dout, sck, gain=128):
        self._dout = dout
        self._sck = sck
        self._extra = _EXTRA_CLOCKS[gain]
        self._codes = array("i", bytes(4 * _RING))
        self._ticks_us = array("i", bytes(4 * _RING))
        self._head = 0  # next place to write, counting on for ever modulo 2 * _RING
        self._tail = 0
        self._to_drop = 0
        self._irq = None
        self.overruns = 0  # samples that found the ring full
        self.line_low = 0  # readings after which DOUT stayed low: a short circuit, or no converter
        # Bound once, because binding a method allocates.
        self._ready = self._on_ready
        self._read_dout = dout.value
        self._write_sck = sck.value

    def start(self):
        """Power-cycle the converter and begin. Samples come after its settling (50 ms at 80 a second)."""
        self._dout.irq(handler=None)
        self._head = self._tail = 0
        self._to_drop = _DROP_AT_START
        self._sck.value(1)
        time.sleep_us(_POWER_DOWN_US)
        self._sck.value(0)
        self._dout.irq(handler=self._ready, trigger=machine.Pin.IRQ_FALLING)

    def stop(self):
        """Power down: less than 1 uA, and no more interrupts."""
        self._dout.irq(handler=None)
        self._sck.value(1)

    def _on_ready(self, pin):
        dout = self._read_dout
        if dout():
            return  # an edge of our own shifting, or a glitch
        ticks_us = time.ticks_us()
        sck = self._write_sck
        word = 0
        count = 0
        state = machine.disable_irq()
        if dout():  # read meanwhile
            machine.enable_irq(state)
            return
        while count < 24:
            sck(1)
            word = word << 1 | dout()
            sck(0)
            count += 1
        count = self._extra
        while count:
            sck(1)
            sck(0)
            count -= 1
        machine.enable_irq(state)
        if not dout():
            self.line_low += 1
            return
        if self._to_drop:
            self._to_drop -= 1
            return
        head = self._head
        if (head - self._tail) & (2 * _RING - 1) == _RING:
            self.overruns += 1
            return
        if word & 0x800000:
            word -= 0x1000000
        self._codes[head & _MASK] = word
        self._ticks_us[head & _MASK] = ticks_us
        self._head = (head + 1) & (2 * _RING - 1)

    def poll(self):
        """Read a conversion whose edge nobody heard. Cheap; call it now and then.

        It goes through the scheduler, as the interrupts do, so that two readings can never mix.
        """
        if not self._dout.value():
            try:
                micropython.schedule(self._ready, None)
            except RuntimeError:
                pass  # the queue is full of the very calls that will read it

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
