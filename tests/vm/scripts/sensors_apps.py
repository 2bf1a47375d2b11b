# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The applications on the simulated board, in jump mode. argv: application; STARTCITY_SETTINGS: JSON of its settings (an argument
has at most 255 bytes). The world is changed from here."""

import asyncio
import json
import os
import power
import simclock
import sys
import wiring
import world
from array import array

from boards.esp32_generic import Board
from node_io.wall import NodeClock

NAME = sys.argv[1]
settings = json.loads(os.getenv("STARTCITY_SETTINGS"))
reports = []
faults = []


def report(readings, at_ms=None, urgent=False):
    reports.append((at_ms, readings))


def fault(part, reason):
    faults.append((part, reason))


def values(name):
    """[(time of the frame, value)] of a name, in order."""
    return [(at_ms, entry[1]) for at_ms, readings in reports for entry in readings if entry[0] == name]


def unpack(data):
    """Zig-zag LEB128 differences, as a reader of docs/wire.md 3 would."""
    found, value, shift, word = [], 0, 0, 0
    for byte in data:
        word |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            value += (word >> 1) ^ -(word & 1)
            found.append(value)
            shift = word = 0
    return found


async def stage(app, steps):
    task = asyncio.create_task(app.run(report, fault))
    for seconds, change in steps:
        if change:
            world.change(change)
        await asyncio.sleep(seconds)
        if task.done():
            await task
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass


def new_app():
    module = __import__("apps." + NAME, None, None, ("App",))
    return module.App(Board(), settings, NodeClock())


def strain():
    chip = wiring.solder()["hx711"]
    truth = []
    world.report = lambda message: truth.extend(message["samples"])
    world.change({"truth": True, "strain_code": 1000, "strain_noise_codes": 300, "temperature_c": 30.0})
    app = new_app()
    asyncio.run(stage(app, [(64, None)]))
    chip.flush_truth()
    assert faults == [], faults
    stored = []
    for at_ms, readings in reports:
        for index, entry in enumerate(readings):
            if entry[0] == "waveform":
                codes = unpack(entry[1])
                period_us = readings[index + 1][1]
                assert readings[index + 1][0] == "sample_period" and len(codes) == 80
                first_us = (at_ms + entry[2]) * 1000
                stored.extend([(first_us + place * period_us, code) for place, code in enumerate(codes)])
    boot_us = simclock.boot_us
    known = [(at_us - boot_us, code) for at_us, code in truth]
    first = 0
    while [code for _, code in known[first : first + 40]] != [code for _, code in stored[:40]]:
        first += 1
        assert first < 300, "the first stored samples are not in the truth"
    assert first >= 200, "a conversion of the time in which a node joins: the ring would overrun"
    assert len(stored) >= 55 * 80  # up to five runs wait for their frame
    for (at_us, code), (true_us, true_code) in zip(stored, known[first:]):
        assert code == true_code and abs(at_us - true_us) <= 1600, (at_us, true_us, code, true_code)
    means = values("code_mean")
    assert len(means) == 6 and all(abs(mean - 1000) < 60 for _, mean in means), means
    # 1000 codes * 931e-12 - 11.7e-6 a kelvin * 10 K; the thermometer's noise of 0.02 K is 234e-9
    assert all(abs(value - (931 - 117000)) < 1200 for _, value in values("strain")), values("strain")
    assert all(value == 0 for name in ("missed", "saturated", "spikes") for _, value in values(name)[1:])
    assert abs(values("temperature")[0][1] - 3000) < 10
    # Without the thermometer the strain is called by another name; without the converter the node says so and lives.
    del reports[:]
    asyncio.run(stage(new_app(), [
        (15, {"absent": ["sht4x"]}), (12, {"absent": ["sht4x", "hx711"]}), (15, {"absent": []}),
        (12, {"strain_code": 99_000_000}), (12, {"strain_code": 0}),
    ]))  # fmt: skip
    compensated = [
        any([entry[0] == "strain" for entry in readings]) for _, readings in reports if readings[0][0] == "samples"
    ]
    assert True in compensated and False in compensated, reports
    parts = [(part, bool(reason)) for part, reason in faults]
    assert parts == [
        ("sht4x", True), ("hx711", True), ("hx711", False), ("sht4x", False), ("bridge", True), ("bridge", False)
    ], faults  # fmt: skip
    assert sum(value for _, value in values("missed")) > 100


power.directory = None
globals()[NAME]()
print("ok", len(reports))
