# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A pulse contact on a pin: an interrupt at each edge and a slower look beside it feed the counter of node_core/pulse_counter.py.

The ESP32's own pulse counter cannot do this: its filter ends at 12.8 us, a reed bounces for milliseconds. Both handlers run between
two bytecodes, one after the other, and allocate nothing. S0 pulses are looked at by a timer; for a reed, slower than any deaf time, the
application's own look (`poll`, every second) is enough. A line that chatters without end (a cable beside a motor) would leave the board no
time: after so many edges between two looks the interrupt is off for a second and the looks alone count; `is_noisy` says so.
"""

import micropython
from machine import Pin, Timer
from time import ticks_diff, ticks_ms

from node_core.pulse_counter import PulseCounter

_TICK_MS = 10  # between two levels of 30 ms; the deaf time that is not noticed leaves enough of them
_DEAF_MS = 25
_EDGES_A_TICK = 40
_EDGES_A_POLL = 200  # two pulses a second, each with seven closings at both its ends, are 60
_NOISY_MS = 1000
_TIMER = 0


class PulseInput:
    def __init__(self, pin, debounce_ms, is_fast=False):
        """`is_fast`: an S0 output, whose pulses may be shorter than a flash erase and do not bounce."""
        self._pin = pin
        self.counter = PulseCounter(debounce_ms, pin.value())
        self._timer = Timer(_TIMER) if is_fast else None
        self._edges_max = _EDGES_A_TICK if is_fast else _EDGES_A_POLL
        self._on_edge = self._edge
        self._on_tick = self._tick
        self._last_ms = self._ticked_ms = ticks_ms()
        self._was_deaf = False
        self._edges = 0
        self._off_ms = 0
        self.is_noisy = False

    def start(self):
        self._last_ms = self._ticked_ms = ticks_ms()
        self._listen()
        if self._timer is not None:
            self._timer.init(mode=Timer.PERIODIC, period=_TICK_MS, callback=self._on_tick)

    def stop(self):
        if self._timer is not None:
            self._timer.deinit()
        self._pin.irq(handler=None)

    def poll(self):
        """Look now, unless a timer does. Through the scheduler, so that no edge comes in between."""
        if self._timer is None:
            try:
                micropython.schedule(self._on_tick, None)
            except RuntimeError:
                pass  # its queue is full of edges: the next look will do

    def _listen(self):
        self._pin.irq(handler=self._on_edge, trigger=Pin.IRQ_RISING | Pin.IRQ_FALLING)

    def _passed_ms(self, now_ms):
        passed_ms = ticks_diff(now_ms, self._last_ms)
        self._last_ms = now_ms
        return passed_ms

    def _is_deaf(self, now_ms):
        return self._timer is not None and ticks_diff(now_ms, self._ticked_ms) > _DEAF_MS

    def _edge(self, pin):
        now_ms = ticks_ms()
        self._edges += 1
        if self._edges > self._edges_max:
            pin.irq(handler=None)
            self.is_noisy = True
            self._off_ms = 0
        # After a deaf time tick and edge wait both, in either order.
        was_deaf = self._was_deaf or self._is_deaf(now_ms)
        self._was_deaf = False
        self.counter.edge(pin.value(), self._passed_ms(now_ms), was_deaf)

    def _tick(self, _):
        now_ms = ticks_ms()
        self._was_deaf = self._is_deaf(now_ms)
        self._ticked_ms = now_ms
        self._edges = 0
        passed_ms = self._passed_ms(now_ms)
        self.counter.tick(self._pin.value(), passed_ms)
        if self.is_noisy:
            self._off_ms += passed_ms
            if self._off_ms >= _NOISY_MS:
                self.is_noisy = False
                self._listen()
