# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a node does seldom, and a start that finds nothing to run with."""

from __future__ import annotations

import re

import pytest

from tests.support.vm_run import ROOT, run_script

SCRIPT = ROOT / "tests/vm/scripts/seldom_rules.py"
RULES = re.findall(r"^def ((?:a|losses|what)_\w+)\(\):", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule: str) -> None:
    """Each rule is a function of seldom_rules.py whose name says what is pinned."""
    assert run_script(SCRIPT, rule, board=True).endswith("ok\n")
