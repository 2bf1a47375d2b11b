# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the node knows of the city's time. Integers only: the board's floats hold 24 bits.

The offset is learnt from a down frame that answers, within 2 s, a frame sent for the first time (docs/wire.md
section 3, "Anchor"). An answer to anything older proves nothing, because it may have been held back.
What is learnt from an answer, and how, is in time_learning.py.
"""

from array import array

ANSWER_MS_MAX = 2000
_DRIFT_PPM = 50
# Beyond this doubt a reading is better off with node time, which a later anchor resolves.
_BOUND_MS_MAX = 60_000
_SENT_COUNT_MAX = 16


class FirstSent:
    """The moments of the latest first transmissions of this boot, by number; another epoch begins anew. In arrays: 16 tuples take twice that."""

    def __init__(self) -> None:
        self._epoch = b""

    def note(self, epoch: bytes, sequence: int, node_ms: int) -> None:
        if epoch != self._epoch:
            self._epoch = epoch
            self._sequences = array("I")
            self._sent_ms = array("Q")
            self._next = 0
        if len(self._sequences) < _SENT_COUNT_MAX:
            self._sequences.append(sequence)
            self._sent_ms.append(node_ms)
        else:
            self._sequences[self._next] = sequence
            self._sent_ms[self._next] = node_ms
            self._next = (self._next + 1) % _SENT_COUNT_MAX

    def sent_ms(self, epoch: bytes, sequence: int, node_ms: int):
        """When that frame was first sent, if that was less than 2 s before `node_ms`; else None."""
        if epoch == self._epoch:
            for i in range(len(self._sequences)):
                if self._sequences[i] == sequence and 0 <= node_ms - self._sent_ms[i] < ANSWER_MS_MAX:
                    return self._sent_ms[i]
        return None


class NodeTime:
    def __init__(self) -> None:
        self._offset_ms: int = None
        self._bound_ms = 0
        self._known_at_ms = 0
        self._reported_bound_ms: int = None
        self.drift_ppm = 0  # what the city's clock gains on ours
        self._doubt_ppm = _DRIFT_PPM
        self._first: tuple = None  # node time, offset and bound of the answer that the rate is measured from

    def bound_ms(self, node_ms: int):
        """How far `city_ms` may be wrong at that node time, or None before the first anchor."""
        if self._offset_ms is None:
            return None
        return self._bound_ms + abs(node_ms - self._known_at_ms) * self._doubt_ppm // 1_000_000

    def is_synchronised(self, node_ms: int) -> bool:
        bound = self.bound_ms(node_ms)
        return bound is not None and bound <= _BOUND_MS_MAX

    def city_ms(self, node_ms: int) -> int:
        return node_ms + self._offset_ms + (node_ms - self._known_at_ms) * self.drift_ppm // 1_000_000

    def forget_reports(self) -> None:
        """A new epoch has begun: its frames need an anchor of their own."""
        self._reported_bound_ms = None
