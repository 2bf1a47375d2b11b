# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a schema cannot say of a profile: units, bounds that fit the resolution, keys that go together.

Pure: tables in, mistakes out. A mistake is (path of keys, what to write); `files.py` adds file and line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from device_profiles.form import EXAMPLES
from device_profiles.profile import mantissa_of
from device_profiles.schema import (
    AlarmWhen,
    Calibration,
    CaptureTable,
    CommissioningTable,
    MeasurementTable,
    Power,
    ProfileFile,
    Setting,
)
from device_profiles.toml_lines import Path
from device_profiles.units import unit_advice

Mistake = tuple[Path, str]

_WITH_EXPONENT = ("number", "waveform")
_WITH_BOUNDS = ("number", "waveform", "float")
_I64 = range(-(2**63), 2**63)
_CELL_KEYS = ("cell", "capacity_mah", "volts", "usable_pct", "self_discharge_pct_year", "sleep_ua")
# Of which Python type a value of each kind is, in a profile and in a capture.
_TYPES: Mapping[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "text": (str,),
    "number": (int, float),
    "float": (int, float),
}


def profile_mistakes(profile: ProfileFile, folder_name: str, own: Mapping[str, MeasurementTable]) -> Iterator[Mistake]:
    """Every mistake of profile.toml that its schema lets through. `own`: what own.toml says, by name."""
    if profile.device.id != folder_name:
        yield ("device", "id"), f'the folder is named "{folder_name}": write id = "{folder_name}", or rename the folder'
    for name, setting in profile.firmware.settings.items():
        for key, advice in _setting_mistakes(setting):
            yield ("firmware", "settings", name, key), advice
    for key, advice in _power_mistakes(profile.power):
        yield ("power", key), advice
    if profile.calibration is not None:
        for key, advice in _calibration_mistakes(profile.calibration):
            yield ("calibration", key), advice
    yield from measurements_mistakes(profile.measurement, frozenset(own))
    by_name = {**own, **{table.name: table for table in profile.measurement}}
    seen: set[str] = set()
    for index, check in enumerate(profile.commissioning):
        if check.id in seen:
            yield ("commissioning", index, "id"), f'"{check.id}" stands twice: choose another id for one of them'
        seen.add(check.id)
        for key, advice in _commissioning_mistakes(check, by_name):
            yield ("commissioning", index, *((key,) if key else ())), advice


def measurements_mistakes(tables: Sequence[MeasurementTable], own_names: frozenset[str]) -> Iterator[Mistake]:
    """Every mistake in a list of measurements. `own_names` are taken by own.toml."""
    seen: set[str] = set()
    for index, table in enumerate(tables):
        if table.name in own_names:
            yield (
                ("measurement", index, "name"),
                f'"{table.name}" is what every node says of itself (own.toml): choose another name',
            )
        if table.name in seen:
            yield ("measurement", index, "name"), f'"{table.name}" stands twice: choose another name for one of them'
        seen.add(table.name)
        for key, advice in _measurement_mistakes(table):
            yield ("measurement", index, *key), advice


def captures_mistakes(captures: Sequence[CaptureTable], kinds: Mapping[str, str] | None) -> Iterator[Mistake]:
    """Every mistake of captures.toml that its schema lets through.

    `kinds`: by name of measurement; None where the profile is not known.
    """
    seen: set[str] = set()
    for index, capture in enumerate(captures):
        if capture.name in seen:
            yield ("capture", index, "name"), f'"{capture.name}" stands twice: say how the two captures differ'
        seen.add(capture.name)
        if (capture.expect is None) == (capture.error is None):
            yield ("capture", index), 'write exactly one of expect = { ... } and error = "..."'
        if capture.expect is not None and not capture.expect:
            yield ("capture", index, "expect"), "write at least one value that the bytes mean"
        for name, value in (capture.expect or {}).items():
            if kinds is None:
                continue
            if name not in kinds:
                advice = f"the profile has no measurement of this name; it has: {', '.join(sorted(kinds))}"
                yield ("capture", index, "expect", name), advice
            elif wanted := _unfit_capture_value(kinds[name], value):
                yield ("capture", index, "expect", name), f"{value!r} is no value of a {kinds[name]}: write {wanted}"
    if all(capture.expect is None for capture in captures):
        yield ("capture",), "there are only bad bytes: add a capture of good ones, with expect = { ... }"
    if all(capture.error is None for capture in captures):
        yield ("capture",), 'there are only good bytes: add a capture that the driver refuses, with error = "..."'


