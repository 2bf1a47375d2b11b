# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Captures of the meters' profiles through the real drivers. argv: a JSON file with the profile's "settings" and its
"captures", each {raw, names}.

Modbus: `raw` is the meter's whole answer to the request that reads `names` (none: the first request). Pulses: each byte is how many
milliseconds the line stays, open first. Prints one JSON line for each.
"""

import asyncio
import json
import machine
import sys
import time

from boards.esp32_generic import Board
from node_core.registers import blocks, parse
from node_io.modbus_bus import ModbusBus
from node_io.pulse_meter import PulseMeter
from node_io.wall import NodeClock


class Line:
    """Answers every request with the same bytes."""

    def __init__(self, raw):
        self._raw = raw
        self._arrived = b""

    def transmitted(self, data, baudrate, parity, stop):
        self._arrived = self._raw

    def take(self):
        part, self._arrived = self._arrived, b""
        return part


def modbus(settings, raw, names):
    for first, count, entries in blocks(parse(settings["registers"])):
        if set(names) <= set([entry.name for entry in entries]):
            break
    machine.connect_uart(17, 16, Line(raw))
    uart, driver = Board().rs485(settings["baudrate"])
    bus = ModbusBus(uart, driver, settings["baudrate"], NodeClock())
    data, reason = asyncio.run(bus.read(1, settings["function"], first, count, settings["timeout_ms"]))
    if data is None:
        return {"error": reason}
    found = {}
    for entry in entries:
        at = 2 * (entry.first - first)
        value = entry.value(data[at : at + 2 * entry.words])
        if value is None:
            found = {"error": "no value for " + entry.name}
        elif "error" not in found:
            found[entry.name] = value
    return found


def pulses(settings, raw, names):
    pin = machine.connect_pin(25, level=1)
    pin.drive(1)
    faults = []
    meter = PulseMeter(
        Board(), "captures", 0, settings, settings["debounce_ms"] <= 10, lambda part, why: faults.append(why)
    )
    meter.start()
    level = 1
    looked_ms = 0
    for duration_ms in raw + (bytes((0, 200)) if len(raw) % 2 else bytes((200,))):
        if duration_ms:
            pin.drive(level)
        time.sleep_ms(duration_ms)
        looked_ms += duration_ms
        if looked_ms >= 500:
            looked_ms = 0
            meter.look(time.ticks_ms())
        level = 1 - level
    pin.drive(1)
    time.sleep_ms(200)
    meter.look(time.ticks_ms())
    wrong = [why for why in faults if why]
    new = meter._input.counter.pulses
    meter.stop()
    return {"error": wrong[0]} if wrong else {"pulses": new}


with open(sys.argv[1]) as file:
    work = json.load(file)
settings = work["settings"]
for capture in work["captures"]:
    raw = bytes.fromhex(capture["raw"].replace(" ", ""))
    decode = modbus if "registers" in settings else pulses
    print(json.dumps(decode(settings, raw, capture["names"])))
