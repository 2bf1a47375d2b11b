# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Profiles from a folder: every sub-folder with a profile.toml is one device.

Reading stops at nothing: `find_mistakes` goes through the whole folder and names every mistake it can;
`load_profiles` raises the first. An optional folder of a city's own profiles has the same form as this one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from device_profiles import schema
from device_profiles.build import build_profile
from device_profiles.errors import ProfileError
from device_profiles.form import Form, read_form
from device_profiles.profile import Profile
from device_profiles.rules import Mistake, captures_mistakes, measurements_mistakes, profile_mistakes
from device_profiles.toml_lines import LineIndex
from device_profiles.toml_lines import Path as KeyPath

SHIPPED = Path(__file__).parent
PROFILE_FILE, CAPTURES_FILE, SOURCE_FILE, OWN_FILE = "profile.toml", "captures.toml", "source.md", "own.toml"

_File = TypeVar("_File", schema.ProfileFile, schema.OwnFile, schema.CapturesFile)


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
            table, form = _read_mended(path, schema.ProfileFile)
        except ProfileError as error:
            mistakes.append(error)
        else:
            if any(keys[0] == "measurement" for keys in form.doubtful):
                form.doubtful.append(("commissioning",))  # which names measurements, and compares with them
            else:
                kinds = {entry.name: entry.kind for entry in (*own.values(), *table.measurement)}
            found = _all_located(path, form, profile_mistakes(table, path.parent.name, own))
            mistakes.extend(found)
            if not found:
                profiles.append(build_profile(table, list(own.values()), path.parent))
        captures_path = path.with_name(CAPTURES_FILE)
        try:
            captures_table, form = _read_mended(captures_path, schema.CapturesFile)
        except ProfileError as error:
            mistakes.append(error)
        else:
            captures = captures_table.capture
            found = _all_located(captures_path, form, captures_mistakes(captures, kinds))
            captures_count += 0 if form.mistakes else len(captures)
            mistakes.extend(found)
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
    """Raises: ProfileError: the first mistake of form."""
    table, shape = _read_mended(path, form)
    _raise_first(path, shape.mistakes)
    return table


def _read_mended(path: Path, form: type[_File]) -> tuple[_File, Form]:
    """The file with its mistakes of form exchanged for something of the right form, and what they were.

    Raises:
        ProfileError: it cannot be read, or is not TOML.
    """
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
        return msgspec.convert(data, form), Form()
    except msgspec.ValidationError:
        shape = read_form(data, form)
        return msgspec.convert(shape.mended, form), shape


def _written(keys: KeyPath) -> str:
    """A path as people write it: measurement[1].unit."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def _located(path: Path, mistakes: Iterable[Mistake]) -> list[ProfileError]:
    found = list(mistakes)
    if not found:
        return []
    lines = LineIndex(path.read_text(encoding="utf-8"))
    return [ProfileError(path, lines.line_of(keys), _written(keys), advice) for keys, advice in found]


def _all_located(path: Path, form: Form, of_rules: Iterable[Mistake]) -> list[ProfileError]:
    """Mistakes of form and of the rules; where there are both, in the order of the lines."""
    if not form.mistakes:
        return _located(path, of_rules)
    behind = [mistake for mistake in of_rules if not form.is_doubtful(mistake[0])]
    return sorted(_located(path, [*form.mistakes, *behind]), key=lambda mistake: mistake.line)


def _raise_first(path: Path, mistakes: Iterable[Mistake]) -> None:
    for error in _located(path, mistakes):
        raise error
