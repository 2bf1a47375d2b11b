# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The climate application and its captures on the real virtual machine, against register-level models of the chips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from device_profiles import load_captures, load_profiles
from tests.support.vm_run import run_script

SCRIPTS = "tests/vm/scripts"
JUMP = {"STARTCITY_CLOCK": "rate:0"}
ROOMY_BYTES = 32 << 20
PROFILES = sorted(name for name in load_profiles() if name.startswith("climate-"))
MAINS = [name for name in PROFILES if not name.endswith("-battery")]


def _run(folder: Path, what: str, profile: str) -> None:
    given = folder / "given.json"  # an argument of the interpreter has at most 255 bytes
    given.write_text(json.dumps(load_profiles()[profile].firmware_config({})))
    text = run_script(
        f"{SCRIPTS}/climate_app.py", what, profile, str(given), board=True, env=JUMP, heap_bytes=ROOMY_BYTES
    )
    assert text.splitlines()[-1].startswith("ok")


@pytest.mark.parametrize("profile", PROFILES)
def test_climate_captures_are_decoded_by_the_drivers(tmp_path: Path, profile: str) -> None:
    """Every capture of a climate profile, as the chip's answer, comes out of the real driver as its captures.toml says."""
    captures = load_captures(load_profiles()[profile])
    given = tmp_path / "given.json"
    given.write_text(json.dumps({"captures": [capture.raw for capture in captures]}))
    text = run_script(f"{SCRIPTS}/captures_climate.py", profile, str(given), board=True, env=JUMP)
    found = [json.loads(line) for line in text.splitlines()]
    expected: list[Any] = [c.expect if c.error is None else {"error": c.error} for c in captures]
    assert {c.name: f for c, f in zip(captures, found, strict=True)} == {
        c.name: e for c, e in zip(captures, expected, strict=True)
    }


@pytest.mark.parametrize("profile", MAINS)
def test_a_climate_node_reports_changes_and_a_heartbeat(tmp_path: Path, profile: str) -> None:
    """Each quantity's step makes a report, a smaller one none, a slow drift does, a quiet hour makes one; and a sample on demand."""
    _run(tmp_path, "change", profile)


@pytest.mark.parametrize("profile", ["climate-sht3x", "climate-bme280", "climate-sht4x-veml7700"])
def test_a_climate_sensor_that_misbehaves_is_a_fault_by_name(tmp_path: Path, profile: str) -> None:
    """Missing, stuck bus, wrong checksum, a mad reading, a frozen one, a heater left on: a fault, no value, and it mends."""
    _run(tmp_path, "broken", profile)


@pytest.mark.parametrize("profile", ["climate-sht4x-bh1750", "climate-sht4x-veml7700"])
def test_a_dark_night_is_no_frozen_light_sensor(tmp_path: Path, profile: str) -> None:
    """Light that stays at 0 for three hours is reported as such, without a fault."""
    _run(tmp_path, "dark", profile)


def test_self_heating_is_told_from_weather(tmp_path: Path) -> None:
    """A rise that slows down as a warming case's does is measured and warned of; sun, cold and a little warmth are not."""
    _run(tmp_path, "warm", "climate-sht4x")


def test_a_sleeping_climate_node_reports_little_and_forgets_nothing(tmp_path: Path) -> None:
    """A day of wakes: the heartbeats and the one change, at most 40 ms of measuring a wake, 16 bytes of state."""
    _run(tmp_path, "sleeper", "climate-sht4x-battery")