def _unfit_capture_value(kind: str, value: object) -> str | None:
    """What to write instead of `value`, or None where it fits. A list stands for values that follow each other."""
    values = value if isinstance(value, list) else [value]
    if kind in ("number", "waveform"):
        is_fit = all(type(each) is int and each in _I64 for each in values)
        return None if is_fit else "a whole number of steps, such as 2150 for 21.5 at exponent = -2"
    if kind == "bytes":
        is_fit = all(isinstance(each, str) and _is_hex(each) for each in values)
        return None if is_fit else 'bytes in hex, such as "01ff"'
    is_fit = all(type(each) in _TYPES[kind] for each in values)
    return None if is_fit else {"boolean": "true or false", "text": 'a text, such as "open"'}.get(kind, "a number")


def _is_hex(text: str) -> bool:
    try:
        bytes.fromhex(text)
    except ValueError:
        return False
    return True


def _measurement_mistakes(table: MeasurementTable) -> Iterator[Mistake]:
    if table.unit is not None and (advice := unit_advice(table.unit)):
        yield ("unit",), f'"{table.unit}" may not stand in a SenML pack: {advice}'
    if table.exponent != 0 and table.kind not in _WITH_EXPONENT:
        yield ("exponent",), f'a {table.kind} has no resolution: leave exponent out, or write kind = "number"'
    if (table.rate_hz is None) == (table.kind == "waveform"):
        advice = (
            "write the samples a second, such as rate_hz = 80" if table.rate_hz is None else "only a waveform has one"
        )
        yield ("rate_hz",), advice
    elif table.rate_hz is not None and not 0 < table.rate_hz <= 1_000_000:
        yield ("rate_hz",), "write the samples a second, more than 0 and at most 1000000"
    for key, bound in (("min", table.min), ("max", table.max)):
        if bound is not None:
            yield from _bound_mistakes(table, (key,), bound)
    if table.min is not None and table.max is not None and not table.min < table.max:
        yield ("min",), f"must be less than max = {table.max}"
    if table.uncertainty is not None:
        if table.kind not in ("number", "float"):
            yield ("uncertainty",), f"a {table.kind} has none: leave it out"
        elif not (math.isfinite(table.uncertainty) and table.uncertainty > 0):
            yield ("uncertainty",), "write more than 0, in the unit (expanded, k = 2), such as uncertainty = 0.2"
    if table.alarm_when is not None:
        yield from _alarm_mistakes(table, table.alarm_when)


def _bound_mistakes(table: MeasurementTable, key: Path, bound: int | float) -> Iterator[Mistake]:
    if table.kind not in _WITH_BOUNDS:
        yield key, f"a {table.kind} has no bounds: leave it out"
    elif not math.isfinite(bound):
        yield key, "write a finite number, or leave the bound out"
    elif table.kind in _WITH_EXPONENT:
        mantissa = mantissa_of(bound, table.exponent)
        if mantissa is None:
            yield key, f"{bound} is not a whole number of steps of 1e{table.exponent} (exponent = {table.exponent})"
        elif mantissa not in _I64:
            yield key, f"{bound} at exponent = {table.exponent} does not fit into 64 bits: use a coarser exponent"


def _alarm_mistakes(table: MeasurementTable, rule: AlarmWhen) -> Iterator[Mistake]:
    if rule.above is None and rule.below is None and rule.equals is None:
        yield ("alarm_when",), "write at least one of above, below and equals, as in alarm_when = { above = 60.0 }"
    if (rule.text_it is None) != (rule.text_en is None):
        missing = "text_it" if rule.text_it is None else "text_en"
        yield ("alarm_when", missing), "write both text_it and text_en, or neither"
    if table.kind in ("bytes", "waveform"):
        yield ("alarm_when",), f"a {table.kind} cannot be compared: let the application report a boolean of its own"
        return
    for key, advice in _comparison_mistakes(table, rule):
        yield ("alarm_when", key), advice


def _comparison_mistakes(table: MeasurementTable, rule: AlarmWhen | CommissioningTable) -> Iterator[tuple[str, str]]:
    """Whether above, below and equals can be compared with a value of this measurement, exactly."""
    for key, bound in (("above", rule.above), ("below", rule.below)):
        if bound is not None:
            for _, advice in _bound_mistakes(table, (key,), bound):
                yield key, advice
    if rule.equals is None:
        return
    if type(rule.equals) not in _TYPES[table.kind]:
        yield "equals", f"{rule.equals!r} can never be the value of a {table.kind}"
    elif isinstance(rule.equals, int | float) and not isinstance(rule.equals, bool):
        for _, advice in _bound_mistakes(table, ("equals",), rule.equals):
            yield "equals", advice


