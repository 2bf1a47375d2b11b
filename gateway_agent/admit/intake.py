# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Where frames wait for their turn in the event loop: a queue that is drained in slices.

A link hands over what one read brought; a slice of it is worked on at a time, so that receipts, deadlines and keep-alives
get their turn under full load. A link may read faster than slices are worked on: whoever owns both looks at `frames_count`
after each slice, and pauses the link above `FRAMES_MAX`. What one read of the link holds comes on top.

While something urgent is in another thread's hands, a pause of a millisecond follows each slice: that thread then has the interpreter
when it wants it, and not each time after a wait of a switching interval. 25,000 frames a second still pass.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

FRAMES_MAX = 2_048
SLICE_FRAMES = 64  # about a millisecond: an alarm passes the loop some six times on its way
URGENT_PAUSE_S = 0.001


class Intake:
    """`put_all` is for the link; `work` gets a slice of frames, in order."""

    def __init__(self, work: Callable[[list[bytes]], None], is_urgent: Callable[[], bool] = lambda: False) -> None:
        self._work = work
        self._is_urgent = is_urgent
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

    def put_all(self, frames: Iterable[bytes]) -> None:
        self._frames.extend(frames)
        if self._frames and not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._take_slice)

    def _take_slice(self) -> None:
        frames = self._frames
        slice_frames = [frames.popleft() for _ in range(min(len(frames), SLICE_FRAMES))]
        try:
            self._work(slice_frames)
        finally:  # behind what the work itself has asked for: an alarm's sealing comes before the next slice
            self._is_scheduled = bool(frames)
            if frames and self._is_urgent():
                self._loop.call_later(URGENT_PAUSE_S, self._take_slice)
            elif frames:
                self._loop.call_soon(self._take_slice)
