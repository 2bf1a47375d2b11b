# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The cabinet's application on the simulated board, in jump mode. argv: what to try, profile id, a JSON file with its "settings"."""

import asyncio
import json
import micropython
import power
import sys
import time
import wiring
import world

from apps.dae import App
from boards.esp32_generic import Board
from node_core.light_verdict import verdict
from node_core.status_light import StatusLight

WHAT, PROFILE = sys.argv[1:3]
with open(sys.argv[3]) as file:
    settings = json.load(file)["settings"]
settings.update(zero_code=40_000, pads_expiry="2027-06-30", battery_expiry="2028-01-31")  # the zero is the model's
DAY_MS = 86_400_000
CITY_MS = 1_790_000_000_000  # 2026-09-21
ALARMS = (
    "removed", "presence_unsure", "door_left_open", "tampered", "status_fault", "status_unseen",
    "temperature_warning", "temperature_critical", "heater_failed", "power_lost", "battery_low",
)  # fmt: skip
IN = {"dae_on_switch": True, "dae_g": 2500}
OUT = {"dae_on_switch": False, "dae_g": 0}
reports = []  # (node time, urgent, {name: value})
faults = {}
said = []


class Clock:
    """Node time: ticks, unwrapped; and the city's, once it is known."""

    def __init__(self):
        self._last = time.ticks_ms()
        self._now = 0
        self.offset_ms = None
        self.slept = 0

    def now_ms(self):
        ticks = time.ticks_ms()
        self._now += time.ticks_diff(ticks, self._last)
        self._last = ticks
        return self._now

    def city_ms(self):
        return None if self.offset_ms is None else CITY_MS + self.offset_ms + self.now_ms()

    async def sleep_ms(self, duration_ms):
        assert duration_ms > 0
        self.slept += 1
        await asyncio.sleep_ms(duration_ms)


clock = Clock()


def report(readings, at_ms=None, urgent=False):
    reports.append((at_ms, urgent, {entry[0]: entry[1] for entry in readings}))


def fault(part, reason):
    if faults.get(part, "") != reason:
        faults[part] = reason
        said.append((part, reason))


def values(name):
    return [readings[name] for _, _, readings in reports if name in readings]


def changes(name):
    """The values of a name, each once while it lasts."""
    found = values(name)
    return [value for place, value in enumerate(found) if place == 0 or found[place - 1] != value]


def alarms():
    """What rang and what ended, in order."""
    return [(name, readings[name]) for _, _, readings in reports for name in ALARMS if name in readings]


def when(name, value):
    return [(at_ms, urgent) for at_ms, urgent, readings in reports if readings.get(name) == value]


async def stage(app, steps):
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


def play(*steps, **overrides):
    """A start of the node, then the steps; the application that ran."""
    del reports[:], said[:]
    faults.clear()
    app = App(Board(), dict(settings, **overrides), clock)
    asyncio.run(stage(app, steps))
    return app


def fresh(**more):
    """A cabinet as it should be, and no memory of another one."""
    import esp32

    store = esp32.NVS("dae")
    for key in ("state", "zero"):
        try:
            store.erase_key(key)
        except OSError:
            pass
    base = dict(IN, door_closed=True, cover_closed=True, lamp="green", lamp_uv=700_000, lamp_on_ms=120, lamp_period_ms=3000,
                      lamp2="", ambient_uv=0, ambient_red=0.8, flicker_pct=0, battery_v=12.8, cabinet_v=12.2, temperature_c=18.5, absent=[])  # fmt: skip
    base.update(more)
    world.change(base)


def quiet():
    """A cabinet that is well: its state at once, no alarm, no fault, a heartbeat, dates once there is a city time, a register entry."""
    fresh()
    play((60, None), (300, lambda: setattr(clock, "offset_ms", 0)), heartbeat_s=200)
    assert alarms() == [] and said == [], (alarms(), said)
    assert changes("presence") == ["present"] and when("presence", "present")[0][0] < 2500, reports[:3]
    assert not any([urgent for _, urgent, readings in reports if "presence" in readings]), "being there is no alarm"
    assert changes("door_open") == [False] and abs(values("weight")[-1] - 2500) <= 5
    assert changes("status") == ["unknown", "ok"] and values("status_pattern")[-1] == "green, blinking"
    assert 2 <= len(values("temperature")) <= 3 and abs(values("temperature")[-1] - 1850) < 12, values("temperature")
    assert abs(values("battery_voltage")[-1] - 12_800) < 100 and abs(values("cabinet_voltage")[-1] - 12_200) < 100
    assert values("pads_days") == [282] and values("battery_days") == [497], (
        values("pads_days"),
        values("battery_days"),
    )
    (entry,) = values("register")
    assert entry == (
        "date=2026-09-21; dae=present; door=closed; status=ok (green, blinking); pads=2027-06-30 (282 days); "
        "battery=2028-01-31 (497 days); temperature=18..19; alarms=none"
    ), entry


