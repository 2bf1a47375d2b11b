# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""HX711 bridge converter, bit-banged. Give it two pins; it keeps up with 80 conversions a second.

Theory of operation
-------------------
DOUT goes low when a conversion is ready. Its falling edge calls `_on_ready`, which notes the time, shifts out 24 bits with
interrupts off (an interrupt that holds SCK high for 60 us would switch the converter off) and writes
code and time into a ring, without touching the heap. The program takes samples out of the ring with `take`.
Shifting makes edges on DOUT too; the call that they cause finds DOUT high and returns.

Codes go in as they came: saturation, spikes and gaps are judged later, from codes and times (node_core/strain_monitor.py).
Only the first conversions after power-up are dropped: the converter settles for four, and the first of a warm bridge is often wrong.
A conversion that was not read before the next one ended is lost, and shows as a gap in time; on an ESP32 a flash erase
(45 ms, everything stands still) costs up to four at 80 a second.

Source: Avia Semiconductor HX711 data sheet. 25 clocks: channel A, gain 128.
"""

import machine
import micropython
import time

from micropython import const

from node_io.drivers.sample_ring import SampleRing

_EXTRA_CLOCKS = {128: 1, 32: 2, 64: 3}  # gain -> clocks after the 24th
_DROP_AT_START = const(4)
_POWER_DOWN_US = const(100)


class Hx711(SampleRing):
    name = "hx711"
    stuck = "data line stays low"

    def __init__(self, dout, sck, period_us=12_500, gain=128):
        """`period_us` is what its rate pin makes it: 80 or 10 conversions a second."""
        super().__init__(period_us)
        self.period_us = period_us
        self._dout = dout
        self._sck = sck
        self._extra = _EXTRA_CLOCKS[gain]
        self._to_drop = 0
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
        self.put(word, ticks_us)

    def poll(self):
        """Read a conversion whose edge nobody heard. Cheap; call it now and then.

        It goes through the scheduler, as the interrupts do, so that two readings can never mix.
        """
        if not self._dout.value():
            try:
                micropython.schedule(self._ready, None)
            except RuntimeError:
                pass  # the queue is full of the very calls that will read it
