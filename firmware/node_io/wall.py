# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Node time: milliseconds since this boot that never wrap, and the sleep that goes with them."""

import asyncio
import time

from micropython import const

_PIECE_MS = const(60_000)  # a long sleep is a sign of life once a minute


class NodeClock:
    """Must be asked at least once in six days, half the period in which the board's own counter wraps."""

    def __init__(self, now_ms: int = 0) -> None:
        """`now_ms`: where node time goes on, after deep sleep."""
        self._ticks = time.ticks_ms()
        self._now_ms = now_ms
        self.slept_count = 0  # rises with each sleep: whoever sleeps is alive
        self.city_ms = lambda: (
            None
        )  # the city's time now, in ms since 1970; None while unknown. The node core replaces it.

    def now_ms(self) -> int:
        ticks = time.ticks_ms()
        passed = time.ticks_diff(ticks, self._ticks)
        if passed > 0:
            self._now_ms += passed
            self._ticks = ticks
        return self._now_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        while duration_ms > _PIECE_MS:
            self.slept_count += 1
            await asyncio.sleep_ms(_PIECE_MS)
            duration_ms -= _PIECE_MS
        self.slept_count += 1
        await asyncio.sleep_ms(max(0, duration_ms))
