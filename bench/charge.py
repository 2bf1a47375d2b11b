# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a wake costs and how long a cell lasts. Pure arithmetic on measured charges; millicoulombs and milliampere hours.

The charges were measured on ESP32 boards under MicroPython with a power profiler (glenn20/upy-esp32-experiments, on the 5 V side of a
linear regulator, so the charge is the cell's). No board of ours was measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

BOOT_MC = 26.5  # a stock image from waking to main.py, which does not validate itself again (MicroPython 1.29); 418 ms
BOOT_VALIDATED_MC = 41.9  # one that does; 635 ms
BOOT_FROZEN_MC = 3.32  # an image of one's own with a frozen fast start; 70 ms
ESPNOW_REPORT_MC = 7.68 - 3.32
WIFI_STATIC_MQTT_MC = 108.6
WIFI_DHCP_HTTP_MC = 341.0
WAKE_STUB_MC = 0.044

# 704 ms of Wi-Fi with MQTT and nothing else: 108.6 mC less the start's 3.32 mC.
RADIO_MA = (WIFI_STATIC_MQTT_MC - BOOT_FROZEN_MC) / (774 - 70) * 1000
# 350 ms of mounting the file system and starting main.py took 23.6 mC: the processor works, the radio is off.
CPU_MA = 23.6 / 350 * 1000
# Assumed, not measured: loading compiled modules from LittleFS and running them through once, per 1,000 bytes of .mpy.
LOAD_MS_PER_KB = 5.0
FLASH_ERASE_MS = 45.0  # GD25Q32C data sheet, 8.8
FLASH_WRITE_MS = 0.5

DAY_S = 86_400
DAYS_PER_YEAR = 365.25
MC_PER_MAH = 3_600.0


class Cell(NamedTuple):
    """As a profile's [power] says it."""

    capacity_mah: float
    usable_pct: float
    self_discharge_pct_year: float
    sleep_ua: float


class Spent(NamedTuple):
    """What one run of the board did, from its first line to deep sleep."""

    awake_ms: float
    radio_ms: float
    loaded_bytes: float  # of compiled modules
    flash_writes: float = 0
    flash_erases: float = 0

    def charge_mc(self, boot_mc: float = BOOT_MC, *, is_frozen: bool = False) -> float:
        """With the start before it. A frozen image loads no module."""
        radio_mc = self.radio_ms * RADIO_MA / 1000
        code_ms = 0.0 if is_frozen else self.loaded_bytes / 1000 * LOAD_MS_PER_KB
        flash_ms = self.flash_erases * FLASH_ERASE_MS + self.flash_writes * FLASH_WRITE_MS
        return boot_mc + radio_mc + (self.awake_ms - self.radio_ms + code_ms + flash_ms) * CPU_MA / 1000

    def charge_espnow_mc(self, frames: int) -> float:
        """The same run without Wi-Fi: its frames sent one by one over ESP-NOW."""
        return self._replace(awake_ms=self.awake_ms - self.radio_ms, radio_ms=0).charge_mc() + frames * ESPNOW_REPORT_MC


def mah_per_day(sleep_ua: float, charges_mc: Iterable[float]) -> float:
    """Asleep all day, and awake for these charges."""
    return sleep_ua * 24 / 1000 + sum(charges_mc) / MC_PER_MAH


def years(cell: Cell, day_mah: float) -> float:
    """Until the usable part of the cell is gone; what it loses by itself counts."""
    usable_mah = cell.capacity_mah * cell.usable_pct / 100
    year_mah = day_mah * DAYS_PER_YEAR + cell.capacity_mah * cell.self_discharge_pct_year / 100
    return usable_mah / year_mah
