# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How many pulses there were, over power cuts and resets. The number never falls.

Two places, the higher one counts at a start: non-volatile storage, which a power cut leaves, is written before each report and at every
`every` pulses, but not twice within `_PAUSE_MS`; RTC memory, which a reset leaves, is written every few seconds (sleeping nodes keep
their own state there and do without). So a power cut costs the pulses since the last report, at most `every` of them or those of one minute,
and those that come while there is no power; nobody has been told of them, so no total goes back.

Wear: a commit takes three of the 126 entries of a page of 4 KiB, so a page is erased every 42 commits. Once a minute for years, over
the five pages of the smallest partition, is 2,500 erasures a page and year; flash stands 100,000.
"""

import struct

from node_io.kept import Kept
from node_io.kept_over_reset import read_area, write_area

_FORM = "<4sqq"
_MARK = b"PLS1"
_PAUSE_MS = 60_000
_RESET_MS = 5_000
_SLOW_MS = 21_600_000


class PulseTotal:
    """Attribute `pulses`: all since the meter's dial stood at `start` (any integer; another one begins anew at 0)."""

    def __init__(self, namespace, start, every, uses_rtc=True):
        self._kept = Kept(namespace)
        self._start = start
        self._every = every
        self._uses_rtc = uses_rtc
        found = [self._read(self._kept.get("pulses"))]
        if uses_rtc:
            found.append(self._read(read_area("sleep")))
        self.pulses = max(found)
        self.is_safe = True  # the storage took it the last time
        self._saved = found[0]
        self._noted = self.pulses
        self._saved_ms = self._noted_ms = None

    def _read(self, data):
        if data is None or len(data) != struct.calcsize(_FORM):
            return 0
        mark, start, pulses = struct.unpack(_FORM, data)
        return pulses if mark == _MARK and start == self._start and pulses > 0 else 0

    @property
    def unsaved(self):
        """Pulses that a power cut would cost."""
        return self.pulses - self._saved

    def add(self, pulses, now_ms):
        """Count on, and save what is due."""
        self.pulses += pulses
        if self._saved_ms is None:
            self._saved_ms = self._noted_ms = now_ms
        unsaved = self.unsaved
        waited_ms = now_ms - self._saved_ms
        if unsaved and ((unsaved >= self._every and waited_ms >= _PAUSE_MS) or waited_ms >= _SLOW_MS):
            self.save(now_ms)
        if self._uses_rtc and self.pulses != self._noted and now_ms - self._noted_ms >= _RESET_MS:
            self._noted = self.pulses
            self._noted_ms = now_ms
            write_area("sleep", struct.pack(_FORM, _MARK, self._start, self.pulses))

    def save(self, now_ms):
        """Make the number safe now: before anybody is told of it."""
        self._saved_ms = now_ms
        if self.unsaved or not self.is_safe:
            self.is_safe = self._kept.put("pulses", struct.pack(_FORM, _MARK, self._start, self.pulses))
            if self.is_safe:
                self._saved = self.pulses
        return self.is_safe
