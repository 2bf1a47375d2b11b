# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Shortening the firmware's names changes no meaning: tests/vm runs the shortened firmware, and these are its rules."""

from __future__ import annotations

import ast
from pathlib import Path

from tools.short_names import shorten

FIRMWARE = Path(__file__).resolve().parents[3] / "firmware"

BASE = """class Base:
    def __init__(self):
        self._held = 1
"""
DERIVED = """from node_core.base import Base

COUNT = 7
_MOST = 5
_LATER_MS = _MOST * 1000
_ODD = [_MOST, COUNT]


class Derived(Base):
    def __init__(self, first, second=_MOST, *, third=0):
        super().__init__()
        self._own = first + second
        self.show = lambda first: (first, second)

    def _add(self, other):
        return getattr(self, "_kept") or other._alien + self._kept
"""
STRANGER = """from node_core.derived import Derived


class Stranger:
    def __init__(self, given):
        self._alien = Derived(given, second=2)
        self._apart = 3
"""


SOURCES = {"node_core/base.py": BASE, "node_core/derived.py": DERIVED, "node_core/stranger.py": STRANGER}


def test_what_may_meet_on_one_object_differs_and_the_rest_repeats() -> None:
    """A class and its base in another module keep their names apart, and one that is looked into; the others' repeat."""
    short = {full: each for _, each, full in shorten(SOURCES)[1]}
    assert set(short) == {"_held", "_own", "_add", "_alien", "_apart", "_ODD"}
    assert len({short[name] for name in ("_held", "_own", "_add", "_alien", "_ODD")}) == 5
    assert len({short[name] for name in ("_apart", "_own", "_add", "_alien", "_ODD")}) == 5
    assert short["_apart"] == short["_held"], "Stranger and Base never meet"


def test_constants_arguments_and_strings() -> None:
    """Constants vanish into the code, arguments repeat, and what a keyword or a string names stays."""
    derived = shorten(SOURCES)[0]["node_core/derived.py"]
    assert (
        "_COUNT = const(7)" in derived
        and "_MOST = const(5)" in derived
        and "_LATER_MS = const(_MOST * 1000)" in derived
    )
    assert "_ODD" not in derived and "= [_MOST, _COUNT]" in derived, "a list is no constant, but a private name"
    assert "def __init__(self, _1, second=_MOST, *, third=0):" in derived
    assert "= _1 + second" in derived and "lambda _2: (_2, second)" in derived
    assert '"_kept"' in derived and "self._kept" in derived


def test_the_firmware_keeps_its_lines_and_loses_no_name() -> None:
    """Each file has as many lines, parses, and in no module do two names become one."""
    paths = sorted(
        path for folder in ("node_core", "node_io", "apps", "boards") for path in FIRMWARE.rglob(f"{folder}/**/*.py")
    )
    paths += [FIRMWARE / name for name in ("runtime.py", "duty_cycle.py", "version.py")]
    sources = {str(path.relative_to(FIRMWARE)): path.read_text(encoding="utf-8") for path in paths}
    shortened, told = shorten(sources)
    for path, source in sources.items():
        assert shortened[path].count("\n") == source.count("\n"), path
        ast.parse(shortened[path])
        renamed = [(short, full) for where, short, full in told if where == path]
        assert len({short for short, _ in renamed}) == len(renamed), path
    assert len(told) > 500
