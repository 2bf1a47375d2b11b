# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Drivers and applications on the real virtual machine, against register- and bit-level models of the chips."""

from __future__ import annotations

import json
from typing import Any

import pytest

from device_profiles import load_captures, load_profiles
from tests.support.vm_run import run_script

SCRIPTS = "tests/vm/scripts"
JUMP = {"STARTCITY_CLOCK": "rate:0"}
ROOMY_BYTES = 32 << 20  # the scripts keep every sample to compare
FAST = {"STARTCITY_CLOCK": "rate:10"}


@pytest.mark.parametrize("what", ["magnetometer", "thermometer", "missing"])
def test_i2c_drivers_read_what_the_chips_hold(what: str) -> None:
    """Values, ready bits, checksums and failures of the I2C drivers are those of the data sheets."""
    assert run_script(f"{SCRIPTS}/sensors_chips.py", what, board=True, env=JUMP) == "ok\n"


@pytest.mark.parametrize("env", [FAST, JUMP], ids=["ten times faster", "jump mode"])
def test_hx711_misses_no_conversion_at_80_a_second(env: dict[str, str]) -> None:
    """Thirty seconds of a recording that never stands still arrive whole, each code at its instant."""
    text = run_script(f"{SCRIPTS}/sensors_hx711.py", "recording", board=True, env=env, heap_bytes=ROOMY_BYTES)
    assert "torn 0 overruns 0 line_low 0" in text and text.endswith("ok\n")


@pytest.mark.parametrize("what", ["hazard", "slow", "extremes", "flash", "absent", "stuck", "full", "heap"])
def test_hx711_keeps_its_promises_when_things_go_wrong(what: str) -> None:
    """Interrupts, saturation, spikes, deaf moments, no converter, a stuck line, a full ring, a locked heap."""
    assert run_script(f"{SCRIPTS}/sensors_hx711.py", what, board=True, env=JUMP).endswith("ok\n")


@pytest.mark.parametrize("profile", ["strain-hx711"])
def test_captures_are_decoded_by_the_drivers(profile: str) -> None:
    """Every capture of a profile, as bytes in the chip, comes out of the real driver as its captures.toml says."""
    captures = load_captures(load_profiles()[profile])
    text = run_script(
        f"{SCRIPTS}/sensors_captures.py", profile, json.dumps([c.raw for c in captures]), board=True, env=JUMP
    )
    found = [json.loads(line) for line in text.splitlines()]
    expected: list[Any] = [c.expect if c.error is None else {"error": c.error} for c in captures]
    assert {c.name: f for c, f in zip(captures, found, strict=True)} == {
        c.name: e for c, e in zip(captures, expected, strict=True)
    }


@pytest.mark.parametrize(
    ("app", "profile", "settings"),
    [
        ("strain", "strain-hx711", {"stream": True, "pstrain_per_k": 11_700_000}),
    ],
)
def test_applications_report_measure_and_name_what_is_missing(
    app: str, profile: str, settings: dict[str, object]
) -> None:
    """Readings, changes, waveforms without a gap, and faults that come and go with the sensor."""
    loaded = load_profiles()[profile]
    config = loaded.firmware_config(settings)
    text = run_script(
        f"{SCRIPTS}/sensors_apps.py",
        app,
        board=True,
        env={**JUMP, "STARTCITY_SETTINGS": json.dumps(config["settings"])},
        heap_bytes=ROOMY_BYTES,
    )
    assert text.splitlines()[-1].startswith("ok")