def removal():
    """Reported at once and urgently, rung after half a minute, ended on return."""
    fresh()
    left = []
    away = lambda: (left.append(clock.now_ms()), world.change(OUT))  # noqa: E731
    play((8, None), (36, away), (5, IN))
    first = when("presence", "removed")[0]
    assert first[1] and first[0] - left[0] <= 1000, (first, left)
    assert alarms() == [("removed", True), ("removed", False)], alarms()
    assert 30_000 <= when("removed", True)[0][0] - left[0] <= 32_500, reports
    assert changes("presence") == ["present", "removed", "present"] and said == [], (reports, said)
    # Somebody looks and puts it back: told, and nothing rings.
    play((8, None), (10, OUT), (25, IN))
    assert changes("presence") == ["present", "removed", "present"] and alarms() == []
    # The switch is released a second before the weight goes: still one removal.
    play((8, None), (1, {"dae_on_switch": False}), (3, {"dae_g": 0}), (3, IN))
    assert changes("presence") == ["present", "removed", "present"], values("presence")
    # At the start nothing is claimed before both senses have been heard.
    world.change(OUT)
    play((8, None))
    assert changes("presence") == ["removed"] and when("presence", "removed")[0][1]


def doubt():
    """A contradiction is never "present"; a broken sense leaves a removal to the other one."""
    # A stick on the switch, or a stone on the scale: nobody knows, and after a minute that rings.
    for trick, text in (
        ({"dae_g": 0}, "the switch says there, the scale says gone"),
        ({"dae_g": 900}, "the switch says there, the scale says another weight"),
        ({"dae_on_switch": False}, "the switch says gone, the scale says there"),
        ({"dae_g": 5200}, "the switch says there, the scale says another weight"),
    ):
        fresh()
        tricked = []
        play((8, None), (66, lambda: (tricked.append(clock.now_ms()), world.change(trick))), (4, IN))
        assert changes("presence") == ["present", "unknown", "present"], (trick, values("presence"))
        at_ms, urgent = when("presence", "unknown")[0]
        assert urgent and at_ms - tricked[0] <= 4000, (trick, at_ms, tricked)
        assert alarms() == [("presence_unsure", True), ("presence_unsure", False)], (trick, alarms())
        assert said == [("presence", text), ("presence", "")], (trick, said)
    # With one sense broken the other one's removal is believed; that it is there is not.
    for broken in ({"absent": ["hx711"]}, {"dae_g": 99_000}):
        fresh()
        play((8, None), (8, broken), (36, {"dae_on_switch": False}))
        assert changes("presence") == ["present", "unknown", "removed"], (broken, values("presence"))
        assert ("removed", True) in alarms() and faults["scale"], (alarms(), faults)


def door():
    """A door that stays open rings after a minute; one that is shut again does not; the tamper contact rings at once."""
    fresh()
    play((8, None), (50, {"door_closed": False}), (15, {"door_closed": True}))
    assert changes("door_open") == [False, True, False] and alarms() == [], reports
    play((8, None), (66, {"door_closed": False}), (4, {"door_closed": True}))
    assert alarms() == [("door_left_open", True), ("door_left_open", False)]
    opened = when("door_open", True)[0][0]
    assert 60_000 <= when("door_left_open", True)[0][0] - opened <= 62_000
    play((8, None), (4, {"cover_closed": False}), (4, {"cover_closed": True}))
    assert alarms() == [("tampered", True), ("tampered", False)]
    assert when("tampered", True)[0][1], "urgent"


