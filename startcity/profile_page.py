# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A profile as a page for people, in their language, and as one JSON object. Pure: a profile in, text out.

Words that stand in profile.toml (kinds, lanes, names) stay as they are: people look them up there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from device_profiles import Calibration, Commissioning, Measurement, Power, Profile, Setting
from device_profiles.profile import AlarmWhen, Value
from device_profiles.schema import CaptureTable
from startcity.words import language, say

_LONGEST_DECIMAL = 4  # 0.0001; a finer resolution is read more easily as 1e-9


def page_of(profile: Profile, captures: Sequence[CaptureTable]) -> Iterator[str]:
    """The lines of the page."""
    words = profile.texts[language()]
    yield f"{profile.id} {profile.version}: {words.name}"
    yield words.description.strip()
    yield f"{profile.vendor} {profile.model} ({profile.source})"
    yield say(
        "Family {family}, application {app}, board {board}.",
        family=profile.family,
        app=profile.app,
        board=profile.board,
    )
    measured = [row for row in profile.measurements.values() if not row.is_own]
    yield "\n" + say("Measurements")
    for row in measured:
        yield f"  {row.name}  {row.texts[language()]}"
        yield f"      {_facts_of(row)}"
    yield "\n" + say("Settings")
    for setting in profile.settings.values():
        yield f"  {_setting_line(setting)}"
    if not profile.settings:
        yield "  " + say("none")
    yield "\n" + say("Alarms")
    alarms = [line for row in measured for line in _alarm_lines(row)]
    yield from (f"  {line}" for line in alarms or [say("none")])
    yield "\n" + say("Power")
    yield f"  {_power_line(profile.power)}"
    yield "\n" + say("Calibration")
    yield f"  {_calibration_line(profile.calibration)}"
    yield "\n" + say("Commissioning")
    for number, check in enumerate(profile.commissioning, start=1):
        yield f"  {number}. {check.id}: {check.texts[language()]}"
        yield f"      {_check_line(check, profile.measurements[check.measurement])}"
    if not profile.commissioning:
        yield "  " + say("none")
    good, bad = _counted(captures)
    yield "\n" + say("Captures: {good} good, {bad} bad.", good=good, bad=bad)


def object_of(profile: Profile, captures: Sequence[CaptureTable]) -> dict[str, Any]:
    """Everything of the profile, bounds in the unit, texts in both languages."""
    good, bad = _counted(captures)
    power, calibration = profile.power, profile.calibration
    return {
        "id": profile.id,
        "version": profile.version,
        "family": profile.family,
        "vendor": profile.vendor,
        "model": profile.model,
        "source": profile.source,
        "texts": {tongue: {"name": w.name, "description": w.description} for tongue, w in profile.texts.items()},
        "app": profile.app,
        "board": profile.board,
        "measurements": [_measurement_object(row) for row in profile.measurements.values()],
        "settings": [_setting_object(setting) for setting in profile.settings.values()],
        "power": {
            "source": power.source,
            "cell": power.cell,
            "capacity_mah": power.capacity_mah,
            "volts": power.volts,
            "usable_pct": power.usable_pct,
            "self_discharge_pct_year": power.self_discharge_pct_year,
            "sleep_ua": power.sleep_ua,
        },
        "calibration": calibration
        and {
            "kind": calibration.kind,
            "date": calibration.date and calibration.date.isoformat(),
            "valid_months": calibration.valid_months,
            "texts": dict(calibration.texts),
        },
        "commissioning": [
            {
                "id": check.id,
                "measurement": check.measurement,
                "within_s": check.within_s,
                **_condition_object(check, profile.measurements[check.measurement]),
                "changes": check.changes,
                "texts": dict(check.texts),
            }
            for check in profile.commissioning
        ],
        "captures": {"good": good, "bad": bad},
    }


def _facts_of(row: Measurement) -> str:
    """Kind, unit, resolution, bounds, uncertainty, lane and deadline, as far as the measurement has them."""
    unit = f" {row.unit}" if row.unit else ""
    facts = [row.kind + unit]
    if row.kind in ("number", "waveform"):
        facts.append(say("steps of {step}{unit}", step=_step(row.exponent), unit=unit))
    if row.rate_hz is not None:
        facts.append(say("{rate} samples a second", rate=row.rate_hz))
    low, high = _bound(row, row.minimum), _bound(row, row.maximum)
    if low and high:
        facts.append(say("{low} to {high}{unit}", low=low, high=high, unit=unit))
    elif low:
        facts.append(say("{low}{unit} or more", low=low, unit=unit))
    elif high:
        facts.append(say("{high}{unit} or less", high=high, unit=unit))
    if row.uncertainty is not None:
        facts.append(say("uncertainty {value}{unit} (k = 2)", value=_decimal(row.uncertainty), unit=unit))
    facts.append(say("lane {lane}", lane=row.lane))
    facts.append(say("sealed within {seconds} s", seconds=row.deadline_s))
    return ", ".join(facts)


