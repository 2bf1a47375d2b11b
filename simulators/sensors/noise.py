# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Noise that replays: a small generator per chip, so the firmware's own `random` stays untouched."""


class Noise:
    def __init__(self, seed):
        self._state = (seed * 2654435761 + 12345) & 0xFFFFFFFF or 1

    def uniform(self):
        """0 <= x < 1 (Marsaglia's xorshift32)."""
        state = self._state
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        self._state = state
        return state / 4294967296

    def normal(self):
        """Mean 0, standard deviation 1: the sum of twelve uniform numbers."""
        total = -6.0
        for _ in range(12):
            total += self.uniform()
        return total
