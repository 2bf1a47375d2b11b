# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The climate application on the simulated board, in jump mode. argv: what to try, profile id, a JSON file with its "settings"."""

import asyncio
import json
import machine
import math
import power
import sys
import time
import wiring
import world

from apps.climate import App
from boards.esp32_generic import Board
from node_io.wall import NodeClock

WHAT, PROFILE = sys.argv[1:3]
with open(sys.argv[3]) as file:
    settings = json.load(file)["settings"]
reports = []
faults = []


class Clock(NodeClock):
    async def sleep_ms(self, duration_ms):
        assert duration_ms >= 0
        await super().sleep_ms(duration_ms)


clock = Clock()


warmings = []


def report(readings, at_ms=None, urgent=False):
    found = {entry[0]: entry[1] for entry in readings}
    if "self_heating" in found:
        warmings.append(found["self_heating"])
    else:
        reports.append((at_ms, found))


known = {}


def fault(part, reason):
    """As the node core does: only changes count."""
    if known.get(part, "") != reason:
        known[part] = reason
        faults.append((part, reason))


def values(name):
    return [readings[name] for _, readings in reports if name in readings]


def start(**world_values):
    world.change(world_values)
    return App(Board(), settings, clock)


async def stage(app, steps):
    """(seconds, change of the world or something to call)."""
    task = asyncio.create_task(app.run(report, fault))
    for seconds, change in steps:
        if callable(change):
            change()
        elif change:
            world.change(change)
        await asyncio.sleep(seconds)
        if task.done():
            await task
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass


def play(app, *steps):
    del reports[:], faults[:], warmings[:]
    known.clear()
    asyncio.run(stage(app, steps))


def change():
    """A steady hour is one report and heartbeats; each step of a quantity is a report; below it there is none."""
    base = {"temperature_c": 20.0, "humidity_pct": 50.0, "pressure_pa": 101_000, "light_lx": 300}
    play(start(**base), (7300, None))
    assert len(reports) == 3 and faults == [], (reports, faults)
    at = [at_ms for at_ms, _ in reports]
    assert at[0] < 1000 and all(3_600_000 <= b - a <= 3_661_000 for a, b in zip(at, at[1:])), at
    assert values("self_heat_s")[0] <= 2 and values("self_heat_s")[1:] == [3600, 3600], values("self_heat_s")
    names = {"temperature", "humidity", "self_heat_s"}
    if settings["sensor"] == "bme280":
        names.add("pressure")
    if settings.get("light"):
        names.add("light")
    assert all(set(readings) == names for _, readings in reports), reports
    app = start(**base)
    steps = [(130, None), (130, {"temperature_c": 20.1}), (130, {"temperature_c": 20.4}), (130, {"humidity_pct": 53})]
    if "pressure" in names:
        steps.append((130, {"pressure_pa": 101_200}))
    if "light" in names:
        steps += [(130, {"light_lx": 330}), (130, {"light_lx": 500}), (130, {"light_lx": 3}), (130, {"light_lx": 5})]
    play(app, *steps)
    assert len(reports) == 3 + ("pressure" in names) + 2 * ("light" in names), reports
    # A slow drift is reported too: 3 K in an hour at steps of 0.2 K.
    play(start(**base), *[(60, {"temperature_c": 20 + minute / 20}) for minute in range(60)])
    assert 12 <= len(reports) <= 18, len(reports)
    # Sampling on demand, within a second or two.
    app = start(**base)
    play(app, (90, None), (3, lambda: app.sample_now()), (3, None))
    assert len(reports) == 2 and 90_000 <= reports[1][0] - reports[0][0] <= 91_500, reports


