# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The second stage: frames' bytes in, admitted frames or counted refusals out.

The order of checks is the order of trust: envelope, key and authenticity, pack and profile, repeat. Nothing is
remembered of a frame that has not authenticated, but a count.

A run of frames is taken through each check together: the same few functions stay in the processor's caches, which
costs two thirds of taking each frame through all of them (2026-11, x86-64). Numbers are marked as received in the
last step only, so an error of ours in any earlier one leaves no frame half admitted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gateway_agent.admit.keyring import Keyring, NodeKey
from gateway_agent.admit.profile_check import NOT_A_PACK, OPAQUE_NAMES, Judgement, ProfileCheck, opaque
from gateway_agent.admit.received import ALARM_RANGES_MAX, NEW, REPEAT, TOO_MANY_RANGES, NumberTable
from gateway_agent.errors import PeerError
from gateway_agent.model import AdmittedFrame, FrameRow, Kid, Lane, OpaqueRow, Pack
from gateway_agent.wire.frame import OpenedFrame

# A node that drains a backlog sends no more of a lane than it has room for until some of it is acknowledged. While its slower
# lanes wait for their deadlines, the others run ahead and leave holes: so what it sends is sealed sooner.
BACKLOG_RANGES = 16
BACKLOG_NUMBERS = 512
BACKLOG_WAIT_MS = 2_000


# What one node may send: far above what a sensor says or a backlog holds (flash has room for some thousand frames). A node that
# somebody has taken apart could else fill the journal, and wear the card out, alone.
NODE_FRAMES_BURST = 100_000
NODE_FRAME_EACH_MS = 2
NODES_PACED_MAX = 16_384


_new = tuple.__new__  # of a named tuple, without the call in between


class Arrival(NamedTuple):
    """An authentic frame, new or repeated, as the control stage needs it."""

    kid: Kid
    sequence: int
    key: NodeKey
    is_repeat: bool
    admitted: AdmittedFrame | None  # None for a repeat
    pack: Pack | None  # None for a repeat, or where it cannot be read


class Admission:
    """Keys, received numbers and profiles together."""

    def __init__(
        self,
        keyring: Keyring,
        received: NumberTable,
        profile_check: ProfileCheck,
        decode_pack: Callable[[bytes], Pack],
        counters: Counter[str],
    ) -> None:
        self._keyring = keyring
        self._received = received
        self._profile_check = profile_check
        self._decode_pack = decode_pack
        self._counters = counters
        self._spent_until_ms: dict[
            bytes, int
        ] = {}  # by node: see `NODE_FRAMES_BURST`; only who has authenticated is in it

    def admit(self, frames: Sequence[bytes], now_ms: int) -> list[Arrival]:
        """Take a run of frames in, in order. What is refused is missing in the answer, and counted by its error's name.

        New frames are marked as received: hand their `admitted` on.
        """
        opened = self._open(frames)
        read = self._read(opened)
        return self._take(opened, read, now_ms)

    def _open(self, frames: Sequence[bytes]) -> list[tuple[OpenedFrame, NodeKey]]:
        """Envelope, key, authenticity."""
        opened, open_data = [], self._keyring.open_data
        for data in frames:
            try:
                opened.append(open_data(data))
            except PeerError as error:
                self._counters["refused_" + error.name] += 1
        return opened

    def _read(self, opened: Sequence[tuple[OpenedFrame, NodeKey]]) -> list[tuple[Pack | None, Judgement]]:
        """Pack and profile."""
        packs: list[Pack | None] = []
        decode_pack = self._decode_pack
        for frame, _ in opened:
            try:
                packs.append(decode_pack(frame[3]))
            except PeerError:
                packs.append(None)
        judge, not_a_pack = self._profile_check.judge, opaque(NOT_A_PACK)
        return [
            (pack, judge(key[2], pack) if pack is not None else not_a_pack)
            for pack, (_, key) in zip(packs, opened, strict=True)
        ]

    def _take(
        self,
        opened: Sequence[tuple[OpenedFrame, NodeKey]],
        read: Sequence[tuple[Pack | None, Judgement]],
        now_ms: int,
    ) -> list[Arrival]:
        """Repeats, floors and ranges; what is new becomes a row."""
        arrivals: list[Arrival] = []
        find, counters, spent = self._received.find, self._counters, self._spent_until_ms
        fullest_ms = now_ms + NODE_FRAMES_BURST * NODE_FRAME_EACH_MS
        admitted_count = readings_count = 0
        for ((kid, sequence, floor, pack_bytes), key), (pack, judgement) in zip(opened, read, strict=True):
            numbers = find(kid)
            if numbers is None:
                numbers = self._received.of(kid)
            highs = numbers.highs
            reason, lane, wait_ms, out_of_range = judgement
            if not highs or sequence != highs[-1] + 1:  # else it is the next one, which is new
                verdict = numbers.judge(sequence, floor)
                if verdict is TOO_MANY_RANGES and lane is Lane.ALARM:
                    verdict = numbers.judge(sequence, floor, ALARM_RANGES_MAX)
                if verdict is not NEW:
                    if verdict is REPEAT:
                        counters["repeats"] += 1
                        arrivals.append(Arrival(kid, sequence, key, True, None, None))
                    else:
                        counters["refused_" + verdict] += 1
                    continue
            # One frame more of this node: 100,000 at once, 500 a second in the long run.
            node_id = kid[:6]
            until_ms = spent.get(node_id, 0)
            until_ms = (until_ms if until_ms > now_ms else now_ms) + NODE_FRAME_EACH_MS
            if until_ms > fullest_ms:
                counters["refused_TooFast"] += 1  # not received: the node keeps it, and sends it again
                continue
            spent[node_id] = until_ms
            if wait_ms > BACKLOG_WAIT_MS and (len(highs) >= BACKLOG_RANGES or sequence - floor >= BACKLOG_NUMBERS):
                wait_ms = BACKLOG_WAIT_MS
            row: FrameRow | OpaqueRow
            if reason is None and pack is not None:
                row = _new(FrameRow, (kid, sequence, pack))
                readings_count += len(pack[4])
                if out_of_range:
                    counters["out_of_range"] += len(out_of_range)
            else:
                reason = NOT_A_PACK if reason is None else reason
                row = OpaqueRow(kid, sequence, reason, pack_bytes)
                counters["opaque_" + OPAQUE_NAMES[reason]] += 1
            if floor > numbers.floor:
                numbers.raise_floor(floor)
            if highs and sequence == highs[-1] + 1:
                highs[-1] = sequence
            else:
                numbers.add(sequence)
            admitted_count += 1
            admitted = _new(AdmittedFrame, (row, floor, lane, now_ms + wait_ms, len(pack_bytes)))
            arrivals.append(_new(Arrival, (kid, sequence, key, False, admitted, pack)))
        if admitted_count:
            counters["admitted"] += admitted_count
            counters["readings"] += readings_count
        if len(spent) > NODES_PACED_MAX:
            self._spent_until_ms = {node: end_ms for node, end_ms in spent.items() if end_ms > now_ms}
        return arrivals
