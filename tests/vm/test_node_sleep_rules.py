# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A sleeping node with its power cut at each write, and when flash, pins, supply or configuration are not as they should be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.vm_run import ROOT, run_script

SCRIPTS = ROOT / "tests/vm/scripts"
RULES = re.findall(
    r"^def (\w+)\(\):\n    \"\"\"", (SCRIPTS / "sleep_rules.py").read_text(encoding="utf-8"), re.MULTILINE
)
HEAP_BYTES = 8 << 20


@pytest.mark.parametrize("kind", ["power", "reset"])
def test_a_cut_at_every_write(kind: str, whole_names: Path) -> None:
    """Power that goes, or a watchdog that bites, at each single write of a sleeping node's life, the move to another key generation
    in it: no number is given twice, no epoch has two keys, and what was promised arrives, or is named as lost where RTC memory is gone."""
    output = run_script(
        SCRIPTS / "sleep_power_cuts.py", str(whole_names), kind, board=True, heap_bytes=HEAP_BYTES, timeout_s=110
    )
    words = output.splitlines()[-1].split()
    assert words[0] == "cuts" and int(words[1]) == int(words[3]) > 50, words


def test_pins_wake_a_c3_by_gpio() -> None:
    """All pins of one level, those of the other one are left to the timer; without `wake_on_gpio` it is said."""
    assert run_script(SCRIPTS / "gpio_wake.py", board=True, env={"STARTCITY_CLOCK": "rate:0"}) == "ok\n"


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule: str, whole_names: Path) -> None:
    """Each rule is a function of sleep_rules.py whose name says what is pinned."""
    output = run_script(
        SCRIPTS / "sleep_rules.py", str(whole_names), rule, board=True, heap_bytes=HEAP_BYTES, timeout_s=110
    )
    assert output.endswith("ok\n"), output[-2000:]
