# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Which Wi-Fi networks a node joins, and what it says."""

from __future__ import annotations

import re

import pytest

from tests.support.vm_run import ROOT, run_script

SCRIPT = ROOT / "tests/vm/scripts/wifi_rules.py"
RULES = [
    name
    for name in re.findall(r"^def (\w+)\(\):", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
    if name not in ("radio", "ap", "join")
]


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule: str) -> None:
    """Each rule is a function of wifi_rules.py whose name says what is pinned."""
    assert run_script(SCRIPT, rule, board=True, env={"STARTCITY_CLOCK": "rate:0"}) == "ok\n"
