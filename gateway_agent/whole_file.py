# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Small files beside the journal: replaced whole, so that a power cut leaves the old contents or the new ones."""

from __future__ import annotations

import os
from pathlib import Path

from gateway_agent.errors import Unavailable


def write_whole(path: Path, content: bytes) -> None:
    """Write beside (mode 0600), sync, rename, sync the folder.

    Raises:
        Unavailable: the disk refuses; the old contents, or the new ones, are there.
    """
    beside = path.with_name(f"{path.name}.new")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
