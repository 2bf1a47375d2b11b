# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity gateway rotate-key` asks a running gateway by a small file, as there is no socket into it.

rotate-key.ask     {"request": ...}: asked for
rotate-key.done    the same request, with what came of it
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from gateway_agent.errors import Unavailable

_ASK, _DONE = "rotate-key.ask", "rotate-key.done"
_BYTES_MAX = 4_096


def ask_for_rotation(data: Path, request: str) -> None:
    """Raises: Unavailable: the disk refuses."""
    _write(data / _ASK, {"request": request})


def take_request(data: Path) -> str | None:
    """The request that lies there, taken away before it is fulfilled: it is not fulfilled twice. Raises: Unavailable."""
    path = data / _ASK
    content = _read(path)
    if content is None:
        return None
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable(f"{path} cannot be removed: {error.strerror}") from error
    return str(content.get("request"))


def tell_result(data: Path, request: str, result: dict[str, Any]) -> None:
    """Raises: Unavailable."""
    _write(data / _DONE, {"request": request, **result})


def read_result(data: Path, request: str) -> dict[str, Any] | None:
    """What came of a request; None for not yet."""
    content = _read(data / _DONE)
    return content if content is not None and content.get("request") == request else None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_BYTES_MAX))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _write(path: Path, content: dict[str, Any]) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        beside.write_text(json.dumps(content) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
