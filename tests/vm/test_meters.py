# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Meters on the real virtual machine: pulses with bounce, and RS-485 with a meter that answers well, badly or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from device_profiles import load_profiles
from tests.support.vm_run import ROOT, run_script

JUMP = {"STARTCITY_CLOCK": "rate:0"}
ROOMY_BYTES = 16 << 20  # the scripts keep every report to compare


@pytest.mark.parametrize(
    "what", ["water", "water_alarms", "s0", "deaf", "heap", "sleeping", "sleeping_reset", "sleeping_burst"]
)
def test_pulse_meters_keep_their_promises(what: str) -> None:
    """Counts over resets, power cuts, deaf moments and sleep; alarms and faults by name; handlers that allocate nothing."""
    text = run_script("tests/vm/scripts/meters.py", what, board=True, env=JUMP, heap_bytes=ROOMY_BYTES)
    assert text.splitlines()[-1] == "ok", text


MODBUS = sorted(name for name in load_profiles() if name.startswith("energy-") and name != "energy-s0")


def modbus(what: str, profile: str, folder: Path) -> None:
    work = {
        "what": what,
        "settings": load_profiles()[profile].firmware_config()["settings"],
        "wiring": json.loads((ROOT / f"simulators/board/wirings/{profile}.json").read_text(encoding="utf-8")),
    }
    path = folder / "work.json"
    path.write_text(json.dumps(work), encoding="utf-8")
    text = run_script("tests/vm/scripts/meters_modbus.py", str(path), board=True, env=JUMP, heap_bytes=ROOMY_BYTES)
    assert text.splitlines()[-1].startswith("ok"), text


@pytest.mark.parametrize("what", ["late", "settings"])
def test_a_late_answer_is_nobodys_and_a_bad_setting_a_fault(what: str, tmp_path: Path) -> None:
    """An answer after the timeout is never another register's value; settings that cannot be used are named, and the node goes on."""
    modbus(what, "energy-sdm120", tmp_path)


@pytest.mark.parametrize("profile", MODBUS)
def test_modbus_meters_are_read_as_their_makers_say(profile: str, tmp_path: Path) -> None:
    """Each profile's map reads a slave that has the maker's registers: every measurement in its steps, and energy over two hours."""
    modbus("readings", profile, tmp_path)


@pytest.mark.parametrize("profile", ["energy-sdm120", "energy-em24", "energy-iem3000"])
def test_a_meter_that_answers_badly_is_a_fault_by_name(profile: str, tmp_path: Path) -> None:
    """Silence, bad checksums and lengths, exceptions, echoes, noise, a wrong speed, another meter: each is named, then over."""
    modbus("trouble", profile, tmp_path)
