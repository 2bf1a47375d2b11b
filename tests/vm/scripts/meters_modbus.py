# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The RS-485 meters on the simulated board, in jump mode. argv: a JSON file with "profile", "settings" and "wiring". The world is
changed from here."""

import asyncio
import json
import sys
import time
import wiring
import world

from apps.energy_modbus import App
from boards.esp32_generic import Board

reports = []
faults = []


class Clock:
    def now_ms(self):
        return time.ticks_ms()

    async def sleep_ms(self, duration_ms):
        await asyncio.sleep_ms(duration_ms)


def report(readings, at_ms=None, urgent=False):
    reports.append((at_ms, dict([(entry[0], entry[1]) for entry in readings])))


def fault(part, reason):
    faults.append((part, reason))


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


def close(value, wanted, step):
    return abs(value - wanted) <= step


with open(sys.argv[1]) as file:
    work = json.load(file)
settings = work["settings"]
start = {
    "power_w": [1500.5, 820.0, -300.0], "voltage_v": [230.2, 231.1, 228.9], "power_factor": 0.95,
    "energy_kwh": 12345.5, "energy_out_kwh": 77.0, "frequency_hz": 49.98,
}  # fmt: skip
world.change(start)
chip = wiring.solder(work["wiring"])["modbus_meter"]
is_single = "voltage" in settings["registers"].split("=")[0].split("_") and "voltage_1" not in settings["registers"]
if is_single:
    world.change({"power_w": [1500.5, 0.0, 0.0]})
total_w = 1500.5 if is_single else 2020.5


def check(row, kwh_in, kwh_out, power_w):
    """In the profile's steps: 0.1 V, 1 mA, 0.1 W, 0.001, 100 J; CG meters step by 0.1 Hz and 0.1 kWh."""
    coarse = "s32l" in settings["registers"]
    if is_single:
        assert row["voltage"] == 2302 and close(row["current"], 1500.5 / 0.95 / 230.2 * 1000, 1), row
    else:
        assert [row["voltage_%d" % i] for i in (1, 2, 3)] == [2302, 2311, 2289], row
        assert [row["power_%d" % i] for i in (1, 2, 3)] == [15005, 8200, -3000], row
        assert close(row["current_1"], 1500.5 / 0.95 / 230.2 * 1000, 1), row
    assert row["power"] == round(power_w * 10), row
    assert row.get("power_factor", 950) == 950, row
    assert row["frequency"] == (500 if coarse else 4998), row
    step_j = 360_000 if coarse else 7200
    assert close(row["energy_in"] * 100, kwh_in * 3_600_000, step_j), (row["energy_in"], kwh_in)
    assert close(row["energy_out"] * 100, kwh_out * 3_600_000, step_j), (row["energy_out"], kwh_out)


def readings():
    """Every measurement is the world's, an hour's energy too; ten seconds apart at first, then at the interval."""
    asyncio.run(stage(App(Board(), settings, Clock()), [(3600 * 2, None)]))
    assert faults == [] and chip.lost == 0, (faults, chip.lost)
    times = [at_ms for at_ms, _ in reports]
    assert 85 <= len([at for at in times if at < 900_000]) <= 91 and len(times) <= 91 + 22, len(times)
    at_ms, row = reports[-1]
    assert len(row) == len(settings["registers"].split()), row
    check(reports[0][1], 12345.5, 77.0, total_w)
    check(row, 12345.5 + total_w / 1000 * at_ms / 3_600_000, 77.0, total_w)
    energies = [row["energy_in"] for _, row in reports]
    assert energies == sorted(energies) and energies[-1] > energies[0]


