# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""ADS1220: driver against the register-level model. argv: what to try."""

import asyncio
import machine
import simclock
import sys
import time
import wiring
import world
from array import array

from boards.esp32_generic import Board
from node_io.drivers.ads1220 import Ads1220
from node_io.drivers.ads1220_start import RATES_SPS, TURBO_RATES_SPS
from node_io.drivers.ads1220_temperature import Thermometer, temperature_cdeg

codes = array("i", bytes(4 * 256))
ticks = array("i", bytes(4 * 256))
truth = []
world.report = lambda message: truth.extend(message["samples"])
chip = wiring.solder(wiring.of_profile("strain-ads1220"))["ads1220"]
board = Board()


def new_driver(spi=None, **settings):
    return Ads1220(spi or board.spi(), board.pin("spi_cs"), board.pin("spi_ready"), **settings)


def take(driver, found):
    count = driver.take(codes, ticks)
    found.extend([(ticks[index], codes[index]) for index in range(count)])


async def collect(driver, duration_ms, pause_ms=50):
    """Everything that arrives in so much time: [(ticks_us, code)]."""
    found = []
    end = time.ticks_add(time.ticks_ms(), duration_ms)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        await asyncio.sleep_ms(pause_ms)
        driver.poll()
        take(driver, found)
    return found


def refused(driver):
    """The sentence of the OSError that `start` has to raise."""
    try:
        driver.start()
    except OSError as error:
        return error.args[1]
    raise AssertionError("no error")


def play_ramp(seconds):
    """A recording that never stands still: 100 Hz, 777 codes a step."""
    start_ms = simclock.now_us // 1000 + 100
    for second in range(seconds):
        values = [-400_000 + 777 * (second * 100 + index) for index in range(100)]
        world._blocks.append((start_ms * 1000 + second * 1_000_000, 10_000, array("i", values)))


def recording():
    """Every conversion of a played recording arrives once, as the code at its instant."""
    world.change({"truth": True})
    play_ramp(25)
    driver = new_driver()
    driver.start()
    period_us = chip.period_us()
    found = asyncio.run(collect(driver, 20_000, 200))
    chip.flush_truth()
    known = {}
    for at_us, code in truth:
        known[(at_us - simclock.boot_us + simclock.ticks_start_us) & simclock.TICKS_MASK] = code
    assert len(found) >= 3400, len(found)
    for (at_ticks, code), (next_ticks, _) in zip(found, found[1:]):
        gap_us = time.ticks_diff(next_ticks, at_ticks)
        assert abs(gap_us - period_us) < 100, gap_us
        assert code in [known.get((at_ticks - late) & simclock.TICKS_MASK) for late in range(8)], (at_ticks, code)
    assert found[-1][1] - found[0][1] > 500_000
    assert chip.complaints == [] and driver.overruns == driver.line_low == 0
    print("samples", len(found))


def rates():
    """Each rate and gain that the chip has is set up as the data sheet allows, and gives its samples and its scale."""
    world.change({"strain_code": 256_000, "ads1220_offset_codes": 0})
    for is_turbo, all_rates in ((False, RATES_SPS), (True, TURBO_RATES_SPS)):
        for rate_sps in all_rates:
            driver = new_driver(rate_sps=rate_sps, is_turbo=is_turbo)
            driver.start()
            found = asyncio.run(collect(driver, 2000, 20))
            assert abs(len(found) - 2 * rate_sps) <= 0.035 * 2 * rate_sps + 2, (rate_sps, is_turbo, len(found))
            assert set([code for _, code in found]) == {128_000}
            driver.stop()
    for gain in (1, 2, 4, 8, 16, 32, 64, 128):
        driver = new_driver(gain=gain)
        driver.start()
        found = asyncio.run(collect(driver, 100))
        assert found[-1][1] == 1000 * gain, (gain, found[-1])
    assert chip.complaints == [], chip.complaints
    assert chip.registers == b"\x0e\x64\x40\x00", chip.registers
    assert refused(new_driver(gain=3)) == "no gain 3 or no rate 175"
    assert refused(new_driver(rate_sps=100)) == "no gain 128 or no rate 100"
    assert refused(new_driver(rate_sps=175, is_turbo=True)) == "no gain 128 or no rate 175"


def extremes():
    """Negative codes, both ends of scale and a single wild conversion come as they are."""
    driver = new_driver()
    driver.start()
    world.change({"strain_code": -2_000_001, "ads1220_offset_codes": 0})
    found = asyncio.run(collect(driver, 200))
    assert found[-1][1] == -1_000_001
    for code, expected in ((1 << 25, 0x7FFFFF), (-(1 << 25), -0x800000)):
        world.change({"strain_code": code})
        assert asyncio.run(collect(driver, 200))[-1][1] == expected
    world.change({"strain_code": 0, "spike_code": 5_000_000})
    assert [code for _, code in asyncio.run(collect(driver, 200))].count(2_500_000) == 1


