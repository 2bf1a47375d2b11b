# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What `gc.mem_alloc()` says on an ESP32 after a collection, estimated: a node's code in a 32-bit MicroPython, its data as
half of the 64-bit interpreter's, its names as a board keeps them, and what `asyncio` and MicroPython itself take.

Halving everything, as test_heap.py does, flatters: bytecode, names, and what arrays and texts hold are as large on either.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.interop.node_packages import installed
from tests.support.vm_run import ROOT, run_script
from tests.vm.test_heap import BUDGET_BYTES, heap_in_use, short_path
from tools.short_names import FOREIGN, FREE

__all__ = ["short_path"]

# Of the port: its file system (two caches of 128 bytes, littlefs's and the block device's objects, some 700 in all), the
# dictionaries of main.py, flashbdev and of the loaded modules, sys.path, two dozen objects. An estimate, rounded up: nobody has
# asked a board.
MICROPYTHON_BYTES = 2048

# Beside those of tools/short_names.py and the board's classes in heap_board.py: names that an ESP32's image has, for the
# firmware looks them up there; the last three in the libraries that it freezes (ntptime, dht, neopixel).
ALSO_IN_IMAGE = frozenset(
    """
    machine network esp32 cryptolib aes WDT urandom txpower password ssid readexactly drain wait_closed reset_cause asyncio asyncio.funcs
    asyncio.event asyncio.lock asyncio.stream stream funcs event lock core set_exception_handler get_event_loop open_connection create_task
    wait_for TimeoutError WLAN RTC deepsleep freq baudrate bits parity polarity rx tx rxbuf sck mosi miso scl sda atten reconnects
    readfrom_into writeto host humidity i
""".split()  # noqa: SIM905
)

RUNS_DIFFER_BYTES = 256  # by what the application is about when it is looked at

PROFILES = [
    "parking-qmc5883l",
    "parking-loading-mmc5983ma",
    "strain-ads1220",
    "strain-hx711",
    "climate-sht4x-veml7700",
    "dae-cabinet",
    "energy-em24",
    "water-pulse",
]


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """heap_32.mjs beside its package."""
    folder = tmp_path_factory.mktemp("loader")
    shutil.copy(ROOT / "tests/vm/scripts/heap_32.mjs", folder)
    (folder / "node_modules").symlink_to(installed())
    return folder / "heap_32.mjs"


def _code_bytes(loader: Path, firmware: Path, modules: str) -> tuple[int, list[str]]:
    """Bytes of the modules' code without its names, and these."""
    command: list[str | Path] = ["node", loader, firmware, modules]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^(\d+) ([\w.]+)$", done.stdout, re.MULTILINE)
    assert [row[1] for row in rows] == modules.split(","), done.stdout
    print("\n".join(" ".join(row) for row in rows))
    return sum(int(row[0]) for row in rows) - _bytes_of_names(done.stdout), _names(done.stdout)


def _heap_bytes(output: str, what: str = "heap") -> int:
    """The first such count."""
    found = re.search(rf"^{what} (\d+)", output, re.MULTILINE)
    assert found is not None, output
    return int(found[1])


def _names(output: str) -> list[str]:
    """Those that the last list has and a first one has not."""
    *before, after = output.split("qstr pool: ")[1:]
    known = set(re.findall(r"^Q\((.*)\)$", "".join(before), re.MULTILINE))
    return [name for name in re.findall(r"^Q\((.*)\)$", after, re.MULTILINE) if name not in known and name[:1] != "%"]


def _bytes_of_names(output: str) -> int:
    """By how much the bytes of names have grown between the first and the last count."""
    counts = [int(count) for count in re.findall(r"n_str_data_bytes=(\d+)", output)]
    assert len(counts) == 2, output
    return counts[1] - counts[0]


def _in_image() -> set[str]:
    """Names of which an ESP32 keeps no copy in memory."""
    board = ast.parse((ROOT / "tests/vm/scripts/heap_board.py").read_text(encoding="utf-8"))
    found = set(FREE) | FOREIGN | ALSO_IN_IMAGE
    for node in board.body:
        if isinstance(node, ast.ClassDef):
            found |= {each.name for each in ast.walk(node) if isinstance(each, ast.FunctionDef)} | {node.name}
            found |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        elif isinstance(node, ast.Assign):
            found |= {each.arg for each in ast.walk(node) if isinstance(each, ast.keyword) and each.arg}
    return found


def _names_on_a_board(names: set[str]) -> int:
    """Bytes: each name's text, a zero, and seven bytes of the tables, which double from 20 places on (py/qstr.c)."""
    size, places, tables = 20, 0, 0
    while places < len(names):
        tables += 32 + 7 * size
        places += size
        size *= 2
    return tables + sum(len(name.encode()) + 1 for name in names)


def _states(output: str) -> dict[str, int]:
    """Bytes of the 64-bit heap in each state, without names, and what arrays and texts hold a second time: 32 bits take half."""
    first = re.search(r"n_str_data_bytes=(\d+)", output)
    rows = re.findall(
        r"^heap (\d+) (\w+).*?^contents (\d+)$.*?n_str_data_bytes=(\d+)", output, re.MULTILINE | re.DOTALL
    )
    assert first is not None
    return {row[1]: int(row[0]) + int(row[2]) - (int(row[3]) - int(first[1])) for row in rows}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_node_fits_an_esp32(profile: str, loader: Path, short_path: Path, tmp_path: Path) -> None:
    """Connected and measuring, after commands, with a full queue and in an outage, every name known that these bring: code, names, data,
    asyncio's objects and MicroPython's own are 64 KiB at most."""
    output = heap_in_use(tmp_path, profile, short_path, "names")
    found = re.search(r"^modules (.*)$", output, re.MULTILINE)
    assert found is not None, output
    modules = found[1]
    of_modules = run_script(ROOT / "tests/vm/scripts/heap_of_modules.py", *modules.split(","), firmware=short_path)
    of_code = _heap_bytes(of_modules) - _bytes_of_names(of_modules)
    data = {state: (count - of_code) // 2 for state, count in _states(output).items()}
    code, names = _code_bytes(loader, short_path, modules)
    running = [
        name.removeprefix(f"{short_path}/") for name in _names(output)
    ]  # a board finds a module's file by no longer a name
    kept = {*names, *running} - _in_image()
    print(" ".join(sorted(kept)))
    parts = {"code": code, "names": _names_on_a_board(kept)}
    parts |= {"asyncio": _heap_bytes(of_modules, "asyncio") // 2, "MicroPython": MICROPYTHON_BYTES}
    whole = {state: sum(parts.values()) + count for state, count in data.items()}
    print(f"{profile} on an ESP32: {whole}; {parts}, {len(kept)} names, data {data['connected']}")
    assert min(data.values()) > 0 and len(kept) > 100
    assert whole["connected"] <= BUDGET_BYTES - RUNS_DIFFER_BYTES
    assert max(whole.values()) <= BUDGET_BYTES + RUNS_DIFFER_BYTES, "the nearest was 65,430"
