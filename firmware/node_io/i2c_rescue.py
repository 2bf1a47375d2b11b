# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Free an I2C bus whose data line a chip holds low: it was interrupted while it sent a 0 and waits for the clock.

Nine clocks are enough for the rest of any byte and its acknowledgement (NXP UM10204, 3.1.16). Loaded only when a bus has failed.
"""

import time

from machine import Pin


def rescue(board):
    """Clock until the data line is free, and set the bus up anew. "" or, where it stays low, the reason.

    A bus that is not held is only set up anew.
    """
    scl, sda = board.pin("i2c_scl"), board.pin("i2c_sda")
    scl.init(Pin.OPEN_DRAIN, Pin.PULL_UP, value=1)
    sda.init(Pin.OPEN_DRAIN, Pin.PULL_UP, value=1)
    for _ in range(9):
        if sda.value():
            break
        scl.value(0)
        time.sleep_us(5)
        scl.value(1)
        time.sleep_us(5)
    is_free = sda.value()
    if is_free:  # a stop: the data line rises while the clock is high
        sda.value(0)
        time.sleep_us(5)
        sda.value(1)
        time.sleep_us(5)
    board.i2c(True)
    return "" if is_free else "the I2C data line is held low"