def light():
    """Ready, fault and unknown, over a few minutes each; no light is never ok; an open door is no look; too long unseen rings."""
    fresh()
    quick = {"status_s": 20, "watch_s": 15}
    play((45, None), (65, {"lamp": ""}), (45, {"lamp": "green"}), **quick)
    assert changes("status") == ["unknown", "ok", "unknown", "ok"] and alarms() == [], reports
    assert "no light" in values("status_pattern")
    play((45, None), (70, {"lamp": "red", "lamp_on_ms": 300, "lamp_period_ms": 1000}), (50, {"lamp": "green"}), **quick)
    assert alarms() == [("status_fault", True), ("status_fault", False)], alarms()
    assert "fault" in values("status")
    # One look that says fault is looked at again before anybody is called.
    play((45, {"lamp_period_ms": 3000}), (8, {"lamp": "red"}), (60, {"lamp": "green"}), **quick)
    assert alarms() == [] and "fault" in values("status"), (alarms(), reports)
    # A fault that is seen, not seen and seen again rings at the second sight; a ready light between starts the count anew.
    red = {"lamp": "red", "lamp_on_ms": 300, "lamp_period_ms": 1000}
    fresh()
    play((30, None), (29, red), (20, {"lamp": ""}), (36, red), **quick)
    assert alarms() == [("status_fault", True)] and changes("status")[-3:] == ["fault", "unknown", "fault"], reports
    fresh()
    play((30, None), (29, red), (20, {"lamp": "green", "lamp_on_ms": 120, "lamp_period_ms": 3000}), (37, red), **quick)
    assert alarms() == [] and changes("status")[-3:] == ["fault", "ok", "fault"], reports
    # The sun through the glass, and a lamp's flicker: nothing is seen, and nothing is claimed.
    for leak in ({"ambient_uv": 1_200_000}, {"ambient_uv": 900_000, "flicker_pct": 80}):
        fresh()
        play((45, dict(leak, lamp="")), **quick)
        assert changes("status") == ["unknown"] and "ambient light" in values("status_pattern"), (leak, reports)
        world.change({"lamp": "green"})
        play((45, None), **quick)
        assert "fault" not in values("status"), values("status_pattern")
    fresh(ambient_uv=40_000, flicker_pct=60)  # a little of both does not hide a light
    play((45, None), **quick)
    assert values("status")[-1] == "ok", reports
    fresh()
    play((40, {"door_closed": False, "lamp": "red"}), (45, {"lamp": "green", "door_closed": True}), **quick)
    assert "fault" not in values("status") and values("status")[-1] == "ok", (
        "what was seen through the open door counted"
    )
    play((8, None), (5, {"door_closed": False, "lamp": "red"}), (30, {"lamp": "green", "door_closed": True}), **quick)
    assert "fault" not in values("status") and values("status")[-1] == "ok", "a look went on through the open door"


def unseen():
    """No ready light for too long rings, counted over a restart; the first ready light ends it."""
    fresh()
    clock.offset_ms = 0
    short = {"unseen_h": 1 / 12, "status_s": 30, "watch_s": 12}
    play((35, None), (150, {"lamp": ""}), **short)
    assert alarms() == [] and "ok" in values("status")
    play((190, None), (60, {"lamp": "green"}), **short)
    assert alarms() == [("status_unseen", True), ("status_unseen", False)], alarms()
    assert 100_000 < when("status_unseen", True)[0][0] - reports[0][0] < 200_000, "it counted from the restart"


def unseen_restart():
    """A restart does not end `status_unseen`, with the city's time or without; what was counted without it is kept; only ready ends it."""
    short = {"unseen_h": 1 / 12, "status_s": 30, "watch_s": 12}
    for offset_ms in (0, None):
        fresh(lamp="")
        clock.offset_ms = offset_ms
        play((320, None), **short)
        assert alarms() == [("status_unseen", True)] and "ok" not in values("status"), alarms()
        play((200, None), **short)
        assert alarms() == [], ("a restart ended it", alarms())
        clock.offset_ms = None
        play((40, None), **short)
        assert alarms() == [], "a restart ended it"
        play((60, {"lamp": "green"}), **short)
        assert alarms() == [("status_unseen", False)], alarms()
    fresh(lamp="")
    play((200, None), **short)
    play((150, None), **short)  # 350 s of the 300, of which at least 180 were kept
    assert alarms() == [("status_unseen", True)], "what was counted before the restart is lost"


