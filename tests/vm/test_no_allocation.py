# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Interrupts and sampling touch no heap: an allocation in there is a MemoryError on a board whose heap is locked or full."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from device_profiles import load_profiles
from tests.interop.node_packages import installed
from tests.support.vm_run import ROOT, run_script

FIRMWARE = ROOT / "firmware"
SCRIPTS = ROOT / "tests/vm/scripts"
HANDS_OVER = re.compile(r"\.irq\(|callback=|micropython\.schedule\(")


def test_the_ring_between_interrupt_and_application_allocates_nothing() -> None:
    """Put and taken under `heap_lock`, also when it is full."""
    assert run_script("tests/vm/scripts/no_allocation.py").endswith("ok\n")


LOOKS = ["contacts", "presence", "weight", "scale", "meter", "light", "converter", "bridge", "magnetometers"]


@pytest.mark.parametrize("what", LOOKS)
def test_what_is_looked_at_many_times_a_second_allocates_nothing(what: str) -> None:
    """Contacts, tamper loop, pulse line, load cell, presence, status light, both converters, magnetometers: at their extremes."""
    assert run_script("tests/vm/scripts/no_allocation_looks.py", what, board=True).endswith("ok\n")


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """no_allocation_32.mjs beside its package."""
    folder = tmp_path_factory.mktemp("loader")
    shutil.copy(SCRIPTS / "no_allocation_32.mjs", folder)
    (folder / "node_modules").symlink_to(installed())
    return folder / "no_allocation_32.mjs"


def _on_32_bits(loader: Path, script: Path, *words: str) -> str:
    settings = json.dumps(load_profiles()["strain-hx711"].firmware_config({})["settings"])
    done = subprocess.run(
        ["node", loader, FIRMWARE, script, *words],
        env={**os.environ, "STARTCITY_SETTINGS": settings},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.stdout if done.returncode == 0 else f"exit code {done.returncode}: {done.stdout[-2000:]}"


@pytest.mark.parametrize(
    "words",
    [("no_allocation.py",), ("strain_cost.py", "2000"), ("no_allocation_looks.py", *LOOKS)],
    ids=lambda words: words[0],
)
def test_nor_does_it_on_32_bits(words: tuple[str, ...], loader: Path) -> None:
    """An integer beyond 30 bits is an allocation on an ESP32, which the 64-bit interpreter cannot see."""
    found = _on_32_bits(loader, SCRIPTS / words[0], *words[1:])
    assert found.startswith(("ok", "us_per_sample")), found


def test_a_large_integer_is_noticed_on_32_bits(loader: Path, tmp_path: Path) -> None:
    """What this proof rests on."""
    script = tmp_path / "large.py"
    script.write_text(
        "import micropython\nx = 1 << 29\nmicropython.heap_lock()\ntry:\n    y = x * 2\n"
        "except MemoryError:\n    found = True\nelse:\n    found = False\nfinally:\n    micropython.heap_unlock()\nprint(found)\n",
        encoding="utf-8",
    )
    assert _on_32_bits(loader, script) == "True\n"


# The paths of each family that run at a sensor's pace, or in its interrupt: where, and the script that runs it with the heap locked.
SAMPLED = [
    ("parking: magnetometers", "node_io/drivers/qmc5883l.py", "parking_drivers.py", "quiet.read(sample)"),
    ("parking: magnetometers", "node_io/drivers/lis3mdl.py", "parking_drivers.py", "quiet.read(sample)"),
    ("parking: magnetometers", "node_io/drivers/mmc5983ma.py", "parking_drivers.py", "quiet.read(sample)"),
    ("parking: movement", "apps/parking.py", "parking_app.py", "app._follow("),
    ("meters: pulse edge and timer", "node_io/pulse_input.py", "meters.py", "meter._edge("),
    ("meters: debounce", "node_core/pulse_counter.py", "no_allocation_looks.py", "counter.edge("),
    ("meters: tamper loop", "node_io/pulse_meter.py", "no_allocation_looks.py", "found._look_at_loop("),
    ("strain: data ready", "node_io/drivers/hx711.py", "sensors_hx711.py", "driver._on_ready("),
    ("strain: data ready", "node_io/drivers/ads1220.py", "strain_ads1220.py", "driver._on_ready("),
    ("strain: data ready, 32 bits", "node_io/drivers/ads1220.py", "no_allocation_looks.py", "found._on_ready("),
    ("strain: ring", "node_io/drivers/sample_ring.py", "no_allocation.py", "ring.put("),
    ("strain: monitor", "node_core/strain_monitor.py", "strain_cost.py", "monitor.add("),
    ("strain: counted cycles", "node_core/rainflow.py", "strain_cost.py", "monitor.add("),
    ("cabinet: status light", "node_core/status_light.py", "dae_app.py", "watcher.add("),
    ("cabinet: door, switch, cover", "node_io/drivers/contact.py", "no_allocation_looks.py", "contact.look("),
    ("cabinet: load cell", "node_io/drivers/scale.py", "no_allocation_looks.py", "found.look("),
    ("cabinet: presence", "node_core/dae_rules.py", "no_allocation_looks.py", "found.update("),
]


@pytest.mark.parametrize(("where", "path", "script", "call"), SAMPLED)
def test_each_sampling_path_is_run_with_the_heap_locked(where: str, path: str, script: str, call: str) -> None:
    """The list is of files that are there, and each one's script locks the heap and makes the call."""
    assert (FIRMWARE / path).exists(), where
    text = (SCRIPTS / script).read_text(encoding="utf-8")
    assert "micropython.heap_lock()" in text and call in text, f"{where}: {script} does not run {call} under heap_lock"


def test_every_file_with_an_interrupt_has_its_proof() -> None:
    """Whoever hands a function to an interrupt or a timer is run under `heap_lock` by a script of its own."""
    proofs = {path.name: path.read_text(encoding="utf-8") for path in SCRIPTS.glob("*.py")}
    locked = "\n".join(text for text in proofs.values() if "heap_lock()" in text)
    found = []
    for path in sorted(FIRMWARE.rglob("*.py")):
        if HANDS_OVER.search(path.read_text(encoding="utf-8")):
            found.append(path.stem)
            assert re.search(rf"\b{path.stem}\b", locked), (
                f"{path.name} has an interrupt and no script that locks the heap"
            )
    assert "hx711" in found
