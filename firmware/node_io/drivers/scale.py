# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A load cell on an HX711 as a scale, looked at ten times a second: codes, the median of the last three.

For what stands still. The converter holds its newest conversion until it is read, so nothing interrupts and nothing is kept; for
every conversion in its time there is hx711.py. A look allocates nothing.

Source: Avia Semiconductor HX711 data sheet. 25 clocks: channel A, gain 128.
"""

import machine
import time

from micropython import const

_DROP = const(4)  # after power-up: the converter settles, and the first of a warm bridge is often wrong
_SILENT_MS = const(2000)  # settling takes 0.4 s at 10 a second, the dropped ones as long
_CODE_MAX = const(0x7FFFFF)


class Scale:
    def __init__(self, dout, sck):
        self._dout = dout
        self._sck = sck
        self._heard_ms = None
        self._before = self._last = None  # the two conversions before the next one
        self._to_drop = _DROP
        self.code = None  # the median; None where there is none
        self.reason = ""  # why

    def start(self):
        """Power-cycle the converter."""
        self._before = self._last = None
        self._to_drop = _DROP
        self._sck.value(1)
        time.sleep_us(100)
        self._sck.value(0)

    def look(self, now_ms):
        """Read a conversion that is ready; start the converter anew where none has come for two seconds."""
        if self._heard_ms is None:
            self._heard_ms = now_ms
            self.start()
        if not self._dout.value():
            word = self._shift()
            if self._dout.value():  # else the line is stuck
                self._heard_ms = now_ms
                self._take(word)
        if now_ms - self._heard_ms >= _SILENT_MS:
            self.code = None
            self.reason = "no conversions"
            self._heard_ms = now_ms
            self.start()

    def _take(self, word):
        if self._to_drop:
            self._to_drop -= 1
            return
        code = word - 0x1000000 if word & 0x800000 else word
        before, last = self._before, self._last
        self._before, self._last = last, code
        if before is not None:
            self.code = max(min(before, last), min(max(before, last), code))
            self.reason = ""
            if self.code in (_CODE_MAX, -_CODE_MAX - 1):
                self.code = None
                self.reason = "the load cell is not connected, or out of range"

    def _shift(self):
        word = 0
        state = machine.disable_irq()  # a clock that stays high for 60 us switches the converter off
        for _ in range(24):
            self._sck.value(1)
            word = word << 1 | self._dout.value()
            self._sck.value(0)
        self._sck.value(1)
        self._sck.value(0)
        machine.enable_irq(state)
        return word
