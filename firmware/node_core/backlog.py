# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What waits for its acknowledgement, and what is sent next. No file, no radio, no clock in here.

A `Waiting` is one run of frames of one epoch and class: a segment on flash, or those in memory.
It keeps parallel arrays, 13 bytes a frame: a queue of thousands of frames must fit a board's memory.
"""

from array import array

from node_core.retry import wait_ms

ALARM = 0
RECORD = 1
TREND = 2
LANES = ("alarm", "record", "trend")

_DONE = 0xFFFFFFFF
_FIRST_S = 10
_MOST_S = 300


def first_wait_s(deadline_s: int) -> int:
    """From the first transmission to the second: a gateway acknowledges once it has sealed, which the frame's deadline may delay."""
    return min(_FIRST_S + deadline_s, _MOST_S)


class Waiting:
    def __init__(self, epoch: bytes, lane: int) -> None:
        self.epoch = epoch
        self.lane = lane
        self.sequences = array("I")
        self.places = array("H")  # where the frame lies: an offset in the segment
        self.due_s = array("I")  # node time of the next transmission; 0 = never sent
        self.tries = bytearray()
        self.waits_s = array("H")  # from the first transmission to the second
        self.remaining = 0
        self.due_s_min = _DONE
        self.is_fresh = True  # tries == 0 then means that no copy was ever sent

    def add(self, sequence: int, place: int, wait_s: int, due_s: int = 0, tries: int = 0) -> None:
        self.sequences.append(sequence)
        self.places.append(place)
        self.due_s.append(due_s)
        self.tries.append(tries)
        self.waits_s.append(wait_s)
        self.remaining += 1
        self.due_s_min = min(self.due_s_min, due_s)

    def is_waiting(self, i: int) -> bool:
        return self.due_s[i] != _DONE

    def next_due(self, now_s: int) -> int:
        """The index of the first frame that may be sent now, or -1."""
        if self.due_s_min <= now_s:
            for i in range(len(self.due_s)):
                if self.due_s[i] <= now_s:
                    return i
        return -1

    def sent(self, i: int, now_ms: int, random_16: int) -> None:
        """Note a transmission: without an acknowledgement the frame is due again later."""
        wait = wait_ms(self.tries[i], self.waits_s[i] * 1000, _MOST_S * 1000, random_16)
        self.due_s[i] = (now_ms + wait) // 1000
        self.tries[i] = min(self.tries[i] + 1, 255)
        self._settle()

    def done(self, i: int) -> None:
        if self.due_s[i] != _DONE:
            self.due_s[i] = _DONE
            self.remaining -= 1
            self._settle()

    def acknowledge(self, acknowledged: list) -> list:
        """Close what the ranges name; returns the indices that this closed."""
        closed = []
        for first, last in acknowledged:
            for i in range(len(self.sequences)):
                if first <= self.sequences[i] <= last and self.due_s[i] != _DONE:
                    self.due_s[i] = _DONE
                    closed.append(i)
        if closed:
            self.remaining -= len(closed)
            self._settle()
        return closed

    def hurry(self, sequence: int, now_s: int) -> None:
        """Send again at once: the connection that carried the frame broke, or the gateway has started anew.

        A sequence of -1 means every frame that was sent.
        """
        for i in range(len(self.sequences)):
            if self.tries[i] and self.due_s[i] != _DONE and sequence in (-1, self.sequences[i]):
                self.due_s[i] = min(self.due_s[i], now_s)
        self._settle()

    def lowest(self):
        """The lowest number that waits, or None. The floor rests on it, so it does not trust in the order."""
        lowest = None
        for i in range(len(self.sequences)):
            if self.due_s[i] != _DONE and (lowest is None or self.sequences[i] < lowest):
                lowest = self.sequences[i]
        return lowest

    def _settle(self) -> None:
        self.due_s_min = min(self.due_s) if len(self.due_s) else _DONE
