# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What is looked at many times a second, with the heap locked: contacts, the tamper loop, a pulse line, a scale, presence, the
status light, two converters' interrupts, magnetometers.

`no_allocation_looks.py NAME...`: functions of this file. Prints `ok` at the end. Also run by a 32-bit interpreter
(no_allocation_32.mjs), where an integer beyond 30 bits is an allocation that the 64-bit one does not know: so the values here are as
large as they get.
"""

import gc
import micropython
import sys
from array import array

from node_core.dae_rules import PRESENT, REMOVED, Presence, grams_of


class Line:
    """A pin of plain numbers: `level` for ever, and its edges are nobody's."""

    def __init__(self, level=0):
        self.level = level

    def value(self, level=0):
        return self.level

    def irq(self, handler=None, trigger=0):
        pass


class Converter:
    """The data line of a converter that is ready, sends 0x555555 and 0xAAAAAA (negative) in turn, and holds the line high afterwards."""

    def __init__(self, asked=1):
        """`asked`: how often a reader looks whether it is ready, before the 24 bits."""
        self._asked = asked
        self._turn = asked + 25
        self.count = 0

    def value(self, level=0):
        self.count = (self.count + 1) % (2 * self._turn)
        place = self.count % self._turn
        if not place:
            return 1
        return 0 if place <= self._asked else (place - self._asked + self.count // self._turn) & 1


def locked(look, rounds):
    """Once as it is, so that everything has happened, then with the heap locked."""
    look(rounds)
    gc.collect()
    micropython.heap_lock()
    try:
        look(rounds)
    finally:
        micropython.heap_unlock()


def contacts():
    """Door, switch and cover, bouncing: three looks alike are believed."""
    from node_io.drivers.contact import Contact

    line = Line()
    contact = Contact(line)
    changes = [0]

    def look(rounds):
        for place in range(rounds):
            line.level = 1 if place % 40 < 20 or place % 7 == 0 else 0
            if contact.look():
                changes[0] += 1

    locked(look, 400)
    assert changes[0] >= 20, changes


def scale():
    """A load cell, ten times a second."""
    from node_io.drivers.scale import Scale

    found = Scale(Converter(), Line())
    now = [0]

    def look(rounds):
        for _ in range(rounds):
            now[0] += 100
            found.look(now[0])

    locked(look, 100)
    assert found.code in (0x555555, 0xAAAAAA - 0x1000000) and found.reason == "", (found.code, found.reason)


def weight():
    """From codes to grams, from the emptiest scale to the fullest, forwards and backwards."""
    for codes_per_kg in (16, 700, -420_000, 858_993, 8_000_000, -8_000_000):
        differences = (-0xFFFFFF, -1, 0, 1, 0x7FFFFF, 0xFFFFFF)
        wanted = [difference * 1000 // codes_per_kg for difference in differences]

        def look(rounds):
            for place in range(rounds):
                assert grams_of(differences[place % 6], codes_per_kg) == wanted[place % 6]

        locked(look, 60)


def presence():
    """Both senses, agreeing, in doubt and apart."""
    found = Presence()
    seen = [0, 0]

    def look(rounds):
        for place in range(rounds):
            turn = place // 30 % 3
            if found.update(turn != 1, None if turn == 2 else turn != 1):
                seen[0] += found.state == PRESENT
                seen[1] += found.state == REMOVED

    locked(look, 400)
    assert min(seen) >= 4, seen


def meter():
    """A meter's look each second: the pulses of its line, the tamper loop, what is wrong."""
    from node_io.pulse_meter import PulseMeter

    pulse, tamper = Line(1), Line()
    faults = []

    class Board:
        def pin(self, role):
            return {"pulse": pulse, "tamper": tamper}[role]

    settings = {"debounce_ms": 1, "keep_pulses": 1_000_000, "stuck_s": 60, "tamper_loop": True}
    found = PulseMeter(Board(), "locked", 0, settings, False, lambda part, reason: faults.append(part))
    counter = found._input.counter
    counted = [0]

    def look(rounds):
        for place in range(rounds):
            pulse.level = place & 1
            counter.edge(pulse.level, 40, False)
            counter.tick(pulse.level, 40)
            found._look_at_loop()
            counted[0] += found.look(1000) > 0
            assert not found.is_tampered

    locked(look, 200)
    assert counted[0] >= 90 and found.pulses >= 190 and faults == [], (counted, found.pulses, faults)
    tamper.level = 1
    found.look(1000)
    found.look(1000)
    assert found.is_tampered and faults == ["cable"]


def light():
    """The status light, from dark to the brightest that an input reads, a flash each three seconds, for the longest look."""
    from node_core.status_light import StatusLight

    watcher = StatusLight(80_000)

    def look(rounds):
        watcher.begin()
        for place in range(rounds):
            green_uv = 3_300_000 if place % 300 < 20 else 142_000
            watcher.add(green_uv, 142_000 if place & 1 else 3_300_000 if place % 900 > 880 else 0, green_uv, place * 10)

    locked(look, 12_000)
    assert watcher.flashes >= 30 and watcher.green, (watcher.flashes, watcher.green)


def converter():
    """The HX711's interrupt, with codes of both signs."""
    from node_io.drivers.hx711 import Hx711

    found = Hx711(Converter(2), Line())

    def look(rounds):
        for _ in range(rounds):
            found._on_ready(None)

    locked(look, 150)  # more than the ring holds
    codes = array("i", bytes(4 * 256))
    assert found.overruns and not found.line_low and found.take(codes, codes) == 64, found.overruns
    found._head = found._tail = 0
    locked(look, 2)
    assert found.take(codes, array("i", bytes(4 * 256))) == 4 and codes[0] != codes[1] and 0 > min(codes), codes[:4]


def bridge():
    """The ADS1220's interrupt, with codes at both ends, its thermometer switched on and off, edges that are nobody's, and a full ring."""
    from node_io.drivers.ads1220 import Ads1220

    ready = Line()
    answers = [0x00, 0x7F, 0xFF, 0xFF]

    class Bus:
        def write_readinto(self, out, answer):
            for index in range(4):
                answer[index] = answers[index]
            ready.level = 1

        def write(self, data):
            pass

    found = Ads1220(Bus(), Line(), ready)
    found.to_bridge = found.to_thermometer = b""
    breaks = [0]

    def look(rounds):
        for place in range(rounds):
            answers[1], answers[2], answers[3] = (0x7F, 0xFF, 0xFF) if place & 1 else (0x80, 0, 0)
            ready.level = 0
            if place % 9 == 4:
                found.wants_temperature = True
                breaks[0] += 1
            found._on_ready(ready)
            found._on_ready(None)  # and an edge of our own reading

    locked(look, 300)
    codes = array("i", bytes(4 * 256))
    assert found.overruns > 300 and found.breaks == breaks[0] and not found.line_low, (found.overruns, found.breaks)
    assert found.temperature_word in (0x7FFFFF, 0x800000)
    assert found.take(codes, array("i", bytes(4 * 256))) == 128 and {0x7FFFFF, -0x800000} == set(codes[:128])


def magnetometers():
    """Fields at both ends of the chips' ranges."""

    class Bus:
        fill = 0

        def readfrom_mem_into(self, address, register, buffer):
            for index in range(len(buffer)):
                buffer[index] = self.fill
            if len(buffer) == 1:
                buffer[0] = 0xFF  # every status bit

        def writeto_mem(self, address, register, buffer):
            pass

    sample = array("i", bytes(20))
    for name in ("qmc5883l", "lis3mdl", "mmc5983ma"):
        bus = Bus()
        found = __import__("node_io.drivers." + name, None, None, ("Driver",)).Driver(bus)
        if name == "mmc5983ma":
            found._ask = lambda coil: None  # its millisecond's sleep is the simulated clock's, which allocates
        read = [0]

        def look(rounds):
            for place in range(rounds):
                bus.fill = (0x7F, 0x80, 0xFF, 0)[place & 3]
                read[0] += found.read(sample) <= 0

        locked(look, 120)
        assert read[0] >= 20, (name, read)


for what in sys.argv[1:]:
    globals()[what]()
print("ok")
