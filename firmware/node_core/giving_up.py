# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a queue asks when it gives frames up, or finds those of earlier boots. Apart from backlog.py and numbers.py, because it is needed seldom."""

from node_core.backlog import ALARM, RECORD, TREND


def waiting_sequences(waiting) -> list:
    """The numbers that wait in a run of frames (backlog.py)."""
    return [waiting.sequences[i] for i in range(len(waiting.sequences)) if waiting.is_waiting(i)]


def closed_floor(numbers, epoch: bytes) -> int:
    """Frames of that epoch below this number were acknowledged or given up."""
    if epoch == numbers.epoch:
        return numbers.floor
    for known, floor in numbers.closed:
        if known == epoch:
            return floor
    return 0


def evictable(incoming_lane: int, counts: list) -> int:
    """The lane whose oldest segment makes room for a frame of a lane, or -1: then the frame itself is given up.

    Trend goes first, then record, then alarm, and never a more urgent lane for a less urgent frame.
    """
    for lane in (TREND, RECORD, ALARM):
        if lane >= incoming_lane and counts[lane]:
            return lane
    return -1
