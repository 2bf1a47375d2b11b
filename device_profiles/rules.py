# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a schema cannot say of a profile: units, bounds that fit the resolution, keys that go together.

Pure: tables in, mistakes out. A mistake is (path of keys, what to write); `files.py` adds file and line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from device_profiles.profile import mantissa_of
from device_profiles.schema import CaptureTable, MeasurementTable, ProfileFile, Setting
from device_profiles.toml_lines import Path
from device_profiles.units import unit_advice

Mistake = tuple[Path, str]

_WITH_EXPONENT = ("number", "waveform")
_WITH_BOUNDS = ("number", "waveform", "float")
_I64 = range(-(2**63), 2**63)


def profile_mistakes(profile: ProfileFile, folder_name: str, own_names: frozenset[str]) -> Iterator[Mistake]:
    """Every mistake of profile.toml that its schema lets through."""
    if profile.device.id != folder_name:
        yield ("device", "id"), f'the folder is named "{folder_name}": write id = "{folder_name}", or rename the folder'
    for name, setting in profile.firmware.settings.items():
        for key, advice in _setting_mistakes(setting):
            yield ("firmware", "settings", name, key), advice
    yield from measurements_mistakes(profile.measurement, own_names)


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


def captures_mistakes(captures: Sequence[CaptureTable], names: frozenset[str] | None) -> Iterator[Mistake]:
    """Every mistake of captures.toml that its schema lets through. `names` None: the profile is not known."""
    seen: set[str] = set()
    for index, capture in enumerate(captures):
        if capture.name in seen:
            yield ("capture", index, "name"), f'"{capture.name}" stands twice: say how the two captures differ'
        seen.add(capture.name)
        if (capture.expect is None) == (capture.error is None):
            yield ("capture", index), 'write exactly one of expect = { ... } and error = "..."'
        if capture.expect is not None and not capture.expect:
            yield ("capture", index, "expect"), "write at least one value that the bytes mean"
        for name in capture.expect or {}:
            if names is not None and name not in names:
                advice = f"the profile has no measurement of this name; it has: {', '.join(sorted(names))}"
                yield ("capture", index, "expect", name), advice


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
    if table.alarm_when is not None:
        yield from _alarm_mistakes(table)


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


def _alarm_mistakes(table: MeasurementTable) -> Iterator[Mistake]:
    rule = table.alarm_when
    assert rule is not None
    given = [
        key
        for key, value in (("above", rule.above), ("below", rule.below), ("equals", rule.equals))
        if value is not None
    ]
    if not given:
        yield ("alarm_when",), "write at least one of above, below and equals, as in alarm_when = { above = 60.0 }"
    if table.kind in ("bytes", "waveform"):
        yield ("alarm_when",), f"a {table.kind} cannot be compared: let the application report a boolean of its own"
        return
    for key, bound in (("above", rule.above), ("below", rule.below)):
        if bound is not None:
            yield from _bound_mistakes(table, ("alarm_when", key), bound)
    if rule.equals is None:
        return
    fitting = {"boolean": (bool,), "text": (str,), "number": (int, float), "float": (int, float)}[table.kind]
    if type(rule.equals) not in fitting:
        yield ("alarm_when", "equals"), f"{rule.equals!r} can never be the value of a {table.kind}"
    elif table.kind == "number" and isinstance(rule.equals, int | float):
        yield from _bound_mistakes(table, ("alarm_when", "equals"), rule.equals)


def _setting_mistakes(setting: Setting) -> Iterator[tuple[str, str]]:
    is_number = isinstance(setting.default, int | float) and not isinstance(setting.default, bool)
    for key, bound in (("min", setting.min), ("max", setting.max)):
        if bound is not None and not is_number:
            yield key, "only a number has bounds: leave it out"
    if not is_number:
        return
    assert isinstance(setting.default, int | float)
    if setting.min is not None and setting.default < setting.min:
        yield "default", f"{setting.default} is less than min = {setting.min}"
    if setting.max is not None and setting.default > setting.max:
        yield "default", f"{setting.default} is more than max = {setting.max}"
