# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""HX711: driver against the bit-level model. argv: what to try."""

import asyncio
import machine
import simclock
import sys
import time
import wiring
import world
from array import array

from boards.esp32_generic import Board
from node_core.strain_monitor import Block
from node_io.drivers.hx711 import Hx711

codes = array("i", bytes(4 * 256))
ticks = array("i", bytes(4 * 256))
truth = []
world.report = lambda message: truth.extend(message["samples"])


def begin(rate_sps=80):
    parts = [dict(part) for part in wiring.STANDARD]
    parts[2]["rate_sps"] = rate_sps
    chip = wiring.solder(parts)["hx711"]
    board = Board()
    return chip, Hx711(board.pin("hx711_dout"), board.pin("hx711_sck"))


async def collect(driver, duration_ms, pause_ms=200):
    """Everything that arrives in so much time: [(ticks_us, code)]."""
    found = []
    end = time.ticks_add(time.ticks_ms(), duration_ms)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        await asyncio.sleep_ms(pause_ms)
        driver.poll()
        count = driver.take(codes, ticks)
        found.extend([(ticks[index], codes[index]) for index in range(count)])
    return found


def play_ramp(seconds):
    """A recording that never stands still: 100 Hz, 777 codes a step."""
    start_ms = simclock.now_us // 1000 + 100
    for second in range(seconds):
        values = [-400_000 + 777 * (second * 100 + index) for index in range(100)]
        world._blocks.append((start_ms * 1000 + second * 1_000_000, 10_000, array("i", values)))


def recording():
    """Every conversion of a played recording arrives once, as the code at its instant."""
    chip, driver = begin()
    world.change({"truth": True})
    play_ramp(30)
    driver.start()
    first = chip.conversions
    found = asyncio.run(collect(driver, 30_000))
    chip.flush_truth()
    known = {}
    for at_us, code in truth:
        known[(at_us - simclock.boot_us + simclock.ticks_start_us) & simclock.TICKS_MASK] = code
    assert len(found) > 2350, len(found)
    wrong = 0
    for (at_ticks, code), (next_ticks, _) in zip(found, found[1:]):
        assert time.ticks_diff(next_ticks, at_ticks) in range(12_450, 12_551), time.ticks_diff(next_ticks, at_ticks)
        exact = [known.get((at_ticks - late) & simclock.TICKS_MASK) for late in range(8)]
        wrong += code not in exact
    assert not wrong, wrong
    # Only the conversions before the driver began, the four it drops, and what is still in the ring may be absent.
    assert chip.unread == 0 or chip.conversions - len(found) <= first + 4 + chip.unread + 20
    print("samples", len(found), "torn", chip.torn, "overruns", driver.overruns, "line_low", driver.line_low)


def hazard():
    """An interrupt of 70 us while SCK is high would power the converter down; the driver leaves it no moment."""
    chip, driver = begin()
    chip.hazard_us = 70
    world.change({"strain_code": 12345})
    driver.start()
    found = asyncio.run(collect(driver, 5000))
    assert len(found) >= 370, len(found)
    assert all(code == 12345 for _, code in found)
    # The same hazard does hit a clock with interrupts on, so the model is able to show the mistake.
    driver.stop()
    sck, dout = Board().pin("hx711_sck"), Board().pin("hx711_dout")
    sck.value(0)
    time.sleep_ms(100)
    assert not dout.value()
    sck.value(1)
    sck.value(0)
    assert dout.value() and chip._clocks == 0, "the model ignored a clock of 70 us"


def slow():
    """At 10 conversions a second too, and the gain that is asked for is used."""
    chip, driver = begin(rate_sps=10)
    world.change({"strain_code": -5})
    driver.start()
    found = asyncio.run(collect(driver, 6000))
    assert 48 <= len(found) <= 56 and set(code for _, code in found) == {-5}, found
    driver.stop()
    driver = Hx711(Board().pin("hx711_dout"), Board().pin("hx711_sck"), gain=64)
    world.change({"strain_code": 1000})
    driver.start()
    found = asyncio.run(collect(driver, 4000))
    assert chip._mode_clocks == 27 and found[-1][1] == 500, (chip._mode_clocks, found[-1])


