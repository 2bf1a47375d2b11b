# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""When a lane is sealed: earliest deadlines, full batches, and the rule against chatter."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway_agent.model import AdmittedFrame, FrameRow, Kid, Lane, OpaqueRow, Pack
from gateway_agent.seal.lanes import ALARM_TOKENS, FRAMES_MAX, PACK_BYTES_MAX, SEALED_BYTES_TARGET, Lanes

PACK = Pack(None, 0, (), (), ())


def frame(lane: Lane, deadline_ms: int, sequence: int = 0, node: int = 1, size_bytes: int = 50) -> AdmittedFrame:
    kid = Kid(node.to_bytes(6, "big") + bytes(8))
    return AdmittedFrame(FrameRow(kid, sequence, PACK), 0, lane, deadline_ms, size_bytes)


def test_a_lane_is_due_at_its_earliest_deadline() -> None:
    """The earliest deadline of any frame decides, not the first arrival, and only for its own lane."""
    lanes = Lanes()
    assert lanes.add([frame(Lane.TREND, 300_000)], 0)
    assert lanes.add([frame(Lane.TREND, 60_000)], 10)
    assert not lanes.add([frame(Lane.TREND, 90_000)], 20)
    lanes.add([frame(Lane.RECORD, 70_000)], 30)
    assert lanes.next_deadline_ms() == 60_000
    assert lanes.due(59_999) == []
    assert lanes.due(60_000) == [Lane.TREND]
    assert lanes.due(70_000) == [Lane.RECORD, Lane.TREND]


def test_a_taken_lane_waits_for_what_stayed() -> None:
    """After a batch is taken, the deadline is that of the frames that did not fit."""
    lanes = Lanes()
    for sequence in range(FRAMES_MAX + 1):
        lanes.add([frame(Lane.TREND, 1_000 + sequence, sequence, size_bytes=1)], 0)
    assert [f.row.sequence for f in lanes.take(Lane.TREND, 0)] == list(range(FRAMES_MAX))
    assert lanes.next_deadline_ms() == 1_000 + FRAMES_MAX
    assert [f.row.sequence for f in lanes.take(Lane.TREND, 0)] == [FRAMES_MAX]
    assert lanes.next_deadline_ms() is None
    assert (lanes.frames_count, lanes.bytes_count) == (0, 0)


def test_a_batch_is_full_at_2048_frames() -> None:
    """The 2,048th frame makes the lane due, long before its deadline."""
    lanes = Lanes()
    for sequence in range(FRAMES_MAX - 1):
        lanes.add([frame(Lane.TREND, 300_000, sequence, size_bytes=1)], 0)
    assert lanes.due(0) == []
    assert lanes.add([frame(Lane.TREND, 300_000, FRAMES_MAX, size_bytes=1)], 0)
    assert lanes.due(0) == [Lane.TREND]


def test_a_batch_is_full_at_its_estimated_size() -> None:
    """Before anything is learned a pack counts whole; a learned ratio lets more in, never above the bound for the opened body."""
    lanes = Lanes()
    lanes.add([frame(Lane.RECORD, 300_000, size_bytes=SEALED_BYTES_TARGET - 1)], 0)
    assert lanes.due(0) == []
    lanes.add([frame(Lane.RECORD, 300_000, size_bytes=1)], 0)
    assert lanes.due(0) == [Lane.RECORD]
    lanes.learn(Lane.RECORD, [frame(Lane.RECORD, 0)] * 1_000, 1_000)
    assert lanes.due(0) == []
    lanes.add([frame(Lane.RECORD, 300_000, size_bytes=PACK_BYTES_MAX)], 0)
    assert lanes.due(0) == [Lane.RECORD]


def test_ten_alarms_of_a_node_are_immediate_and_then_one_a_second() -> None:
    """A chattering node gets ten immediate sealings, then one a second; another node's alarm does not wait with it."""
    lanes = Lanes()
    sealed_at_ms = []
    for now_ms in range(0, 30_000, 10):
        lanes.add([frame(Lane.ALARM, now_ms, now_ms)], now_ms)
        if Lane.ALARM in lanes.due(now_ms):
            lanes.take(Lane.ALARM, now_ms)
            sealed_at_ms.append(now_ms)
    assert sealed_at_ms[:ALARM_TOKENS] == list(range(0, 100, 10))
    later = sealed_at_ms[ALARM_TOKENS:]
    assert 28 <= len(later) <= 31
    assert all(950 <= b - a <= 1_050 for a, b in pairwise(later))
    lanes.add([frame(Lane.ALARM, 29_995, node=2)], 29_995)
    assert lanes.due(29_995) == [Lane.ALARM]


