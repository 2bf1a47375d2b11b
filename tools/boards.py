# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Which file of firmware/boards a board with a given chip gets, and what cannot be done with it.

A profile names the generic board of the first ESP32, whose roles it needs; at the bench the board with the chip's own pins takes its
place. A profile that names a board of its own keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

GENERIC = {"esp32": "esp32_generic", "esp32s3": "esp32s3_generic", "esp32c3": "esp32c3_generic"}
# Applications that use roles which a board lacks.
_TOO_MANY_PINS = {"esp32c3_generic": frozenset({"dae"})}
# Applications of sleeping nodes that count what wakes them, and the version from which MicroPython lets a pin do that.
_COUNT_ASLEEP = frozenset({"water"})
_WAKES_BY_PIN_FROM = {"esp32c3_generic": (1, 27)}
_VERSION = re.compile(r"(\d+)\.(\d+)")


def board_for(named: str, chip: str) -> str:
    """The board for this chip: a generic one is exchanged, any other stays."""
    return GENERIC[chip] if named in GENERIC.values() else named


def obstacle(config: Mapping[str, object], micropython: str) -> str | None:
    """Why a node of this configuration cannot work on its board: "pins", "wake" or None. `micropython`: "1.26.0", or "" where unknown."""
    board, app = str(config["board"]), str(config["app"])
    if app in _TOO_MANY_PINS.get(board, ()):
        return "pins"
    needed, found = _WAKES_BY_PIN_FROM.get(board), _VERSION.match(micropython)
    if config.get("sleeps") and app in _COUNT_ASLEEP and needed is not None and found is not None:
        return "wake" if (int(found[1]), int(found[2])) < needed else None
    return None
