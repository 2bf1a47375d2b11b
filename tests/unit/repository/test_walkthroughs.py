# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""docs/wire.md section 14 has every walk-through of a loss, and the tests that docs name for faults are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
STORIES = (
    *("heard by two gateways", "killed between write and sync", "killed between sync and acknowledgement"),
    *("acknowledgement lost", "alarm overtaking", "boot without clock", "flash lost"),
    *("frame with alarm and trend together", "evicted segment", "replayed receipt", "withheld down frame"),
)


def test_every_walk_through_names_its_test() -> None:
    """One row a story, with one test each."""
    section = (ROOT / "docs" / "wire.md").read_text(encoding="utf-8").split("## 14. ")[1]
    for story in STORIES:
        (row,) = [line for line in section.splitlines() if line.startswith(f"| {story} |")]
        assert re.search(r"`tests/[\w/]+\.py::\w+`", row), row


@pytest.mark.parametrize("page", ["wire.md", "journal.md"])
def test_every_test_that_the_page_names_is_there(page: str) -> None:
    """Who follows a name on the page finds that function in that file."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)", (ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert len(named) >= 8
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path} has no {name}"
