# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The parking application on the simulated board, in jump mode. argv: what to try, profile id, file of its settings (JSON).

`street` plays the world's file (STARTCITY_SIM=file:...) and prints one JSON line for each report, with the time of the decision.
"""

import asyncio
import held_bus
import json
import machine
import os
import power
import simclock
import sys
import time
import wiring
import world

import apps.parking
from boards.esp32_generic import Board

WHAT, PROFILE = sys.argv[1:3]
with open(sys.argv[3]) as file:
    settings = json.load(file)
parts = wiring.of_profile(PROFILE)
CHIP = parts[0]["chip"]
START_US = simclock.now_us
EMPTY, CAR, OTHER = [22e-6, 1e-6, -40e-6], [35e-6, -4e-6, -52e-6], [20e-6, 9e-6, -33e-6]
reports = []
faults = []


class Clock:
    """Node time: goes on over a sleep."""

    def now_ms(self):
        simclock.look()
        return (simclock.now_us - START_US) // 1000

    async def sleep_ms(self, duration_ms):
        await asyncio.sleep_ms(duration_ms)


clock = Clock()


def report(readings, at_ms=None, urgent=False):
    now_ms = clock.now_ms()
    at_ms = now_ms if at_ms is None else at_ms
    for entry in readings:
        assert at_ms + (entry[2] if len(entry) > 2 else 0) <= now_ms, ("from the future", entry, at_ms, now_ms)
    reports.append((now_ms, at_ms, urgent, readings))


def fault(part, reason):
    faults.append((part, reason))


def values(name):
    """[(time of the frame, value)] of a name, in order."""
    return [(at_ms, entry[1]) for _, at_ms, _, readings in reports for entry in readings if entry[0] == name]


def changes():
    """[(time of the decision, time of the change, occupied)]."""
    found = []
    for now_ms, at_ms, _, readings in reports:
        for entry in readings:
            if entry[0] == "occupied" and (not found or found[-1][2] is not entry[1]):
                found.append((now_ms, at_ms, entry[1]))
    return found


def new_app(**others):
    chosen = dict(settings)
    chosen.update(others)
    return apps.parking.App(Board(), chosen, clock)


def drive(start, end, seconds):
    """[(wait, change)] of a vehicle that moves the field from one level to the other."""
    steps = int(seconds * 4)
    found = []
    for step in range(1, steps + 1):
        field_t = [a + (b - a) * step / steps for a, b in zip(start, end)]
        found.append((0.25, {"field_t": field_t}))
    return found


async def stage(app, steps):
    """Play the steps: change the world (or call something), then wait so many seconds."""
    task = asyncio.create_task(app.run(report, fault))
    for seconds, change in steps:
        if callable(change):
            change()
        elif change:
            world.change(change)
        await asyncio.sleep_ms(int(seconds * 1000))
        if task.done():
            await task
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass


def forget():
    del reports[:]
    del faults[:]


def clear_store():
    import esp32

    esp32._kept = {}


def awake():
    """A node that is always awake: times, faults, commands, restart."""
    chip = wiring.solder(parts, seed=5)[CHIP]
    world.change({"field_t": EMPTY})
    app = new_app(starts_empty=True)
    asyncio.run(stage(app, [(60, None)] + drive(EMPTY, CAR, 5) + [(60, None)] + drive(CAR, EMPTY, 5) + [(60, None)]))
    assert faults == [], faults
    assert values("self_test") == [(values("self_test")[0][0], True)]
    found = changes()
    assert [state for _, _, state in found] == [False, True, False], found
    (_, _, _), (seen_in_ms, in_ms, _), (seen_out_ms, out_ms, _) = found
    stood_ms, left_ms = 65_000, 125_000  # it drives from 60 to 65 s and from 125 to 130 s
    assert -1500 <= in_ms - stood_ms <= 1500, found
    assert -100 <= out_ms - left_ms <= 2500, found
    assert seen_in_ms - stood_ms <= 10_000 and seen_out_ms - left_ms - 5000 <= 10_000, found
    fields = values("field_x")
    assert abs(fields[0][1] - 22000) < 600 and abs(fields[-1][1] - 22000) < 600
    # Commands.
    forget()
    asyncio.run(stage(new_app(), [(20, None), (2, lambda: None)]))
    count = len(reports)
    app = new_app(heartbeat_s=3600, interval_ms=30_000)
    asyncio.run(stage(app, [(200, None), (3, lambda: app.sample_now())]))
    assert len(reports) >= count + 2, "a sample that was asked for is not taken at once"
    assert reports[-1][0] - clock.now_ms() >= -3000
    forget()
    app = new_app(heartbeat_s=10)
    asyncio.run(stage(app, [(20, {"field_t": OTHER}), (20, app.rezero)]))
    assert changes()[-1][2] is False and values("occupancy_known")[-1][1] is True, reports
    deviation = values("deviation")[-1][1]
    assert deviation < 1500, deviation
    app = new_app()
    asyncio.run(stage(app, [(20, None), (20, app.rezero), (20, {"field_t": EMPTY})]))
    # The sensor disappears, another one is soldered, the bus is held, the field is out of range.
    forget()
    app = new_app()
    steps = [(20, None), (30, {"absent": [CHIP]})]
    asyncio.run(stage(app, steps + [(1, lambda: app.rezero() or faults.append("refused")), (40, {"absent": []})]))
    assert faults[0][0] == "magnetometer" and faults[0][1].startswith("no answer on I2C"), faults
    assert faults[1:] == ["refused", ("magnetometer", "")], faults
    forget()
    asyncio.run(stage(new_app(), [(20, None), (40, lambda: held_bus.hold(clocks=6))]))
    assert [part for part, _ in faults] == ["magnetometer"] * 2 and faults[1][1] == "", faults
    forget()
    asyncio.run(stage(new_app(), [(20, None), (40, lambda: held_bus.hold(clocks=0)), (40, held_bus.release)]))
    assert faults == [("magnetometer", "the I2C data line is held low"), ("magnetometer", "")], faults
    forget()
    asyncio.run(stage(new_app(), [(20, None), (20, {"field_t": [3e-3, 0, 0]}), (20, {"field_t": EMPTY})]))
    assert faults == [("magnetometer", "field out of range"), ("magnetometer", "")], faults
    forget()
    chip._catch_up = lambda: None  # it converts no more
    asyncio.run(stage(new_app(), [(40, None)]))
    del chip._catch_up
    assert faults and faults[0][1] in ("no new measurements", "no measurement ends"), faults
    forget()
    where = {"qmc5883l": 0x0D, "lis3mdl": 0x0F, "mmc5983ma": 0x2F}[CHIP]
    right, chip._registers[where] = chip._registers[where], 0x42
    asyncio.run(stage(new_app(), [(5, None)]))
    assert faults == [("magnetometer", "another chip answers (id 0x42)")], faults
    chip._registers[where] = right
    # A restart remembers the empty field: it knows at once, even with a car on top.
    forget()
    world.change({"field_t": CAR})
    asyncio.run(stage(new_app(), [(20, None)]))
    assert values("occupied")[0][1] is True, reports
    # A car on top at the very first boot is not taken for an empty stall.
    forget()
    clear_store()
    asyncio.run(stage(new_app(), [(60, None)]))
    assert values("occupancy_known")[0][1] is False and not values("occupied"), reports
    # A chip that fails its own test says so, and the node measures on.
    if CHIP != "qmc5883l":
        forget()
        world.change({"mmc5983ma_coil_broken": True, "lis3mdl_self_test_gauss": [0, 0, 0]})
        app = new_app()
        asyncio.run(stage(app, [(30, None)]))
        assert app.rezero(), "it still measures"
        assert values("self_test")[0][1] is False and faults[0][0] == "self_test" and faults[0][1], (reports, faults)
    following(new_app())


def following(app):
    """Noting how the field moves does not touch the heap."""
    import micropython

    app._follow(1000)
    micropython.heap_lock()
    try:
        for now_ms in range(2000, 40_000, 1000):
            app._sample[1] = now_ms
            app._follow(now_ms)
    finally:
        micropython.heap_unlock()
    assert app._rest_ms == 39_000 and app._moving_ms <= 2000


def loading():
    """A loading bay: how long, and once that it is too long."""
    wiring.solder(parts, seed=5)
    world.change({"field_t": EMPTY})
    app = new_app(starts_empty=True, max_stay_min=5, grace_min=1, heartbeat_s=100)
    asyncio.run(stage(app, [(30, None)] + drive(EMPTY, CAR, 5) + [(500, None)] + drive(CAR, EMPTY, 5) + [(40, None)]
                      + drive(EMPTY, OTHER, 5) + [(200, None)] + drive(OTHER, EMPTY, 5) + [(40, None)]))  # fmt: skip
    assert faults == [], faults
    alarms = values("overstay")
    assert [value for _, value in alarms] == [True], alarms
    assert 395_000 <= alarms[0][0] <= 397_500, "6 minutes after it stood still"
    assert all(urgent for _, _, urgent, readings in reports if readings[0][0] == "overstay")
    ends = [readings[0][1] for _, _, _, readings in reports if len(readings) == 1 and readings[0][0] == "dwell"]
    assert len(ends) == 2 and abs(ends[0] - 500) <= 3 and abs(ends[1] - 200) <= 3, ends
    # No limit, no alarm; a restart counts from the first look.
    forget()
    world.change({"field_t": CAR})
    asyncio.run(stage(new_app(max_stay_min=0, grace_min=0, heartbeat_s=100), [(260, None)]))
    assert not values("overstay") and 90 <= values("dwell")[1][1] <= 110, values("dwell")


class Sleeper:
    """The node core's part: wakes the application, sleeps until the pin or the timer."""

    def __init__(self):
        self.state = None
        self.why = "power"
        self.wakes = []  # (why, awake ms)
        self.app = None

    def run(self, end_ms, at=()):
        """Until node time `end_ms`. `at`: [(node time, change or function)], played by events."""
        for at_ms, change in at:
            simclock.at(
                START_US + at_ms * 1000,
                (lambda function: lambda when_us: function())(change)
                if callable(change)
                else (lambda values: lambda when_us: world.change(values))(change),
            )
        while clock.now_ms() < end_ms:
            simclock.wait(simclock.now_us + 500_000)  # the boot
            start_ms = clock.now_ms()
            self.app = new_app(**self.others)
            self.state, sleep_s, pins = asyncio.run(self.app.wake(report, fault, self.state, self.why))
            assert len(self.state) <= 400 and sleep_s > 0 and isinstance(sleep_s, int), (len(self.state), sleep_s)
            self.wakes.append((self.why, clock.now_ms() - start_ms))
            until_us = min(simclock.now_us + sleep_s * 1_000_000, START_US + end_ms * 1000)
            board = Board()
            levels = [(board.pin(role), level) for role, level in pins]

            def is_woken():
                return any([pin.level() == level for pin, level in levels])

            simclock.wait(until_us, is_woken)
            self.why = "pin" if is_woken() else "timer"

    others = {}


