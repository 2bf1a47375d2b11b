# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The strain application on the simulated board, in jump mode. argv: what to try; STARTCITY_SETTINGS: JSON of its settings.

The bridge is played: codes of 2^-30 of strain at 100 a second, for either converter.
"""

import asyncio
import esp32  # the simulated one keeps what is stored, so it must not be borrowed
import gc
import json
import os
import simclock
import sys
import time
import wiring
import world
from array import array

from apps.strain import App
from boards.esp32_generic import Board
from node_io.wall import NodeClock

settings = json.loads(os.getenv("STARTCITY_SETTINGS"))
IS_ADS = settings["chip"] == "ads1220"
SCALE = 1.863e-9 if IS_ADS else 0.931e-9
reports = []
faults = []
truth = []
world.report = lambda message: truth.extend(message["samples"])
chip = wiring.solder(wiring.of_profile("strain-" + settings["chip"]))[settings["chip"]]


clock = NodeClock()


def report(readings, at_ms=None, urgent=False):
    gc.collect()  # as the node does every 30 s: what is kept here would lie scattered over the whole heap
    reports.append((at_ms, readings, urgent, clock.now_ms()))


def fault(part, reason):
    faults.append((part, reason))


def values(name):
    return [entry[1] for _, readings, _, _ in reports for entry in readings if entry[0] == name]


def total(name):
    return sum(values(name))


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


def play(ustrains):
    """From the next second on, one entry a second, on straight lines between them; the last one stays. Returns node time of the beginning."""
    start_ms = simclock.now_us // 1000 + 1000
    del world._blocks[:]
    for second in range(len(ustrains)):
        here = ustrains[second]
        there = ustrains[min(second + 1, len(ustrains) - 1)]
        codes = [round((here + (there - here) * index / 100) * 1000 / 0.931) for index in range(100)]
        world._blocks.append((start_ms * 1000 + second * 1_000_000, 10_000, array("i", codes)))
    world.change({"strain_code": round(ustrains[-1] * 1000 / 0.931)})
    return clock.now_ms() + 1000


async def stage(app, steps):
    """Each step: seconds, then what to call first."""
    task = asyncio.create_task(app.run(report, fault))
    for seconds, prepare in steps:
        if prepare is not None:
            prepare()
        await asyncio.sleep(seconds)
        if task.done():
            await task
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass


def new_app():
    return App(Board(), settings, clock)


def set_world(**changed):
    return lambda: world.change(changed)


PASSAGE = [0, 0, 2, 5, 8.5, 8.5, 6, 2, 0, 0, 0, 0]


def event():
    """A passage is reported at its end, with every raw sample from before its beginning, each at its own time."""
    world.change({"truth": True, "strain_noise_codes": 200, "temperature_c": 20.0})
    started = []
    asyncio.run(stage(new_app(), [(70, None), (60, lambda: started.append(play(PASSAGE)))]))
    chip.flush_truth()
    assert faults == [], faults
    assert len(values("event_duration")) == 1 and 5000 < values("event_duration")[0] < 9000, reports
    summary = dict([entry for entry in reports if entry[1][-1][0] == "event_duration"][0][1])
    assert (
        abs(summary["live_high"] - 8500) < 400 and -400 < summary["live_low"] <= 0 and summary["event_number"] == 1
    ), summary
    assert total("captures_missed") == 0
    assert not [entry for entry in reports if entry[2]], "no threshold is set, and something is urgent"
    known = [(((at_us - simclock.boot_us) & simclock.TICKS_MASK), code) for at_us, code in truth]
    frames = [(at_ms, readings) for at_ms, readings, _, _ in reports if readings[0][0] == "event_number"]
    assert 1 <= len(frames) <= settings["event_frames"], len(frames)
    stored = []
    for at_ms, readings in frames:
        size = sum([len(entry[1]) for entry in readings if entry[0] == "waveform"])
        assert size <= 1000, size
        for index in range(1, len(readings), 2):
            (_, data, offset_ms), (name, period_us, _) = readings[index], readings[index + 1]
            assert name == "sample_period"
            for place, code in enumerate(unpack(data)):
                stored.append(((at_ms + offset_ms) * 1000 + place * period_us, code))
    codes = [code for _, code in known]
    first = next(place for place in range(len(codes)) if codes[place : place + 40] == [code for _, code in stored[:40]])
    assert codes[first : first + len(stored)] == [code for _, code in stored], (
        "the capture is not the converter's own record"
    )
    offset_us = stored[0][0] - known[first][0]
    for (at_us, _), (true_us, _) in zip(stored, known[first:]):
        assert abs(at_us - true_us - offset_us) <= 1600, (at_us, true_us)
    event_ms = [entry for entry in reports if entry[1][-1][0] == "event_duration"][0][0]
    before = len([at_us for at_us, _ in stored if at_us < event_ms * 1000])
    assert settings["pre_samples"] - 12 <= before <= settings["pre_samples"] + 12, before
    assert started[0] + 2000 < event_ms < started[0] + 4000
    period_us = settings.get("period_us") or 5777
    assert len(stored) * period_us > values("event_duration")[0] * 1000, "the capture ends before the event"
    assert len(values("cycles")) == len(values("cycle_histogram")), "cycles without a histogram"
    print(
        "event: frames",
        len(frames),
        "samples",
        len(stored),
        "bytes",
        sum([len(e[1]) for _, r in frames for e in r if e[0] == "waveform"]),
    )


def bounds():
    """Frames an event, frames a day and the dead time are bounds; what they cost is counted, and every event is still reported."""
    settings.update({"event_frames": 1, "day_frames": 3, "dead_ms": 20_000, "interval_s": 5})
    world.change({"strain_noise_codes": 200})
    long = [0, 0] + [9] * 15 + [0] * 8
    steps = [(70, None)]
    for _ in range(5):
        steps.append((40, lambda: play(long)))
    steps.append((10, lambda: play(PASSAGE)))
    steps.append((30, lambda: play(PASSAGE)))
    asyncio.run(stage(new_app(), steps))
    assert len(values("event_duration")) == 7, values("event_duration")
    frames = len([1 for _, readings, _, _ in reports if readings[0][0] == "event_number"])
    assert frames == 3, frames
    assert total("captures_missed") == 7, "three are cut off, four not begun"


def thresholds():
    """A load above the engineer's level is said within half a second, once; drift and rate by their own names; a day's bound holds."""
    settings.update(
        {
            "live_warning_nstrain": 5000,
            "live_alarm_nstrain": 8000,
            "static_alarm_nstrain": 20_000,
            "hold_s": 20,
            "baseline_s": 10,
        }
    )
    settings["repeat_s"] = 600
    world.change({"strain_noise_codes": 100, "temperature_c": 20.0})
    started = []
    steps = [(40, None)]
    for _ in range(3):
        steps.append((30, lambda: started.append(play(PASSAGE))))
    steps.append((60, lambda: started.append(play([0, 25, 25]))))
    asyncio.run(stage(new_app(), steps))
    urgent = [(now_ms, readings) for _, readings, is_urgent, now_ms in reports if is_urgent]
    said = [(readings[0][0], readings[0][1]) for _, readings in urgent]
    assert said[:4] == [("live_level", 1), ("live_level", 2), ("live_level", 0), ("static_level", 2)], said
    assert total("alarms_held") >= 2, values("alarms_held")
    # 5e-6 is reached 3 s after the beginning, 8e-6 0.86 s later; the average, the judged sample and the drain take up to 0.35 s.
    assert 3000 <= urgent[0][0] - started[0] <= 3500, urgent[0][0] - started[0]
    assert 3850 <= urgent[1][0] - started[0] <= 4350, urgent[1][0] - started[0]
    first = dict(urgent[0][1])
    assert 5000 <= first["live_high"] - first["live_low"] < 6500, first
    step = values("step")
    assert len(step) == 1 and abs(step[0] - 25_000) < 300, step
    assert dict(urgent[3][1])["strain"] > 20_000


def commands():
    """Sampling now, and a zero that holds over a restart until another one is configured."""
    settings["interval_s"] = 3600
    world.change({"strain_noise_codes": 100, "temperature_c": 30.0})
    play([40, 40])
    app = new_app()
    assert not app.rezero(), "there is nothing yet to make zero"
    asyncio.run(stage(app, [(10, None), (1, lambda: app.sample_now())]))
    assert abs(values("strain_static")[-1] - 40_000) < 300, reports
    assert app.rezero()
    del reports[:]
    app = new_app()
    asyncio.run(stage(app, [(10, None), (1, lambda: app.sample_now())]))
    assert abs(values("strain_static")[-1]) < 300, reports
    settings["zero_code"] = 7
    del reports[:]
    app = new_app()
    asyncio.run(stage(app, [(10, None), (1, lambda: app.sample_now())]))
    assert abs(values("strain_static")[-1] - 40_000) < 300, "what is configured anew is newer than what was learnt"


def compensation():
    """Steel that warms by 5 K under the sun: static strain follows, the mechanical one does not; without a thermometer it is not given."""
    settings.update({"pstrain_per_k": 11_700_000, "baseline_s": 10, "hold_s": 10})
    world.change({"strain_noise_codes": 100, "temperature_c": 20.0})
    steps = [(30, lambda: play([0, 0])), (60, lambda: (play([0, 58.5]), world.change({"temperature_c": 25.0})))]
    asyncio.run(stage(new_app(), steps))
    assert abs(values("strain_static")[-1] - 58_500) < 300 and abs(values("strain")[-1]) < 800, (
        values("strain_static")[-1], values("strain")[-1])  # fmt: skip
    del reports[:]
    world.change({"absent": ["sht4x"]})
    asyncio.run(stage(new_app(), [(30, None)]))
    if settings.get("converter_temperature"):
        assert abs(values("strain")[-1]) < 800 and faults == [], faults
        assert abs(values("temperature")[-1] - 2500) <= 3 and total("missed") == 0, (
            values("missed"),
            values("temperature"),
        )
    else:
        assert values("strain_static") and not values("strain") and faults[-1][0] == "sht4x"


def breakage():
    """A converter that is absent, comes, forgets its registers, hangs or saturates: each has its name, and each mends."""
    settings["interval_s"] = 5
    world.change({"strain_noise_codes": 100, "absent": ["ads1220"]})

    def unstick():
        chip.drdy_stuck = None

    def hang():
        chip.drdy_stuck = 0
        chip._drdy.drive(0)

    asyncio.run(stage(new_app(), [
        (5, None), (15, set_world(absent=[])), (12, chip.brown_out), (8, hang), (12, unstick),
        (15, set_world(strain_code=1 << 29)), (15, set_world(strain_code=0)),
    ]))  # fmt: skip
    assert faults == [
        ("ads1220", "no answer on SPI"),
        ("ads1220", ""),
        ("ads1220", "no conversions"),
        ("ads1220", ""),
        ("ads1220", "data-ready line stays low"),
        ("ads1220", ""),
        ("bridge", "saturated: a wire is broken, or the bridge is out of range"),
        ("bridge", ""),
    ], faults
    assert chip.complaints == []
    blocks = [dict([(entry[0], entry[1]) for entry in readings]) for _, readings, _, _ in reports]
    blind = [block for block in blocks if block.get("samples") and block["saturated"] == block["samples"]]
    assert blind and not [block for block in blind if "strain_static" in block or "strain" in block], (
        "nothing was measured"
    )
    assert [block for block in blocks if "strain_static" in block]


globals()[sys.argv[1]]()
print("ok")
