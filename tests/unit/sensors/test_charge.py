# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The arithmetic of the energy account against figures that were published."""

from __future__ import annotations

import pytest

from bench import charge
from bench.charge import Cell, Spent

# A cell of 5.2 Ah, 85 % usable, no self-discharge, 10 uA asleep: mAh a day and years, as computed from the same measured charges elsewhere.
ROWS = [
    ("Wi-Fi DHCP and HTTP each 10 min", 144, charge.WIFI_DHCP_HTTP_MC, 13.9, 0.87),
    ("Wi-Fi static and MQTT each 10 min", 144, charge.WIFI_STATIC_MQTT_MC, 4.6, 2.6),
    ("ESP-NOW, stock start, each 10 min", 144, charge.BOOT_MC + charge.ESPNOW_REPORT_MC, 1.5, 8.2),
    ("ESP-NOW, frozen start, each 10 min", 144, charge.BOOT_FROZEN_MC + charge.ESPNOW_REPORT_MC, 0.55, None),
    ("ESP-NOW, 44 reports a day", 44, charge.BOOT_MC + charge.ESPNOW_REPORT_MC, 0.62, None),
    ("magnetometer polled each 10 s", 8640, charge.BOOT_MC, 63.9, 0.19),
    ("the same with a frozen start", 8640, charge.BOOT_FROZEN_MC, 8.3, 1.5),
]
CELL = Cell(5200, 85, 0, 10)


@pytest.mark.parametrize(("name", "wakes", "charge_mc", "day_mah", "years"), ROWS)
def test_rows_of_the_published_battery_table(
    name: str, wakes: int, charge_mc: float, day_mah: float, years: float | None
) -> None:
    """Each row comes out, to the digits that it has."""
    found = charge.mah_per_day(CELL.sleep_ua, [charge_mc] * wakes)
    assert found == pytest.approx(day_mah, rel=0.02), name
    if years is None:
        assert charge.years(CELL, found) > 10
    else:
        assert charge.years(CELL, found) == pytest.approx(years, rel=0.03), name


def test_a_wake_stub_and_44_reports() -> None:
    """The last row: 8,640 stubs of 0.044 mC, 44 fast reports."""
    charges = [charge.WAKE_STUB_MC] * 8640 + [charge.BOOT_FROZEN_MC + charge.ESPNOW_REPORT_MC] * 44
    assert charge.mah_per_day(10, charges) == pytest.approx(0.44, rel=0.01)


def test_self_discharge_and_a_run_s_parts_add_up() -> None:
    """A cell that gives nothing away lasts 85 years at 1 % a year of it all; a run is start, radio, processor, loading and flash."""
    assert charge.years(Cell(19000, 85, 1, 0), 0.0) == pytest.approx(85)
    run = Spent(awake_ms=1000, radio_ms=400, loaded_bytes=20_000, flash_writes=10, flash_erases=1)
    processor_ms = 600 + 20 * charge.LOAD_MS_PER_KB + 45 + 5
    assert run.charge_mc() == pytest.approx(26.5 + 0.4 * charge.RADIO_MA + processor_ms / 1000 * charge.CPU_MA)
    # The radio's current is that of the measurement with a fixed address and MQTT, to which the run's own start comes.
    assert Spent(704, 704, 0).charge_mc(charge.BOOT_FROZEN_MC) == pytest.approx(108.6)
    assert run.charge_espnow_mc(2) == pytest.approx(26.5 + 2 * 4.36 + processor_ms / 1000 * charge.CPU_MA)
