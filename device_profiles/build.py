# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""From the tables of a checked profile.toml to a `Profile`. Pure: no file is read here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from device_profiles import schema
from device_profiles.profile import (
    AlarmWhen,
    Calibration,
    Commissioning,
    Measurement,
    Power,
    Profile,
    Setting,
    Value,
    Words,
    mantissa_of,
)


def build_profile(table: schema.ProfileFile, own: Sequence[schema.MeasurementTable], folder: Path) -> Profile:
    """The profile that `table` says, with the measurements of every node behind its own."""
    by_name = {entry.name: entry for entry in (*table.measurement, *own)}
    measurements = {entry.name: _measurement(entry, is_own=False) for entry in table.measurement}
    measurements |= {entry.name: _measurement(entry, is_own=True) for entry in own}
    settings = {
        name: Setting(name, entry.default, entry.min, entry.max, entry.unit, _texts(entry.text_it, entry.text_en))
        for name, entry in table.firmware.settings.items()
    }
    texts = {
        "it": Words(table.text.it.name, table.text.it.description),
        "en": Words(table.text.en.name, table.text.en.description),
    }
    return Profile(
        id=table.device.id,
        version=table.device.version,
        family=table.device.family,
        vendor=table.device.vendor,
        model=table.device.model,
        source=table.device.source,
        texts=MappingProxyType(texts),
        app=table.firmware.app,
        board=table.firmware.board,
        settings=MappingProxyType(settings),
        power=_power(table.power),
        measurements=MappingProxyType(measurements),
        calibration=_calibration(table.calibration),
        commissioning=tuple(_commissioning(entry, by_name[entry.measurement]) for entry in table.commissioning),
        folder=folder,
    )


def _measurement(table: schema.MeasurementTable, *, is_own: bool) -> Measurement:
    has_mantissa = table.kind in ("number", "waveform")
    return Measurement(
        name=table.name,
        kind=table.kind,
        unit=table.unit,
        exponent=table.exponent,
        minimum=table.min,
        maximum=table.max,
        minimum_mantissa=_steps(table.min, table.exponent) if has_mantissa else None,
        maximum_mantissa=_steps(table.max, table.exponent) if has_mantissa else None,
        lane=table.lane,
        deadline_s=table.deadline_s,
        alarm_when=_alarm_when(table),
        rate_hz=table.rate_hz,
        uncertainty=table.uncertainty,
        texts=_texts(table.text_it, table.text_en),
        is_own=is_own,
    )


def _alarm_when(table: schema.MeasurementTable) -> AlarmWhen | None:
    rule = table.alarm_when
    if rule is None:
        return None
    above, below, equals = _compared(table, rule)
    texts = _texts(rule.text_it, rule.text_en) if rule.text_it and rule.text_en else MappingProxyType({})
    return AlarmWhen(above, below, equals, rule.severity or "warning", texts)


def _commissioning(rule: schema.CommissioningTable, table: schema.MeasurementTable) -> Commissioning:
    above, below, equals = _compared(table, rule)
    return Commissioning(
        rule.id,
        rule.measurement,
        rule.within_s,
        above,
        below,
        equals,
        bool(rule.changes),
        _texts(rule.text_it, rule.text_en),
    )


def _compared(
    table: schema.MeasurementTable, rule: schema.AlarmWhen | schema.CommissioningTable
) -> tuple[int | float | None, int | float | None, Value | None]:
    """above, below and equals of a rule in the form in which a record has the value: steps for a number."""
    if table.kind != "number":
        return rule.above, rule.below, rule.equals
    equals = rule.equals if isinstance(rule.equals, int | float) else None
    return _steps(rule.above, table.exponent), _steps(rule.below, table.exponent), _steps(equals, table.exponent)


def _steps(bound: int | float | None, exponent: int) -> int | None:
    return None if bound is None else mantissa_of(bound, exponent)


def _power(table: schema.Power) -> Power:
    return Power(
        source=table.source,
        cell=table.cell,
        capacity_mah=table.capacity_mah,
        volts=table.volts,
        usable_pct=table.usable_pct,
        self_discharge_pct_year=table.self_discharge_pct_year,
        sleep_ua=table.sleep_ua,
    )


def _calibration(table: schema.Calibration | None) -> Calibration | None:
    if table is None:
        return None
    return Calibration(table.kind, table.date, table.valid_months, _texts(table.text_it, table.text_en))


def _texts(it: str, en: str) -> Mapping[str, str]:
    return MappingProxyType({"it": it, "en": en})
