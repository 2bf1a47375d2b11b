# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The vector files themselves: fresh, and complete against the list of errors in docs/wire.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import vectors
from tests.vectors import make

WIRE_MD = Path(__file__).parents[3] / "docs" / "wire.md"


@pytest.mark.parametrize("name", make.MAKERS)
def test_file_is_what_the_generator_makes(name: str) -> None:
    """A vector file changes only together with its generator: run `python -m tests.vectors.make`."""
    assert (make.FOLDER / f"{name}.json").read_text(encoding="utf-8") == make.render(name)


def documented_errors() -> set[str]:
    section = WIRE_MD.read_text(encoding="utf-8").split("## 11.")[1].split("Order of checks")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_every_documented_error_has_a_bad_vector() -> None:
    """The errors of the vectors are exactly those of docs/wire.md, section 11."""
    used = {item["error"] for name in make.MAKERS for item in vectors.bad(name)}
    assert used == documented_errors()
