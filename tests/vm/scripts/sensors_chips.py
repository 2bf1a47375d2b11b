# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""I2C chips: drivers against the register-level models. argv: what to try."""

import asyncio
import machine
import sys
import time
import wiring
import world

from boards.esp32_generic import Board
from node_io.drivers.qmc5883l import Qmc5883l
from node_io.drivers.sht4x import Sht4x

chips = wiring.solder()
bus = Board().i2c()


def refused(call, *arguments):
    """The errno of the OSError that the call has to raise."""
    try:
        call(*arguments)
    except OSError as error:
        return error.errno
    raise AssertionError("no error")


async def sleep_ms(duration_ms):
    await asyncio.sleep_ms(duration_ms)


sample = [0] * 5


def magnetometer():
    """Field, data-ready, overflow, temperature and reset, as the data sheet says."""
    world.change({"field_t": [22e-6, 1e-6, -40e-6], "temperature_c": 31.5})
    sensor = Qmc5883l(bus)
    sensor.start()
    assert sensor.read(sample) < 0, "nothing is ready before the first conversion"
    time.sleep_ms(110)
    assert sensor.read(sample) == 0
    x, y, z, temperature, overflow = sample
    assert abs(x - 22000) < 600 and abs(y - 1000) < 600 and abs(z + 40000) < 600, (x, y, z)
    assert temperature == 1000 and not overflow
    assert sensor.read(sample) < 0, "reading takes data-ready away"
    time.sleep_ms(110)
    assert sensor.read(sample) == 0
    world.change({"field_t": [2e-3, 0, 0]})
    time.sleep_ms(110)
    assert sensor.read(sample) == 0 and sample[4] and sample[0] == 1092233, sample
    sensor.stop()
    time.sleep_ms(110)
    assert sensor.read(sample) < 0
    time.sleep_ms(200)
    assert sensor.read(sample) < 0, "standby measures nothing"
    # The same field without the recommended set/reset period is off: the driver's set-up matters.
    world.change({"field_t": [0, 0, 0]})
    bus.writeto_mem(0x0D, 0x0A, b"\x80")
    bus.writeto_mem(0x0D, 0x09, b"\x11")
    time.sleep_ms(110)
    assert sensor.read(sample) == 0 and abs(sample[0] - 10000) < 600


def thermometer():
    """Temperature and humidity to the model's noise; a reading in between gets no acknowledgement; checksums are checked."""
    world.change({"temperature_c": -12.34, "humidity_pct": 87.65})
    sensor = Sht4x(bus)
    sensor.start()
    temperature, humidity = asyncio.run(sensor.read(sleep_ms))
    assert abs(temperature + 1234) <= 12 and abs(humidity - 8765) <= 2, (temperature, humidity)
    bus.writeto(0x44, b"\xfd")
    assert refused(bus.readfrom, 0x44, 6) == 19
    time.sleep_ms(10)
    assert len(bus.readfrom(0x44, 6)) == 6
    chips["sht4x"].corrupt_next = True
    assert refused(asyncio.run, sensor.read(sleep_ms)) == 5
    bus.writeto(0x44, b"\x39")  # somebody left the heater on: 200 mW for a second
    time.sleep_ms(1100)
    warm, _ = asyncio.run(sensor.read(sleep_ms))
    assert warm > temperature + 2000, "the model's heater warms"
    for wanted_pct, expected in ((-5, 0), (120, 10_000)):
        world.change({"humidity_pct": wanted_pct})
        time.sleep_ms(10)
        assert asyncio.run(sensor.read(sleep_ms))[1] == expected


def missing():
    """What is not there, fails or is another chip is an OSError."""
    assert bus.scan() == [0x0D, 0x44]
    world.change({"absent": ["qmc5883l", "sht4x"]})
    assert bus.scan() == []
    assert refused(Qmc5883l(bus).start) == 19
    assert refused(Sht4x(bus).start) == 19
    world.change({"absent": []})
    sensor = Qmc5883l(bus)
    sensor.start()
    world.change({"i2c_failures": 1})
    assert refused(sensor.read, sample) == 19
    time.sleep_ms(110)
    assert sensor.read(sample) == 0, "one failure is only one"
    chips["qmc5883l"]._registers[0x0D] = 0x10
    assert refused(sensor.start) == 19, "another chip answers at this address"
    other = machine.I2C(1, scl=machine.Pin(26), sda=machine.Pin(27))
    assert other.scan() == [] and refused(other.readfrom, 0x0D, 1) == 19


def pins():
    """Pins behave as the port's: one object a pin, 34 to 39 only inputs, edges call handlers."""
    assert machine.Pin(4) is machine.Pin(4)
    for number in (20, 24, 40, -1):
        try:
            machine.Pin(number)
            raise AssertionError(number)
        except ValueError:
            pass
    try:
        machine.Pin(34, machine.Pin.OUT)
        raise AssertionError("34 drives nothing")
    except ValueError:
        pass
    assert machine.Pin(5, machine.Pin.IN, machine.Pin.PULL_UP).value() == 1
    led = Board().pin("led")
    led.on()
    assert led.value() == 1
    led(0)
    assert led() == 0
    seen = []
    wire = machine.connect_pin(14, level=1)
    wire.irq(seen.append, machine.Pin.IRQ_FALLING)
    wire.drive(0)
    wire.drive(1)
    wire.drive(0)
    time.sleep_ms(1)
    assert seen == [wire, wire]
    state = machine.disable_irq()
    for level in (1, 0, 1, 0):
        wire.drive(level)
    time.sleep_us(50)
    assert len(seen) == 2
    machine.enable_irq(state)
    assert len(seen) == 3, "edges with interrupts off latch once"


globals()[sys.argv[1]]()
print("ok")
