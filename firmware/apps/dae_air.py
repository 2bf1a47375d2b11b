# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The temperature of a defibrillator's cabinet. Loaded for one call every few minutes (node_io/borrowed.py)."""

import time

from node_io.drivers.sht4x import Sht4x


async def _nap(duration_ms):
    time.sleep_ms(duration_ms)


def temperature(board):
    """(hundredths of a degree Celsius or None, what is wrong or ""), within 20 ms."""
    sensor = Sht4x(board.i2c())
    try:
        sensor.start()
        sensor.read(_nap).send(None)
    except StopIteration as found:  # how a coroutine that waited for nobody returns
        return found.value[0], ""
    except OSError as error:
        return None, "wrong checksum" if error.errno == 5 else "no answer on I2C (%d)" % error.errno
