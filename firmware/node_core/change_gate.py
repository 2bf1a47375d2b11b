# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Report on change, and every so often anyway. Pure: integers in, a decision out; the same on a node that sleeps in between.

A value has changed when it is its step away from the one last *reported*, so a slow drift is reported too and noise below the step is
not. A step is the larger of an absolute and a relative part: light is felt in ratios. A value that appears or disappears has changed.
"""

import struct

_NONE = -0x80000000


class ChangeGate:
    def __init__(self, steps, heartbeat_s):
        """`steps`: one (absolute, percent) for each value; (0, 0) never changes by itself."""
        self._steps = steps
        self._heartbeat_ms = heartbeat_s * 1000
        self.values = None  # as last reported
        self._at_ms = 0

    def is_due(self, values, now_ms):
        """Whether these values (integers, None where there is none) should be reported now."""
        # A clock that began anew says that the last report is yet to come: it is too long ago to know.
        if self.values is None or not 0 <= now_ms - self._at_ms < self._heartbeat_ms:
            return True
        for place in range(len(values)):
            value, before = values[place], self.values[place]
            if value is None or before is None:
                if value is not before:
                    return True
                continue
            step, percent = self._steps[place]
            step = max(step, abs(before) * percent // 100)
            if step and abs(value - before) >= step:
                return True
        return False

    def reported(self, values, now_ms):
        self.values = list(values)
        self._at_ms = now_ms

    def dump(self):
        """What has to be kept over a sleep: 8 bytes and 4 a value; nothing before the first report."""
        if self.values is None:
            return b""
        values = [_NONE if value is None else value for value in self.values]
        return struct.pack("<q%di" % len(values), self._at_ms, *values)

    def load(self, data):
        """False where the bytes are of another node: then everything is new."""
        if len(data) != 8 + 4 * len(self._steps):
            return False
        kept = struct.unpack("<q%di" % len(self._steps), data)
        self._at_ms = kept[0]
        self.values = [None if value == _NONE else value for value in kept[1:]]
        return True
