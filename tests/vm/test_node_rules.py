# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The node's pure rules, run where they will run: on MicroPython."""

from __future__ import annotations

import re

import pytest

from tests.support.vm_run import ROOT, run_script

SCRIPT = ROOT / "tests/vm/scripts/pure_rules.py"
RULES = re.findall(r"^def (\w+)\(\):", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule: str) -> None:
    """Each rule is a function of pure_rules.py whose name says what is pinned."""
    assert run_script(SCRIPT, rule) == "ok\n"
