# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What wakes an ESP32-C3: neither ext0 nor ext1, only pins of one level by GPIO, and that from MicroPython 1.27 on."""

import esp32
import machine
import power

machine.become("esp32c3")
esp32.become("esp32c3")

import duty_cycle
from boards.esp32c3_generic import Board

board = Board()
pulse, tamper = board.pin("pulse"), board.pin("tamper")
assert (pulse.number, tamper.number) == (3, 1)


def refused(pins):
    try:
        duty_cycle._arm(pins, True)
    except (ValueError, AttributeError) as error:
        return str(error)


for level in (0, 1):
    assert refused([(pulse, level), (tamper, level)]) is None
    assert (sorted(power.gpio[0]), power.gpio[1]) == ([1, 3], level), power.gpio
assert refused([(tamper, 1), (pulse, 0)]) == "these pins cannot wake the board together"
assert power.gpio == ([3], 0), "the low one waits all the same"
power.is_asleep = True
power.level_changed(3, 0)
assert power.woken_by == 7
assert refused([(board.pin("led"), 0)]) == "invalid pin", "no RTC pad"
del esp32.wake_on_gpio
assert "wake_on_gpio" in refused([(pulse, 0)])
print("ok")
