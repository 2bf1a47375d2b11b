# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Interrupts and sampling touch no heap: an allocation in there is a MemoryError on a board whose heap is locked or full."""

from __future__ import annotations

import re

from tests.support.vm_run import ROOT, run_script

FIRMWARE = ROOT / "firmware"
SCRIPTS = ROOT / "tests/vm/scripts"
HANDS_OVER = re.compile(r"\.irq\(|callback=|micropython\.schedule\(")


def test_the_ring_between_interrupt_and_application_allocates_nothing() -> None:
    """Put and taken under `heap_lock`, also when it is full."""
    assert run_script("tests/vm/scripts/no_allocation.py").endswith("ok\n")


def test_every_file_with_an_interrupt_has_its_proof() -> None:
    """Whoever hands a function to an interrupt or a timer is run under `heap_lock` by a script of its own."""
    proofs = {path.name: path.read_text(encoding="utf-8") for path in SCRIPTS.glob("*.py")}
    locked = "\n".join(text for text in proofs.values() if "heap_lock()" in text)
    found = []
    for path in sorted(FIRMWARE.rglob("*.py")):
        if HANDS_OVER.search(path.read_text(encoding="utf-8")):
            found.append(path.stem)
            assert re.search(rf"\b{path.stem}\b", locked), (
                f"{path.name} has an interrupt and no script that locks the heap"
            )
    assert "hx711" in found
