# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Whether a standing city runs in a folder: who runs it holds a lock there, which ends with its process."""

from __future__ import annotations

import fcntl
from pathlib import Path

MARK = "# Made by `startcity sim city`.\n"  # the first line of its startcity.toml


def city_of(config: Path) -> Path | None:
    """The folder of the city to which a gateway's configuration belongs; None: it is no city's."""
    folder = config.parent.parent
    is_city = config.parent.name == "gateway" and (folder / "lock").is_file() and (folder / "board.flash").is_file()
    return folder if is_city else None


def is_running(folder: Path) -> int | None:
    """The process of the city in this folder, or None."""
    try:
        with (folder / "lock").open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0)
    except FileNotFoundError:
        pass
    return None
