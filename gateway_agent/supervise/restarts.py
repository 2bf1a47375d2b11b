# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Parts that must not end: started again with back-off, counted, and given up loudly.

The only place with `except Exception`. A part that fails by a programming error is started again; one that fails
six times within a minute ends the gateway, because systemd's fresh start is then the better remedy.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable

from gateway_agent.backoff import Backoff

log = logging.getLogger(__name__)

FAILURES_MAX = 6
WITHIN_MS = 60_000


async def run_restarting(
    name: str,
    part: Callable[[], Awaitable[None]],
    counters: Counter[str],
    monotonic_ms: Callable[[], int],
    sleep_ms: Callable[[int], Awaitable[None]],
) -> None:
    """Run `part` until cancelled.

    Raises:
        Exception: what the part raised, after six failures within a minute.
    """
    failures: deque[int] = deque(maxlen=FAILURES_MAX)
    backoff = Backoff(100, 10_000)
    while True:
        try:
            await part()
            log.error("%s ended by itself; starting it again", name)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("%s failed; starting it again", name)
            failures.append(monotonic_ms())
            if len(failures) == FAILURES_MAX and failures[-1] - failures[0] < WITHIN_MS:
                raise
        counters["restarts_" + name] += 1
        await sleep_ms(backoff.next_ms())
