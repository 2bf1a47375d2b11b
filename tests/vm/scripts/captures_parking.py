# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Captured bytes through the real magnetometer drivers. argv: chip, hex strings (no argument may be longer than
255 bytes). Prints one JSON line for each."""

import json
import sys
import time
import wiring
import world
from array import array

from boards.esp32_generic import Board

NAME = sys.argv[1]
module = __import__("node_io.drivers." + NAME, None, None, ("Driver",))
sample = array("i", bytes(20))
ID_REGISTER = {"qmc5883l": 0x0D, "lis3mdl": 0x0F, "mmc5983ma": 0x2F}[NAME]
ID = {"qmc5883l": 0xFF, "lis3mdl": 0x3D, "mmc5983ma": 0x30}[NAME]
chip = wiring.solder([{"chip": NAME, "scl": 22, "sda": 21}])[NAME]


def convert(raw):
    """From now on every conversion of the chip comes out as these bytes."""

    def qmc5883l(missed):
        chip._registers[:9] = raw

    def lis3mdl(missed):
        chip._registers[0x28:0x30] = raw
        chip._registers[0x27] = 0x0F

    def mmc5983ma(count):
        chip._registers[:7] = raw[:7] if chip._side > 0 else raw[7:14]
        chip._registers[8] |= 1

    if NAME == "mmc5983ma":
        world.change({"temperature_c": raw[14] * 0.8 - 75})
        chip._measure = mmc5983ma
    else:
        chip._convert = qmc5883l if NAME == "qmc5883l" else lis3mdl


def read(raw):
    driver = module.Driver(Board().i2c())
    if len(raw) == 1:
        chip._registers[ID_REGISTER] = raw[0]
        try:
            driver.start()
        except OSError as error:
            return {"error": error.args[1]}
        finally:
            chip._registers[ID_REGISTER] = ID
    driver.start()
    convert(raw)
    time.sleep_ms(110)
    wait_ms = driver.read(sample)
    while wait_ms > 0:
        time.sleep_ms(wait_ms)
        wait_ms = driver.read(sample)
    assert wait_ms == 0
    if sample[4]:
        return {"error": "field out of range"}
    return {"field_x": sample[0], "field_y": sample[1], "field_z": sample[2], module.TEMPERATURE: sample[3]}


for text in sys.argv[2:]:
    print(json.dumps(read(bytes.fromhex(text.replace(" ", "")))))