def timed(start_ms, steps):
    """The steps of `drive` as [(node time, change)]."""
    found = []
    for seconds, change in steps:
        found.append((int(start_ms), change))
        start_ms += seconds * 1000
    return found


def battery():
    """A node that sleeps: wakes by the pin, decides, arms again; faults; commands at the next wake; a chip that cannot wake it."""
    wiring.solder(parts, seed=5)
    world.change({"field_t": EMPTY})
    node = Sleeper()
    node.others = {"starts_empty": True}
    weak = [EMPTY[0] + 2.2e-6, EMPTY[1] + 1.0e-6, EMPTY[2] - 3.2e-6]
    node.run(
        7_200_000,
        timed(1_000_000, drive(EMPTY, CAR, 6))
        + timed(2_000_000, drive(CAR, EMPTY, 6))
        + timed(3_000_000, drive(EMPTY, weak, 6))
        + timed(4_000_000, drive(weak, EMPTY, 6)),
    )
    assert faults == [], faults
    found = changes()
    assert [state for _, _, state in found] == [False, True, False, True, False], found
    for (seen_ms, at_ms, _), (begin_ms, is_arrival) in zip(
        found[1:], ((1_000_000, True), (2_000_000, False), (3_000_000, True), (4_000_000, False))
    ):
        truth_ms = begin_ms + 6000 if is_arrival else begin_ms
        assert abs(at_ms - truth_ms) <= 6000, (found, truth_ms)
        assert seen_ms - begin_ms - 6000 <= 10_000, (found, begin_ms)
    by_pin = [awake_ms for why, awake_ms in node.wakes if why == "pin"]
    by_timer = [awake_ms for why, awake_ms in node.wakes if why == "timer"]
    print("wakes", len(node.wakes), "by pin", len(by_pin), "longest awake ms", max(by_pin + by_timer))
    assert 4 <= len(by_pin) <= 10 and len(by_timer) <= 25 and max(by_pin + by_timer) <= 2500, node.wakes
    assert values("self_test") == [(values("self_test")[0][0], True)], "once, at power-on"
    # Heartbeats, and temperature that drifts by more than the threshold between two of them wakes it, and changes nothing.
    forget()
    node.others = {"heartbeat_s": 3600}
    begin_ms = clock.now_ms()
    drift = [(begin_ms + step * 60_000, {"field_t": [EMPTY[0], EMPTY[1], EMPTY[2] + step * 0.04e-6], "temperature_c": 20 + step * 0.1})
             for step in range(1, 60)]  # fmt: skip
    node.run(begin_ms + 3_700_000, drift)
    assert changes() and all(state is False for _, _, state in changes()) and faults == [], (changes(), faults)
    # The wire of the pin is cut: the timer finds the vehicle.
    forget()
    begin_ms = clock.now_ms()
    level_t = [EMPTY[0], EMPTY[1], EMPTY[2] + 2.36e-6]
    world.change({"lis3mdl_int_broken": True})
    car = [level_t[0] + 13e-6, level_t[1], level_t[2] - 12e-6]
    node.run(begin_ms + 3_700_000, [(begin_ms + 1000, {"field_t": car})])
    assert changes()[-1][2] is True and changes()[-1][0] - begin_ms <= 1_900_000, changes()
    world.change({"lis3mdl_int_broken": False})
    # Commands are heard when it is awake and obeyed at the next wake, even after a loss of power.
    forget()
    assert node.app.rezero() and not [1 for *_, readings in reports if len(readings) > 20]
    node.state, node.why = None, "power"
    node.run(clock.now_ms() + 10_000)
    assert changes()[-1][2] is False, changes()
    count = len(reports)
    node.why = "timer"
    node.run(clock.now_ms() + 10_000)
    assert len(reports) == count, "nothing new, and nobody asked"
    assert node.app.sample_now()
    node.why = "timer"
    node.run(clock.now_ms() + 10_000)
    assert len(reports) == count + 1
    # The chip does not answer: said, and looked for again.
    forget()
    world.change({"absent": ["lis3mdl"]})
    node.why = "timer"
    node.run(clock.now_ms() + 700_000)
    assert faults and faults[0][1].startswith("no answer"), faults
    forget()
    world.change({"absent": []})
    node.run(clock.now_ms() + 700_000)
    # A chip whose offset registers do not subtract: said, and the field is looked at every minute.
    forget()
    world.change({"lis3mdl_offsets": "reserved"})
    begin_ms = clock.now_ms()
    node.state, node.why = None, "power"
    node.run(begin_ms + 900_000, [(begin_ms + 400_000, {"field_t": EMPTY})])
    assert ("wake", "this magnetometer cannot wake the node: it looks every 60 s") in faults, faults
    waits = [why for why, _ in node.wakes[-8:]]
    assert waits == ["timer"] * 8, waits
    # Bytes of another version, or none of ours: it begins anew.
    for state in (b"", b"\x07" * 50, b"\x01" * 80, bytes(400)):
        world.change({"lis3mdl_offsets": "subtract"})
        node.state, node.why = state, "timer"
        node.run(clock.now_ms() + 5000)


