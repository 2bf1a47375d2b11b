# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Climate drivers against the register-level models. argv: chip, or chip and a mutation (text in the driver, its replacement).

A mutated driver has to end this script with an exception: a bug that nothing here notices is a hole in the model.
"""

import asyncio
import machine
import struct
import sys
import time
import wiring
import world

from boards.esp32_generic import Board
from noise import Noise

NAME = sys.argv[1]
ROOT = __file__[: __file__.rfind("/")] + "/../../../firmware/"
WIRES = {"scl": 22, "sda": 21}
names = {"__name__": "driver"}  # of the driver's module


def load(path, class_name):
    """The driver's class, from its source with the mutation in it."""
    with open(ROOT + path) as file:
        source = file.read()
    if len(sys.argv) > 2:
        assert source.count(sys.argv[2]) == 1, "the mutation does not stand there exactly once"
        source = source.replace(sys.argv[2], sys.argv[3])
    exec(compile(source, path, "exec"), names)
    return names[class_name]


def refused(call, *arguments):
    """The errno of the OSError that the call has to raise."""
    try:
        call(*arguments)
    except OSError as error:
        return error.errno
    raise AssertionError("no error")


def near(found, wanted, within):
    assert abs(found - wanted) <= within, (found, wanted, within)


class Bench:
    """A board with this chip alone."""

    def __init__(self, class_name):
        part = {"chip": NAME}
        part.update(WIRES)
        self.chip = wiring.solder([part])[NAME]
        self.bus = Board().i2c()
        self.driver = load("node_io/drivers/" + NAME + ".py", class_name)(self.bus)

    def read(self):
        return asyncio.run(self.driver.read(asyncio.sleep_ms))

    def wiring_faults(self):
        """What every driver has to say of a bus that fails, and that it works again afterwards."""
        for change, held, errno in (({"absent": [NAME]}, None, 19), ({"i2c_failures": 99}, None, 19), ({}, 0, 116)):
            world.change(change)
            machine.Pin(WIRES["sda"]).drive(held)  # 0: a chip holds the data line low
            assert refused(self.driver.start) == errno and refused(self.read) == errno, change
            world.change({"absent": [], "i2c_failures": 0})
            machine.Pin(WIRES["sda"]).drive(None)
            time.sleep_ms(500)
            self.driver.start()
            self.read()


def sht4x():
    bench = Bench("Sht4x")
    humidity_sensor(bench)


def sht3x():
    bench = Bench("Sht3x")
    humidity_sensor(bench)
    chip, driver = bench.chip, bench.driver
    assert driver.start() is False
    # The heater that somebody left on: said, switched off, and proved to be off.
    chip.heat(True)
    time.sleep(60)
    assert driver.start() is True, "the heater was on"
    assert not chip._status & 0x2000, "the heater is still on"
    assert driver.start() is False
    warm, _ = bench.read()
    time.sleep(60)
    cool, _ = bench.read()
    assert warm - cool > 200, "the die was warm and cools down"
    chip.heater_sticks = True
    chip.heat(True)
    assert refused(driver.start) == 5
    chip.heater_sticks = False
    driver.start()
    # A periodic measurement that an earlier program left running is broken off.
    bench.bus.writeto(0x44, b"\x21\x30")
    assert refused(bench.read) == 19
    driver.start()
    bench.read()
    # In the middle of a measurement it hears nothing; the driver waits and goes on.
    bench.bus.writeto(0x44, b"\x24\x00")
    driver.start()
    bench.read()
    chip.corrupt_next = True
    assert refused(driver.start) == 5, "the status has a checksum too"


def humidity_sensor(bench):
    """Values to the model's noise, both ends of the scale, checksums, times."""
    bench.driver.start()
    for temperature_c, humidity_pct in ((-12.34, 87.65), (0.0, 0.5), (25.0, 50.0), (61.7, 99.0), (-38.0, 33.3)):
        world.change({"temperature_c": temperature_c, "humidity_pct": humidity_pct})
        for _ in range(4):
            temperature, humidity = bench.read()
            near(temperature, round(temperature_c * 100), 12)
            near(humidity, round(humidity_pct * 100), 20)
    for wanted_pct, expected in ((-5, 0), (120, 10_000)):
        world.change({"humidity_pct": wanted_pct})
        near(bench.read()[1], expected, 20)
        assert 0 <= bench.read()[1] <= 10_000
    bench.chip.corrupt_next = True
    assert refused(bench.read) == 5
    bench.read()
    good = bench.chip.read
    for place in (0, 1, 3, 4):  # one wrong bit anywhere

        def wrong(count, place=place):
            data = bytearray(good(count))
            data[place] ^= 1
            return data

        bench.chip.read = wrong
        assert refused(bench.read) == 5, place
    bench.chip.read = good
    bench.wiring_faults()