def wrong_clock():
    """Times of a clock that was ten years ahead are forgotten: the register goes on, and unseen rings."""
    short = {"unseen_h": 1 / 12, "status_s": 30, "watch_s": 12}
    fresh()
    clock.offset_ms = 3650 * DAY_MS
    play((190, None), **short)
    assert values("register")[0].startswith("date=2036"), values("register")
    clock.offset_ms = 0
    play((320, {"lamp": ""}), **short)
    assert len(values("register")) == 1 and values("register")[0].startswith("date=2026"), values("register")
    assert alarms() == [("status_unseen", True)], alarms()


def stale():
    """Ready belongs to the defibrillator that was looked at, and to a look that is not old: gone, swapped or shut off, nobody knows."""
    quick = {"status_s": 30, "watch_s": 12, "heartbeat_s": 20}
    fresh()
    play((40, None), (40, OUT), (60, dict(IN, door_closed=False, lamp="red")), (60, {"door_closed": True}), **quick)
    assert changes("status") == ["unknown", "ok", "unknown", "fault"], changes("status")
    gone_ms = when("presence", "removed")[0][0]
    late = [values for at_ms, _, values in reports if at_ms >= gone_ms and values.get("status") == "ok"]
    assert late == [] and ("status_fault", True) in alarms(), (late, alarms())
    # The switch alone is enough to doubt it.
    fresh()
    play((40, None), (4, {"dae_on_switch": False}), **quick)
    assert changes("status") == ["unknown", "ok", "unknown"], changes("status")
    # A door that stays open: the last look lasts for two periods and a look, no longer.
    fresh()
    play((40, None), (80, {"door_closed": False}), (40, {"door_closed": True}), **quick)
    assert changes("status") == ["unknown", "ok", "unknown", "ok"], changes("status")
    seen_ms = when("status", "ok")[0][0]
    forgot_ms = [at_ms for at_ms, _ in when("status", "unknown") if at_ms > seen_ms][0]
    assert 72_000 <= forgot_ms - seen_ms <= 72_000 + 50_000, (seen_ms, forgot_ms)


def weights():
    """A weight at the bound does not come and go, a wide tolerance does not hide a removal, and a scale without a factor is a fault."""
    fresh()
    steps = [(20, None)]
    for _ in range(5):
        steps += [(3, {"dae_g": 1990}), (3, {"dae_g": 2010})]
    play(*steps, (4, {"dae_g": 1850}))
    assert changes("presence") == ["present", "unknown"] and len(when("presence", "unknown")) == 1, reports
    fresh(dae_g=1100)
    play((10, None), (8, OUT), weight_g=1100, weight_tolerance_g=1200)
    assert changes("presence") == ["present", "removed"], reports
    fresh()
    play((10, None), codes_per_kg=0)
    assert faults["scale"] == "codes_per_kg is 0" and changes("presence") == ["unknown"] and not values("weight")
    assert faults["presence"] == "the switch says there, the scale says nothing", faults


def lamps():
    """A cabinet lit green beside a dead light, and green in turn with amber: never ready; a steady green only by its setting."""
    quick = {"status_s": 30, "watch_s": 12}
    fresh(ambient_uv=300_000, ambient_red=0.2, lamp="")
    play((30, None), **quick)
    assert changes("status_pattern") == ["not looked at", "green all the time"] and changes("status") == ["unknown"]
    play((30, None), **dict(quick, steady_green_ok=True))
    assert values("status")[-1] == "ok", reports
    fresh(ambient_red=0.8, lamp2="amber")
    play((40, None), **dict(quick, watch_s=20))
    assert changes("status") == ["unknown"] and values("status_pattern")[-1] == "unsure", reports


def heater():
    """Losing the power neither ends nor excuses a failed heater; where the supply is not wired the heater is watched too."""
    quick = {"air_s": 10, "status_s": 9999, "heater_s": 60}
    fresh(temperature_c=3.0)
    play((100, None), (20, {"cabinet_v": 0.0}), (90, {"cabinet_v": 12.2}), (30, {"temperature_c": 18.0}), **quick)
    assert alarms() == [("heater_failed", True), ("heater_failed", False)], alarms()
    play((100, {"temperature_c": 3.0}), **dict(quick, power_min_mv=0))
    assert alarms() == [("heater_failed", True)], alarms()


