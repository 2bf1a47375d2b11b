# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`data/moved.json`: which nodes have moved to which key generation, and when; replaced whole and synced, at each move.

A file that is lost costs the grace of old generations its begin: it begins again when the node is next heard.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from gateway_agent.admit.retirement import Moved
from gateway_agent.whole_file import write_whole

MOVED_NAME = "moved.json"


def read_moved(data: Path) -> dict[bytes, Moved]:
    """By node id. Empty where it is not there, or cannot be read."""
    try:
        content = json.loads((data / MOVED_NAME).read_bytes())
        return {
            bytes.fromhex(node): Moved(int(generation), None if at_ms is None else int(at_ms))
            for node, (generation, at_ms) in content.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write_moved(data: Path, moved: Mapping[bytes, Moved]) -> None:
    """Raises: Unavailable."""
    content = {node.hex(): list(found) for node, found in sorted(moved.items())}
    write_whole(data / MOVED_NAME, json.dumps(content).encode())
