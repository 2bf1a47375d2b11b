# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Where frames wait for their turn in the event loop: a queue that is drained in slices.

A link hands frames over one by one; a slice of them is worked on at a time, so that receipts, deadlines and keep-alives
get their turn under full load. A link may read faster than slices are worked on: whoever owns both looks at `frames_count`
after each slice, and pauses the link above `FRAMES_MAX`. What one read of the link holds comes on top.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

FRAMES_MAX = 2_048
SLICE_FRAMES = 64  # about a millisecond: an alarm passes the loop some eight times on its way


class Intake:
    """`put` is for the link; `work` gets a slice of frames, in order."""

    def __init__(self, work: Callable[[list[bytes]], None]) -> None:
        self._work = work
        self._frames: deque[bytes] = deque()
        self._is_scheduled = False
        self._loop = asyncio.get_running_loop()

    @property
    def frames_count(self) -> int:
        return len(self._frames)

    async def drained(self) -> None:
        """Done when no frame waits for its turn."""
        while self._frames:
            turn = asyncio.Event()
            self._loop.call_soon(turn.set)
            await turn.wait()

    def put(self, frame: bytes) -> None:
        self._frames.append(frame)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._take_slice)

    def _take_slice(self) -> None:
        frames = self._frames
        slice_frames = [frames.popleft() for _ in range(min(len(frames), SLICE_FRAMES))]
        self._is_scheduled = bool(frames)
        if frames:
            self._loop.call_soon(self._take_slice)
        self._work(slice_frames)
