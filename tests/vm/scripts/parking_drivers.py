# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Magnetometer drivers against the register-level models. argv: chip, or chip and a mutation (module, text in it, its replacement).

A mutated driver has to end this script with an exception: a bug that nothing here notices is a hole in the model.
"""

import asyncio
import held_bus
import machine
import simclock
import sys
import time
import wiring
import world
from array import array

from boards.esp32_generic import Board
from node_io.i2c_rescue import rescue

NAME = sys.argv[1]
ROOT = __file__[: __file__.rfind("/")] + "/../../../firmware/"
PIN = 26
FIELDS = ([22e-6, 1e-6, -41e-6], [-35e-6, 60e-6, 12e-6], [0.4e-6, -0.7e-6, 90e-6])
NOISE_NT = {"qmc5883l": 350, "lis3mdl": 700, "mmc5983ma": 200}[NAME]


def mutate():
    """The module with the mistake in it stands in for the right one."""
    module, text, instead = sys.argv[2:5]
    with open(ROOT + "node_io/drivers/" + module + ".py") as file:
        source = file.read()
    assert source.count(text) == 1, "the mutation does not stand there exactly once"
    names = {"__name__": "node_io.drivers." + module}
    exec(compile(source.replace(text, instead), module + ".py", "exec"), names)
    import node_io.drivers

    stand_in = type("Module", (), names)
    sys.modules["node_io.drivers." + module] = stand_in
    setattr(node_io.drivers, module, stand_in)


def extra(kind):
    """The chip's module of that kind."""
    return __import__("node_io.drivers." + NAME + "_" + kind, None, None, ("mean",))


def refused(call, *arguments):
    """The arguments of the OSError that the call has to raise."""
    try:
        call(*arguments)
    except OSError as error:
        return error.args
    raise AssertionError("no error")


def near(found, wanted, within):
    assert abs(found - wanted) <= within, (found, wanted, within)


chip = wiring.solder([{"chip": NAME, "scl": 22, "sda": 21, "int": PIN}], seed=3)[NAME]
board = Board()
bus = board.i2c()
if len(sys.argv) > 3:
    mutate()
module = __import__("node_io.drivers." + NAME, None, None, ("Driver",))
Driver, temperature_name = module.Driver, module.TEMPERATURE
driver = Driver(bus)
sample = array("i", bytes(20))
address = {"qmc5883l": 0x0D, "lis3mdl": 0x1C, "mmc5983ma": 0x30}[NAME]
level = machine.Pin(PIN, machine.Pin.IN)


def read():
    """The next whole sample, or -1 where there is none."""
    for _ in range(100):
        wait_ms = driver.read(sample)
        if wait_ms <= 0:
            return wait_ms
        time.sleep_ms(wait_ms)
    raise AssertionError("it never ends")


def fresh():
    time.sleep_ms(120)
    assert read() == 0
    return sample


def field_is(field_t, within=None):
    fresh()
    for axis in range(3):
        near(sample[axis], field_t[axis] * 1e9, within or NOISE_NT)
    assert not sample[4]


def field_and_faults():
    """What every driver has to do."""
    driver.start()
    for field_t in FIELDS:
        world.change({"field_t": field_t})
        field_is(field_t)
    step = {"qmc5883l": 1, "lis3mdl": 13, "mmc5983ma": 80}[NAME]
    for temperature_c in (-20.0, 7.0, 25.0, 61.0):
        world.change({"temperature_c": temperature_c, "field_t": FIELDS[0]})
        field_is(FIELDS[0])
        zero_c = 21.5 if temperature_name == "temperature_relative" else 0
        near(sample[3], (temperature_c - zero_c) * 100, step)
    limit_t = {"qmc5883l": 8.3e-4, "lis3mdl": 4.2e-4, "mmc5983ma": 8.6e-4}[NAME]
    for axis in range(3):
        for sign in (1, -1):
            field_t = [0, 0, 0]
            field_t[axis] = sign * limit_t * {"qmc5883l": 1.4}.get(NAME, 1)
            world.change({"field_t": field_t})
            fresh()
            assert sample[4], "an axis beyond the range is no field"
    world.change({"field_t": FIELDS[0]})
    field_is(FIELDS[0])
    # Nobody, or nobody for a moment.
    world.change({"absent": [NAME]})
    assert refused(driver.start)[0] == 19 and refused(read)[0] == 19
    world.change({"absent": [], "i2c_failures": 1})
    assert refused(read)[0] == 19
    driver.start()
    field_is(FIELDS[0])
    # Another chip at this address.
    where = {"qmc5883l": 0x0D, "lis3mdl": 0x0F, "mmc5983ma": 0x2F}[NAME]
    right, chip._registers[where] = chip._registers[where], 0x42
    assert refused(driver.start) == (19, "another chip answers (id 0x42)")
    chip._registers[where] = right
    # A data line that is held low: nine clocks free it, or it is said.
    held_bus.hold(clocks=7)
    assert refused(driver.start)[0] == 116
    assert rescue(board) == ""
    driver.start()
    field_is(FIELDS[0])
    held_bus.hold(clocks=0)
    assert rescue(board) == "the I2C data line is held low" and refused(driver.start)[0] == 116
    held_bus.release()
    assert rescue(board) == ""
    driver.start()
    field_is(FIELDS[0])