def wrong():
    """Each mistake of wiring and bus ends at the start with its own sentence; put right, the same driver works."""
    cannot = "registers do not read back: SPI mode, bit order or wiring"
    assert refused(new_driver(board.spi(phase=0))) == cannot
    pins = [machine.Pin(number) for number in (18, 23, 19)]
    backwards = machine.SPI(2, 1_000_000, 0, 1, 8, machine.SPI.LSB, sck=pins[0], mosi=pins[1], miso=pins[2])
    assert refused(new_driver(backwards)) == "no answer on SPI", "the chip knows no command that comes last bit first"
    other = machine.SPI(2, 1_000_000, 0, 1, sck=pins[0], mosi=pins[2], miso=pins[1])
    assert refused(new_driver(other)) == "no answer on SPI"
    driver = new_driver()
    world.change({"absent": ["ads1220"]})
    assert refused(driver) == "no answer on SPI"
    world.change({"absent": []})
    for level, expected in ((0, "data-ready line stays low"), (1, "no conversions")):
        chip.drdy_stuck = level
        chip._drdy.drive(level)
        assert refused(driver) == expected
    chip.drdy_stuck = None
    world.change({"ads1220_offset_codes": -40_000})
    assert refused(driver) == "self-test failed: -40000 with shorted inputs"
    world.change({"ads1220_offset_codes": 0, "strain_code": 2000})
    driver.start()
    assert asyncio.run(collect(driver, 200))[-1][1] == 1000


def stuck():
    """A data-ready line that falls and stays low while it runs: nothing is made up, and the driver says which line."""
    driver = new_driver()
    driver.start()
    assert len(asyncio.run(collect(driver, 500))) > 80
    chip.drdy_stuck = 0
    chip._drdy.drive(0)
    assert len(asyncio.run(collect(driver, 2000))) <= 1
    assert driver.line_low > 10
    chip.drdy_stuck = None
    driver.start()
    assert len(asyncio.run(collect(driver, 500))) > 80


def brown_out():
    """A dip of the supply puts the chip's registers to zero: it falls silent, and a start puts it right."""
    driver = new_driver()
    driver.start()
    asyncio.run(collect(driver, 500))
    chip.brown_out()
    assert asyncio.run(collect(driver, 1000)) == []
    driver.start()
    assert len(asyncio.run(collect(driver, 500))) > 80


def flash():
    """A CPU that is deaf for 45 ms loses conversions: they are missing in time, and none is made up."""
    world.change({"strain_code": 14, "ads1220_offset_codes": 0})
    driver = new_driver()
    driver.start()

    async def run():
        found = await collect(driver, 500)
        for _ in range(5):
            simclock.busy(45_000)
            found.extend(await collect(driver, 300))
        return found

    found = asyncio.run(run())
    gaps = [time.ticks_diff(later[0], earlier[0]) for earlier, later in zip(found, found[1:])]
    assert 4 <= sum([gap > 20_000 for gap in gaps]) <= 5, gaps
    assert chip.unread >= 25 and all([code == 7 for _, code in found])


def temperature():
    """The chip's own thermometer, to a thirty-second of a degree, costs one sample, and the bridge's codes never hold a temperature."""
    world.change({"strain_code": 2000, "ads1220_offset_codes": 0})
    driver = new_driver()
    driver.start()
    found = []

    async def run():
        for celsius in (25, -0.25, -25, 84.96875):
            world.change({"temperature_c": celsius})
            await asyncio.sleep_ms(300)
            take(driver, found)
            assert await Thermometer(driver).read(asyncio.sleep_ms) == (round(celsius * 100), None), celsius
            await asyncio.sleep_ms(300)
            take(driver, found)
        chip.brown_out()
        try:
            await Thermometer(driver).read(asyncio.sleep_ms)
            raise AssertionError("no error")
        except OSError:
            pass

    asyncio.run(run())
    assert set([code for _, code in found]) == {1000}
    gaps = [time.ticks_diff(later[0], earlier[0]) for earlier, later in zip(found, found[1:])]
    assert sum([gap > 10_000 for gap in gaps]) == driver.breaks == 4 and max(gaps) < 13_000, gaps
    # The table of the data sheet, 8.3.13.
    table = (
        (0x0FFF, 12797),
        (0x0C80, 10000),
        (0x0320, 2500),
        (1, 3),
        (0, 0),
        (0x3FF8, -25),
        (0x3CE0, -2500),
        (0x3B00, -4000),
    )
    assert [temperature_cdeg(steps << 10 | 0x3FF) for steps, _ in table] == [cdeg for _, cdeg in table]


def full():
    """A ring that nobody empties counts what it could not take, keeps the oldest 128, which are 0.7 s, and goes on."""
    driver = new_driver()
    driver.start()
    time.sleep_ms(3000)
    assert driver.overruns > 200
    assert driver.take(codes, ticks) == 128
    time.sleep_ms(500)
    assert driver.take(codes, ticks) >= 80


def heap():
    """The interrupt's path does not touch the heap, nor when it switches the thermometer on and off, nor when the ring is full."""
    import gc
    import micropython

    class Line:
        """Ready when it is asked first, and read afterwards."""

        def __init__(self):
            self.count = 0

        def value(self, level=0):
            self.count += 1
            return 1 if self.count > 1 else 0

    class Bus:
        def write_readinto(self, out, answer):
            answer[1], answer[2], answer[3] = 0xFF, 0x00, 0x01

        def write(self, data):
            pass

    line = Line()
    driver = Ads1220(Bus(), Line(), line)
    driver.to_bridge = driver.to_thermometer = b""

    def passes(count):
        for index in range(count):
            line.count = 0
            if index % 7 == 3:
                driver.wants_temperature = True
            driver._on_ready(line)

    gc.collect()
    passes(21)
    driver.take(codes, ticks)
    micropython.heap_lock()
    try:
        passes(700)
    finally:
        micropython.heap_unlock()
    assert driver.overruns > 100 and driver.take(codes, ticks) == 128 and codes[0] == -0xFFFF
    assert driver.temperature_word == 0xFF0001


globals()[sys.argv[1]]()
print("ok")
