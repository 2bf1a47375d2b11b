# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The flash store of a node that sleeps: after an orderly sleep it goes on writing to the segments that it was writing to.

Else each wake would begin a segment of its own, and a queue of 64 segments hold 64 wakes.
"""

import os

from node_io import borrowed
from node_io.flash_store import UNKNOWN, FlashStore, Segment, tag_of


class SleepingStore(FlashStore):
    def __init__(self, folder: str, segments_max: int, waits_s: list) -> None:
        super().__init__(folder, segments_max, waits_s)
        self.reopened: list = [None, None, None]  # by lane: (number, bytes, numbers) of what may be gone on with

    def memory_bytes(self) -> int:
        """None that counts: a wake ends soon, and when its frames move to flash is for `SleepingOutbox.lay_down` to say."""
        return 0

    def _tail(self, lane: int, epoch: bytes, entry) -> Segment:
        if self.tails[lane] is None and self.reopened[lane] is not None:
            self._reopen(lane)
        return super()._tail(lane, epoch, entry)

    def _reopen(self, lane: int) -> None:
        """Go on writing to the segment that was written to before an orderly sleep."""
        number, size_bytes, numbers = self.reopened[lane]
        self.reopened[lane] = None
        resting, heads = self.resting[lane], self.heads[lane]
        found = [i for i in range(len(resting)) if resting[i][0] == number]
        if found:
            segment = borrowed.call("node_io.queue_rare", "load_segment", self, lane, resting[found[0]], numbers)
        else:
            loaded = [segment for segment in heads if segment.number == number]
            if not loaded:
                return
            segment = loaded[0]
        if segment.lost or not segment.epoch or os.stat(segment.path)[6] != size_bytes:
            return
        if found:
            resting.remove(found[0])
        else:
            heads.remove(segment)
        segment.tries = bytearray([1] * len(segment.tries))  # they may have been sent
        segment.is_fresh = True  # of what comes to it now that is known
        segment.size_bytes = size_bytes
        self.tails[lane] = segment

    def rest(self, lane: int) -> None:
        """Put the segment that is being written to rest, as if an earlier boot had left it."""
        tail = self.tails[lane]
        self.tails[lane] = None
        if tail is not None:
            self.resting[lane].append((tail.number, tail.sequences[0], tag_of(tail.epoch), UNKNOWN))