def trouble():
    """Each way of not answering has its name, the rest of the readings goes on, and all is well again afterwards."""
    named = (
        ("silent", "no answer"), ("crc", "wrong checksum"), ("short", "answer cut short"),
        ("exception", "exception 2: illegal data address"), ("address", "another meter answered"),
        ("function", "wrong function"), ("length", "wrong length"), ("echo", "only our own request came back"),
        ("babble", "the line is never silent"),
    )  # fmt: skip
    for word, reason in named:
        del reports[:], faults[:]
        app = App(Board(), settings, Clock())
        asyncio.run(stage(app, [(8, {"modbus_fault": word}), (12, {"modbus_fault": ""}), (45, app.sample_now)]))
        assert len(faults) == 2 and faults[0][0] == "meter" and faults[1] == ("meter", ""), (word, faults)
        assert faults[0][1].startswith(reason), (word, faults[0])
        assert reports, word
    for word in ("noise", "heard"):
        del reports[:], faults[:]
        asyncio.run(stage(App(Board(), settings, Clock()), [(8, {"modbus_fault": word})]))
        assert not faults and len(reports) == 1 and reports[0][1]["power"] == round(total_w * 10), (
            word,
            faults,
            reports,
        )
    world.change({"modbus_fault": ""})
    if "f32" in settings["registers"]:
        del reports[:], faults[:]
        asyncio.run(stage(App(Board(), settings, Clock()), [(8, {"modbus_fault": "nan"}), (12, {"modbus_fault": ""})]))
        assert faults[0][1].startswith("no value for ") and faults[-1] == ("meter", ""), faults
    # A slow meter, another speed of the line, another address, no meter at all.
    del reports[:], faults[:]
    asyncio.run(stage(App(Board(), settings, Clock()), [(15, {"modbus_delay_ms": 400})]))
    assert not faults and reports
    world.change({"modbus_delay_ms": 15})
    for name, value in (("baudrate", 38400), ("address", 9)):
        del reports[:], faults[:]
        wrong = dict(settings)
        wrong[name] = value
        asyncio.run(stage(App(Board(), wrong, Clock()), [(8, None)]))
        assert not reports and faults[0][1].startswith("no answer"), faults
    del reports[:], faults[:]
    asyncio.run(stage(App(Board(), settings, Clock()), [(8, {"absent": ["modbus_meter"]}), (20, {"absent": []})]))
    assert [reason[:9] for _, reason in faults] == ["no answer", ""] and reports, faults
    # Another meter is put in: its counter is lower.
    del reports[:], faults[:]

    def swap():
        chip.kwh = 3.0

    asyncio.run(stage(App(Board(), settings, Clock()), [(25, None), (25, swap)]))
    assert faults == [("counter", "energy_in has fallen: another meter, or a reset")], faults


def late():
    """Answers that come after the timeout, for a while or always: what is reported is right, or nothing is."""
    slow = dict(settings, timeout_ms=200)
    for delay_ms in (190, 230, 300, 390, 450, 700, 1100):
        world.change({"modbus_delay_ms": delay_ms})
        app = App(Board(), slow, Clock())
        steps = [
            (7, None),
            (20, {"modbus_delay_ms": 15}),
            (3, {"modbus_delay_ms": delay_ms}),
            (20, {"modbus_delay_ms": 15}),
        ]
        asyncio.run(stage(app, steps))
        assert faults or delay_ms < 200
    assert len(reports) >= 8, reports
    for _, row in reports:
        for name, value in row.items():
            wanted = reports[0][1][name]
            assert abs(value - wanted) <= (20_000 if name[:6] == "energy" else 1), (name, value, wanted)


def bad_settings():
    for name, value in (
        ("parity", "X"),
        ("baudrate", 0),
        ("baudrate", 230_400),
        ("stop", 0),
        ("stop", 3),
        ("registers", "voltage=0x00:f33"),
        ("registers", ""),
        ("registers", "a=0:f32.-1"),
    ):
        del faults[:]
        app = App(Board(), dict(settings, **{name: value}), Clock())
        asyncio.run(stage(app, [(60, None), (60, app.sample_now)]))
        assert len(faults) == 1 and faults[0][0] == "settings" and faults[0][1].startswith(name), faults
    assert not reports


globals()[{"settings": "bad_settings"}.get(work["what"], work["what"])]()
print("ok", chip.requests)