def test_a_quiet_node_gets_its_immediate_alarms_back() -> None:
    """After ten seconds of silence a node has its ten immediate sealings again."""
    lanes = Lanes()
    for number in range(ALARM_TOKENS):
        lanes.add([frame(Lane.ALARM, 0, number)], 0)
        lanes.take(Lane.ALARM, 0)
    lanes.add([frame(Lane.ALARM, 1)], 1)
    assert lanes.due(1) == []
    lanes.take(Lane.ALARM, 1_000)
    for number in range(ALARM_TOKENS):
        lanes.add([frame(Lane.ALARM, 20_000, number)], 20_000)
        assert lanes.due(20_000) == [Lane.ALARM]
        lanes.take(Lane.ALARM, 20_000)


def test_a_burst_that_is_sealed_together_costs_one_sealing() -> None:
    """Fifty alarms of one node in one batch spend one of its ten immediate sealings, because they cost one sync."""
    lanes = Lanes()
    for _ in range(ALARM_TOKENS):
        for number in range(50):
            lanes.add([frame(Lane.ALARM, 0, number)], 0)
        assert lanes.due(0) == [Lane.ALARM]
        lanes.take(Lane.ALARM, 0)
    lanes.add([frame(Lane.ALARM, 0)], 0)
    assert lanes.due(0) == []


@given(st.lists(st.tuples(st.sampled_from(Lane), st.integers(0, 5_000), st.integers(1, 70_000)), max_size=200))
def test_everything_that_waits_is_taken_once_and_in_order(items: list[tuple[Lane, int, int]]) -> None:
    """Whatever the sizes and deadlines, taking until nothing waits gives each lane's frames once, in order of arrival."""
    lanes = Lanes()
    for sequence, (lane, deadline_ms, size_bytes) in enumerate(items):
        lanes.add([AdmittedFrame(OpaqueRow(Kid(bytes(14)), sequence, 0, b""), 0, lane, deadline_ms, size_bytes)], 0)
    taken: dict[Lane, list[int]] = {lane: [] for lane in Lane}
    while lanes.waiting():
        for lane in lanes.waiting():
            frames = lanes.take(lane, 0)
            assert frames
            assert len(frames) == 1 or sum(f.size_bytes for f in frames) <= PACK_BYTES_MAX
            taken[lane] += [f.row.sequence for f in frames]
    for lane in Lane:
        assert taken[lane] == [sequence for sequence, item in enumerate(items) if item[0] is lane]
    assert (lanes.frames_count, lanes.bytes_count) == (0, 0)


def test_an_operator_can_bound_every_wait() -> None:
    """A frame is due after the bound, whatever its profile allows; a shorter deadline stays."""
    lanes = Lanes(wait_ms_max=3_000)
    lanes.add([frame(Lane.TREND, 3_600_000)], 100)
    assert lanes.next_deadline_ms() == 3_100
    lanes.add([frame(Lane.RECORD, 1_000)], 100)
    assert lanes.next_deadline_ms() == 1_000


def test_riding_along_in_others_sealings_is_no_debt() -> None:
    """However many alarms were sealed together, the next alarm of any node waits a second at most."""
    lanes = Lanes()
    now_ms = 0
    for step in range(600):
        now_ms = step * 20
        for node in range(1, 21):
            lanes.add([frame(Lane.ALARM, now_ms, step, node)], now_ms)
        if lanes.due(now_ms):
            lanes.take(Lane.ALARM, now_ms)
    lanes.take(Lane.ALARM, now_ms)
    lanes.add([frame(Lane.ALARM, now_ms, 601, 1)], now_ms)
    deadline_ms = lanes.next_deadline_ms()
    assert deadline_ms is not None and deadline_ms <= now_ms + 1_000
