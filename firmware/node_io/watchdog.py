# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The board's watchdog, fed only while all parts of the node make progress."""

import machine

from micropython import const

_AT_THE_PROMPT_MS = const(3_600_000)


class Watchdog:
    """Each part calls `progress(part)`; a part that was silent for its own limit stops the feeding."""

    def __init__(self, timeout_s: int) -> None:
        self._limits_ms: dict = {}
        self._seen_ms: dict = {}
        self._wdt = None
        if timeout_s and hasattr(machine, "WDT"):
            self._wdt = machine.WDT(timeout=timeout_s * 1000)

    def expect(self, part: str, limit_s: int, now_ms: int) -> None:
        self._limits_ms[part] = limit_s * 1000
        self._seen_ms[part] = now_ms

    def progress(self, part: str, now_ms: int) -> None:
        self._seen_ms[part] = now_ms

    def feed(self, now_ms: int) -> str:
        """Feed if all is well. Returns the part that is stuck, or an empty text."""
        for part, limit_ms in self._limits_ms.items():
            if now_ms - self._seen_ms[part] > limit_ms:
                return part
        if self._wdt is not None:
            self._wdt.feed()
        return ""

    def relax(self) -> None:
        """Somebody has stopped the program: leave an hour at the prompt before the board starts again."""
        if self._wdt is not None:
            self._wdt = machine.WDT(timeout=_AT_THE_PROMPT_MS)
            self._wdt.feed()