def new_dates():
    """New pads are told of at once, also where all is well before and after; an erased date is forgotten."""
    from apps.dae_paper import tend

    fresh()
    clock.offset_ms = -clock.now_ms()
    told = []
    for text in ("2027-06-30", "2027-06-30", "2029-06-30", "", "2029-06-30"):
        app = play((2, None), pads_expiry=text, status_s=9999)
        tend(app, clock.now_ms(), report, fault)
        told.append(values("pads_days"))
    assert told == [[282], [], [1013], [], [1013]], told


def warmth():
    """Warning and critical temperatures with hysteresis, heater with and without power, backup battery: once each."""
    quick = {"air_s": 10, "status_s": 9999, "heater_s": 60}
    warning, critical = "temperature_warning", "temperature_critical"
    once = [(warning, True), (critical, True), (critical, False), (warning, False)]
    fresh()
    cold = [(10, None)]
    cold += [
        (seconds, {"temperature_c": c})
        for seconds, c in ((60, 1.5), (30, 2.6), (60, -1.0), (30, 0.5), (30, 1.5), (30, 12))
    ]
    play(*cold, **dict(quick, heater_s=0))
    assert alarms() == once, alarms()
    hot = [(seconds, {"temperature_c": c}) for seconds, c in ((60, 46), (30, 44.5), (60, 51), (30, 48), (30, 20))]
    play((10, None), *hot, **quick)
    assert alarms() == once, alarms()
    play((10, None), (25, {"temperature_c": 51.0}), (30, {"temperature_c": 20.0}), **quick)
    assert alarms() == [], "one or two measurements are no temperature"
    play((10, None), (50, {"temperature_c": 4.5}), (30, {"temperature_c": 18.0}), **quick)
    assert alarms() == [], "a door open in the cold is no failed heater"
    play((10, None), (100, {"temperature_c": 4.5}), (30, {"temperature_c": 5.5}), (30, {"temperature_c": 7.0}), **quick)
    assert alarms() == [("heater_failed", True), ("heater_failed", False)], alarms()
    play(
        (10, None),
        (90, {"temperature_c": 4.5, "cabinet_v": 0}),
        (30, {"temperature_c": 18.0, "cabinet_v": 12.2}),
        **quick,
    )
    assert alarms() == [("power_lost", True), ("power_lost", False)], (
        "without power it is not the heater that has failed"
    )
    play((10, None), (90, {"battery_v": 11.7}), (30, {"battery_v": 11.9}), (30, {"battery_v": 12.4}), **quick)
    assert alarms() == [("battery_low", True), ("battery_low", False)], alarms()
    play((10, None), (30, {"absent": ["sht4x"]}), (30, {"absent": []}), **quick)
    faulty = [(part, reason) for part, reason in said if part == "thermometer"]
    assert faulty == [("thermometer", "no answer on I2C (19)"), ("thermometer", "")] and alarms() == [], said


def restart():
    """What rang before a restart does not ring again, and ends once; so do the levels of expiry and the register."""
    fresh()
    clock.offset_ms = -clock.now_ms()
    settings.update(pads_expiry="2026-10-20", battery_expiry="2026-09-25", status_s=9999)
    play((8, None), (190, dict(OUT, door_closed=False, cover_closed=False, battery_v=11.0)))
    rang = alarms()
    assert sorted(rang) == [(name, True) for name in ("battery_low", "door_left_open", "removed", "tampered")], rang
    assert values("pads_days") == [29] and values("battery_days") == [4], reports
    assert (
        len(values("register")) == 1 and "alarms=removed,door_left_open,tampered,battery_low" in values("register")[0]
    )
    play((190, None))
    assert alarms() == [] and values("pads_days") == [] and values("register") == [], reports
    assert values("presence")[0] == "removed"
    play((8, None), (130, dict(IN, door_closed=True, cover_closed=True, battery_v=12.8)))
    assert sorted(alarms()) == [(name, False) for name in ("battery_low", "door_left_open", "removed", "tampered")], (
        alarms()
    )
    clock.offset_ms += 8 * DAY_MS  # off for a week
    play((190, None))
    assert len(values("register")) == 1 and values("register")[0].startswith("date=2026-09-29"), values("register")
    assert values("battery_days") == [-4] and values("pads_days") == [], reports


