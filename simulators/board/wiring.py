# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What is soldered to the simulated board: chips on pins, as `hardware.json` of the node's directory says.

    {"mac": "aabbccddeeff", "flash_bytes": 1048576, "flash_timed": false, "seed": 7, "chips": [
        {"chip": "qmc5883l", "scl": 22, "sda": 21},
        {"chip": "sht4x", "scl": 22, "sda": 21},
        {"chip": "hx711", "dout": 32, "sck": 33, "rate_sps": 80}]}

Absent, everything is there, on the pins of firmware/boards/esp32_generic.py.
"""

import machine

STANDARD = (
    {"chip": "qmc5883l", "scl": 22, "sda": 21},
    {"chip": "sht4x", "scl": 22, "sda": 21},
    {"chip": "hx711", "dout": 32, "sck": 33, "rate_sps": 80},
)


def _hx711(part, seed):
    from hx711_chip import Hx711Chip

    dout = machine.connect_pin(part["dout"], level=1)
    chip = Hx711Chip(dout, part.get("rate_sps", 80), seed, part.get("period_us"))
    machine.connect_pin(part["sck"], listener=chip.clock)
    return chip


def _i2c(part, seed):
    if part["chip"] == "qmc5883l":
        from qmc5883l_chip import ADDRESS, Qmc5883lChip as Chip
    elif part["chip"] == "sht4x":
        from sht4x_chip import ADDRESS, Sht4xChip as Chip
    else:
        raise ValueError("hardware.json: no such chip: " + part["chip"])
    chip = Chip(seed)
    machine.connect_i2c(part["scl"], part["sda"], part.get("address", ADDRESS), chip)
    return chip


def solder(parts=STANDARD, seed=1):
    """Connect the chips. Returns them by name."""
    chips = {}
    for part in parts:
        chips[part["chip"]] = _hx711(part, seed) if part["chip"] == "hx711" else _i2c(part, seed)
    return chips