def locked_heap():
    """Reading a sample does not touch the heap."""
    import gc
    import micropython

    class Registers:
        """A bus of plain numbers: every register holds its own number, and every status bit is set."""

        def readfrom_mem_into(self, address, register, buffer):
            for index in range(len(buffer)):
                buffer[index] = register + index & 0x7F | 0x10
            if len(buffer) == 1:
                buffer[0] = 0xFF

        def writeto_mem(self, address, register, buffer):
            pass

    quiet = Driver(Registers())
    if NAME == "mmc5983ma":
        quiet._ask = lambda coil: None  # the millisecond's sleep is the simulated clock's, which allocates
    gc.collect()
    done = 0
    for round_of in range(2):
        if round_of:
            micropython.heap_lock()
        try:
            for _ in range(60):
                done += not quiet.read(sample)
        finally:
            if round_of:
                micropython.heap_unlock()
    assert done >= 14, done


def qmc5883l():
    field_and_faults()
    driver.stop()
    time.sleep_ms(110)
    read()
    time.sleep_ms(300)
    assert read() < 0, "standby measures nothing"
    driver.start()
    assert read() < 0, "nothing is ready before the first conversion"
    time.sleep_ms(110)
    assert level.value() == 0, "the driver keeps the pin quiet"
    assert read() == 0 and read() < 0, "reading takes data-ready away"
    bus.writeto_mem(address, 0x0A, b"\x00")  # data ready on the pin: high until the data are read, and nothing else
    time.sleep_ms(150)
    assert level.value() == 1
    read()
    assert level.value() == 0


def tested():
    return asyncio.run(extra("test").self_test(driver, asyncio.sleep_ms))


def mmc5983ma():
    field_and_faults()
    # Exact: without noise each count of each axis is in its place.
    chip._noise.normal = lambda: 0
    world.change({"mmc5983ma_drift_gauss_per_k": [0, 0, 0], "temperature_c": 25.0})
    for axis in range(3):
        for counts in range(-5, 6):
            field_t = [10e-6, 10e-6, 10e-6]
            field_t[axis] = counts * 100e-6 / 16384
            world.change({"field_t": field_t})
            fresh()
            near(sample[axis], counts * 3125 / 512, 4)
            near(sample[(axis + 1) % 3], 10000, 4)
    # The offset and its drift are gone, whatever they are.
    chip._offset_gauss = [0.45, -0.5, 0.3]
    world.change({"mmc5983ma_drift_gauss_per_k": [0.01, -0.02, 0.02], "field_t": FIELDS[0]})
    for temperature_c in (-20.0, 60.0):
        world.change({"temperature_c": temperature_c})
        field_is(FIELDS[0], 8)
    # A magnet went over it: the next sample is right again.
    world.change({"field_t": [2e-3, 0, 0]})
    fresh()
    assert sample[4]
    world.change({"field_t": FIELDS[0]})
    field_is(FIELDS[0], 8)
    assert tested() == ""
    world.change({"mmc5983ma_coil_broken": True})
    assert "make no difference" in tested()
    world.change({"mmc5983ma_coil_broken": False, "mmc5983ma_drift_gauss_per_k": [0, 0, 0]})
    chip._offset_gauss = [0, 2.5, 0]
    assert tested() == "self-test: the offset of axis y is out of range"
    chip._offset_gauss = [0, 0, 0]
    assert tested() == ""
    # A measurement that never ends.
    chip._catch_up = lambda: None
    assert read() < 0 and tested() == "no measurement ends"
    del chip._catch_up
    field_is(FIELDS[0], 8)
    # The model's other modes: continuous with a periodic SET, and a pin that says "done" and nothing else.
    bus.writeto_mem(address, 0x09, b"\x24")
    bus.writeto_mem(address, 0x0B, bytes([0x80 | 0x10 | 8 | 2]))  # SET every 25 measurements, 10 Hz
    world.change({"field_t": [2e-3, 0, 0]})
    time.sleep_ms(150)
    world.change({"field_t": FIELDS[0]})

    def after_set():
        bus.writeto_mem(address, 0x08, b"\x01")
        assert level.value() == 0
        time.sleep_ms(110)
        assert level.value() == 1
        raw = bus.readfrom_mem(address, 0, 7)
        return (raw[0] << 10 | raw[1] << 2 | raw[6] >> 6) - 131072

    near(abs(after_set()), 0.4 * 0.22 * 16384, 40)
    time.sleep_ms(2600)
    near(after_set(), 0.22 * 16384, 40)


