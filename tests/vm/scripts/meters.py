# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Meters on the simulated board, in jump mode: argv names what is tried. The world is changed from here."""

import asyncio
import json
import machine
import power
import simclock
import sys
import time
import wiring
import world

from boards.esp32_generic import Board
from node_io.wall import NodeClock

PULSE = {"chip": "pulse_source", "pin": 25, "tamper": 14, "quantity": "water_l_h", "per_pulse": 10.0, "bounces": 6}
S0 = {"chip": "pulse_source", "pin": 25, "tamper": 14, "quantity": "power_w", "per_pulse": 1.0, "on_ms": 30}
WATER = {
    "interval_s": 900, "pulse_ml": 10000, "start_l": 1234, "q4_l_h": 5000, "debounce_ms": 50, "keep_pulses": 10,
    "stuck_s": 0, "tamper_loop": True, "leak_l_h": 4, "leak_h": 22, "night_l_h": 2, "nights": 3, "burst_l_h": 1500,
    "burst_min": 30,
}  # fmt: skip
ENERGY = {
    "interval_s": 300, "pulses_per_kwh": 1000, "start_wh": 5_000_000, "power_w_max": 60000, "debounce_ms": 10,
    "keep_pulses": 100, "stuck_s": 10, "tamper_loop": True,
}  # fmt: skip
reports = []
faults = []


def report(readings, at_ms=None, urgent=False):
    reports.append((at_ms, readings, urgent))


def fault(part, reason):
    faults.append((part, reason))


def values(name):
    return [entry[1] for _, readings, _ in reports for entry in readings if entry[0] == name]


async def stage(app, steps):
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


def app_of(name, settings):
    return __import__("apps." + name, None, None, ("App",)).App(Board(), settings, NodeClock())


def water():
    """Volume as the meter has it, over resets and power cuts; leak, burst, tamper; nothing that was told falls."""
    chip = wiring.solder((PULSE,))["pulse_source"]
    asyncio.run(stage(app_of("water", WATER), [(3600, {"water_l_h": 600.0}), (5, {"water_l_h": 0.0}), (900, None)]))
    assert faults == [], faults
    assert chip.pulses == 60 and values("pulses")[-1] == 60, (chip.pulses, values("pulses"))
    assert values("volume")[-1] == 1_234_000_000 // 1000 + 600_000, values("volume")[-1]
    assert values("volume") == sorted(values("volume"))
    assert sum(values("consumption")) == 600_000 and max(values("flow")) > 100_000, values("flow")
    assert not any(values("leak") + values("burst")) and values("tamper") == [False]
    told = values("pulses")[-1]
    # A reset costs at most five seconds, a power cut what came since the last report; nothing falls.
    power.cause = 3
    asyncio.run(stage(app_of("water", WATER), [(1340, {"water_l_h": 18000.0}), (1, {"water_l_h": 0.0})]))
    before = chip.pulses
    del reports[:]
    asyncio.run(stage(app_of("water", WATER), [(3, None)]))
    after_reset = values("pulses")[0]
    assert told < after_reset <= before and before - after_reset <= 3, (told, before, after_reset)
    asyncio.run(stage(app_of("water", WATER), [(700, {"water_l_h": 360.0}), (1, {"water_l_h": 0.0})]))
    told = max(values("pulses"))
    before = chip.pulses
    power.backup[:] = bytes(len(power.backup))
    power.rtc_length = 0
    del reports[:]
    asyncio.run(stage(app_of("water", WATER), [(3, None)]))
    after_cut = values("pulses")[0]
    assert told <= after_cut <= before and before - after_cut <= 10 + 5, (told, before, after_cut)
    # Another reading of the dial starts anew from there.
    del reports[:]
    settings = dict(WATER)
    settings["start_l"] = 99
    asyncio.run(stage(app_of("water", settings), [(3, None)]))
    assert values("volume") == [99_000] and values("pulses") == [0], reports


def water_alarms():
    """A leak of a day, a burst of an hour, a cut cable: each urgent once; `rezero` makes the leak the normal flow."""
    part = dict(PULSE)
    part["per_pulse"] = 1.0
    settings = dict(WATER)
    settings["pulse_ml"] = 1000
    wiring.solder((part,))
    app = app_of("water", settings)
    asyncio.run(stage(app, [
        (3600, {"water_l_h": 0.0}), (24 * 3600, {"water_l_h": 12.0}),
        (2400, {"water_l_h": 2400.0}), (60, {"water_l_h": 12.0}),
        (60, {"pulse_cable": "open"}), (60, {"pulse_cable": "ok"}),
        (60, app.rezero), (4 * 3600, None),
    ]))  # fmt: skip
    urgent = [[entry[0] for entry in readings if entry[1] is True] for _, readings, is_urgent in reports if is_urgent]
    assert urgent == [["leak"], ["leak", "burst"], ["tamper"], ["burst"]], urgent
    assert faults == [("cable", "the tamper loop is open"), ("cable", "")], faults
    assert values("leak")[-1] is False and values("tamper")[-1] is False
    assert min(values("flow_night")) in range(1500, 4300), values("flow_night")


