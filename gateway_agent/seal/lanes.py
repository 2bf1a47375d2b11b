# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What waits to be sealed, and when. Pure: times are arguments.

Theory of operation
-------------------
A lane is due when the earliest deadline of its frames has come, or when
what waits would fill a batch. Deadlines come from the profiles: none for an alarm, seconds for a change, minutes
for a trend. Every sealing costs a sync, and syncs are an SD card's life.

*Chatter.* A node whose alarms never stop must not wear the card out: each node has ten immediate alarm sealings;
they come back at one a second. A node without one left waits for the next, at most a second; other nodes do not
wait with it.

*Full.* The formats allow 4,096 frames and 64 KiB as sealed. A batch is full at 2,048 frames already: the steps of
sealing more take so long that an alarm would wait for them, and it saves next to nothing a reading. How much a frame will take is
learned: the bytes of packs in a batch against its size when sealed, with a margin of a half. A batch that comes out
too large all the same is halved (see `sealer.py`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from operator import attrgetter

from gateway_agent.model import AdmittedFrame, Lane

FRAMES_MAX = 2_048
SEALED_BYTES_TARGET = 60 * 1_024
PACK_BYTES_MAX = 384 * 1_024  # so that the opened body stays below 1 MiB whatever the packs hold
OPAQUE_EXTRA_BYTES = 24

ALARM_TOKENS = 10
ALARM_TOKEN_MS = 1_000
ALARM_NODES_MAX = 10_000

_size_bytes_of, _deadline_ms_of = attrgetter("size_bytes"), attrgetter("deadline_ms")


class AlarmPace:
    """How many immediate sealings each node has left."""

    def __init__(self) -> None:
        self._full_at_ms: dict[bytes, int] = {}

    def ready_at_ms(self, node_id: bytes, now_ms: int) -> int:
        """When the next alarm of a node may be sealed: `now_ms`, or up to a second later."""
        # A bucket of ten tokens that refills at one a second, kept as the time at which it is full again.
        full_at_ms = self._full_at_ms.get(node_id, now_ms)
        return max(now_ms, full_at_ms - (ALARM_TOKENS - 1) * ALARM_TOKEN_MS)

    def spend(self, node_ids: set[bytes], now_ms: int) -> None:
        """Note a sealing that these nodes' alarms caused together."""
        # Nodes that rode along without a token owe nothing for it: an empty bucket is the worst there is.
        empty_ms = now_ms + ALARM_TOKENS * ALARM_TOKEN_MS
        for node_id in node_ids:
            full_at_ms = max(now_ms, self._full_at_ms.get(node_id, now_ms)) + ALARM_TOKEN_MS
            self._full_at_ms[node_id] = min(full_at_ms, empty_ms)
        if len(self._full_at_ms) > ALARM_NODES_MAX:
            self._full_at_ms = {node: at_ms for node, at_ms in self._full_at_ms.items() if at_ms > now_ms}


class _Waiting:
    """One lane's frames, in order of arrival."""

    __slots__ = ("deadline_ms", "frames", "pack_bytes", "room_bytes")

    def __init__(self) -> None:
        self.frames: list[AdmittedFrame] = []
        self.pack_bytes = 0
        self.deadline_ms: int | None = None
        self.room_bytes = SEALED_BYTES_TARGET  # of packs, until something is learned


class Lanes:
    """Admitted frames of all lanes. Their number is bounded by whoever asks `frames_count` before `add`."""

    def __init__(self, wait_ms_max: int = 3_600_000) -> None:
        self._wait_ms_max = wait_ms_max
        self._waiting = {lane: _Waiting() for lane in Lane}
        self._pace = AlarmPace()
        self.frames_count = 0
        self.bytes_count = 0

    def add(self, frames: Iterable[AdmittedFrame], now_ms: int) -> bool:
        """Let frames wait in their lanes. True where this made a lane due, or its next deadline earlier."""
        is_news = False
        latest_ms = now_ms + self._wait_ms_max
        count = size_sum = 0
        for frame in frames:
            row, _, lane, deadline_ms, size_bytes = frame
            waiting = self._waiting[lane]
            if deadline_ms > latest_ms:  # noqa: PLR1730 - once a frame, and `min` is a call
                deadline_ms = latest_ms
            if lane is Lane.ALARM:
                deadline_ms = max(deadline_ms, self._pace.ready_at_ms(row.kid[:6], now_ms))
            waiting.frames.append(frame)
            waiting.pack_bytes += size_bytes
            count += 1
            size_sum += size_bytes
            if waiting.deadline_ms is None or deadline_ms < waiting.deadline_ms:
                waiting.deadline_ms = deadline_ms
                is_news = True
            if waiting.pack_bytes >= waiting.room_bytes or len(waiting.frames) >= FRAMES_MAX:
                is_news = True
        self.frames_count += count
        self.bytes_count += size_sum
        return is_news

    def due(self, now_ms: int) -> list[Lane]:
        """Lanes to seal now, the most urgent first."""
        return [lane for lane, waiting in self._waiting.items() if waiting.frames and self._is_due(waiting, now_ms)]

    @staticmethod
    def _is_due(waiting: _Waiting, now_ms: int) -> bool:
        return (
            (waiting.deadline_ms is not None and waiting.deadline_ms <= now_ms)
            or len(waiting.frames) >= FRAMES_MAX
            or waiting.pack_bytes >= waiting.room_bytes
        )

    def waiting(self) -> list[Lane]:
        """Lanes with anything in them."""
        return [lane for lane, waiting in self._waiting.items() if waiting.frames]

    def has(self, lane: Lane) -> bool:
        """Whether anything waits in this lane."""
        return bool(self._waiting[lane].frames)

    def next_deadline_ms(self) -> int | None:
        """When the next lane is due by its deadline."""
        deadlines = [waiting.deadline_ms for waiting in self._waiting.values() if waiting.deadline_ms is not None]
        return min(deadlines, default=None)

    def take(self, lane: Lane, now_ms: int) -> list[AdmittedFrame]:
        """Remove one batch's worth, the oldest frames first. Frames that stay keep their deadlines."""
        waiting = self._waiting[lane]
        frames = waiting.frames[:FRAMES_MAX]
        ends = list(accumulate(map(_size_bytes_of, frames)))  # what the frames up to each have together
        taken = max(1, bisect_right(ends, waiting.room_bytes)) if frames else 0
        size_bytes = ends[taken - 1] if taken else 0
        del frames[taken:]
        del waiting.frames[:taken]
        waiting.pack_bytes -= size_bytes
        self.frames_count -= taken
        self.bytes_count -= size_bytes
        if lane is Lane.ALARM and frames:
            self._pace.spend({frame.row.kid[:6] for frame in frames}, now_ms)
        waiting.deadline_ms = min(map(_deadline_ms_of, waiting.frames), default=None)
        return frames

    def learn(self, lane: Lane, frames: Sequence[AdmittedFrame], sealed_bytes: int) -> None:
        """Note how large a batch came out. Small batches say little: the signature outweighs their frames."""
        if len(frames) >= 64:
            pack_bytes = sum(map(_size_bytes_of, frames)) or 1
            sealed_per_pack_byte = min(2.0, max(0.05, 1.5 * sealed_bytes / pack_bytes))
            self._waiting[lane].room_bytes = min(PACK_BYTES_MAX, int(SEALED_BYTES_TARGET / sealed_per_pack_byte))