def _commissioning_mistakes(
    check: CommissioningTable, by_name: Mapping[str, MeasurementTable]
) -> Iterator[tuple[str, str]]:
    """(key or empty for the whole table, what to write)."""
    if check.changes is False:
        yield "changes", "write changes = true, or leave it out"
    compared = [key for key in ("above", "below", "equals") if getattr(check, key) is not None]
    if not compared and not check.changes:
        yield "", "write at least one of above, below, equals and changes, as in changes = true"
    table = by_name.get(check.measurement)
    if table is None:
        known = ", ".join(sorted(by_name))
        yield "measurement", f'the profile has no measurement "{check.measurement}"; write one of: {known}'
        return
    if table.kind in ("bytes", "waveform"):
        for key in compared:
            yield key, f"a {table.kind} cannot be compared: write changes = true, or name another measurement"
        return
    mistakes = list(_comparison_mistakes(table, check))
    yield from mistakes
    if mistakes:
        return
    above, below = check.above, check.below
    if check.equals is not None and (above is not None or below is not None):
        yield "equals", "says all: leave out above and below, or leave out equals"
    if above is not None and below is not None and not above < below:
        yield "above", f"must be less than below = {below}: both must hold for one value"
    if above is not None and table.max is not None and not above < table.max:
        yield "above", f"is never passed by a plausible value: write less than max = {table.max}"
    if below is not None and table.min is not None and not below > table.min:
        yield "below", f"is never passed by a plausible value: write more than min = {table.min}"


def _power_mistakes(power: Power) -> Iterator[tuple[str, str]]:
    for key in _CELL_KEYS:
        is_given = getattr(power, key) is not None
        if power.source == "battery" and not is_given:
            yield key, f"is missing: a battery's energy account needs it, write {EXAMPLES[key]}"
        elif is_given and power.source == "solar" and key != "capacity_mah":
            yield key, "belongs to a battery: leave it out (solar may say capacity_mah of its buffer)"
        elif is_given and power.source not in ("battery", "solar"):
            yield key, f'belongs to a battery: leave it out, or write source = "battery" instead of "{power.source}"'
    at_least_0 = (("self_discharge_pct_year", power.self_discharge_pct_year), ("sleep_ua", power.sleep_ua))
    more_than_0 = (("capacity_mah", power.capacity_mah), ("volts", power.volts), ("usable_pct", power.usable_pct))
    for key, value in more_than_0:
        if value is not None and not (math.isfinite(value) and value > 0):
            yield key, f"write more than 0, such as {EXAMPLES[key]}"
    for key, value in at_least_0:
        if value is not None and not (math.isfinite(value) and value >= 0):
            yield key, f"write 0 or more, such as {EXAMPLES[key]}"
    for key in ("usable_pct", "self_discharge_pct_year"):
        value = getattr(power, key)
        if value is not None and value > 100:
            yield key, f"is a share in %: write at most 100, such as {EXAMPLES[key]}"


def _calibration_mistakes(calibration: Calibration) -> Iterator[tuple[str, str]]:
    if calibration.kind == "type" and calibration.date is None:
        yield "date", "is missing: write when the model was calibrated, such as date = 2026-03-01"
    if calibration.kind == "individual" and calibration.date is not None:
        yield "date", "each device has its own, given when its node is added: leave it out"
    elif calibration.kind != "type" and calibration.date is not None:
        yield "date", f'belongs to kind = "type" alone: leave it out, or write "type" instead of "{calibration.kind}"'
    if calibration.kind == "none" and calibration.valid_months:
        yield "valid_months", "without a calibration nothing expires: leave it out"


def _setting_mistakes(setting: Setting) -> Iterator[tuple[str, str]]:
    is_number = isinstance(setting.default, int | float) and not isinstance(setting.default, bool)
    for key, bound in (("min", setting.min), ("max", setting.max)):
        if bound is not None and not is_number:
            yield key, "only a number has bounds: leave it out"
        elif bound is not None and not math.isfinite(bound):
            yield key, "write a finite number, or leave the bound out"
    if not is_number:
        return
    assert isinstance(setting.default, int | float)
    if not math.isfinite(setting.default):
        yield "default", "write a finite number"
    if setting.min is not None and setting.max is not None and setting.min > setting.max:
        yield "min", f"is more than max = {setting.max}"
    if setting.min is not None and setting.default < setting.min:
        yield "default", f"{setting.default} is less than min = {setting.min}"
    if setting.max is not None and setting.default > setting.max:
        yield "default", f"{setting.default} is more than max = {setting.max}"
