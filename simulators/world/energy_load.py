# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a school draws from the mains, minute by minute on three phases, and what its roof feeds in. Everything follows from the seed.

For development: a node that reads a meter has to report this energy, whatever its shape.
"""

from __future__ import annotations

import math
import random

_DAY_MS = 86_400_000
_MINUTE_MS = 60_000


class EnergyLoad:
    """A school from `start_ms` on. `solar_w`: peak of the photovoltaics, 0 for none."""

    def __init__(self, start_ms: int, *, seed: int = 1, solar_w: float = 0.0) -> None:
        self.start_ms = start_ms
        self._seed = seed
        self._solar_w = solar_w

    def power_w(self, at_ms: int) -> list[float]:
        """By phase, constant within each minute; negative is fed in."""
        minute = at_ms // _MINUTE_MS
        dice = random.Random(f"{self._seed} load {minute}")
        hour = minute % 1440 / 60
        is_open = (at_ms // _DAY_MS + 3) % 7 < 5 and 7.5 < hour < 16.5
        phases: list[float] = []
        sun = max(0.0, math.sin((hour - 6) / 12 * math.pi)) * self._solar_w / 3
        for share, base_w in ((0.5, 420.0), (0.3, 180.0), (0.2, 250.0)):
            load = base_w + dice.uniform(0, 90) + (share * dice.uniform(7000, 13000) if is_open else 0.0)
            phases.append(round(load - sun, 1))
        return phases

    def energy_j(self, from_ms: int, until_ms: int) -> tuple[float, float]:
        """(taken, fed in) between two instants: of each minute the sum over the phases counts, as in a meter that balances them."""
        taken = fed_in = 0.0
        at_ms = from_ms
        while at_ms < until_ms:
            end_ms = min(until_ms, (at_ms // _MINUTE_MS + 1) * _MINUTE_MS)
            energy = sum(self.power_w(at_ms)) * (end_ms - at_ms) / 1000
            if energy >= 0:
                taken += energy
            else:
                fed_in -= energy
            at_ms = end_ms
        return taken, fed_in
