# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The board's own light. A module by itself: what blinks for ten seconds would keep all of its module in memory."""

import asyncio


async def blink(led) -> None:
    for i in range(40):
        led.value(1 - i % 2)
        await asyncio.sleep_ms(250)
    led.value(0)
