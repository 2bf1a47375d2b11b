# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A generic ESP32 development board (38 pins, first ESP32): which pin has which role. No other file names a pin.

| role | pin | why this one |
|---|---|---|
| I2C clock, data | 22, 21 | the usual ones on development boards, where sensor breakouts expect them |
| hx711_dout | 32 | has a pull-up: without a converter it reads "not ready" |
| hx711_sck | 33 | low after reset: high for 60 us would switch the converter off |
| led | 2 | the board's own, where there is one |
"""

from machine import I2C, Pin

_PINS = {
    "i2c_scl": (22, Pin.IN, None),
    "i2c_sda": (21, Pin.IN, None),
    "hx711_dout": (32, Pin.IN, Pin.PULL_UP),
    "hx711_sck": (33, Pin.OUT, None),
    "led": (2, Pin.OUT, None),
}
_I2C_HZ = 100_000  # cables of a metre or two; the sensors need no more


class Board:
    name = "esp32_generic"

    def __init__(self):
        self._i2c = None

    def pin(self, role):
        """The pin of this role, set up for it; outputs start low. KeyError for a role that this board lacks."""
        number, mode, pull = _PINS[role]
        if mode == Pin.OUT:
            return Pin(number, mode, value=0)
        return Pin(number, mode, pull)

    def i2c(self):
        """The sensor bus. Whether anything answers there is the driver's question."""
        if self._i2c is None:
            self._i2c = I2C(0, scl=Pin(_PINS["i2c_scl"][0]), sda=Pin(_PINS["i2c_sda"][0]), freq=_I2C_HZ)
        return self._i2c
