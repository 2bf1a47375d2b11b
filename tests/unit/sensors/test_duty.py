# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a sleeping node remembers, and when it connects."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.firmware_module import firmware_module

duties: Any = firmware_module("node_core/duty.py")

MINUTE_MS = 60_000
FRAMES = st.tuples(
    st.integers(0, 2),
    st.integers(0, 9),
    st.integers(0, 310),
    st.integers(0, 2**32 - 1),
    st.binary(min_size=60, max_size=250),
)
HOUR_MS = 3_600_000


def attempts(duty: Any, hours: int, urgent: int) -> list[int]:
    """Moments, in ms, of the attempts of an outage that begins at 0, where nothing but the retry wakes the node."""
    found = []
    now_ms = 0
    duty.waits = urgent
    duty.app_due_ms = hours * HOUR_MS
    while now_ms < hours * HOUR_MS:
        if duty.is_link_due(now_ms, HOUR_MS, 12):
            found.append(now_ms)
            duty.link_ended(now_ms, False, urgent)
        now_ms += duty.sleep_ms(now_ms, HOUR_MS)
    return found


def test_attempts_of_an_outage_become_rare() -> None:
    """1, 2, 4 .. 60 minutes between them for ordinary news, 15 s .. 10 minutes while an alarm waits."""
    found = attempts(duties.Duty(), 48, duties.URGENT)
    gaps = [b - a for a, b in itertools.pairwise(found)]
    assert gaps[:7] == [MINUTE_MS * n for n in (1, 2, 4, 8, 16, 32, 60)] and set(gaps[6:]) == {HOUR_MS}
    found = attempts(duties.Duty(), 24, duties.ALARM)
    gaps = [b - a for a, b in itertools.pairwise(found)]
    assert gaps[:6] == [15_000, 30_000, 60_000, 120_000, 240_000, 480_000] and set(gaps[6:]) == {600_000}


def test_a_new_alarm_in_a_long_outage_is_tried_within_a_minute() -> None:
    """However long nobody has answered."""
    duty = duties.Duty()
    attempts(duty, 48, duties.URGENT)
    now_ms = duty.tried_ms + MINUTE_MS
    assert not duty.is_link_due(now_ms, HOUR_MS, 12)
    duty.note_new(duties.ALARM)
    assert duty.is_link_due(now_ms, HOUR_MS, 12) and duty.retry_ms() == MINUTE_MS


def test_alarm_upon_alarm_in_an_outage_is_no_reason_to_hurry() -> None:
    """While one waits that was tried, a new one waits with it: an attempt each ten minutes, however many there are."""
    duty = duties.Duty()
    attempts(duty, 24, duties.ALARM)
    duty.note_new(duties.ALARM)
    assert duty.retry_ms() == 10 * MINUTE_MS
    week = attempts(duties.Duty(), 168, duties.ALARM)
    assert len(week) <= 150 + 6 * 24, "after a day without an answer each hour is enough"
    duty.failures = 151
    duty.waits = duties.ALARM
    assert duty.retry_ms() == HOUR_MS
    duty.note_new(duties.ALARM)
    assert duty.retry_ms() == 10 * MINUTE_MS


def test_pins_may_wake_the_board_four_thousand_times_in_a_row_and_then_twice_a_minute() -> None:
    """A meter's pulses of a whole day fit; an edge each second does not."""
    duty = duties.Duty()
    for hour in range(24):
        for _ in range(120):
            duty.pin_wakes(hour * HOUR_MS, 1)
    assert duty.pin_wakes(24 * HOUR_MS) == 0
    now_ms = woken = 0
    for now_ms in range(0, 24 * HOUR_MS, 1000):
        if duty.pin_wakes(now_ms) <= duties.PIN_STORM:
            duty.pin_wakes(now_ms, 1)
            woken += 1
    assert woken <= 4001 + 24 * 120 + 60, woken
    assert duty.pin_wakes(now_ms) >= duties.PIN_STORM - 1


def test_what_is_not_urgent_waits_for_half_a_memory_some_wakes_or_an_hour() -> None:
    """And with nothing to say the node shows itself every six hours."""
    duty = duties.Duty()
    assert not duty.is_link_due(5 * HOUR_MS, HOUR_MS, 12) and duty.is_link_due(6 * HOUR_MS, HOUR_MS, 12)
    frame = (2, 0, 310, 0, bytes(100))
    duty.frames = [frame]
    assert not duty.is_link_due(HOUR_MS - 1, HOUR_MS, 12) and duty.is_link_due(HOUR_MS, HOUR_MS, 12)
    duty.wakes = 12
    assert duty.is_link_due(1, HOUR_MS, 12)
    duty.wakes = 0
    half = duty.room_bytes() // 2 // (duties.FRAME_HEAD_BYTES + 100)
    duty.frames = [frame] * half
    assert not duty.is_link_due(1, HOUR_MS, 12)
    duty.frames = [frame] * (half + 1)
    assert duty.is_link_due(1, HOUR_MS, 12)
    duty.frames = [(2, 1, 310, 0, bytes(100))] * (
        half + 1
    )  # sent, and not acknowledged: they learn that at the next connection
    assert not duty.is_link_due(2 * HOUR_MS, HOUR_MS, 12)


def test_an_alarm_that_nobody_acknowledges_comes_again_and_then_is_over() -> None:
    """Handed to the broker is not safe yet; acknowledged is."""
    duty = duties.Duty()
    duty.note_new(duties.ALARM)
    duty.app_due_ms = 10 * HOUR_MS
    duty.link_ended(1000, True, duties.ALARM)
    assert duty.sleep_ms(1000, HOUR_MS) == 15_000
    duty.link_ended(20_000, True, duties.NOTHING)
    assert duty.failures == 0 and duty.sleep_ms(20_000, HOUR_MS) == 6 * HOUR_MS


@given(
    st.lists(FRAMES, max_size=4),
    st.one_of(st.none(), st.binary(max_size=400)),
    st.lists(st.tuples(st.sampled_from(["sensor_int", "tamper", "pulse"]), st.integers(0, 1)), max_size=3),
    st.integers(0, 2**40),
)
def test_what_is_remembered_reads_back(
    frames: list[Any], state: bytes | None, pins: list[tuple[str, int]], now_ms: int
) -> None:
    """Every field; what does not fit is refused, and never cut."""
    duty = duties.Duty()
    duty.frames, duty.state, duty.pins = frames, state, pins
    duty.epoch, duty.next, duty.reserved, duty.boot = b"epoch678", 7, 16, 3
    duty.slept_at_ms = duty.app_due_ms = now_ms
    duty.offset_ms, duty.bound_ms = -now_ms, 61_000
    duty.is_synchronised = duty.has_backlog = duty.is_asleep = duty.is_weak = True
    duty.tails = [(7, 90), None, (0x123456, 4000)]
    duty.pins_rest_ms = now_ms + 90_000
    fits = duty.frames_bytes() <= duty.room_bytes()
    if not fits:
        with pytest.raises(ValueError, match="at most 1528"):
            duty.pack()
        return
    found = duties.unpack(duty.pack())
    assert vars(found) == vars(duty)


def test_anything_else_is_not_taken_for_a_memory() -> None:
    """Another format, or bytes that end inside."""
    duty = duties.Duty()
    duty.frames = [(2, 0, 310, 0, bytes(100))]
    good = duty.pack()
    for bad in (b"", b"\x01" + good[1:], good[:50], good[:-1]):
        with pytest.raises(ValueError, match="not a sleeping node's memory"):
            duties.unpack(bad)