def lis3mdl():
    field_and_faults()
    world.change({"temperature_c": 20.0})
    # The other address.
    machine._i2c_chips[(22, 21)] = {0x1E: chip}
    driver.start()
    field_is(FIELDS[0])
    assert refused(bus.readfrom, 0x1C, 1)[0] == 19
    machine._i2c_chips[(22, 21)] = {0x1C: chip}
    driver.start()
    # Power down says nothing new.
    driver.stop()
    time.sleep_ms(100)
    read()
    assert read() < 0
    driver.start()
    field_is(FIELDS[0])
    # Self-test: within the data sheet's limits on each axis, and the field is right afterwards.
    good = [2.0, 2.0, 0.5]
    assert tested() == ""
    field_is(FIELDS[0])
    for axis, wrong in ((0, 0.8), (0, 3.3), (1, 0.0), (1, 3.3), (2, 0.02), (2, 1.2)):
        gauss = list(good)
        gauss[axis] = wrong
        world.change({"lis3mdl_self_test_gauss": gauss})
        assert tested() == "self-test: axis %s does not feel the chip's own coil" % "xyz"[axis], (axis, wrong)
    world.change({"lis3mdl_self_test_gauss": [-1.2, 2.8, -0.15]})
    assert tested() == ""
    world.change({"lis3mdl_self_test_gauss": good})
    waking()


def armed(threshold_nt):
    driver.start()
    fresh()
    return asyncio.run(extra("watch").arm(driver, threshold_nt, asyncio.sleep_ms))


def waking():
    """The pin follows a change of the field on any axis, either way, and nothing else."""
    for axis in range(3):
        for change_t in (3.4e-6, -3.4e-6):
            empty = list(FIELDS[axis])
            world.change({"field_t": empty})
            assert armed(2400)
            assert level.value() == 0
            before = chip.conversions
            time.sleep_ms(20_000)
            assert 24 <= chip.conversions - before <= 26, "1.25 Hz: more empties the battery"
            moved = list(empty)
            moved[axis] += change_t * 0.35
            world.change({"field_t": moved})
            time.sleep_ms(5000)
            assert level.value() == 0, "a change below the threshold"
            moved[axis] = empty[axis] + change_t
            world.change({"field_t": moved})
            start_us = simclock.now_us
            while not level.value() and simclock.now_us - start_us < 5_000_000:
                time.sleep_ms(10)
            assert simclock.now_us - start_us <= 820_000, "within one conversion"
            world.change({"field_t": empty})
            time.sleep_ms(3000)
            assert level.value() == 1, "latched: a vehicle that only passed has been seen, too"
            driver.start()
            assert level.value() == 0
            field_is(empty)
    # In a strong field the threshold still works on the change.
    world.change({"field_t": [1.5e-4, -2e-4, 2.5e-4]})
    assert armed(20_000)
    time.sleep_ms(5000)
    assert level.value() == 0
    world.change({"field_t": [1.5e-4, -2.3e-4, 2.5e-4]})
    time.sleep_ms(900)
    assert level.value() == 1
    # Chips that cannot: it is said, and the measurements are right.
    world.change({"field_t": FIELDS[0]})
    for cannot in ({"lis3mdl_offsets": "reserved"}, {"lis3mdl_threshold_on_output": False}):
        world.change(cannot)
        assert not armed(2400), cannot
        world.change({"lis3mdl_offsets": "subtract", "lis3mdl_threshold_on_output": True})
        assert level.value() == 0
        field_is(FIELDS[0])
    assert armed(2400)


def false_alarms():
    """A still field: how often noise alone wakes the board, at the default threshold and at smaller ones. argv[2] is hours."""
    hours = int(sys.argv[2])
    world.change({"field_t": FIELDS[0]})
    for threshold_nt in (1200, 1500, 2000):
        woken = 0
        while not armed(threshold_nt):
            woken += 1  # its own noise trips it while it is armed
        for _ in range(hours * 120):
            time.sleep_ms(30_000)
            if level.value():
                woken += 1
                while not armed(threshold_nt):
                    woken += 1
        print("threshold", threshold_nt, "false", woken, "hours", hours)


if len(sys.argv) == 3:
    hours_text = sys.argv[2]
    false_alarms()
else:
    globals()[NAME]()
    locked_heap()
print("ok")
