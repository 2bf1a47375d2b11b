# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The simulation's time: true time that runs `rate` times faster than the host's, the same in every process.

Processes agree because they share three numbers by the environment variable STARTCITY_CLOCK:
`rate:<n>,epoch_ms:<true time at the start>,real_ms:<host time at the start>`.
"""

from __future__ import annotations

import time
from pathlib import Path

VARIABLE = "STARTCITY_CLOCK"


class SimulationClock:
    """True time in milliseconds since 1970. `rate` 0 is jump mode, which only a single virtual machine can have."""

    def __init__(self, rate: int = 1, epoch_ms: int | None = None, real_ms: int | None = None) -> None:
        if rate < 0:
            raise ValueError("the rate of the simulation's clock is a whole number from 0 on")
        self.rate = rate
        self.real_ms = time.time_ns() // 1_000_000 if real_ms is None else real_ms
        self.epoch_ms = self.real_ms if epoch_ms is None else epoch_ms
        self._skipped: Path | None = None

    def now_ms(self) -> int:
        """True time now; stands still in jump mode."""
        return self.epoch_ms + (time.time_ns() // 1_000_000 - self.real_ms) * self.rate + self._skipped_ms()

    def _skipped_ms(self) -> int:
        if self._skipped is None:
            return 0
        try:
            return int(self._skipped.read_text(encoding="ascii") or "0")
        except FileNotFoundError:
            return 0

    def skips(self, node_directory: Path) -> None:
        """Let the sleeps of this one node take no host time: true time then runs ahead by what it has slept so far."""
        self._skipped = node_directory / "skipped_ms"

    def real_s(self, duration_ms: float) -> float:
        """How long the host takes for so much simulated time."""
        return duration_ms / 1000 / self.rate if self.rate else 0.0

    def variable(self) -> str:
        """The value of STARTCITY_CLOCK."""
        text = f"rate:{self.rate},epoch_ms:{self.epoch_ms},real_ms:{self.real_ms}"
        return text if self._skipped is None else text + ",skip_sleep:1"

    def env(self) -> dict[str, str]:
        """For a child's environment."""
        return {VARIABLE: self.variable()}
