# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Edges of a contact in, pulses out: each closing that lasts counts once, however often it bounces. Pure; allocates nothing.

Theory of operation
-------------------
The contact pulls the line to 0. A level counts once it has stood for `debounce_ms`: a shorter one is bounce or noise. Two callers feed
it, one after the other and never at once: `edge` when the line has changed, and `tick` from a timer, which also sees the last level
settle when no further edge comes. Both say how long ago the last call was; there is no clock here, so no counter can wrap.

A board is deaf at times: while flash is erased (45 ms and more) no interrupt is served, and all edges of that time arrive as one, late.
The ticks show it. Then `edge` is told `was_deaf`: the level found has stood long enough to be believed at once, and a level that
is the old one means that a whole pulse has passed unseen; it is counted (`recovered`). Only where pulses are so short that this can happen
(S0) may a caller ask for it: for a reed, which bounces, it would count noise.

Limits: two pulses within one deaf time count as one. A pulse shorter than `debounce_ms` does not count. The direction of flow is not in
a pulse: water that runs back counts as use.
"""

_HELD_MS_MAX = 1_000_000


class PulseCounter:
    """Attributes: `pulses` since the start, `recovered` (of these, found after a deaf time), `bounces` (levels too short to count),
    `is_closed` (settled), `held_ms` (how long the line has stood, up to 1,000 s)."""

    def __init__(self, debounce_ms, level):
        """`level`: of the line now; a contact that is closed at the start has been counted before, or never will be."""
        self._debounce_ms = debounce_ms
        self._level = level
        self._pending = 0
        self.is_closed = not level
        self.held_ms = 0
        self.pulses = self.recovered = self.bounces = 0

    def edge(self, level, passed_ms, was_deaf):
        """The line has changed and stands at `level` now, `passed_ms` after the last call."""
        self._wait(passed_ms)
        self._pending = 0
        if self.held_ms >= self._debounce_ms:
            self._settle()
        elif not was_deaf:
            self.bounces += 1
        if was_deaf:
            if level == self._level and self.is_closed == (not level):
                self.pulses += 1
                self.recovered += 1
            self._level = level
            self._settle()
        self._level = level
        self.held_ms = 0

    def tick(self, level, passed_ms):
        """The timer looks: a level that has stood counts, and an edge whose interrupt got lost is seen after all."""
        if level == self._level:
            self._pending = 0
            self._wait(passed_ms)
            if self.held_ms >= self._debounce_ms:
                self._settle()
        elif not self._pending:  # its interrupt may be waiting behind this call
            self._pending = 1
            self._wait(passed_ms)
        else:
            self.edge(level, passed_ms, False)

    def _wait(self, passed_ms):
        self.held_ms = min(_HELD_MS_MAX, self.held_ms + passed_ms)

    def _settle(self):
        is_closed = not self._level
        if is_closed and not self.is_closed:
            self.pulses += 1
        self.is_closed = is_closed
