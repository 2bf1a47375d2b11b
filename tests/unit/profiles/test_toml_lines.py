# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Places of keys in TOML."""

from __future__ import annotations

import tomllib

from device_profiles.toml_lines import LineIndex

TEXT = '''\
top = [
  "a # no comment", # [x]
  "]",
]
"quoted key" = 1
dotted.inner = 2
[[list]]
text = """
[[list]]
name = "not here \\" ="
"""
name = 'first'
[[list]] # the second
  name = "second" # name = 3
  [list.sub]
  deep = { a = 1,  b = [1, 2] }
[table . spaced]
key = 1
'''


def test_each_key_is_found_on_its_own_line() -> None:
    """Strings over several lines, brackets in strings, comments and sub-tables do not move a place."""
    assert tomllib.loads(TEXT)["list"][1]["sub"]["deep"]["a"] == 1
    lines = LineIndex(TEXT)
    places = {
        ("top",): 1,
        ("quoted key",): 5,
        ("dotted", "inner"): 6,
        ("list", 0): 7,
        ("list", 0, "text"): 8,
        ("list", 0, "name"): 12,
        ("list", 1): 13,
        ("list", 1, "name"): 14,
        ("list", 1, "sub"): 15,
        ("list", 1, "sub", "deep"): 16,
        ("table", "spaced", "key"): 18,
    }
    assert {path: lines.line_of(path) for path in places} == places


def test_a_key_without_a_place_answers_with_its_parents() -> None:
    """A missing key is shown at its table, a key of an inline table at its line, an unknown one at the top."""
    lines = LineIndex(TEXT)
    asked = (("list", 1, "missing"), ("list", 1, "sub", "deep", "b"), ("nothing",))
    assert [lines.line_of(path) for path in asked] == [13, 16, 1]
