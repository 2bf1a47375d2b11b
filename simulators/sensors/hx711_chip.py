# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""HX711 bridge converter at bit level: DOUT says "ready" by going low, 25 to 27 clocks on SCK read 24 bits.

A clock of 60 us or longer high switches the chip off; going low again starts it anew and it settles for four
conversions. The number of clocks selects the next gain and channel; a change settles too. A conversion that nobody has
read when the next one ends is lost: DOUT pulses high and carries the new one. A code comes from the recording that the world plays, else from
its `strain_code`; `spike_code` replaces the next conversion; the range is 24 bits, saturating.

Source: Avia Semiconductor HX711 data sheet, "Serial interface", "Power-down control", table 3 (settling).
"""

import machine
import simclock as _clock
import world as _world
from noise import Noise

CODE_MAX = 0x7FFFFF
CODE_MIN = -0x800000
_POWER_DOWN_US = 60
_PULSE_US = 20  # DOUT high between an unread conversion and the next
_SETTLING_CONVERSIONS = 4
_TRUTH_LINE = 40  # conversions in one message to the world


class Hx711Chip:
    name = "hx711"

    def __init__(self, dout, rate_sps=80, seed=1, period_us=None):
        """`dout` is the pin that the chip drives. `period_us` where the oscillator is not exactly nominal."""
        self._dout = dout
        self._noise = Noise(seed)
        self.period_us = period_us or 1_000_000 // rate_sps
        self.conversions = 0
        self.unread = 0  # conversions that were overwritten before anybody read them
        self.torn = 0  # conversions that ended while bits were being clocked out
        self.hazard_us = 0  # a test's interrupt that strikes while SCK is high and interrupts are on
        self._truth = []
        self._sck = 0
        self._high_us = 0
        self._is_on = False
        self._event = None
        self._mode_clocks = 25
        self._start()

    def _start(self):
        """Power-up or change of input: nothing for four conversions."""
        self._is_on = True
        self._clocks = 0
        self._word = 0
        self._is_ready = False
        self._dout.drive(1)
        self._schedule(_clock.now_us + _SETTLING_CONVERSIONS * self.period_us)

    def _schedule(self, when_us):
        if self._event is not None:
            _clock.cancel(self._event)
        self._event = _clock.at(when_us, self._conversion)

    def _code(self, at_us):
        values = _world.values
        if values["spike_code"] is not None:
            code = values["spike_code"]
            values["spike_code"] = None
        else:
            code = _world.recorded_code(at_us)
            if code is None:
                code = values["strain_code"]
            if values["strain_noise_codes"]:
                code += round(values["strain_noise_codes"] * self._noise.normal())
        if self._mode_clocks == 26:
            code = code // 4  # channel B has gain 32; the bridge is on A, so this is only crosstalk's scale
        elif self._mode_clocks == 27:
            code = code // 2
        return max(CODE_MIN, min(CODE_MAX, code))

    def _conversion(self, at_us):
        self._event = None
        if self._sck and at_us - self._high_us > _POWER_DOWN_US:
            self._is_on = False
            self._dout.drive(1)
            return
        if "hx711" in _world.values["absent"]:
            self._dout.drive(1)
            self.flush_truth()
            self._schedule(at_us + self.period_us)
            return
        self._schedule(at_us + self.period_us)
        code = self._code(at_us)
        self.conversions += 1
        if _world.values["truth"]:
            self._truth.append([at_us, code])
            if len(self._truth) >= _TRUTH_LINE:
                self.flush_truth()
        if self._clocks:
            self.torn += 1
            return
        if self._is_ready:
            self.unread += 1
            self._dout.drive(1)
        self._word = code & 0xFFFFFF
        self._is_ready = True
        self._dout.drive(0)

    def flush_truth(self):
        if self._truth:
            _world.report({"sensor": "hx711", "samples": self._truth})
            self._truth = []

    def clock(self, level):
        """SCK as the microcontroller drives it."""
        now_us = _clock.now_us
        if level == self._sck:
            return
        self._sck = level
        if level:
            self._high_us = now_us
            if not self._is_on:
                return
            self._clocks += 1
            if self._clocks <= 24:
                self._dout.drive((self._word >> (24 - self._clocks)) & 1)
            else:
                self._dout.drive(1)
            if self.hazard_us and not _clock.irq_off_count:
                _clock.busy(self.hazard_us)
            return
        if now_us - self._high_us > _POWER_DOWN_US:
            self._mode_clocks = 25
            self._start()
        elif self._clocks >= 25:
            self._finish_clocks_later()

    def _finish_clocks_later(self):
        """Clocks 26 and 27 may follow; what has come by then selects the input."""
        count = self._clocks
        self._is_ready = False

        def settle(at_us):
            if self._clocks != count:
                return
            self._clocks = 0
            if count != self._mode_clocks:
                self._mode_clocks = min(count, 27)
                self._start()

        _clock.at(_clock.now_us + 10, settle)


def attach(part, seed):
    """On the pins `dout` and `sck` of the part, at `rate_sps`, or at an exact `period_us`."""
    dout = machine.connect_pin(part["dout"], level=1)
    chip = Hx711Chip(dout, part.get("rate_sps", 80), seed, part.get("period_us"))
    machine.connect_pin(part["sck"], listener=chip.clock)
    return chip
