# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A generic ESP32 development board (38 pins, first ESP32): which pin has which role. No other file names a pin.

| role | pin | why this one |
|---|---|---|
| I2C clock, data | 22, 21 | the usual ones on development boards, where sensor breakouts expect them |
| hx711_dout | 32 | has a pull-up: without a converter it reads "not ready" |
| hx711_sck | 33 | low after reset: high for 60 us would switch the converter off |
| spi_sck, spi_miso, spi_mosi | 18, 19, 23 | the SPI of the pin table (VSPI) |
| spi_cs, spi_ready | 5, 27 | chip select, high after reset; data ready of a converter, wakes the chip |
| rs485_tx, rs485_rx, rs485_de | 17, 16, 4 | UART 2; driver enable, low (listening) after reset |
| sensor_int | 26 | a sensor's interrupt output; can wake the board from deep sleep |
| pulse, tamper | 25, 14 | contact to ground, with a pull-up; both can wake the board |
| door, presence_switch | 13, 15 | contacts to ground, with a pull-up; both can wake the board |
| status_light, status_light_red, battery_sense, cabinet_power | 34, 36, 35, 39 | analogue inputs that work beside Wi-Fi (ADC 1) |
| led | 2 | the board's own, where there is one |

One node runs one application, which uses the roles that it needs. Pins 2, 5 and 15 are strapping pins that choose nothing that matters
here (SDIO timing, the ROM's log). Modules with PSRAM (WROVER) have it on 16 and 17: they cannot do RS-485.
"""

from machine import I2C, Pin

_I2C_HZ = 100_000  # cables of a metre or two; the sensors need no more


class Board:
    name = "esp32_generic"
    # One text, because a dictionary of these would cost a node 1.5 kB: " role=pin mode", with mode i input, u input with pull-up, o output
    # that starts low, h output that starts high.
    pins = (
        " i2c_scl=22i i2c_sda=21i hx711_dout=32u hx711_sck=33o spi_sck=18o spi_miso=19i spi_mosi=23o spi_cs=5h spi_ready=27i"
        " rs485_tx=17o rs485_rx=16u rs485_de=4o sensor_int=26i pulse=25u tamper=14u door=13u presence_switch=15u"
        " status_light=34i status_light_red=36i battery_sense=35i cabinet_power=39i led=2o "
    )
    spi_id = uart_id = 2

    def __init__(self):
        self._i2c = None

    def number(self, role, mode=False):
        """A role's pin; with `mode`, its letter instead. KeyError for a role that this board lacks."""
        at = self.pins.find(" " + role + "=")
        if at < 0:
            raise KeyError(role)
        text = self.pins[at + len(role) + 2 : self.pins.find(" ", at + 1)]
        return text[-1] if mode else int(text[:-1])

    def pin(self, role):
        """The pin of this role, set up for it; outputs start low, a chip select high. KeyError for a role that this board lacks."""
        number, mode = self.number(role), self.number(role, True)
        if mode in "oh":
            return Pin(number, Pin.OUT, value=1 if mode == "h" else 0)
        return Pin(number, Pin.IN, Pin.PULL_UP if mode == "u" else None)

    def i2c(self, anew=False):
        """The sensor bus; `anew` sets it up again. Whether anything answers there is the driver's question."""
        if self._i2c is None or anew:
            self._i2c = I2C(0, scl=Pin(self.number("i2c_scl")), sda=Pin(self.number("i2c_sda")), freq=_I2C_HZ)
        return self._i2c

    def adc(self, role):
        """An analogue input over its widest range (up to about 3.1 V, 2.5 V on the C3); `read_uv()` is calibrated by the chip's own
        fuses."""
        from machine import ADC  # only where it is used: each name costs a node memory

        return ADC(Pin(self.number(role)), atten=ADC.ATTN_11DB)

    def spi(self, baudrate=1_000_000, polarity=0, phase=1):
        """The sensor bus for fast converters."""
        from machine import SPI

        sck, mosi, miso = [Pin(self.number(role)) for role in ("spi_sck", "spi_mosi", "spi_miso")]
        return SPI(self.spi_id, baudrate=baudrate, polarity=polarity, phase=phase, sck=sck, mosi=mosi, miso=miso)

    def rs485(self, baudrate=9600, parity=None, stop=1):
        """(UART, driver enable pin) of the RS-485 transceiver."""
        from machine import UART

        tx, rx = self.number("rs485_tx"), self.number("rs485_rx")
        uart = UART(self.uart_id, baudrate=baudrate, bits=8, parity=parity, stop=stop, tx=tx, rx=rx, rxbuf=512)
        return uart, self.pin("rs485_de")
