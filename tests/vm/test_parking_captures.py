# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The parking profiles' captures, through the drivers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from device_profiles import load_captures, load_profiles
from tests.support.vm_run import run_script

PROFILES = sorted(name for name in load_profiles() if name.startswith("parking-"))


@pytest.mark.parametrize("profile", PROFILES)
def test_parking_captures_are_decoded_by_the_drivers(profile: str) -> None:
    """Every capture of a profile, as bytes in the chip, comes out of the real driver as its captures.toml says."""
    loaded = load_profiles()[profile]
    captures = load_captures(loaded)
    text = run_script(
        "tests/vm/scripts/captures_parking.py",
        str(loaded.settings["chip"].default),
        *[c.raw for c in captures],
        board=True,
        env={"STARTCITY_CLOCK": "rate:0"},
    )
    found = [json.loads(line) for line in text.splitlines()]
    expected: list[Any] = [c.expect if c.error is None else {"error": c.error} for c in captures]
    assert {c.name: f for c, f in zip(captures, found, strict=True)} == {
        c.name: e for c, e in zip(captures, expected, strict=True)
    }