def dates():
    """Each level of expiry once, 90, 30 and 7 days before and after the day, then daily; unknown without a city time; bad dates by name."""
    from apps.dae_paper import tend

    fresh()
    clock.offset_ms = None
    settings.update(pads_expiry="2026-12-31", battery_expiry="", status_s=9999)
    app = play((2, None))
    assert said == [("battery date", "is not set")], said
    tend(app, clock.now_ms(), report, fault)
    assert values("pads_days") == [] and values("register") == [], "without a city time nobody can say"
    base = -clock.now_ms()
    for days in (0, 5, 11, 12, 70, 71, 72, 93, 94, 95, 101, 102, 140):  # days after 2026-09-21; 101 is the day itself
        clock.offset_ms = base + days * DAY_MS
        tend(app, clock.now_ms(), report, fault)
    assert values("pads_days") == [101, 90, 30, 7, -1], values("pads_days")
    urgent = [is_urgent for _, is_urgent, readings in reports if "pads_days" in readings]
    assert urgent == [False, True, True, True, True] and values("battery_days") == []
    assert len(values("register")) == 6, values("register")  # one a week at most, one where a week or more has passed
    for hours in range(1, 50):  # two days of the node's own time after the last word
        tend(app, clock.now_ms() + hours * 3_600_000, report, fault)
    assert len(values("pads_days")) == 5 + 2, "what is not well is repeated once a day"
    play((2, None), pads_expiry="31.12.2026")
    assert ("pads date", "write it as 2027-03-31, not 31.12.2026") in said, said
    # An erased date is a fault and no number; written again it is told at once, the same one as before, too.
    told = len(values("pads_days"))
    app = play((2, None), pads_expiry="")
    assert ("pads date", "is not set") in said, said
    clock.offset_ms = base + 150 * DAY_MS
    for hours in (0, 30):
        tend(app, clock.now_ms() + hours * 3_600_000, report, fault)
    assert len(values("pads_days")) == told, "no number stands for a date that is not there"
    app = play((2, None), pads_expiry="2026-12-31")
    tend(app, clock.now_ms(), report, fault)
    assert len(values("pads_days")) == told + 1 and values("pads_days")[-1] < -40, values("pads_days")


def commands():
    """A sample on demand, and re-zeroing: refused while the switch is pressed, kept over a restart."""
    fresh()
    app = App(Board(), settings, clock)
    del reports[:]
    faults.clear()
    told = []
    asyncio.run(stage(app, [
        (30, None), (2, lambda: told.append(app.sample_now())), (1, lambda: told.append(app.rezero())),
        (5, dict(OUT, dae_g=120)), (5, lambda: told.append(app.rezero())), (5, {"dae_on_switch": True, "dae_g": 2620}),
    ]))  # fmt: skip
    assert told == [True, False, True], told
    assert len(values("temperature")) == 2 and changes("presence") == ["present", "removed", "present"], reports
    assert abs(values("weight")[-1] - 2500) <= 5, values("weight")
    play((10, None))
    assert abs(values("weight")[-1] - 2500) <= 5, "the zero is kept"


def heap():
    """A sample of the light touches no heap; nor does a whole look."""
    machine_adc = Board().adc("status_light")
    machine_adc.read_uv()
    watcher = StatusLight(settings["on_uv"])
    trace = [(842_000 if place % 30 < 3 else 142_000, 200_000 if place % 30 < 3 else 142_000) for place in range(350)]
    micropython.heap_lock()
    for index in range(350):
        green_uv, red_uv = trace[index]
        watcher.add(green_uv, red_uv, green_uv, index * 100)
    micropython.heap_unlock()
    found = verdict(watcher, 800, 10_000, 350, False)
    assert found == (1, "green, blinking"), found


power.directory = None
parts = wiring.of_profile(PROFILE)
if WHAT not in ("removal", "doubt"):
    for part in parts:  # bit by bit, ten conversions a second take most of the host's time
        if part["chip"] == "hx711":
            part["period_us"] = 200_000
wiring.solder(parts)
globals()[WHAT]()
print("ok", len(reports))
