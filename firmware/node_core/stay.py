# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A vehicle's stay in a loading bay: how long, and once that it is too long. Pure; times are node time in ms."""

NEVER = -1


class Stay:
    """`limit_ms`: the longest stay with its tolerance; 0 for no limit."""

    def __init__(self, limit_ms):
        self._limit_ms = limit_ms
        self.since_ms = NEVER
        self.is_over = False  # it was said that it is too long

    def begin(self, at_ms):
        self.since_ms = at_ms
        self.is_over = False

    def end(self):
        self.since_ms = NEVER

    def length_s(self, now_ms):
        """None where nobody stays."""
        return None if self.since_ms == NEVER else max(0, now_ms - self.since_ms) // 1000

    def left_ms(self, now_ms):
        """Until the stay is too long; None where nobody stays, nothing limits it, or it was said already."""
        if self.since_ms == NEVER or self.is_over or not self._limit_ms:
            return None
        return self.since_ms + self._limit_ms - now_ms