def s0():
    """A school's power over an hour: each pulse counts, power is that of the meter, a short circuit and a disturbance are named."""
    chip = wiring.solder((S0,))["pulse_source"]
    steps = [
        (600, {"power_w": [20000.0, 20000.0, 17000.0]}),
        (600, {"power_w": [500.0, 300.0, 100.0]}),
        (2, {"power_w": [0.0, 0.0, 0.0]}),
    ]
    asyncio.run(stage(app_of("energy_pulse", ENERGY), steps + [(301, None)]))
    assert faults == [], faults
    assert values("pulses")[-1] == chip.pulses == int(chip.units + 0.5), (values("pulses")[-1], chip.pulses, chip.units)
    assert values("energy_in")[-1] == 5_000_000 * 3600 + chip.pulses * 3600
    assert any(abs(w - 57000) < 400 for w in values("power")) and any(abs(w - 900) < 60 for w in values("power")), (
        values("power")
    )
    del reports[:]
    asyncio.run(stage(app_of("energy_pulse", ENERGY), [(30, {"pulse_cable": "short"}), (30, {"pulse_cable": "ok"})]))
    assert faults == [("contact", "closed for long: a short in the cable, or the contact sticks"), ("contact", "")], (
        faults
    )
    del faults[:]
    asyncio.run(stage(app_of("energy_pulse", ENERGY), [(5, {"pulse_noise_hz": 5000}), (5, {"pulse_noise_hz": 0})]))
    assert faults == [("input", "chatters: a disturbance on the cable"), ("input", "")], faults


def deaf():
    """16 pulses a second of 30 ms while flash is erased for 45 ms four times a second: none is lost."""
    chip = wiring.solder((S0,))["pulse_source"]
    from node_io.pulse_input import PulseInput

    meter = PulseInput(Board().pin("pulse"), 10, True)
    meter.start()
    world.change({"power_w": [57600.0, 0.0, 0.0]})  # 16 a second
    for _ in range(240):
        time.sleep_ms(205)
        simclock.busy(45_000)
    world.change({"power_w": [0.0, 0.0, 0.0]})
    time.sleep_ms(200)
    assert chip.pulses > 900 and meter.counter.pulses == chip.pulses, (meter.counter.pulses, chip.pulses)
    assert meter.counter.recovered > 0
    meter.stop()


def heap():
    """An edge and a tick touch no heap."""
    import gc
    import micropython

    from node_io.pulse_input import PulseInput

    class Line:
        def __init__(self):
            self.level = 1

        def value(self):
            return self.level

        def irq(self, handler=None, trigger=0):
            pass

    line = Line()
    meter = PulseInput(line, 10, True)
    for _ in range(60):
        line.level ^= 1
        meter._edge(line)
        meter._tick(None)
    gc.collect()
    micropython.heap_lock()
    try:
        for _ in range(500):
            line.level ^= 1
            meter._edge(line)
            meter._edge(line)
            meter._tick(None)
    finally:
        micropython.heap_unlock()
    assert meter.counter.bounces


