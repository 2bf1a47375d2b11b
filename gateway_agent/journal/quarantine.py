# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`quarantine/`: whatever recovery takes out of the journal is first copied here, and synced.

`*.damaged` are whole segment files and are never removed by us. `*.tail` are ends of files that were cut off; no
sync ever covered most of them, so the oldest go when they exceed `TAILS_BYTES_MAX`.
"""

from __future__ import annotations

from pathlib import Path

from gateway_agent.journal.files import Files

TAILS_BYTES_MAX = 1 << 23


class Quarantine:
    """Adds files, counts their bytes."""

    def __init__(self, files: Files, directory: Path) -> None:
        self._files = files
        self._directory = directory
        self._sizes: dict[str, int] = {}  # by name; names begin with a number that rises
        self._next = 1

    def open(self) -> None:
        """Raises: OSError."""
        self._files.make_directory(self._directory)
        for name in sorted(self._files.list_directory(self._directory)):
            self._sizes[name] = self._files.size_bytes(self._directory / name)
            ordinal = name.partition("-")[0]
            if ordinal.isdigit():
                self._next = max(self._next, int(ordinal) + 1)

    @property
    def names(self) -> list[str]:
        return sorted(self._sizes)

    @property
    def size_bytes(self) -> int:
        return sum(self._sizes.values())

    def keep_segment(self, origin: str, data: bytes) -> None:
        """Keep a copy of a damaged file. Raises: OSError."""
        self._keep(f"{origin}.damaged", data)

    def keep_tail(self, origin: str, data: bytes) -> None:
        """Keep the end of a file that is about to be cut. Raises: OSError."""
        tails = [name for name in self.names if name.endswith(".tail")]
        total = sum(self._sizes[name] for name in tails) + len(data)
        for name in tails:
            if total <= TAILS_BYTES_MAX:
                break
            self._files.unlink(self._directory / name)
            total -= self._sizes.pop(name)
        self._keep(f"{origin}.tail", data)

    def _keep(self, name: str, data: bytes) -> None:
        name = f"{self._next:06d}-{name}"
        self._next += 1
        handle = self._files.create(self._directory / name)
        try:
            self._files.append(handle, data)
            self._files.sync(handle)
        finally:
            self._files.close(handle)
        self._files.sync_directory(self._directory)
        self._sizes[name] = len(data)
