# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The status: one JSON file, written whole or not at all, with no secret in it.

Under systemd it lies in the runtime directory (memory, not the SD card) and `data/status.json` points to it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from gateway_agent.errors import Unavailable

STATUS_NAME = "status.json"
WRITTEN_EACH_MS = 5_000


class StatusFile:
    """Where the status is written."""

    def __init__(self, data: Path) -> None:
        runtime = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
        shown = data / STATUS_NAME
        self._path = Path(runtime) / STATUS_NAME if runtime else shown
        if self._path != shown:
            beside = shown.with_suffix(".link")
            beside.unlink(missing_ok=True)
            beside.symlink_to(self._path)
            beside.replace(shown)
        elif shown.is_symlink():
            shown.unlink()

    def write(self, status: dict[str, Any]) -> None:
        """Replace the file. Not synced: what it says is true for seconds only.

        Raises:
            Unavailable: the disk refuses.
        """
        beside = self._path.with_suffix(".new")
        try:
            beside.write_text(json.dumps(status, indent=1) + "\n", encoding="utf-8")
            beside.replace(self._path)
        except OSError as error:
            raise Unavailable(f"the status {self._path} cannot be written: {error.strerror}") from error


def read_status(data: Path) -> dict[str, Any]:
    """What a gateway with this data folder said last. `written_at_unix_ms` says when; `pid` who.

    Adds `is_running`: whether that process is still there.

    Raises:
        Unavailable: there is none, or it cannot be read.
    """
    path = data / STATUS_NAME
    try:
        status = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Unavailable(
            f"{path} is not there: the gateway has not run yet; start it with `startcity gateway run`"
        ) from error
    except (OSError, ValueError) as error:
        raise Unavailable(f"{path} cannot be read: {error}") from error
    if not isinstance(status, dict):
        raise Unavailable(f"{path} is not a status")
    status["is_running"] = Path(f"/proc/{int(status.get('pid', 0))}").exists() and not status.get("stopped", False)
    return status