def new_clock():
    """The power fails while a vehicle stands there, and the state comes back with a clock that begins anew: what was learnt stays, the
    old clock's times do not."""
    global START_US
    wiring.solder(parts, seed=5)
    world.change({"field_t": EMPTY})
    node = Sleeper()
    node.others = {"starts_empty": True, "heartbeat_s": 3600}
    node.run(20_000_000, timed(18_000_000, drive(EMPTY, CAR, 6)))
    assert [state for _, _, state in changes()] == [False, True] and faults == [], (changes(), faults)
    forget()
    START_US = simclock.now_us
    node.why = "power"
    clear_store()
    node.run(12_000_000, timed(10_000_000, drive(CAR, EMPTY, 6)))
    told = values("occupied")
    assert told[0][1] is True and told[0][0] <= 10_000, told
    assert [at_ms // 3_600_000 for at_ms, is_taken in told if is_taken] == [0, 1, 2], ("its heartbeats", told)
    (seen_ms, at_ms, state) = changes()[-1]
    assert state is False and 9_998_000 <= at_ms <= seen_ms <= 10_016_000, changes()
    assert faults == [], faults


def street():
    """The world's file plays; every report on a line."""
    world.connect(os.getenv("STARTCITY_SIM"), "24dcc3000001")
    wiring.solder(parts, seed=5)
    end_ms = int(sys.argv[4]) * 1000
    if "wake_nt" in settings:
        node = Sleeper()
        node.run(end_ms)
        wakes = len(node.wakes)
        awake_ms = sum([awake_ms for _, awake_ms in node.wakes])
        by_pin = len([1 for why, _ in node.wakes if why == "pin"])
    else:
        asyncio.run(stage(new_app(), [(end_ms / 1000, None)]))
        wakes, awake_ms, by_pin = 0, end_ms, 0
    for now_ms, at_ms, _, readings in reports:
        for entry in readings:
            if entry[0] in ("occupied", "occupancy_known"):
                print(json.dumps([now_ms, at_ms, entry[0], entry[1]]))
    print(json.dumps({"faults": faults, "wakes": wakes, "by_pin": by_pin, "awake_ms": awake_ms}))


power.directory = None
globals()[WHAT]()
print("ok")
