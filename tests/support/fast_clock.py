# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Simulated time for gateway processes: deadlines of seconds pass in a fraction of one."""

from __future__ import annotations

import time


def fast_clock(rate: int) -> str:
    """A value of STARTCITY_CLOCK: `rate` times faster, from now."""
    real_ms = time.time_ns() // 1_000_000
    return f"rate:{rate},epoch_ms:1790000000000,real_ms:{real_ms}"
