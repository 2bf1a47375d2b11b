# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A generic ESP32-S3 development board (ESP32-S3-DevKitC-1 and its like): which pin has which role, as in esp32_generic.py.

Avoided: 0, 3, 45, 46 (strapping), 19, 20 (USB), 26 to 37 (flash, and PSRAM of eight lines), 43, 44 (console), 38, 47, 48 (the lights of one
board or another; 1.8 V in some modules), 18 (high for a moment at power-on, which would switch an HX711 off or send on RS-485: it is an
input here). Analogue inputs are on ADC 1 (1 to 10), pins that wake on 0 to 21.
Source: ESP32-S3 Series Datasheet, "Pins" and "Power-Up Glitches on Pins"; ESP-IDF's documentation, "GPIO & RTC GPIO", ESP32-S3.

In deep sleep the chip lets go of these pull-ups (its pins have others then, which MicroPython does not set): a contact
that wakes a sleeping board (pulse, tamper) needs one of its own, 100 kOhm to 3.3 V. The first ESP32 keeps them while
ext0 is armed.

The board's own light is a coloured one (WS2812) that a level does not light: role `led` is for one of your own, to ground.
"""

from boards import esp32_generic


class Board(esp32_generic.Board):
    name = "esp32s3_generic"
    pins = (
        " i2c_scl=9i i2c_sda=8i hx711_dout=15u hx711_sck=16o spi_sck=12o spi_miso=13i spi_mosi=11o spi_cs=10h spi_ready=14i"
        " rs485_tx=17o rs485_rx=18u rs485_de=40o sensor_int=6i pulse=7u tamper=21u door=41u presence_switch=42u"
        " status_light=1i status_light_red=2i battery_sense=4i cabinet_power=5i led=39o "
    )
    spi_id = uart_id = 1
