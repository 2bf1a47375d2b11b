# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A reader of JSON Schema, of the words that profile.schema.json uses: what an editor would underline.

It knows nothing of msgspec, so it says whether the exported file means what the structures mean. A word that it does
not know is an error here, never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

_NOTES = {"title", "description", "default", "$schema", "$defs", "$ref", "anyOf"}


def faults_of(value: Any, schema: dict[str, Any], root: dict[str, Any], path: str = "$") -> Iterator[str]:
    """Where `value`, as tomllib reads it, is not what `schema` allows. `root` holds the definitions."""
    for word, rule in schema.items():
        if word not in _NOTES:
            yield from _WORDS[word](value, rule, schema, root, path)
    if "$ref" in schema:
        yield from faults_of(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root, path)
    if "anyOf" in schema and all(list(faults_of(value, one, root, path)) for one in schema["anyOf"]):
        yield f"{path}: none of the allowed forms"


def _type(value: Any, rule: str, _schema: Any, _root: Any, path: str) -> Iterator[str]:
    types: dict[str, type | tuple[type, ...]] = {
        "object": dict,
        "array": list,
        "string": (str, date),
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    is_of_type = isinstance(value, types[rule]) and (rule == "boolean" or not isinstance(value, bool))
    if not is_of_type:
        yield f"{path}: is no {rule}"


def _properties(value: Any, rule: dict[str, Any], schema: Any, root: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key in rule:
            yield from faults_of(inner, rule[key], root, f"{path}.{key}")


def _additional(value: Any, rule: Any, schema: Any, root: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    for key in value.keys() - schema.get("properties", {}).keys():
        if rule is False:
            yield f"{path}.{key}: unknown"
        else:
            yield from faults_of(value[key], rule, root, f"{path}.{key}")


def _required(value: Any, rule: list[str], _schema: Any, _root: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{path}.{key}: missing" for key in rule if key not in value)


def _items(value: Any, rule: dict[str, Any], _schema: Any, root: Any, path: str) -> Iterator[str]:
    for index, inner in enumerate(value if isinstance(value, list) else ()):
        yield from faults_of(inner, rule, root, f"{path}[{index}]")


def _bound(is_inside: Any) -> Any:
    def check(value: Any, rule: Any, _schema: Any, _root: Any, path: str) -> Iterator[str]:
        if is_inside(value, rule) is False:
            yield f"{path}: {value!r} against {rule!r}"

    return check


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_WORDS: dict[str, Any] = {
    "type": _type,
    "properties": _properties,
    "additionalProperties": _additional,
    "required": _required,
    "items": _items,
    "enum": _bound(lambda value, rule: value in rule),
    "format": _bound(lambda value, rule: isinstance(value, date) if rule == "date" else None),
    "pattern": _bound(lambda value, rule: re.search(rule, value) is not None if isinstance(value, str) else None),
    "minLength": _bound(lambda value, rule: len(value) >= rule if isinstance(value, str) else None),
    "minItems": _bound(lambda value, rule: len(value) >= rule if isinstance(value, list) else None),
    "minimum": _bound(lambda value, rule: value >= rule if _is_number(value) else None),
    "maximum": _bound(lambda value, rule: value <= rule if _is_number(value) else None),
}
