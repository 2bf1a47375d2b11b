# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Captured bytes of the profile strain-ads1220 through the real drivers. argv: JSON list of hex strings, some at a time (an argument has
at most 255 bytes). Prints one JSON line for each.

Three bytes are a conversion, four registers that read back (`01` and three: a conversion of the chip's thermometer), six an answer of the SHT4x.
"""

import asyncio
import json
import sys
import time
import wiring
from array import array

from boards.esp32_generic import Board
from node_core.strain_monitor import Block
from node_io.drivers.ads1220 import Ads1220
from node_io.drivers.ads1220_temperature import Thermometer
from node_io.drivers.sht4x import Sht4x

chips = wiring.solder(wiring.of_profile("strain-ads1220"))
chip = chips["ads1220"]
board = Board()
transfer = chip.transfer


def new_driver():
    return Ads1220(board.spi(), board.pin("spi_cs"), board.pin("spi_ready"))


def conversion(raw):
    """Every answer to RDATA is this word, once the driver has begun."""
    driver = new_driver()
    driver.start()
    chip.transfer = lambda data: transfer(data)[:1] + raw if data[0] == 0x10 else transfer(data)
    codes, ticks = array("i", bytes(64)), array("i", bytes(64))
    time.sleep_ms(100)
    count = driver.take(codes, ticks)
    driver.stop()
    assert count >= 5, count
    block = Block()
    block.add(codes[0])
    block.add(codes[1])
    _, _, mean, _, saturated, _ = block.end()
    return {"saturated": saturated} if mean is None else {"code_mean": mean, "saturated": saturated}


def thermometer(raw):
    driver = new_driver()
    driver.start()
    chip.transfer = lambda data: transfer(data)[:1] + raw if data[0] == 0x10 else transfer(data)
    found = asyncio.run(Thermometer(driver).read(asyncio.sleep_ms))[0]
    driver.stop()
    return {"temperature": found}


def registers(raw):
    chip.transfer = lambda data: transfer(data)[:1] + raw if data[0] == 0x23 else transfer(data)
    try:
        new_driver().start()
    except OSError as error:
        return {"error": error.args[1].split(":")[0]}
    return {}


def answer(raw):
    """The thermometer answers with these bytes."""
    beside = chips["sht4x"]

    def measure(at_us, duration_us, noise_k):
        beside._ready_us = at_us + duration_us
        beside._answer = raw

    beside._measure = measure
    try:
        temperature, humidity = asyncio.run(Sht4x(board.i2c()).read(asyncio.sleep_ms))
    except OSError as error:
        assert error.errno == 5
        return {"error": "checksum"}
    return {"temperature": temperature, "humidity": humidity}


for text in json.loads(sys.argv[1]):
    raw = bytes.fromhex(text.replace(" ", ""))
    chip.transfer = transfer
    if len(raw) == 3:
        found = conversion(raw)
    elif len(raw) == 6:
        found = answer(raw)
    elif raw[0] == 1:
        found = thermometer(raw[1:])
    else:
        found = registers(raw)
    print(json.dumps(found))
