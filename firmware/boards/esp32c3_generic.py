# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A generic ESP32-C3 development board (ESP32-C3-DevKitM-1, "Super Mini"): which pin has which role, as in esp32_generic.py.

Eight pins are free: 0, 1, 3 to 7 and 10. Avoided: 2, 8, 9 (strapping), 11 to 17 (flash and its supply), 18, 19 (USB), 20, 21 (console).
So roles that no application uses together share a pin, and a cabinet (door, presence_switch, lights), which needs eleven, cannot be built.
`led` is 8 all the same: it is a board's own light, where there is one for a level, and lit by a low one; it has a pull-up, as strapping
wants it. Analogue inputs are on ADC 1 (0 to 4), pins that wake on 0 to 5.
Source: ESP32-C3 Series Datasheet, "Pins"; ESP-IDF's documentation, "GPIO & RTC GPIO" and "Sleep Modes", ESP32-C3.

The chip has neither ext0 nor ext1. Pins wake it by `esp32.wake_on_gpio`, which MicroPython has from 1.27 on, and all at one level; before,
only the timer wakes it, and what waits for a pin looks once a minute.
"""

from boards import esp32_generic


class Board(esp32_generic.Board):
    name = "esp32c3_generic"
    pins = (
        " i2c_scl=7i i2c_sda=6i hx711_dout=3u hx711_sck=10o spi_sck=4o spi_miso=5i spi_mosi=10o spi_cs=1h spi_ready=3i"
        " rs485_tx=4o rs485_rx=5u rs485_de=10o sensor_int=3i pulse=3u tamper=1u battery_sense=0i led=8h "
    )
    spi_id = uart_id = 1
    wakes_by_gpio = True
