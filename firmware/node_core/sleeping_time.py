# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The city's time of a node that sleeps: it outlives deep sleep, at the price of a bound that grows with it."""

from node_core.node_time import NodeTime

# What the ESP32's 150 kHz oscillator, which keeps time in deep sleep, may be wrong by: it has no crystal, and follows the temperature.
SLEEP_DRIFT_PPM = 50_000


class SleepingTime(NodeTime):
    def dump(self) -> tuple:
        """(whether anything is known, and what of it outlives deep sleep: offset, bound, since when)."""
        if self._offset_ms is None:
            return False, 0, 0, 0
        return True, self._offset_ms, min(self._bound_ms, 0xFFFFFFFF), self._known_at_ms

    def load(self, offset_ms: int, bound_ms: int, known_at_ms: int) -> None:
        self._offset_ms = offset_ms
        self._bound_ms = bound_ms
        self._known_at_ms = known_at_ms
