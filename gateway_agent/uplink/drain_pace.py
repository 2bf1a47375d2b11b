# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How fast a backlog may leave. Pure: times are arguments.

A city of gateways that comes back after an outage would otherwise send everything at once, and the city's broker would queue it. Each
connection draws its own rate below the highest, so that gateways do not keep step. Alarms do not ask here.
"""

from __future__ import annotations

import random

BURST_MS = 250
SLOWEST_SHARE = 0.75


class DrainPace:
    """Bytes a second of batches; a quarter of a second's worth may go at once."""

    def __init__(self, bytes_per_s: int, source: random.Random | None = None) -> None:
        self._highest_bytes_per_s = bytes_per_s
        self._source = source or random.SystemRandom()
        self._spent_until_ms = 0.0
        self.renew()

    def renew(self) -> None:
        """Draw the rate of a new connection."""
        self.bytes_per_s = self._highest_bytes_per_s * self._source.uniform(SLOWEST_SHARE, 1)

    def wait_ms(self, now_ms: int) -> int:
        """0: the next batch may go; else how long it has to wait."""
        return (
            max(0, int(self._spent_until_ms - now_ms - BURST_MS) + 1) if self._spent_until_ms > now_ms + BURST_MS else 0
        )

    def spend(self, size_bytes: int, now_ms: int) -> None:
        """Note what was sent."""
        self._spent_until_ms = max(self._spent_until_ms, now_ms) + size_bytes * 1_000 / self.bytes_per_s
