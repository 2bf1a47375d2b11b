# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Captured bytes through the real drivers. argv: profile id, JSON list of hex strings. Prints one JSON line for each."""

import asyncio
import json
import sys
import time
import wiring
import world
from array import array

from boards.esp32_generic import Board
from node_core.strain_monitor import Block
from node_io.drivers.hx711 import Hx711
from node_io.drivers.sht4x import Sht4x


async def sleep_ms(duration_ms):
    await asyncio.sleep_ms(duration_ms)


def word(chip, driver, raw):
    """The converter shifts out this word; the driver clocks it in."""
    code = int.from_bytes(raw, "big")
    world.change({"strain_code": code - (1 << 24) if code & 0x800000 else code})
    codes, ticks = array("i", bytes(64)), array("i", bytes(64))
    driver.start()
    time.sleep_ms(300)
    count = driver.take(codes, ticks)
    driver.stop()
    assert chip._word == code and count >= 5, (chip._word, count)
    block = Block()
    block.add(codes[0])
    block.add(codes[1])
    _, _, mean, _, saturated, _ = block.end()
    return {"saturated": saturated} if mean is None else {"code_mean": mean, "saturated": saturated}


def answer(chip, raw):
    """The thermometer answers with these bytes."""

    def measure(at_us, duration_us, noise_k):
        chip._ready_us = at_us + duration_us
        chip._answer = raw

    chip._measure = measure
    try:
        temperature, humidity = asyncio.run(Sht4x(Board().i2c()).read(sleep_ms))
    except OSError as error:
        assert error.errno == 5
        return {"error": "checksum"}
    return {"temperature": temperature, "humidity": humidity}


chips = wiring.solder()
board = Board()
driver = Hx711(board.pin("hx711_dout"), board.pin("hx711_sck"))
for text in json.loads(sys.argv[2]):
    raw = bytes.fromhex(text.replace(" ", ""))
    if len(raw) == 3:
        found = word(chips["hx711"], driver, raw)
    else:
        found = answer(chips["sht4x"], raw)
    print(json.dumps(found))
