# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A gateway's clock whose wall time a test sets while it runs, as NTP or a person would. For `start_forked(prepare=...)`."""

from __future__ import annotations

import json
from pathlib import Path

from gateway_agent import app
from gateway_agent.clock import SYNCHRONISED, UNKNOWN, ScaledClock, SystemClock
from gateway_agent.model import ClockReading
from gateway_agent.ports import Clock


class SteppedClock:
    """Monotonic time is another clock's; wall time and what is known of it stand in a file."""

    def __init__(self, clock: SystemClock | ScaledClock, path: Path) -> None:
        self._clock, self._path = clock, path

    def monotonic_ms(self) -> int:
        return self._clock.monotonic_ms()

    async def sleep_ms(self, duration_ms: int) -> None:
        await self._clock.sleep_ms(duration_ms)

    def read(self) -> ClockReading:
        found = self._clock.read()
        wall_ms = json.loads(self._path.read_text())
        if wall_ms is None:
            return found._replace(wall_ms=None, state=UNKNOWN, bound_s=None)
        return found._replace(wall_ms=wall_ms, state=SYNCHRONISED, bound_s=1)


def set_wall_time(path: Path, wall_ms: int | None) -> None:
    """Step it; None: nobody has told the machine the time since its boot."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(wall_ms))
    beside.rename(path)


def use_stepped_clock(path: Path) -> None:
    """In the gateway's process: its clock is the file's."""
    make_clock = app.make_clock  # type: ignore[attr-defined]

    def make_stepped(trust: object) -> Clock:
        return SteppedClock(make_clock("always"), path)

    app.make_clock = make_stepped  # type: ignore[attr-defined,assignment]
