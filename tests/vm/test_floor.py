# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The floor that a node tells never passes a frame that it still holds, on the real LittleFS of the MicroPython VM."""

from __future__ import annotations

import os
import random
import re

import pytest

from tests.support.vm_run import ROOT, run_script

SCRIPT = ROOT / "tests/vm/scripts/floor_rules.py"
CASES = re.findall(r"^def (\w+)\(flash\):", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
LIVES = 24


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    """Each case is a function of floor_rules.py whose first line says what is pinned."""
    assert run_script(SCRIPT, case, heap_bytes=8 << 20).splitlines()[-1] == "ok"


def test_random_lives() -> None:
    """At any moment of random lives, with refused and torn writes, restarts and acknowledgements, no held frame lies
    below a told floor and none is gone that was neither acknowledged nor named as lost (`FLOOR_SEED` replays)."""
    seed = int(os.environ.get("FLOOR_SEED") or random.SystemRandom().randrange(1 << 24))
    print("FLOOR_SEED", seed)
    assert run_script(SCRIPT, "random", str(seed), str(LIVES), heap_bytes=8 << 20).splitlines()[-1] == "ok"