def _setting_line(setting: Setting) -> str:
    unit = f" {setting.unit}" if setting.unit else ""
    # `--set` takes true and false as TOML writes them, so they are shown like that.
    default = str(setting.default).lower() if isinstance(setting.default, bool) else setting.default
    default = '""' if default == "" else default
    low = "" if setting.minimum is None else setting.minimum
    high = "" if setting.maximum is None else setting.maximum
    limits = f" ({low}..{high})" if setting.minimum is not None or setting.maximum is not None else ""
    return f"{setting.name} = {default}{unit}{limits}  {setting.texts[language()]}"


def _alarm_lines(row: Measurement) -> Iterator[str]:
    rule = row.alarm_when
    if rule is None:
        if row.lane == "alarm":
            yield say("{name}: every reading", name=row.name) + f"  {row.texts[language()]}"
        return
    severity = say("critical") if rule.severity == "critical" else say("warning")
    said = rule.texts.get(language(), row.texts[language()])
    conditions = [f"{row.name} {condition}" for condition in _conditions(rule, row)]
    yield say(" or ").join(conditions) + f", {severity}  {said}"


def _power_line(power: Power) -> str:
    if power.source != "battery":
        has_buffer = power.capacity_mah is not None
        return power.source + (say(", buffer of {mah} mAh", mah=power.capacity_mah) if has_buffer else "")
    return say(
        "battery: {cell}, {mah} mAh at {volts} V, {usable} % usable, self-discharge {discharge} % a year, "
        "{sleep} uA asleep",
        cell=power.cell,
        mah=power.capacity_mah,
        volts=power.volts,
        usable=power.usable_pct,
        discharge=power.self_discharge_pct_year,
        sleep=power.sleep_ua,
    )


def _calibration_line(calibration: Calibration | None) -> str:
    if calibration is None:
        return say("not stated")
    parts = [calibration.kind]
    if calibration.date is not None:
        parts.append(calibration.date.isoformat())
    if calibration.valid_months:
        parts.append(say("valid for {months} months", months=calibration.valid_months))
    elif calibration.kind != "none":
        parts.append(say("does not expire"))
    return f"{', '.join(parts)}  {calibration.texts[language()]}"


def _check_line(check: Commissioning, row: Measurement) -> str:
    conditions = [f"{row.name} {condition}" for condition in _conditions(check, row)]
    if check.changes:
        conditions.append(say("{name} changes", name=row.name))
    return say(" and ").join(conditions) + ", " + say("within {seconds} s", seconds=check.within_s)


def _conditions(rule: AlarmWhen | Commissioning, row: Measurement) -> Iterator[str]:
    unit = f" {row.unit}" if row.unit else ""
    for sign, bound in ((">", rule.above), ("<", rule.below), ("=", rule.equals)):
        if bound is not None:
            yield f"{sign} {_in_unit(row, bound)}{unit}"


def _counted(captures: Sequence[CaptureTable]) -> tuple[int, int]:
    good = sum(capture.expect is not None for capture in captures)
    return good, len(captures) - good


def _measurement_object(row: Measurement) -> dict[str, Any]:
    rule = row.alarm_when
    return {
        "name": row.name,
        "kind": row.kind,
        "unit": row.unit,
        "exponent": row.exponent,
        "min": row.minimum,
        "max": row.maximum,
        "uncertainty": row.uncertainty,
        "rate_hz": row.rate_hz,
        "lane": row.lane,
        "deadline_s": row.deadline_s,
        "alarm_when": rule
        and {**_condition_object(rule, row), "severity": rule.severity, "texts": dict(rule.texts) or None},
        "own": row.is_own,
        "texts": dict(row.texts),
    }


def _setting_object(setting: Setting) -> dict[str, Any]:
    return {
        "name": setting.name,
        "default": setting.default,
        "min": setting.minimum,
        "max": setting.maximum,
        "unit": setting.unit,
        "texts": dict(setting.texts),
    }


def _condition_object(rule: AlarmWhen | Commissioning, row: Measurement) -> dict[str, Any]:
    return {
        key: None if bound is None else _number_in_unit(row, bound)
        for key, bound in (("above", rule.above), ("below", rule.below), ("equals", rule.equals))
    }


def _number_in_unit(row: Measurement, value: Value) -> Value:
    """Steps of a number as a value in the unit, everything else as it is."""
    if row.kind != "number" or not isinstance(value, int) or isinstance(value, bool):
        return value
    in_unit = Decimal(value).scaleb(row.exponent)
    return int(in_unit) if row.exponent >= 0 else float(in_unit)


def _in_unit(row: Measurement, value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    shown = _number_in_unit(row, value)
    return _decimal(shown) if isinstance(shown, int | float) else str(shown)


def _bound(row: Measurement, bound: int | float | None) -> str:
    return "" if bound is None else _decimal(bound)


def _decimal(number: int | float) -> str:
    """A number without an exponent of ten, as long as that can be read."""
    value = Decimal(repr(number))
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return f"{value:f}" if -exponent <= _LONGEST_DECIMAL else repr(number)


def _step(exponent: int) -> str:
    return f"{Decimal(1).scaleb(exponent):f}" if abs(exponent) <= _LONGEST_DECIMAL else f"1e{exponent}"
