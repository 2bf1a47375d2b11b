# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The two threads beside the event loop: one writes, one reads. Each does one errand at a time, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from gateway_agent.supervise.progress import Progress

T = TypeVar("T")


class Threads:
    """`write` is the journal's only writer; `read` must not wait for it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._writer = ThreadPoolExecutor(1, "writer")
        self._reader = ThreadPoolExecutor(1, "reader")

    async def write(self, errand: Callable[[], T]) -> T:
        """Run `errand` in the writing thread. Its end, good or bad, is progress of the data path."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._writer, errand)
        finally:
            self._progress.note_finished()

    async def read(self, errand: Callable[[], T]) -> T:
        """Run `errand` in the reading thread."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, errand)

    def stop(self) -> None:
        """Finish what runs; take nothing new."""
        self._writer.shutdown(wait=True, cancel_futures=True)
        self._reader.shutdown(wait=True, cancel_futures=True)
