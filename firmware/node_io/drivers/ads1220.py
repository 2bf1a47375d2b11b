# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""ADS1220 bridge converter on SPI, mode 1. Give it a bus, a chip select and the data-ready pin; 20 to 1,000 conversions a second.

Theory of operation
-------------------
DRDY goes low when a conversion is ready, and high with the first clock that reads it. Its falling edge calls `_on_ready`, which notes the time, reads
with RDATA (a conversion that ends meanwhile cannot tear the code) and writes code and time into a ring, without touching the heap.

`start` trusts nothing (ads1220_start.py): the registers it has written must read back, and with the inputs shorted inside the chip the code must be near zero. A wrong SPI mode, a
wire on the wrong pin, a chip without power or a broken input stage each end there with a named error.

The bridge is on AIN0 and AIN1, its excitation is the reference (REFP0, REFN0), so that the excitation's drift cancels. The current sources are off, the PGA is on. The
rejection of 50 and 60 Hz exists at 20 a second only; the chip wants it off at any other rate.
The chip's own thermometer replaces a conversion: asked for by ads1220_temperature.py, switched on and off by the interrupt, it costs one sample (`breaks`).

Source: TI ADS1220 data sheet SBAS501: 8.3.13 temperature sensor, 8.4.2 conversion modes, 8.5 interface and commands, 8.6 registers.
"""

import machine
import micropython
import time

from micropython import const

from node_io import borrowed
from node_io.drivers.sample_ring import SampleRing

_POWER_DOWN = b"\x02"


class Ads1220(SampleRing):
    name = "ads1220"
    stuck = "data-ready line stays low"

    def __init__(self, spi, cs, drdy, gain=128, rate_sps=175, is_turbo=False):
        self.period_us = 1_000_000 // rate_sps
        super().__init__(self.period_us)
        self.settings = (gain, rate_sps, is_turbo)
        self.to_bridge = self.to_thermometer = None  # commands, by `start`
        self._drdy = drdy
        self._ask = b"\x10\x00\x00\x00"  # RDATA
        self._answer = bytearray(4)
        self.wants_temperature = False
        self._is_thermometer = False  # the conversion that runs is the thermometer's
        self.temperature_word = None
        self.line_low = 0  # readings after which DRDY stayed low
        self.breaks = 0  # conversions that were the thermometer's
        # Bound once, because binding a method allocates.
        self._ready = self._on_ready
        self.is_busy = drdy.value
        self.select = cs.value
        self.exchange = spi.write_readinto
        self._write = spi.write

    def send(self, data):
        """One command and what belongs to it."""
        self.select(0)
        self._write(data)
        self.select(1)

    def read_word(self):
        """The latest conversion, 24 bits."""
        self.select(0)
        self.exchange(self._ask, self._answer)
        self.select(1)
        answer = self._answer
        return answer[1] << 16 | answer[2] << 8 | answer[3]

    def start(self):
        """Reset, set up, test and begin.

        Raises:
            OSError: nothing answers, or the chip is not as it should be; the second argument says what.
        """
        self._drdy.irq(handler=None)
        self._head = self._tail = 0
        self.wants_temperature = self._is_thermometer = False
        borrowed.call("node_io.drivers.ads1220_start", "start", self)
        self._drdy.irq(handler=self._ready, trigger=machine.Pin.IRQ_FALLING)

    def stop(self):
        """Power down: less than 1 uA, and no more interrupts."""
        self._drdy.irq(handler=None)
        self.send(_POWER_DOWN)

    def _on_ready(self, pin):
        drdy = self.is_busy
        if drdy():
            return  # read meanwhile
        ticks_us = time.ticks_us()
        word = self.read_word()
        if pin is None and not drdy():
            # Nobody heard an edge, and reading does not take the line up: no conversion is behind it.
            self.line_low += 1
            return
        if self._is_thermometer:
            self._is_thermometer = False
            self.temperature_word = word
            self.send(self.to_bridge)  # which also begins a new conversion
            return
        if self.wants_temperature:
            self.wants_temperature = False
            self._is_thermometer = True
            self.breaks += 1
            self.send(self.to_thermometer)
        self.put(word, ticks_us)

    def poll(self):
        """Read a conversion whose edge nobody heard. Cheap; call it now and then.

        It goes through the scheduler, as the interrupts do, so that two readings can never mix.
        """
        if not self._drdy.value():
            try:
                micropython.schedule(self._ready, None)
            except RuntimeError:
                pass  # the queue is full of the very calls that will read it