def broken():
    """What is missing, stuck, heated or impossible is a fault by name, is not reported as a value, and mends by itself."""
    name = settings["sensor"]
    chips = machine.simulated_chips
    app = start(temperature_c=20.0, humidity_pct=50.0, pressure_pa=101_000, light_lx=300)
    play(app, (100, None), (130, {"absent": [name]}), (130, {"absent": []}))
    assert faults == [(name, "no answer on I2C (19)"), (name, "")], faults
    if settings.get("light"):
        assert "temperature" not in reports[1][1] and "light" in reports[1][1], reports
    assert "temperature" in reports[-1][1]
    sda = machine.Pin(21)
    play(app, (70, None), (130, lambda: sda.drive(0)), (130, lambda: sda.drive(None)))
    assert (name, "the I2C data line is held low (116)") in faults and faults[-1][1] == "", faults
    # What the chip's own driver has no errno for is the bus, too.
    works = {method: getattr(machine.I2C, method) for method in ("writeto", "readfrom_mem_into", "writeto_mem")}

    def no_state(*_, **__):
        raise OSError(259)

    def use(methods):
        for method in methods:
            setattr(machine.I2C, method, methods[method])

    play(app, (70, None), (130, lambda: use(dict.fromkeys(works, no_state))), (130, lambda: use(works)))
    assert (name, "the I2C bus is stuck (259)") in faults and faults[-1][1] == "", faults
    chip = chips[name]
    if hasattr(chip, "corrupt_next"):
        chip.corrupt_next = True
        play(app, (125, None))
        assert faults == [(name, "wrong checksum (5)"), (name, "")], faults
    # A jump is measured twice: real ones pass, a single mad reading does not.
    play(app, (65, None), (60, {"temperature_c": 33.0}))
    assert abs(values("temperature")[-1] - 3300) < 20 and faults == [], (reports, faults)
    world.change({"temperature_c": 20.0})
    measure, calls = app._parts[0]._driver.read, [0]

    async def mad(sleep_ms):
        calls[0] += 1
        found = await measure(sleep_ms)
        return (-3000,) + found[1:] if calls[0] == 3 else found

    app._parts[0]._driver.read = mad
    play(app, (260, None))
    assert all(1950 < value < 2050 for value in values("temperature")), values("temperature")
    app._parts[0]._driver.read = measure

    async def frozen(sleep_ms):
        return await measure(sleep_ms) and (2000, 5000, 101_000)[: len(app._parts[0].quantities)]

    app._parts[0]._driver.read = frozen
    play(app, (120 * 60, None))
    assert faults == [(name, "the same values again and again")], faults
    app._parts[0]._driver.read = measure
    if name == "sht3x":
        chip.heat(True)
        play(start(), (200, None), (400, None))
        assert faults == [("heater", "was on at the start: off now, no values until it is cool"), ("heater", "")], (
            faults
        )
        assert reports[0][0] >= 300_000 and abs(values("temperature")[0] - 2000) < 20, reports
    try:
        App(Board(), dict(settings, sensor="sht2x"), clock)
        raise AssertionError("a sensor that nobody knows")
    except ValueError as error:
        assert "sht2x" in str(error)


def warm():
    """A board that warms its sensor is found in the first half hour, weather that does the same is not."""

    def rises(shape):
        return [(30, {"temperature_c": 15 + shape(minute / 2)}) for minute in range(80)]

    for minutes in (5, 10, 18):
        play(Heated(), *rises(lambda at: 2.5 * (1 - math.exp(-at / minutes))))
        assert len(warmings) == 1 and 150 < warmings[0] < 260, warmings
        assert faults and faults[0][0] == "self-heating" and "K since the start" in faults[0][1], faults
    play(Heated(), *rises(lambda at: at / 30 * 3))  # the sun comes out
    assert warmings == [0] and faults == [], (warmings, faults)
    play(Heated(), *rises(lambda at: -at / 10))
    assert warmings == [0] and faults == []
    play(Heated(), *rises(lambda at: 0.6 * (1 - math.exp(-at / 8))))  # less than the setting
    assert 40 < warmings[0] < 70 and faults == []


def dark():
    """Three hours of night with not a lux are no frozen sensor: no fault, and the heartbeats say 0."""
    play(start(temperature_c=20.0, humidity_pct=50.0, light_lx=0.0), (3 * 3600 + 60, None), (130, {"light_lx": 0.3}))
    assert faults == [] and values("light")[:4] == [0, 0, 0, 0], (faults, values("light"))


def Heated():
    """An application of a board that has just started."""
    global clock
    time.sleep(1)  # the stage before ended in the middle of a measurement
    clock = Clock()
    return start(temperature_c=15.0)


def sleeper():
    """Wakes of a battery node: few reports, the state within bounds, a sensor that breaks and mends between wakes."""
    world.change({"temperature_c": 10.0, "humidity_pct": 70.0})
    state, asleep_s, at_wake = None, 0, []

    async def one(why):
        return await App(Board(), settings, clock).wake(report, fault, state, why)

    for wake in range(145):  # a day
        if wake == 40:
            world.change({"temperature_c": 11.0})
        if wake == 80:
            world.change({"absent": ["sht4x"]})
        if wake == 82:
            world.change({"absent": []})
        began_ms = clock.now_ms()
        state, asleep_s, pins = asyncio.run(one("timer" if state else "power"))
        assert asleep_s == settings["interval_s"] and pins == [] and len(state) <= 400
        at_wake.append(clock.now_ms() - began_ms)
        time.sleep(asleep_s)
    assert faults == [("sht4x", "no answer on I2C (19)"), ("sht4x", "")], faults
    assert [at_ms // 60_000 for at_ms, _ in reports] == [0, 360, 400, 760, 1120], reports  # every 6 h, and the change
    assert max(at_wake) <= 40, at_wake  # ms awake for the measurement
    assert asyncio.run(one("timer")) is not None and len(state) == 16
    state = b"of another kind"
    count = len(reports)
    asyncio.run(one("timer"))
    assert len(reports) == count + 1, "a state that does not fit is forgotten"


power.directory = None
machine.simulated_chips = wiring.solder(wiring.of_profile(PROFILE))
globals()[WHAT]()
print("ok", len(reports))
