# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A board's file on its chip: every role and every bus can be set up. argv: the chip."""

import esp32
import machine
import sys

chip = sys.argv[1]
machine.become(chip)
esp32.become(chip)
board = __import__("boards.%s_generic" % chip, None, None, ("Board",)).Board()
assert board.name == chip + "_generic"
for word in board.pins.split():
    role = word[: word.find("=")]
    assert board.pin(role).number == board.number(role) == int(word[len(role) + 1 : -1])
for role in ("battery_sense", "cabinet_power", "status_light", "status_light_red"):
    if role in board.pins:
        board.adc(role)
board.i2c()
board.spi()
board.rs485()
try:
    board.pin("no_such_role")
except KeyError as error:
    print(error.args[0])
