# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the uplink sends next: priorities, bounds, go-back-N, and a simulated lossy city."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_agent.model import Lane
from gateway_agent.uplink.window import TIMEOUT_MS_FIRST, TIMEOUT_MS_HIGHEST, Position, Window

A = b"instance"
START = {lane: Position(A, 0) for lane in Lane}


def send(window: Window, lane: Lane, number: int, now_ms: int = 0) -> None:
    window.note_sent(lane, Position(A, number), now_ms)


def test_alarms_go_first_and_the_others_take_turns() -> None:
    """With everything waiting, the alarm lane is always next; record and trend alternate behind it."""
    window = Window(START, in_flight_max=100)
    assert window.next_lane() is Lane.ALARM
    window.note_empty(Lane.ALARM)
    order = []
    for number in range(1, 5):
        lane = window.next_lane()
        assert lane is not None
        order.append(lane)
        send(window, lane, number)
    assert order == [Lane.RECORD, Lane.TREND, Lane.RECORD, Lane.TREND]
    window.note_appended(Lane.ALARM)
    assert window.next_lane() is Lane.ALARM


def test_two_places_in_flight_are_kept_for_alarms() -> None:
    """A backlog cannot take the last two places, so an alarm never waits for a slow broker's PUBACK of old data."""
    window = Window(START, in_flight_max=5)
    window.note_empty(Lane.ALARM)
    for number in range(1, 4):
        lane = window.next_lane()
        assert lane is not None
        send(window, lane, number)
    assert window.next_lane() is None
    window.note_appended(Lane.ALARM)
    assert window.next_lane() is Lane.ALARM
    send(window, Lane.ALARM, 1)
    send(window, Lane.ALARM, 2)
    assert window.next_lane() is None


def test_a_broker_that_takes_one_message_at_a_time_is_served() -> None:
    """With a receive maximum of 1 every lane still gets through, one message after the other."""
    window = Window(START, in_flight_max=1)
    window.note_empty(Lane.ALARM)
    assert window.next_lane() is Lane.RECORD
    send(window, Lane.RECORD, 1)
    assert window.next_lane() is None
    window.note_puback(Lane.RECORD, Position(A, 1))
    assert window.next_lane() is Lane.TREND


def test_a_receipt_frees_what_it_covers_and_moves_the_base() -> None:
    """A receipt for number 3 of 5 sent leaves two unreceipted, and an older one changes nothing."""
    window = Window(START, in_flight_max=100)
    for number in range(1, 6):
        send(window, Lane.RECORD, number)
    window.note_receipt(Lane.RECORD, Position(A, 3))
    assert window.unreceipted_count(Lane.RECORD) == 2
    window.note_receipt(Lane.RECORD, Position(A, 2))
    assert window.receipted(Lane.RECORD) == Position(A, 3)
    assert window.cursor(Lane.RECORD) == Position(A, 5)


def test_a_reconnection_goes_back_to_the_receipt() -> None:
    """What the old connection carried is uncertain: after a reconnection all lanes start again behind the receipt."""
    window = Window(START, in_flight_max=100)
    for number in range(1, 6):
        send(window, Lane.TREND, number)
    window.note_receipt(Lane.TREND, Position(A, 2))
    window.note_reconnected(10)
    assert window.cursor(Lane.TREND) == Position(A, 2)
    assert window.in_flight == 0


def test_a_missing_receipt_is_waited_for_longer_and_longer_with_one_batch() -> None:
    """While the collector is away a lane sends one batch per time-out; time-outs double to ten minutes; a receipt opens it again."""
    window = Window(START, in_flight_max=100)
    for number in range(1, 50):
        send(window, Lane.RECORD, number)
    now_ms, waits = 0, []
    for _ in range(8):
        sent_at_ms = now_ms
        while not window.note_time(now_ms):
            now_ms += 1_000
        waits.append(now_ms - sent_at_ms)
        assert window.cursor(Lane.RECORD) == Position(A, 0)
        assert window.room(Lane.RECORD) == 1
        send(window, Lane.RECORD, 1, now_ms)
        assert window.room(Lane.RECORD) == 0
    assert waits[0] == TIMEOUT_MS_FIRST
    assert waits[1] == 2 * TIMEOUT_MS_FIRST
    assert waits[-1] == TIMEOUT_MS_HIGHEST
    window.note_receipt(Lane.RECORD, Position(A, 1))
    assert window.room(Lane.RECORD) == 2
    send(window, Lane.RECORD, 2, now_ms)
    assert window.note_time(now_ms + TIMEOUT_MS_FIRST) == [Lane.RECORD]


def test_alarms_stay_open_while_the_collector_is_away() -> None:
    """New alarms are sent although older ones have no receipt: others than the collector may listen."""
    window = Window(START, in_flight_max=100)
    send(window, Lane.ALARM, 1)
    window.note_time(TIMEOUT_MS_FIRST)
    send(window, Lane.ALARM, 1, TIMEOUT_MS_FIRST)
    assert window.next_lane() is Lane.ALARM


def test_with_broker_delivery_only_a_run_without_holes_is_confirmed() -> None:
    """PUBACKs out of order confirm up to the first hole."""
    window = Window(START, in_flight_max=100)
    for number in range(1, 5):
        send(window, Lane.RECORD, number)
    window.note_puback(Lane.RECORD, Position(A, 2))
    assert window.confirm(Lane.RECORD) is None
    window.note_puback(Lane.RECORD, Position(A, 1))
    window.note_puback(Lane.RECORD, Position(A, 4))
    assert window.confirm(Lane.RECORD) == Position(A, 2)


