# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Every mistake of form in a file of profiles: unknown and missing keys, types, words out of their lists.

msgspec ends at the first mistake. This walks the same structures key by key, and makes a mended copy of the tables as it goes:
what is wrong is exchanged for something of the right form, so that the rules behind the form can be asked of the rest as well.
Pure: tables in, mistakes out.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from device_profiles.toml_lines import Path

# What to write where a key is missing or of the wrong form.
EXAMPLES: Mapping[str, str] = {
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

# A value of the right form for every key that has to be there.
_STAND_INS = (1, "a", False, "number", "trend", "mains", "none", "00")
# Whatever these say, no rule that looks at other keys of the table depends on it.
_ALONE = frozenset({
    "version", "family", "vendor", "model", "lane", "deadline_s", "severity", "within_s", "text_it", "text_en",
})  # fmt: skip


@dataclass
class Form:
    """What the walk found.

    Attributes:
        mistakes: (path of keys, what to write), in the order of the file's tables.
        doubtful: tables of which something that rules look at was exchanged: what a rule says of them says nothing.
        mended: the tables, of the right form.
    """

    mistakes: list[tuple[Path, str]] = field(default_factory=list)
    doubtful: list[Path] = field(default_factory=list)
    mended: dict[str, Any] = field(default_factory=dict)

    def is_doubtful(self, keys: Path) -> bool:
        """Whether a rule's mistake at `keys` may come from what was exchanged."""
        return any(keys[: len(table)] == table or table[: len(keys)] == keys for table in self.doubtful)


def read_form(data: Mapping[str, Any], struct: type[msgspec.Struct]) -> Form:
    """Walk `data` as a table of the form `struct`."""
    form = Form()
    form.mended = _walk_table(data, struct, (), form)
    return form


def _walk_table(data: Mapping[str, Any], struct: type[msgspec.Struct], keys: Path, form: Form) -> dict[str, Any]:
    hints = typing.get_type_hints(struct, include_extras=True)
    fields = {each.name: each for each in msgspec.structs.fields(struct)}
    mended: dict[str, Any] = {}
    guessed: set[str] = set()
    for key, value in data.items():
        if key in fields:
            mended[key] = _walk(value, hints[key], (*keys, key), form, is_needed=fields[key].required)
            if mended[key] is None:
                del mended[key]
            continue
        near = difflib.get_close_matches(key, fields, n=1)
        advice = f'did you mean "{near[0]}"?' if near else "known here: " + ", ".join(fields)
        form.mistakes.append(((*keys, key), f"is not a key of this table; {advice}"))
        if near and near[0] not in data:  # one mistake, not also a missing key
            guessed.add(near[0])
            _doubt(form, (*keys, near[0]))
    for key, each in fields.items():
        if key in mended or not each.required:
            continue
        if key not in guessed and key not in data:
            form.mistakes.append(((*keys, key), f"is missing: write {EXAMPLES.get(key, key + ' = ...')}"))
            _doubt(form, (*keys, key))
        mended[key] = _stand_in(hints[key])
    return mended


def _walk(value: Any, hint: Any, keys: Path, form: Form, *, is_needed: bool) -> Any:
    """`value`, or what stands for it; None: leave the key out."""
    kind = _bare(hint)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        return _walk_table(value, kind, keys, form)
    inner = typing.get_args(kind)
    if typing.get_origin(kind) is list and isinstance(value, list) and value and _is_struct(inner[0]):
        return [_walk(each, inner[0], (*keys, index), form, is_needed=True) for index, each in enumerate(value)]
    if typing.get_origin(kind) is dict and isinstance(value, dict) and _is_struct(inner[1]):
        return {name: _walk(each, inner[1], (*keys, name), form, is_needed=True) for name, each in value.items()}
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        what = str(error).partition(" - at `$")[0].replace("`", "")
        last = next((key for key in reversed(keys) if isinstance(key, str)), "")
        example = f"; write for example {EXAMPLES[last]}" if last in EXAMPLES else ""
        form.mistakes.append((keys, what + example))
        _doubt(form, keys)
        return _stand_in(hint) if is_needed else None
    return value


def _doubt(form: Form, keys: Path) -> None:
    if keys[-1] not in _ALONE:
        form.doubtful.append(keys[:-1] or keys)


def _stand_in(hint: Any) -> Any:
    kind = _bare(hint)
    if _is_struct(kind):
        return _walk_table({}, kind, (), Form())
    if typing.get_origin(kind) is list:
        return [_stand_in(typing.get_args(kind)[0])]
    for value in _STAND_INS:
        try:
            msgspec.convert(value, hint)
        except msgspec.ValidationError:
            continue
        return value
    raise AssertionError(f"nothing stands in for {hint}")


def _bare(hint: Any) -> Any:
    """The type itself: without its description, and without `| None`."""
    if typing.get_origin(hint) is typing.Annotated:
        return _bare(typing.get_args(hint)[0])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        one = [each for each in typing.get_args(hint) if each is not types.NoneType]
        return _bare(one[0]) if len(one) == 1 else hint
    return hint


def _is_struct(hint: Any) -> bool:
    kind = _bare(hint)
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