def sleeping():
    """A battery node, woken by the contact's level and the timer: each pulse is counted, reports come when it is calm, a reset loses nothing."""
    pin = machine.connect_pin(25, level=1)
    machine.connect_pin(14, level=0)
    app_module = __import__("apps.water", None, None, ("App",))
    settings = dict(WATER)
    settings["interval_s"] = 21600

    class StandingClock:
        ms = 0

        def now_ms(self):
            return self.ms

    clock = StandingClock()
    state = None
    why = "power"
    counted = wakes = 0
    level = 1
    events = []  # (at_ms, level)
    at_ms = 10_000
    for index in range(
        397
    ):  # 20 days of pulses; the contact stays closed for a third of the turn, sometimes for a blink
        at_ms += 4_000_000 if index % 7 == 3 else (90_000, 900, 300_000)[index % 3] + 3_500_000 * (index % 2)
        events.append((at_ms, 0))
        at_ms += 150 if index % 5 == 0 else 60_000
        events.append((at_ms, 1))
    while events:
        pin.drive(level)
        app = app_module.App(Board(), settings, clock)
        state, sleep_s, pins = asyncio.run(app.wake(report, fault, state, why))
        assert len(state) <= 400 and 1 <= sleep_s <= 3600 and len(pins) == 1, (len(state), sleep_s, pins)
        role, wake_level = pins[0]
        assert role == "pulse"
        wakes += 1
        timer_ms = clock.ms + sleep_s * 1000
        why = "timer"
        while True:
            if level == wake_level:  # by the level, as the chip does it
                why = "pin"
                break
            if not events or events[0][0] >= timer_ms:
                clock.ms = timer_ms
                break
            clock.ms, level = events.pop(0)
            counted += level == 0
        clock.ms += 600  # the start takes so long
        while events and events[0][0] < clock.ms:  # what happened while it was starting
            _, level = events.pop(0)
            counted += level == 0
    pin.drive(level)
    clock.ms += 7 * 3600_000
    state, sleep_s, pins = asyncio.run(app_module.App(Board(), settings, clock).wake(report, fault, state, why))
    clock.ms += 7 * 3600_000
    asyncio.run(app_module.App(Board(), settings, clock).wake(report, fault, state, "timer"))
    assert counted == 397 and values("pulses")[-1] == 397, (counted, values("pulses")[-1])
    assert values("volume") == sorted(values("volume")) and values("volume")[-1] == 1_234_000 + 3_970_000
    days = clock.ms / 86_400_000
    assert wakes < 2 * 397 + 26 * days, (wakes, days)
    volumes = [at for at, readings, _ in reports if readings[0][0] == "volume" and at > 900_000]
    assert 3 * days < len(volumes) < 5 * days, (len(volumes), days)
    print("wakes", wakes, "in", int(days), "days; reports", len(volumes), "state", len(state))
    # A power cut: what was told is not taken back.
    told = values("pulses")[-1]
    del reports[:]
    asyncio.run(app_module.App(Board(), settings, clock).wake(report, fault, None, "power"))
    assert values("pulses")[0] == told == 397


class _Sleeper:
    """A battery node without pulses of its own: the hours and the pulses are the caller's."""

    ms = 0

    def __init__(self, **changes):
        self.pin = machine.connect_pin(25, level=1)
        machine.connect_pin(14, level=0)
        self.settings = dict(WATER, interval_s=21600, tamper_loop=False)
        self.settings.update(changes)
        self.state = None

    def now_ms(self):
        return self.ms

    def wake(self, why):
        self.app = app_module("water").App(Board(), self.settings, self)
        self.state, sleep_s, _ = asyncio.run(self.app.wake(report, fault, self.state, why))
        return sleep_s

    def pulse(self):
        self.pin.drive(0)
        self.wake("pin")
        self.ms += 1000
        self.pin.drive(1)
        self.wake("pin")


def app_module(name):
    return __import__("apps." + name, None, None, ("App",))


def sleeping_reset():
    """A reset that is no power cut hands a state over while the clock begins anew: the count stays, the node reports and finds leaks."""
    node = _Sleeper()
    node.wake("power")
    assert node.app.rezero() is False  # before the first night nothing is known that could be normal
    for _ in range(60 * 24):
        node.ms += 3_600_000
        node.wake("timer")
    assert node.app.rezero() is True
    node.pulse()
    node.ms = 700
    node.pin.drive(0)  # it closed while the board was starting
    del reports[:]
    assert node.wake("power") <= 3600 and values("pulses") == [2] and values("leak") == [False, False], reports
    for _ in range(30):
        node.pin.drive(1)
        node.wake("pin")
        node.ms += 3_600_000
        node.pulse()
    assert values("pulses")[-1] >= 26 and values("leak")[-1] is True, values("pulses")
    assert max(values("consumption")) <= 250_000, values("consumption")
    # Another reading of the dial: the count begins there, with the state and without.
    node.settings["start_l"] = 50_000
    for why in ("timer", "power"):
        del reports[:]
        node.wake(why)
        assert values("volume") == [50_000_000] and values("pulses") == [0], reports
    node.pulse()
    node.ms += 8 * 3_600_000
    node.wake("timer")
    assert values("volume")[-1] == 50_010_000


def sleeping_burst():
    """50 minutes of 1,800 l/h ring on a node that looks every hour, wherever in the hour they lie; a coarse pulse is named."""
    for offset_ms in (0, 1_000_000, 1_800_000, 2_700_000):
        del reports[:]
        node = _Sleeper()
        node.wake("power")
        for _ in range(30):
            node.ms += 3_600_000
            node.wake("timer")
        node.ms += offset_ms
        for _ in range(150):
            node.ms += 19_000
            node.pulse()
        assert [urgent for _, readings, urgent in reports if ("burst", True) in readings][:1] == [True], offset_ms
    assert not [entry for entry in faults if entry[1]], faults
    node.settings["pulse_ml"] = 100_000
    node.ms += 60_000
    node.wake("timer")
    assert [entry for entry in faults if entry[1]] == [("pulse", "too coarse for leak_l_h: only bursts are looked for")]


power.directory = None
globals()[sys.argv[1]]()
print("ok")