def test_a_new_instance_follows_the_old_one() -> None:
    """After an instance ended, its unreceipted batches and those of the next are one queue."""
    window = Window(START, in_flight_max=100)
    b = b"another!"
    send(window, Lane.RECORD, 9)
    window.note_sent(Lane.RECORD, Position(b, 1), 0)
    window.note_receipt(Lane.RECORD, Position(A, 9))
    assert window.unreceipted_count(Lane.RECORD) == 1
    window.note_receipt(Lane.RECORD, Position(b, 1))
    assert window.receipted(Lane.RECORD) == Position(b, 1)


def test_a_contradicted_instance_is_sent_once_and_not_waited_for() -> None:
    """The city holds another history of it: a PUBACK is enough, in order, and the next instance's batches wait for receipts."""
    window = Window(START, in_flight_max=100)
    b = b"another!"
    send(window, Lane.RECORD, 1)
    window.note_contradicted(Lane.RECORD, A, window.receipted(Lane.RECORD))
    for number in (1, 2):
        send(window, Lane.RECORD, number)
    window.note_sent(Lane.RECORD, Position(b, 1), 0)
    window.note_puback(Lane.RECORD, Position(A, 2))
    assert window.receipted(Lane.RECORD) == Position(A, 0)
    window.note_puback(Lane.RECORD, Position(A, 1))
    window.note_puback(Lane.RECORD, Position(b, 1))
    assert window.receipted(Lane.RECORD) == Position(A, 2)
    assert window.unreceipted_count(Lane.RECORD) == 1
    window.note_receipt(Lane.RECORD, Position(b, 1))
    assert window.receipted(Lane.RECORD) == Position(b, 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_a_lossy_city_gets_every_batch_in_the_end(seed: int) -> None:
    """Connections that break, batches and receipts that vanish: in the end every number is receipted, never more in flight than allowed."""
    source = random.Random(seed)
    total = 40
    window = Window(START, in_flight_max=4, window_max=8)
    collector = dict.fromkeys(Lane, 0)  # highest contiguous number that it has
    now_ms = 0
    for _ in range(5_000):
        now_ms += 500
        while (lane := window.next_lane()) is not None:
            instance, number = window.cursor(lane)
            if number >= total:
                window.note_empty(lane)
                continue
            window.note_sent(lane, Position(instance, number + 1), now_ms)
            assert window.in_flight <= 4
            if source.random() < 0.8:
                if number + 1 == collector[lane] + 1:
                    collector[lane] += 1
                if source.random() < 0.8:
                    window.note_receipt(lane, Position(A, collector[lane]))
            window.note_puback(lane, Position(instance, number + 1))
        if source.random() < 0.05:
            window.note_reconnected(4)
        window.note_time(now_ms)
        if all(window.receipted(lane).number == total for lane in Lane):
            return
    raise AssertionError(f"seed {seed}: stuck at {[window.receipted(lane) for lane in Lane]}")


def test_a_repeated_receipt_goes_back_at_once_but_not_again_and_again() -> None:
    """The receipt we know, repeated, sends the lane again after a second; then after two; progress makes it one again."""
    window = Window(START, in_flight_max=100)
    send(window, Lane.RECORD, 1)
    window.note_repeated(Lane.RECORD, Position(A, 0), 999)
    assert window.unreceipted_count(Lane.RECORD) == 1
    window.note_repeated(Lane.RECORD, Position(A, 0), 1_000)
    assert window.unreceipted_count(Lane.RECORD) == 0
    send(window, Lane.RECORD, 1, 1_000)
    window.note_repeated(Lane.RECORD, Position(A, 0), 2_999)
    assert window.unreceipted_count(Lane.RECORD) == 1
    window.note_receipt(Lane.RECORD, Position(A, 1))
    send(window, Lane.RECORD, 2, 3_000)
    window.note_repeated(Lane.RECORD, Position(A, 0), 9_000)
    assert window.unreceipted_count(Lane.RECORD) == 1
    window.note_repeated(Lane.RECORD, Position(A, 1), 4_000)
    assert window.unreceipted_count(Lane.RECORD) == 0


def test_a_receipt_of_a_later_instance_does_not_skip_what_was_not_sent() -> None:
    """Only PUBACKs or the journal take the window past a contradicted instance; what passed is told once."""
    window = Window(START, in_flight_max=100)
    b = b"another."
    window.note_contradicted(Lane.RECORD, A, Position(A, 5))
    window.note_receipt(Lane.RECORD, Position(b, 3))
    assert window.cursor(Lane.RECORD) == Position(A, 5)
    send(window, Lane.RECORD, 6)
    window.note_sent(Lane.RECORD, Position(b, 1), 0)
    window.note_receipt(Lane.RECORD, Position(b, 1))
    assert window.take_passed() == []
    window.note_puback(Lane.RECORD, Position(A, 6))
    assert window.take_passed() == [(Lane.RECORD, Position(A, 6))]
    assert window.take_passed() == []
    window.note_contradicted(Lane.RECORD, A, Position(A, 5))
    assert window.receipted(Lane.RECORD) == Position(A, 6)
    window.note_known(Lane.RECORD, Position(b, 3))
    assert window.cursor(Lane.RECORD) == Position(b, 3)


def test_the_rest_of_a_contradicted_instance_that_was_passed_is_gone_back_to() -> None:
    """However the window came past it: while the journal has something of it left, nothing behind it can be deleted."""
    window = Window(START, in_flight_max=100)
    b = b"another."
    window.note_contradicted(Lane.RECORD, A, Position(A, 5))
    window.note_rewound(Lane.RECORD, Position(b, 3))
    window.note_left_behind(Lane.RECORD, Position(A, 5), 0)
    assert window.cursor(Lane.RECORD) == Position(b, 3)
    window.note_left_behind(Lane.RECORD, Position(A, 5), 15_000)
    assert window.cursor(Lane.RECORD) == Position(A, 5)
