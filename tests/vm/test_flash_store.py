# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The node's queue on the real LittleFS of the MicroPython VM: rules, a full store, damage, and power cuts."""

from __future__ import annotations

import re

import pytest

from tests.support.vm_run import ROOT, run_script

HEAP_BYTES = 8 << 20
SCRIPTS = ROOT / "tests/vm/scripts"
RULES = re.findall(r"^def (\w+)\(flash\):", (SCRIPTS / "store_rules.py").read_text(encoding="utf-8"), re.MULTILINE)


def _run(name: str, *args: str, timeout_s: float = 60) -> str:
    """The last line that a script prints."""
    return run_script(SCRIPTS / name, *args, heap_bytes=HEAP_BYTES, timeout_s=timeout_s).splitlines()[-1]


@pytest.mark.parametrize("rule", [name for name in RULES if name != "again"])
def test_rule_of_the_store(rule: str) -> None:
    """Each rule is a function of store_rules.py whose name says what is pinned."""
    assert _run("store_rules.py", rule) == "ok"


@pytest.mark.timeout(360)
def test_power_cut_at_every_write() -> None:
    """With power cut at each single write or erase of a node's life, torn half-way, no number is given twice, no frame
    comes back changed, and every alarm and record frame that was queued and not acknowledged is there."""
    words = _run("power_cuts.py", timeout_s=300).split()
    assert words[0] == "cuts" and int(words[1]) == int(words[3]) > 200, words