def extremes():
    """Saturation and spikes are kept raw, counted, and left out of the mean."""
    _, driver = begin()
    world.change({"strain_code": 100})
    driver.start()
    block = Block(spike_codes=1000)
    raw = []

    async def run():
        for spike in (None, 5_000_000, None, -6_000_000, None):
            world.change({"spike_code": spike})
            for _, code in await collect(driver, 600):
                raw.append(code)
                block.add(code)
        for code, count in ((9_000_000, 600), (-9_000_000, 600)):
            world.change({"strain_code": code})
            for _, found in await collect(driver, count):
                raw.append(found)
                block.add(found)

    asyncio.run(run())
    assert raw.count(5_000_000) == 1 and raw.count(-6_000_000) == 1
    assert raw.count(0x7FFFFF) > 30 and raw.count(-0x800000) > 30
    count, good, mean, _, saturated, spikes = block.end()
    assert (mean, spikes) == (100, 2), (mean, spikes)
    assert saturated > 60 and count == good + saturated + spikes


def flash():
    """A CPU that is deaf for 45 ms loses conversions: they are missing in time, and none is made up."""
    chip, driver = begin()
    world.change({"strain_code": 7})
    driver.start()

    async def run():
        found = await collect(driver, 1000)
        for _ in range(5):
            simclock.busy(45_000)
            found.extend(await collect(driver, 300))
        return found

    found = asyncio.run(run())
    gaps = [time.ticks_diff(later[0], earlier[0]) for earlier, later in zip(found, found[1:])]
    assert 4 <= sum(gap > 20_000 for gap in gaps) <= 5, gaps
    assert chip.unread >= 10
    assert all(code == 7 for _, code in found)


def absent():
    """Without a converter nothing arrives and nothing hangs."""
    world.change({"absent": ["hx711"]})
    _, driver = begin()
    driver.start()
    assert asyncio.run(collect(driver, 2000)) == []
    world.change({"absent": []})
    assert len(asyncio.run(collect(driver, 2000))) > 100, "plugged in later, it works"


def stuck():
    """A data line that stays low is noticed, and no code is believed."""
    chip, driver = begin()
    driver.start()
    chip._dout.drive = lambda level: None
    chip._dout.driven = 0
    assert asyncio.run(collect(driver, 2000)) == []
    assert driver.line_low > 0


def full():
    """A ring that nobody empties counts what it could not take, keeps the oldest 64, which are 0.8 s, and goes on."""
    _, driver = begin()
    world.change({"strain_code": 3})
    driver.start()
    time.sleep_ms(5000)
    assert driver.overruns > 100
    assert driver.take(codes, ticks) == 64
    time.sleep_ms(500)
    assert driver.take(codes, ticks) >= 38


def heap():
    """Taking a sample does not touch the heap."""
    import gc
    import micropython

    class Line:
        """A pin of plain numbers: ready, then 24 bits of 0x00ff00 for ever."""

        def __init__(self):
            self.count = 0

        def value(self, level=0):
            self.count += 1
            return 1 if self.count > 26 else 0

    class Clock:
        def value(self, level=0):
            return level

    line = Line()
    driver = Hx711(line, Clock())
    gc.collect()
    for _ in range(10):  # the first passes intern and resize what is made once
        line.count = 0
        driver._on_ready(None)
    micropython.heap_lock()
    try:
        for _ in range(50):
            line.count = 0
            driver._on_ready(None)
    finally:
        micropython.heap_unlock()
    assert driver.take(codes, ticks) == 60, driver.take(codes, ticks)


globals()[sys.argv[1]]()
print("ok")
