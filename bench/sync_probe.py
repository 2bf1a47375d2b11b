# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a bare sync takes meanwhile: a disk that stands still for half a second makes every program wait that promises durability."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

PAUSE_S = 0.05


class SyncProbe:
    """Writes 4 KiB and syncs them twenty times a second, until it is closed."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
        self._end = threading.Event()
        self._took_ms: list[float] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> SyncProbe:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        os.close(self._file)

    def _run(self) -> None:
        while not self._end.wait(PAUSE_S):
            began = time.monotonic()
            os.pwrite(self._file, bytes(4096), 0)
            os.fdatasync(self._file)
            self._took_ms.append((time.monotonic() - began) * 1000)

    def outcome(self) -> dict[str, float]:
        """Of one sync, median, ninety-ninth hundredth and longest, after it is closed."""
        took = sorted(self._took_ms) or [0.0]
        return {
            f"disk_{name}_ms": round(took[min(len(took) - 1, int(len(took) * share))], 1)
            for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
        }
