# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Captured bytes of climate sensors, as the chip's answer, through the real drivers. argv: profile id, a JSON file with hex strings as "captures"."""

import asyncio
import json
import sys
import wiring

from boards.esp32_generic import Board
from node_io.drivers.bh1750 import Bh1750
from node_io.drivers.bme280 import Bme280
from node_io.drivers.sht3x import Sht3x
from node_io.drivers.sht4x import Sht4x
from node_io.drivers.veml7700 import Veml7700

ERRORS = {5: "checksum", 16: "not measured"}
chips = wiring.solder(wiring.of_profile(sys.argv[1]))
bus = Board().i2c()


def answer(name, raw):
    """The chip answers its next measurement with these bytes."""
    chip = chips[name]
    if name == "bme280":
        chip._convert = lambda warm_k: chip.hold_bytes(raw)
        return
    real = chip.read
    chip.read = lambda count: (real(count), raw)[1]


def measure(driver, names):
    driver.start()
    found = asyncio.run(driver.read(asyncio.sleep_ms))
    return {name: value for name, value in zip(names, found)}


def light(name, driver, raw):
    """One measurement as it stands: the ranges are the driver's own business."""
    answer(name, raw)
    if name == "bh1750":
        return {"light": asyncio.run(driver._measure(asyncio.sleep_ms, 69, False))}
    asyncio.run(driver._measure(asyncio.sleep_ms))
    return {"light": sys.modules["node_io.drivers.veml7700"].decode(driver._word, 2)}


with open(sys.argv[2]) as file:
    given = json.load(file)
for text in given["captures"]:
    raw = bytes.fromhex(text.replace(" ", ""))
    try:
        if len(raw) == 2:
            name = "bh1750" if "bh1750" in chips else "veml7700"
            found = light(name, (Bh1750 if name == "bh1750" else Veml7700)(bus), raw)
        elif len(raw) == 8:
            answer("bme280", raw)
            found = measure(Bme280(bus), ("temperature", "humidity", "pressure"))
        else:
            name = "sht3x" if "sht3x" in chips else "sht4x"
            driver = (Sht3x if name == "sht3x" else Sht4x)(bus)
            driver.start()
            answer(name, raw)
            found = {n: v for n, v in zip(("temperature", "humidity"), asyncio.run(driver.read(asyncio.sleep_ms)))}
    except OSError as error:
        found = {"error": ERRORS[error.errno]}
    chips = wiring.solder(wiring.of_profile(sys.argv[1]))  # fresh ones
    print(json.dumps(found))
