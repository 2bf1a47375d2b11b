# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Where the sensors of a board with another chip are soldered: each on the pin that has the role in firmware/boards."""

from __future__ import annotations

import re
from pathlib import Path

_BOARDS = Path(__file__).resolve().parents[2] / "firmware" / "boards"
_ROLE = re.compile(r" ([a-z0-9_]+)=(\d+)(?=[iuoh])")


def pins_of(board: str) -> dict[str, int]:
    """Role -> pin number, as the board's file says."""
    return {role: int(number) for role, number in _ROLE.findall((_BOARDS / f"{board}.py").read_text(encoding="utf-8"))}


def moved_pins(chip: str) -> dict[str, int]:
    """The first ESP32's pin -> this chip's, for the roles that its board has."""
    there = pins_of(f"{chip}_generic")
    return {str(number): there[role] for role, number in pins_of("esp32_generic").items() if role in there}
