# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Shortening the firmware's names changes no meaning: tests/vm runs the shortened firmware, and these are its rules."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from tools.short_names import FOREIGN, FREE, STEMS, places, shorten

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
    private = {name for name in short if name[0] == "_"}
    assert private == {"_held", "_own", "_add", "_alien", "_apart", "_ODD"}
    assert len({short[name] for name in ("_held", "_own", "_add", "_alien", "_ODD")}) == 5
    assert len({short[name] for name in ("_apart", "_own", "_add", "_alien", "_ODD")}) == 5
    assert short["_apart"] == short["_held"], "Stranger and Base never meet"


def test_constants_arguments_and_strings() -> None:
    """Constants vanish into the code, arguments repeat, and what a keyword or a string names stays."""
    derived = shorten(SOURCES)[0]["node_core/derived.py"]
    one, two = FREE[:2]
    assert (
        "_COUNT = const(7)" in derived
        and "_MOST = const(5)" in derived
        and "_LATER_MS = const(_MOST * 1000)" in derived
    )
    assert "_ODD" not in derived and "= [_MOST, _COUNT]" in derived, "a list is no constant, but a private name"
    assert f"def __init__(self, {one}, second=_MOST, *, third=0):" in derived
    assert f"= {one} + second" in derived and f"lambda {two}: ({two}, second)" in derived
    assert '"_kept"' in derived and "self._kept" in derived


PROGRAM = """import machine

from node_core import ranges
from node_io import borrowed, nvs


class Fault(ValueError):
    pass


class Node:
    def __init__(self, pin):
        self.frames = borrowed.call("node_io.store", "find_frames", self)
        self.value = pin.value() + machine.frames_of(nvs.get("boots"))
        raise Fault("frames") if self.frames else Fault("find_frames of %s" % self)
"""
STORE = """from node_io.drivers import chip


def find_frames(node):
    return node.frames + chip.take_sample()
"""
CHIP = """def take_sample():
    return __import__("node_io.drivers." + "other", None, None, ("take_sample",))
"""


def test_public_names_and_modules() -> None:
    """What only the firmware means has one short name everywhere, also where it is borrowed; what MicroPython, a string, a keyword or
    another program may mean stays, and so do exceptions; and modules are found where they lie."""
    sources = {"runtime.py": PROGRAM, "node_io/store.py": STORE, "node_io/drivers/chip.py": CHIP}
    sources |= {
        "node_io/drivers/other.py": CHIP,
        "node_io/borrowed.py": "",
        "node_io/nvs.py": "",
        "node_core/ranges.py": "",
    }
    shortened, told = shorten(sources)
    short = {full: each for _, each, full in told}
    lies = {full: each for path, each, full in told if full == path[:-3].replace("/", ".")}
    assert lies.keys() == {path[:-3].replace("/", ".") for path in sources} - {"runtime", "node_io.nvs"}
    drivers = {"node_io.drivers.chip": "chip", "node_io.drivers.other": "other"}
    assert drivers.items() <= lies.items() and set(lies.values()) - {"chip", "other"} == set(STEMS[:3])
    ranges, borrowed = lies["node_core.ranges"], lies["node_io.borrowed"]
    short = {name: each for name, each in short.items() if name[0] != "_" and "." not in name}
    assert short.keys() == {"Node", "find_frames", "ranges", "borrowed"} and short["ranges"] == ranges
    assert short["Node"] != short["find_frames"] and {short["Node"], short["find_frames"]} <= set(FREE)
    runtime = shortened["runtime.py"]
    assert f'= {borrowed}.call("{lies["node_io.store"]}", "{short["find_frames"]}", self)' in runtime
    assert '"find_frames of %s"' in runtime
    assert f"import {ranges}\nimport {borrowed}; from node_io import nvs\n" in runtime
    assert "class Fault(" in runtime and ".frames =" in runtime and "pin.value()" in runtime.replace(FREE[0], "pin")
    assert f"import chip\n\n\ndef {short['find_frames']}(" in shortened["node_io/store.py"]
    assert '__import__("" + "other", ' in shortened["node_io/drivers/chip.py"]


def test_the_longest_modules_get_the_short_names_and_no_two_the_same() -> None:
    """A name that is taken is passed over, and where none is left a module keeps its own."""
    paths = [f"node_io/{'m' * length}.py" for length in range(1, len(STEMS) + 2)]
    lies = places(paths, {STEMS[0]})
    assert len(set(lies.values())) == len(paths)
    assert lies[paths[-1]] == f"{STEMS[1]}.py" and lies[paths[1]] == "mm.py" and lies[paths[2]] == f"{STEMS[-1]}.py"


def test_no_name_of_micropython_is_taken_for_ours() -> None:
    """The build shortens no name that the stubs of an ESP32's MicroPython know."""
    subprocess.run([FIRMWARE / "check_types.sh", "stubs"], env=os.environ | {"PYTHON": sys.executable}, check=True)
    stubs = FIRMWARE.parent / ".venv-stubs" / "1.26"
    known: set[str] = set()
    for path in stubs.rglob("*.pyi"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                known.add(node.name)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                known.add(node.target.id)
    _, told = shorten(_firmware())
    assert known > {"value", "readfrom_mem_into", "sleep_ms"}
    assert not {full for _, _, full in told if full[0] != "_"} & known - {"numbers"}
    assert not set(FREE) & FOREIGN and not set(STEMS) & {*FREE, *FOREIGN}
    assert not set(STEMS) & {path.stem for path in stubs.rglob("*.pyi")}, "a module of MicroPython's own"


def _firmware() -> dict[str, str]:
    paths = sorted(
        path for folder in ("node_core", "node_io", "apps", "boards") for path in FIRMWARE.rglob(f"{folder}/**/*.py")
    )
    paths += [FIRMWARE / name for name in ("runtime.py", "duty_cycle.py", "version.py")]
    return {str(path.relative_to(FIRMWARE)): path.read_text(encoding="utf-8") for path in paths}


def test_the_firmware_keeps_its_lines_and_loses_no_name() -> None:
    """Each file has as many lines, parses, and in no module do two names become one."""
    sources = _firmware()
    shortened, told = shorten(sources)
    for path, source in sources.items():
        assert shortened[path].count("\n") == source.count("\n"), path
        ast.parse(shortened[path])
        renamed = [(short, full) for where, short, full in told if where == path]
        assert len({short for short, _ in renamed}) == len(renamed), path
    assert len(told) > 500
