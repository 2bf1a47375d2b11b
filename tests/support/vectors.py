# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Reading tests/vectors/*.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "vectors"


def items(name: str) -> list[dict[str, Any]]:
    """All items of one file."""
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["items"]
    return found


def good(name: str) -> list[Any]:
    """The items with a meaning, as pytest parameters named by their sentences."""
    return [item for item in items(name) if "error" not in item]


def bad(name: str) -> list[Any]:
    """The items that must be refused."""
    return [item for item in items(name) if "error" in item]


def title(item: dict[str, Any]) -> str:
    """pytest's id of an item."""
    return str(item["name"])
