# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Captures of a cabinet, on the wires of the simulated board, through the real drivers.

argv: profile id, a JSON file with "settings" and "captures" (hex strings). The forms are in device_profiles/dae-cabinet/source.md.
"""

import json
import machine
import simclock
import struct
import sys
import time
import wiring
import world

from apps.dae import WORDS, App
from apps.dae_air import temperature
from boards.esp32_generic import Board
from node_core.light_verdict import look_verdict
from node_core.status_light import StatusLight

chips = wiring.solder(wiring.of_profile(sys.argv[1]))
with open(sys.argv[2]) as file:
    given = json.load(file)
settings = given["settings"]
board = Board()


class Clock:
    def now_ms(self):
        return time.ticks_ms()

    def city_ms(self):
        return None


app = App(board, settings, Clock())


def weight(raw):
    """The converter shifts out this word again and again."""
    code = int.from_bytes(raw, "big")
    world.change({"strain_code": code - (1 << 24) if code & 0x800000 else code, "strain_noise_codes": 0})
    app.scale.start()
    for _ in range(20):
        time.sleep_ms(100)
        app.scale.look(time.ticks_ms())
    assert chips["hx711"]._word == code
    return {"weight": app.grams()} if app.grams() is not None else {"error": "scale"}


def voltages(raw):
    battery, supply = struct.unpack(">HH", raw)
    machine.connect_adc(35, lambda: battery * 100)
    machine.connect_adc(39, lambda: supply * 100)
    return {
        "battery_voltage": app._millivolts(board.adc("battery_sense"), "battery_low_mv"),
        "cabinet_voltage": app._millivolts(board.adc("cabinet_power"), "power_min_mv"),
    }


def answer(raw):
    chip = chips["sht4x"]
    real = chip.read
    chip.read = lambda count: (real(count), raw)[1]
    found, reason = temperature(board)
    chip.read = real
    assert not reason or "checksum" in reason
    return {"error": "checksum"} if reason else {"temperature": found}


def trace(raw):
    """A look at the light as the application takes it, a sample each 10 ms."""
    runs = [struct.unpack_from(">HHH", raw, place) for place in range(0, len(raw), 6)]
    whole_ms = sum([run[2] for run in runs])
    began_us = simclock.now_us

    def level(side):
        at_ms = (simclock.now_us - began_us) // 1000 % whole_ms
        for run in runs:
            if at_ms < run[2]:
                return run[side] * 100
            at_ms -= run[2]

    machine.connect_adc(34, lambda: level(0))
    machine.connect_adc(36, lambda: level(1))
    green, red = board.adc("status_light"), board.adc("status_light_red")
    light = StatusLight(settings["on_uv"])
    begin = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), begin) < settings["watch_s"] * 1000:
        light.add(green.read_uv(), red.read_uv(), green.read_uv(), time.ticks_diff(time.ticks_ms(), begin))
        time.sleep_ms(10)
    state, pattern = look_verdict(light, settings, 100)
    return {"status": WORDS[state], "status_pattern": pattern}


for text in given["captures"]:
    raw = bytes.fromhex(text.replace(" ", ""))
    print(json.dumps({3: weight, 4: voltages, 6: answer}.get(len(raw), trace)(raw)))
