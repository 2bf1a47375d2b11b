# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How often something may happen: a burst, then so many a second. Pure: times are arguments."""

from __future__ import annotations


class Pace:
    """A bucket of `burst` tokens, one of which comes back each `each_ms`."""

    def __init__(self, burst: int, each_ms: int) -> None:
        self._full_ms = burst * each_ms
        self._each_ms = each_ms
        self._spent_until_ms = 0

    def allow(self, now_ms: int) -> bool:
        """Take a token, if there is one."""
        spent_until_ms = max(self._spent_until_ms, now_ms) + self._each_ms
        if spent_until_ms - now_ms > self._full_ms:
            return False
        self._spent_until_ms = spent_until_ms
        return True
