# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Profiles from a folder: every sub-folder with a profile.toml is one device.

Reading stops at nothing: `find_mistakes` goes through the whole folder and names every mistake it can;
`load_profiles` raises the first. An optional folder of a city's own profiles has the same form as this one.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from device_profiles import schema
from device_profiles.build import build_profile
from device_profiles.errors import ProfileError
from device_profiles.profile import Profile
from device_profiles.rules import Mistake, captures_mistakes, measurements_mistakes, profile_mistakes
from device_profiles.toml_lines import LineIndex
from device_profiles.toml_lines import Path as KeyPath

SHIPPED = Path(__file__).parent
PROFILE_FILE, CAPTURES_FILE, SOURCE_FILE, OWN_FILE = "profile.toml", "captures.toml", "source.md", "own.toml"

_File = TypeVar("_File", schema.ProfileFile, schema.OwnFile, schema.CapturesFile)

# Which table stands at a path; list indices are written [] and names of settings *.
_TABLES: Mapping[str, type[msgspec.Struct]] = {
    "device": schema.Device,
    "text": schema.Texts,
    "text.it": schema.Words,
    "text.en": schema.Words,
    "firmware": schema.Firmware,
    "firmware.settings.*": schema.Setting,
    "power": schema.Power,
    "calibration": schema.Calibration,
    "commissioning.[]": schema.CommissioningTable,
    "measurement.[]": schema.MeasurementTable,
    "measurement.[].alarm_when": schema.AlarmWhen,
    "capture.[]": schema.CaptureTable,
}

# What to write where a key is missing or of the wrong form.
_EXAMPLES: Mapping[str, str] = {
    "id": 'id = "parking-qmc5883l"',
    "version": "version = 1",
    "family": 'family = "parking"',
    "vendor": 'vendor = "QST"',
    "model": 'model = "QMC5883L"',
    "source": 'source = "QMC5883L datasheet 1.0, section 9.2" (for [power]: source = "battery")',
    "name": 'name = "water_level"',
    "description": 'description = "one sentence"',
    "app": 'app = "parking"',
    "board": 'board = "esp32_generic"',
    "default": "default = 10",
    "text_it": 'text_it = "Temperatura dell\'aria"',
    "text_en": 'text_en = "Air temperature"',
    "kind": 'kind = "number" (or boolean, text, float, bytes, waveform)',
    "lane": 'lane = "trend" (or record, alarm)',
    "deadline_s": "deadline_s = 300",
    "unit": 'unit = "Cel"',
    "exponent": "exponent = -2",
    "rate_hz": "rate_hz = 80",
    "min": "min = -40.0",
    "max": "max = 85.0",
    "alarm_when": "alarm_when = { above = 60.0 }",
    "device": "a table [device] with id, version, family, vendor, model and source",
    "text": "tables [text.it] and [text.en] with name and description",
    "it": "a table [text.it] with name and description",
    "en": "a table [text.en] with name and description",
    "firmware": "a table [firmware] with app and board",
    "power": 'a table [power] with source = "mains"',
    "cell": 'cell = "Li-SOCl2 D, 3.6 V"',
    "capacity_mah": "capacity_mah = 19000",
    "volts": "volts = 3.6",
    "usable_pct": "usable_pct = 85",
    "self_discharge_pct_year": "self_discharge_pct_year = 1",
    "sleep_ua": "sleep_ua = 25",
    "calibration": 'a table [calibration] with kind = "factory", text_it and text_en',
    "date": "date = 2026-03-01",
    "valid_months": "valid_months = 24",
    "commissioning": "tables [[commissioning]] with id, measurement, text_it, text_en and within_s",
    "within_s": "within_s = 120",
    "above": "above = 2.0",
    "below": "below = 60.0",
    "changes": "changes = true",
    "severity": 'severity = "warning" (or critical)',
    "uncertainty": "uncertainty = 0.2",
    "measurement": "at least one table [[measurement]]",
    "capture": "at least one table [[capture]]",
    "raw": 'raw = "01 ff 00"',
    "expect": "expect = { occupied = true }",
}


def load_profiles(folder: Path | None = None) -> dict[str, Profile]:
    """Every profile of `folder` (None: the shipped ones), by id.

    Raises:
        ProfileError: the first mistake, with file, line and key.
    """
    profiles: dict[str, Profile] = {}
    for path in _profile_paths(folder or SHIPPED):
        profile = load_profile(path)
        profiles[profile.id] = profile
    return profiles


def load_profile(path: Path) -> Profile:
    """The profile in the file `path`.

    Raises:
        ProfileError: the first mistake, with file, line and key.
    """
    own = _load_own()
    table = _read(path, schema.ProfileFile)
    _raise_first(path, profile_mistakes(table, path.parent.name, own))
    return build_profile(table, list(own.values()), path.parent)


def find_mistakes(folder: Path | None = None) -> tuple[list[Profile], int, list[ProfileError]]:
    """Read everything in `folder`, captures too, and go on after a mistake.

    Returns:
        The profiles without a mistake, how many captures were read, and every mistake found.
    """
    root = folder or SHIPPED
    profiles: list[Profile] = []
    mistakes: list[ProfileError] = []
    captures_count = 0
    try:
        paths = _profile_paths(root)
        own = _load_own()
    except ProfileError as error:
        return [], 0, [error]
    for path in paths:
        kinds: Mapping[str, str] | None = None
        try:
            table = _read(path, schema.ProfileFile)
        except ProfileError as error:
            mistakes.append(error)
        else:
            kinds = {entry.name: entry.kind for entry in (*own.values(), *table.measurement)}
            found = _located(path, profile_mistakes(table, path.parent.name, own))
            mistakes.extend(found)
            if not found:
                profiles.append(build_profile(table, list(own.values()), path.parent))
        captures_path = path.with_name(CAPTURES_FILE)
        try:
            captures = _read(captures_path, schema.CapturesFile).capture
        except ProfileError as error:
            mistakes.append(error)
        else:
            captures_count += len(captures)
            mistakes.extend(_located(captures_path, captures_mistakes(captures, kinds)))
        mistakes.extend(_source_mistakes(path.with_name(SOURCE_FILE)))
    return profiles, captures_count, mistakes


