# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What is soldered to the simulated board: chips on pins, as `hardware.json` of the node's directory says.

    {"mac": "aabbccddeeff", "flash_bytes": 1048576, "flash_timed": false, "seed": 7, "chips": [
        {"chip": "qmc5883l", "scl": 22, "sda": 21},
        {"chip": "sht4x", "scl": 22, "sda": 21},
        {"chip": "hx711", "dout": 32, "sck": 33, "rate_sps": 80}]}

Absent, it is what `wirings/<profile>.json` beside this file lists, or else `STANDARD`, on the pins of firmware/boards/esp32_generic.py,
or on those that `pins` of hardware.json puts in their place, {"22": 7, ...}: another chip has another board.

A chip is a module `<name>_chip` in simulators/sensors: either with `attach(part, seed)`, which connects it to its pins and returns
it, or with `Chip` and `ADDRESS`, for a chip on I2C whose `Chip(seed)` needs no more.
"""

import json

import machine

STANDARD = (
    {"chip": "qmc5883l", "scl": 22, "sda": 21},
    {"chip": "sht4x", "scl": 22, "sda": 21},
    {"chip": "hx711", "dout": 32, "sck": 33, "rate_sps": 80},
)
_PINS = (
    "scl sda dout sck cs drdy int miso mosi pin rx tx de door switch tamper green red battery power".split()
)  # keys of parts
_here = __file__[: __file__.rfind("/")] if "/" in __file__ else "."


def of_profile(profile, pins=None):
    """The parts that a board of this profile carries. A part with a pin that has no other in `pins` is left out."""
    try:
        with open(_here + "/wirings/" + profile + ".json") as file:
            parts = json.load(file)
    except OSError:
        parts = STANDARD
    if pins is None:
        return parts
    moved = []
    for part in parts:
        try:
            moved.append({key: pins[str(part[key])] if key in _PINS else part[key] for key in part})
        except KeyError:
            pass
    return moved


def _i2c(module, part, seed):
    chip = module.Chip(seed)
    machine.connect_i2c(part["scl"], part["sda"], part.get("address", module.ADDRESS), chip)
    return chip


def solder(parts=STANDARD, seed=1):
    """Connect the chips. Returns them by name."""
    chips = {}
    for part in parts:
        try:
            module = __import__(part["chip"] + "_chip")
        except ImportError:
            raise ValueError("hardware.json: no such chip: " + part["chip"])
        chips[part["chip"]] = module.attach(part, seed) if hasattr(module, "attach") else _i2c(module, part, seed)
    return chips
