# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a node's memory is on a processor of 32 bits: its code in a 32-bit MicroPython, its data as half of the 64-bit interpreter's.

Halving everything, as test_heap.py does, flatters: bytecode, names, and what arrays and texts hold are as large on either.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.interop.node_packages import installed
from tests.support.vm_run import ROOT, run_script
from tests.vm.test_heap import heap_in_use, short_path

__all__ = ["short_path"]

# The goal is 65,536 for each. What is reached, rounded up: so that it does not grow unseen.
BOUNDS_BYTES = {
    "parking-qmc5883l": 62_500,
    "parking-loading-mmc5983ma": 63_500,
    "strain-ads1220": 65_536,
    "strain-hx711": 65_536,
    "climate-sht4x-veml7700": 58_500,
    "dae-cabinet": 60_000,
    "energy-em24": 57_500,
    "water-pulse": 59_000,
}


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """heap_32.mjs beside its package."""
    folder = tmp_path_factory.mktemp("loader")
    shutil.copy(ROOT / "tests/vm/scripts/heap_32.mjs", folder)
    (folder / "node_modules").symlink_to(installed())
    return folder / "heap_32.mjs"


def _code_bytes(loader: Path, firmware: Path, modules: str, names: int) -> int:
    command: list[str | Path] = ["node", loader, firmware, modules, str(names)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *rows, _ = done.stdout.splitlines()
    assert len(rows) == len(modules.split(",")) + 1, done.stdout
    print(done.stdout)
    return sum(int(row.split()[0]) for row in rows)


def _heap_bytes(output: str) -> int:
    found = re.search(r"^heap (\d+)", output, re.MULTILINE)
    assert found is not None, output
    return int(found[1])


def _contents_bytes(output: str) -> int:
    found = re.search(r"^contents (\d+)", output, re.MULTILINE)
    assert found is not None, output
    return int(found[1])


def _new_names(output: str) -> int:
    """How many names came between the first and the last count."""
    counts = [int(count) for count in re.findall(r"n_qstr=(\d+)", output)]
    assert len(counts) == 2, output
    return counts[1] - counts[0]


@pytest.mark.parametrize("profile", BOUNDS_BYTES)
def test_code_and_data_on_32_bits(profile: str, loader: Path, short_path: Path, tmp_path: Path) -> None:
    """Connected and measuring: the sum is what docs/performance.md says, and does not grow."""
    output = heap_in_use(tmp_path, profile, short_path, "names")
    found = re.search(r"^modules (.*)$", output, re.MULTILINE)
    assert found is not None, output
    modules = found[1]
    of_modules = run_script(ROOT / "tests/vm/scripts/heap_of_modules.py", *modules.split(","), firmware=short_path)
    data = (_heap_bytes(output) - _heap_bytes(of_modules) + _contents_bytes(output)) // 2
    code = _code_bytes(loader, short_path, modules, _new_names(output) - _new_names(of_modules))
    print(f"{profile} on 32 bits: {code} of code and names, {data} of data, {code + data} together")
    assert data > 0 and code + data <= BOUNDS_BYTES[profile]