def load_captures(profile: Profile) -> list[schema.CaptureTable]:
    """The captures beside a profile.

    Raises:
        ProfileError: no file, or a mistake in it.
    """
    path = profile.folder / CAPTURES_FILE
    captures = _read(path, schema.CapturesFile).capture
    _raise_first(path, captures_mistakes(captures, {name: row.kind for name, row in profile.measurements.items()}))
    return captures


def _profile_paths(folder: Path) -> list[Path]:
    try:
        return sorted(child / PROFILE_FILE for child in folder.iterdir() if (child / PROFILE_FILE).is_file())
    except OSError as error:
        advice = (
            f"cannot be read ({error.strerror}): name a folder that has a folder with a {PROFILE_FILE} for each device"
        )
        raise ProfileError(folder, 0, "", advice) from error


def _source_mistakes(path: Path) -> list[ProfileError]:
    """source.md is for people: only whether somebody wrote it can be checked."""
    try:
        has_text = bool(path.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        has_text = False
    if has_text:
        return []
    advice = "write it: the data sheet with revision and section, and who measured or computed the captures"
    return [ProfileError(path, 0, "", advice)]


def _load_own() -> dict[str, schema.MeasurementTable]:
    path = SHIPPED / OWN_FILE
    tables = _read(path, schema.OwnFile).measurement
    _raise_first(path, measurements_mistakes(tables, frozenset()))
    return {table.name: table for table in tables}


def _read(path: Path, form: type[_File]) -> _File:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProfileError(
            path, 0, "", f"cannot be read ({error.strerror}): write the file, or remove its folder"
        ) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ProfileError(path, line, "", "is not UTF-8: save the file as UTF-8") from error
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits and a list nested a thousand times are no TOMLDecodeError.
        place = re.search(r"at line (\d+)", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise ProfileError(path, line, "", f"is not TOML: {error}") from error
    try:
        return msgspec.convert(data, form)
    except msgspec.ValidationError as error:
        keys, advice = _explain(str(error), data)
        raise ProfileError(path, LineIndex(text).line_of(keys), _written(keys), advice) from error


def _explain(message: str, data: Mapping[str, object]) -> tuple[KeyPath, str]:
    """Turn a message of msgspec into (path of keys, what to write)."""
    what, _, where = message.partition(" - at `$")
    keys = _keys_of(where.rstrip("`"), data)
    if match := re.search(r"missing required field `(.+)`", what):
        key = match[1]
        return (*keys, key), f"is missing: write {_EXAMPLES.get(key, key + ' = ...')}"
    if match := re.search(r"contains unknown field `(.+)`", what):
        key = match[1]
        form = _TABLES.get(".".join("[]" if isinstance(k, int) else str(k) for k in _generic(keys)))
        known = list(form.__struct_fields__) if form else [t for t in _TABLES if "." not in t]
        near = difflib.get_close_matches(key, known, n=1)
        advice = f'did you mean "{near[0]}"?' if near else "known here: " + ", ".join(known)
        return (*keys, key), f"is not a key of this table; {advice}"
    last = next((key for key in reversed(keys) if isinstance(key, str)), "")
    example = f"; write for example {_EXAMPLES[last]}" if last in _EXAMPLES else ""
    return keys, what.replace("`", "") + example


def _keys_of(where: str, data: Mapping[str, object]) -> KeyPath:
    """The path in a message, `.a[0].b`; msgspec writes `[...]` for a key of a free table, which we look for."""
    keys: KeyPath = ()
    for name, index in re.findall(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]", where):
        if name:
            keys = (*keys, name)
        elif index == "...":
            keys = (*keys, _faulty_setting(data)) if keys == ("firmware", "settings") else keys
        else:
            keys = (*keys, int(index))
    return keys


def _faulty_setting(data: Mapping[str, object]) -> str:
    """The first setting that does not have the form of one: the message does not say which."""
    firmware = data["firmware"]
    assert isinstance(firmware, dict)
    for name, table in firmware["settings"].items():
        try:
            msgspec.convert(table, schema.Setting)
        except msgspec.ValidationError:
            return str(name)
    raise AssertionError("a setting was refused, yet each alone is accepted")


def _generic(keys: KeyPath) -> KeyPath:
    return (*keys[:2], "*", *keys[3:]) if keys[:2] == ("firmware", "settings") and len(keys) > 2 else keys


def _written(keys: KeyPath) -> str:
    """A path as people write it: measurement[1].unit."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def _located(path: Path, mistakes: Iterable[Mistake]) -> list[ProfileError]:
    found = list(mistakes)
    if not found:
        return []
    lines = LineIndex(path.read_text(encoding="utf-8"))
    return [ProfileError(path, lines.line_of(keys), _written(keys), advice) for keys, advice in found]


def _raise_first(path: Path, mistakes: Iterable[Mistake]) -> None:
    for error in _located(path, mistakes):
        raise error
