# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The meters' captures, decoded by the firmware's own drivers on the virtual machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from device_profiles import load_captures, load_profiles
from tests.support.vm_run import run_script

PROFILES = sorted(name for name in load_profiles() if name.startswith(("water-", "energy-")))


@pytest.mark.parametrize("profile", PROFILES)
def test_captures_are_decoded_by_the_drivers(profile: str, tmp_path: Path) -> None:
    """Every capture of a meter's profile comes out of the real driver as its captures.toml says, bad ones by the name of the fault."""
    loaded = load_profiles()[profile]
    captures = load_captures(loaded)
    work = {
        "settings": loaded.firmware_config()["settings"],
        "captures": [{"raw": capture.raw, "names": list(capture.expect or {})} for capture in captures],
    }
    path = tmp_path / "captures.json"  # an argument of the virtual machine has room for 255 bytes
    path.write_text(json.dumps(work), encoding="utf-8")
    text = run_script("tests/vm/scripts/captures_meters.py", str(path), board=True, env={"STARTCITY_CLOCK": "rate:0"})
    found = [json.loads(line) for line in text.splitlines()]
    expected: list[Any] = [c.expect if c.error is None else {"error": c.error} for c in captures]
    for capture, got, wanted in zip(captures, found, expected, strict=True):
        assert {name: got.get(name) for name in wanted} == dict(wanted), capture.name
        assert ("error" in got) == (capture.error is not None), capture.name
