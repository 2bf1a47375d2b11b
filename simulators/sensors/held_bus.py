# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A chip that was interrupted in the middle of an answer: it holds the I2C data line low until it has seen enough clocks."""

import machine


def hold(scl=22, sda=21, clocks=7):
    """From now on the data line is low, until the clock line has risen `clocks` times; for ever where it is 0."""
    data = machine.Pin(sda)
    clock = machine.Pin(scl)
    seen = [0, 1]  # rises, level

    def on_clock(level):
        seen[0] += level > seen[1]
        seen[1] = level
        if clocks and seen[0] >= clocks:
            data.drive(None)
            clock.listener = None

    clock.listener = on_clock
    data.drive(0)


def release(scl=22, sda=21):
    """The chip has lost its power."""
    machine.Pin(scl).listener = None
    machine.Pin(sda).drive(None)