def bme280():
    bench = Bench("Bme280")
    chip, driver = bench.chip, bench.driver
    assert driver.start() is False
    for temperature_c, humidity_pct, pressure_pa in (
        (25.0, 50.0, 101_325), (-20.5, 91.0, 99_100), (60.0, 5.0, 85_000), (0.0, 99.0, 108_000), (12.5, 33.0, 60_000),
    ):  # fmt: skip
        world.change({"temperature_c": temperature_c, "humidity_pct": humidity_pct, "pressure_pa": pressure_pa})
        for _ in range(3):
            temperature, humidity, pressure = bench.read()
            near(temperature, round(temperature_c * 100), 4)
            near(humidity, round(humidity_pct * 100), 40)
            near(pressure, pressure_pa, 20)
    assert chip._registers[0xF4] & 3 == 0, "it sleeps between measurements"
    # The worked example of the data sheet: 25.08 Cel, 100653.27 Pa.
    convert, chip._convert = chip._convert, lambda warm_k: chip.hold(415148, 519888, 25000)
    temperature, humidity, pressure = bench.read()
    assert temperature == 2508 and pressure == 100_653, (temperature, pressure)
    against_floats()
    chip._convert = lambda warm_k: chip.hold(0x80000, 519888, 25000)
    assert refused(bench.read) == 16, "a value that was not measured"
    chip._convert = convert
    bench.read()
    chip.never_ready = True
    assert refused(bench.read) == 16
    chip.never_ready = False
    chip._registers[0xD0] = 0x58
    assert refused(driver.start) == 19, "a BMP280"
    chip._registers[0xD0] = 0x60
    driver.start()
    bench.read()
    bench.wiring_faults()


def against_floats():
    """The integers of 300 other chips' calibrations, both signs of H4, H5 and H6, against the data sheet's floating-point formulas."""
    import bme280_chip as model

    dice = Noise(7)
    usual = model.TRIM_1, model.TRIM_2
    worst = [0, 0, 0]
    for _ in range(300):
        model.TRIM_1 = tuple([int(word * (0.97 + 0.06 * dice.uniform())) for word in usual[0]])
        h4, h5, h6 = [int((dice.uniform() - 0.5) * width) for width in (900, 200, 100)]
        model.TRIM_2 = (75, 300 + int(100 * dice.uniform()), 0, h4, h5, h6)
        first = struct.pack("<HhhHhhhhhhhh", *model.TRIM_1) + bytes((0, model.TRIM_2[0]))
        second = struct.pack("<hBbBbb", model.TRIM_2[1], 0, h4 >> 4, h4 & 15 | (h5 & 15) << 4, h5 >> 4, h6)
        trim = names["trimming"](first, second)
        assert trim == model.TRIM_1 + model.TRIM_2, (trim, model.TRIM_2)
        raw = [
            int(low + dice.uniform() * (high - low))
            for low, high in ((420_000, 600_000), (350_000, 450_000), (15_000, 50_000))
        ]
        found = names["compensate"](trim, *raw)
        fine = model.fine_of(raw[0])
        humidity = max(0, min(100, model.humidity_of(raw[2], fine)))
        for place, wanted in enumerate(
            (model.temperature_of(raw[0]) * 100, humidity * 100, model.pressure_of(raw[1], fine))
        ):
            worst[place] = max(worst[place], abs(found[place] - wanted))
    model.TRIM_1, model.TRIM_2 = usual
    assert worst[0] <= 1 and worst[1] <= 4 and worst[2] <= 1.5, worst


def light(bench, cases):
    assert bench.driver.start() is False
    for lux, per_mille, step_clx in cases:
        world.change({"light_lx": lux})
        for _ in range(2):
            (found,) = bench.read()
            near(found, round(lux * 100), lux * per_mille / 10 + step_clx)
    bench.wiring_faults()


def bh1750():
    bench = Bench("Bh1750")
    light(
        bench,
        ((0, 0, 0), (0.5, 10, 12), (30, 10, 12), (400, 10, 84), (20_000, 10, 84), (54_000, 10, 84), (90_000, 10, 190)),
    )
    world.change({"light_lx": 300_000})
    assert bench.read() == ((65535 * 5750 + 15) // 31,)
    assert not bench.chip._is_on, "off between measurements"


def veml7700():
    bench = Bench("Veml7700")
    light(
        bench,
        ((0, 0, 0), (0.3, 10, 1), (4, 10, 1), (60, 10, 10), (700, 10, 60), (990, 10, 60), (1200, 10, 200), (9000, 10, 400),
         (40_000, 10, 900), (120_000, 10, 1800)),
    )  # fmt: skip
    world.change({"light_lx": 300_000})
    assert bench.read() == (14_000_000,)
    assert bench.chip._configuration & 1, "shut down between measurements"
    world.change({"light_lx": 0.01})
    near(bench.read()[0], 1, 1)
    world.change({"light_lx": 80_000})  # from the most sensitive range to the least
    near(bench.read()[0], 8_000_000, 80_000)


globals()[NAME]()
print("ok")
