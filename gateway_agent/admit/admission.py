# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The second stage: a frame's bytes in, an admitted frame or a counted refusal out.

The order of checks is the order of trust: envelope, key and authenticity, repeat, pack, profile. Nothing is
remembered of a frame that has not authenticated, but a count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from gateway_agent.admit.keyring import Keyring, NodeKey
from gateway_agent.admit.profile_check import NOT_A_PACK, OPAQUE_NAMES, ProfileCheck, opaque
from gateway_agent.admit.received import NEW, REPEAT, NumberTable
from gateway_agent.errors import PeerError
from gateway_agent.model import AdmittedFrame, FrameRow, Kid, OpaqueRow, Pack
from gateway_agent.wire.frame import parse_frame


class Arrival(NamedTuple):
    """An authentic frame, new or repeated, as the control stage needs it."""

    kid: Kid
    sequence: int
    key: NodeKey
    is_repeat: bool
    admitted: AdmittedFrame | None  # None for a repeat
    pack: Pack | None  # None for a repeat or an opaque frame


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

    def admit(self, data: bytes, now_ms: int) -> Arrival | None:
        """Take one frame in; None where it was refused, which is counted by its error's name.

        A new frame is marked as received: hand its `admitted` on.
        """
        counters = self._counters
        try:
            opened, key = self._keyring.open(parse_frame(data))
        except PeerError as error:
            counters["refused_" + error.name] += 1
            return None
        kid, sequence, floor, pack_bytes = opened
        numbers = self._received.find(kid)
        if numbers is None:
            numbers = self._received.of(kid)
        verdict = numbers.judge(sequence, floor)
        if verdict is not NEW:
            if verdict is REPEAT:
                counters["repeats"] += 1
                return Arrival(kid, sequence, key, True, None, None)
            counters["refused_" + verdict] += 1
            return None
        pack: Pack | None
        try:
            pack = self._decode_pack(pack_bytes)
            reason, lane, wait_ms, out_of_range = self._profile_check.judge(key.profile_id, pack)
        except PeerError:
            pack = None
            reason, lane, wait_ms, out_of_range = opaque(NOT_A_PACK)
        row: FrameRow | OpaqueRow
        if reason is None:
            assert pack is not None
            row = FrameRow(kid, sequence, pack)
            counters["readings"] += len(pack.values)
            if out_of_range:
                counters["out_of_range"] += len(out_of_range)
        else:
            row = OpaqueRow(kid, sequence, reason, pack_bytes)
            counters["opaque_" + OPAQUE_NAMES[reason]] += 1
        # Marked last: a frame that an error of ours keeps from being admitted must not count as received.
        if floor > numbers.floor:
            numbers.raise_floor(floor)
        numbers.add(sequence)
        counters["admitted"] += 1
        admitted = AdmittedFrame(row, floor, lane, now_ms + wait_ms, len(pack_bytes))
        return Arrival(kid, sequence, key, False, admitted, pack)
