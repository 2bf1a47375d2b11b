# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The queue between link and admission: slices, in order, with the loop's turn and the other threads' between them."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from gateway_agent.admit.intake import SLICE_FRAMES, URGENT_PAUSE_S, Intake

FRAMES = [b"%d" % number for number in range(3 * SLICE_FRAMES + 5)]


async def test_frames_are_worked_on_in_slices_and_in_order() -> None:
    """What one read brought is taken a slice a turn of the loop; what comes meanwhile goes behind it."""
    slices: list[list[bytes]] = []
    intake = Intake(slices.append)
    intake.put_all(FRAMES)
    intake.put_all([])
    await asyncio.sleep(0)
    assert slices == [FRAMES[:SLICE_FRAMES]]
    intake.put_all([b"last"])
    async with asyncio.timeout(10):
        await intake.drained()
    assert [frame for frames in slices for frame in frames] == [*FRAMES, b"last"]
    assert max(map(len, slices)) == SLICE_FRAMES
    assert intake.frames_count == 0


async def test_something_urgent_gets_a_pause_after_each_slice() -> None:
    """While an alarm is with the writing thread the loop leaves the interpreter to it for a millisecond after each slice, and no longer."""
    loop, is_urgent = asyncio.get_running_loop(), True
    taken_at_s: list[float] = []
    intake = Intake(lambda _: taken_at_s.append(loop.time()), lambda: is_urgent)
    intake.put_all(FRAMES)
    async with asyncio.timeout(10):
        while len(taken_at_s) < 3:
            await asyncio.sleep(0)
    is_urgent = False
    async with asyncio.timeout(10):
        await intake.drained()
    assert len(taken_at_s) == 4
    assert all(later - earlier >= URGENT_PAUSE_S for earlier, later in pairwise(taken_at_s[:3]))
