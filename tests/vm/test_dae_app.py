# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The defibrillator cabinet's application and captures on the real virtual machine, with a model of all that hangs on its pins."""

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
PROFILE = "dae-cabinet"


def test_cabinet_captures_are_decoded_by_the_drivers(tmp_path: Path) -> None:
    """Every capture of the cabinet, on the board's wires, comes out of drivers and classifier as its captures.toml says."""
    profile = load_profiles()[PROFILE]
    captures = load_captures(profile)
    given = tmp_path / "given.json"  # an argument of the interpreter has at most 255 bytes
    given.write_text(json.dumps(profile.firmware_config({}) | {"captures": [capture.raw for capture in captures]}))
    text = run_script(f"{SCRIPTS}/captures_dae.py", PROFILE, str(given), board=True, env=JUMP)
    found = [json.loads(line) for line in text.splitlines()]
    expected: list[Any] = [c.expect if c.error is None else {"error": c.error} for c in captures]
    assert {c.name: f for c, f in zip(captures, found, strict=True)} == {
        c.name: e for c, e in zip(captures, expected, strict=True)
    }


@pytest.mark.parametrize(
    "what",
    [
        *("quiet", "removal", "doubt", "door", "light", "unseen", "warmth", "restart", "dates", "commands", "heap"),
        *("stale", "lamps", "unseen_restart", "wrong_clock", "weights", "heater", "new_dates"),
    ],
)
def test_the_cabinet_rings_when_it_should_and_only_then(tmp_path: Path, what: str) -> None:
    """Each alarm once, ended once, over restarts too; a removal within a second; no light and no agreement are never well."""
    given = tmp_path / "given.json"
    given.write_text(json.dumps(load_profiles()[PROFILE].firmware_config({})))
    text = run_script(f"{SCRIPTS}/dae_app.py", what, PROFILE, str(given), board=True, env=JUMP, heap_bytes=ROOMY_BYTES)
    assert text.splitlines()[-1].startswith("ok")
