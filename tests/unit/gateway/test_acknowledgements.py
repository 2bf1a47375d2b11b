# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What is told to which node, and when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway_agent.admit.received import NumberTable
from gateway_agent.control.acknowledgements import (
    MANY_NODES,
    TELL_MANY_EACH_MS,
    TIME_ANSWER_EACH_MS,
    TIME_REFRESH_MS,
    Acknowledgements,
    Answer,
    DownNonces,
    city_time,
)
from gateway_agent.model import ClockReading, Kid, Received

KID = Kid(bytes(14))


def arrive(acks: Acknowledgements, sequence: int, now_ms: int = 0, **about: bool) -> list[Answer]:
    facts = {"is_repeat": False, "has_node_time": False, "is_sleeping": False, "has_command": False} | about
    acks.note_arrival(KID, sequence, now_ms, **facts)
    return acks.take_answers()


def synced(acks: Acknowledgements, *ranges: tuple[int, int], floor: int = 0) -> list[Answer]:
    acks.note_synced([Received(KID, floor, ranges)])
    return acks.take_answers()


def test_an_awake_node_is_answered_once_a_sync() -> None:
    """Frames alone bring no answer; the sync brings one for all of them, answering the last that arrived."""
    acks = Acknowledgements(NumberTable())
    for sequence in (0, 1, 3, 2):
        assert arrive(acks, sequence) == []
    assert synced(acks, (0, 3)) == [Answer(KID, 2, ((0, 3),), True)]
    assert acks.take_answers() == []


def test_a_node_without_an_anchor_is_answered_at_once() -> None:
    """A frame with node time is answered at once, its backlog at most every two seconds, and nothing unsynced is acknowledged."""
    acks = Acknowledgements(NumberTable())
    assert arrive(acks, 0, 0, has_node_time=True) == [Answer(KID, 0, (), True)]
    assert arrive(acks, 1, 10, has_node_time=True) == []
    assert arrive(acks, 2, TIME_ANSWER_EACH_MS, has_node_time=True) == [Answer(KID, 2, (), True)]


def test_a_node_with_an_anchor_hears_the_time_again_after_an_hour() -> None:
    """Clocks drift: an hour after the last time a frame is answered at once again."""
    acks = Acknowledgements(NumberTable())
    assert arrive(acks, 0, 0) == []
    assert arrive(acks, 1, TIME_REFRESH_MS - 1) == []
    assert arrive(acks, 2, TIME_REFRESH_MS) == [Answer(KID, 2, (), True)]


def test_a_synced_repeat_is_acknowledged_again_and_an_unsynced_one_is_not() -> None:
    """A repeat means that an acknowledgement was lost, if there was one; the answer names the whole range around it, once a run."""
    acks = Acknowledgements(NumberTable())
    arrive(acks, 0)
    assert arrive(acks, 0, is_repeat=True) == []
    synced(acks, (0, 9), (20, 29))
    for sequence in (3, 4, 22):
        acks.note_arrival(KID, sequence, 0, is_repeat=True, has_node_time=False, is_sleeping=False, has_command=False)
    assert acks.take_answers() == [Answer(KID, 22, ((0, 9), (20, 29)), True)]


def test_a_sleeping_node_learns_at_once_what_is_synced_so_far() -> None:
    """The answer to a sleeping node's frame carries the numbers synced before it, not itself."""
    acks = Acknowledgements(NumberTable())
    assert arrive(acks, 0, is_sleeping=True) == [Answer(KID, 0, (), True)]
    synced(acks, (0, 0))
    assert arrive(acks, 1, is_sleeping=True) == [Answer(KID, 1, ((0, 0),), True)]


def test_more_than_eight_ranges_take_several_down_frames() -> None:
    """A down frame names eight ranges at most, ascending; nothing that was synced goes unmentioned."""
    acks = Acknowledgements(NumberTable())
    ranges = [(number, number) for number in range(0, 40, 2)]
    answers = synced(acks, *ranges)
    assert [len(answer.acknowledged) for answer in answers] == [8, 8, 4]
    assert [pair for answer in answers for pair in answer.acknowledged] == ranges


def test_a_lost_acknowledgement_is_made_good_by_the_next() -> None:
    """The next answer names the whole range that its news belongs to, so the node learns of the earlier numbers too."""
    acks = Acknowledgements(NumberTable())
    synced(acks, (0, 5))
    assert synced(acks, (6, 6))[0].acknowledged == ((0, 6),)


def test_numbers_below_the_floor_are_not_mentioned() -> None:
    """What a node has closed it does not want to hear of."""
    acks = Acknowledgements(NumberTable())
    synced(acks, (0, 5))
    assert synced(acks, (6, 6), floor=5)[0].acknowledged == ((5, 6),)


@given(st.lists(st.lists(st.integers(0, 300), min_size=1, max_size=40, unique=True), max_size=12))
def test_answers_after_a_sync_name_all_news_and_nothing_else(syncs: list[list[int]]) -> None:
    """Whatever is synced in whatever order: every new number is acknowledged at once, and only synced ones ever are."""
    acks = Acknowledgements(NumberTable())
    done: set[int] = set()
    for numbers in syncs:
        done |= set(numbers)
        answers = synced(acks, *[(number, number) for number in sorted(numbers)])
        named = {number for answer in answers for low, high in answer.acknowledged for number in range(low, high + 1)}
        assert set(numbers) <= named <= done
        for answer in answers:
            assert 1 <= len(answer.acknowledged) <= 8
            assert all(b[0] > a[1] for a, b in zip(answer.acknowledged, answer.acknowledged[1:], strict=False))


def test_time_goes_out_only_while_our_clock_is_synchronised() -> None:
    """Unknown, or only once synchronised: no city time. The bound is in milliseconds."""
    assert city_time(ClockReading(bytes(8), 5, 1_000, 1, 2)) == (1_000, 2_000)
    assert city_time(ClockReading(bytes(8), 5, 1_000, 2, 2)) is None
    assert city_time(ClockReading(bytes(8), 5, None, 0, None)) is None


def test_nonces_are_never_the_same_within_a_start() -> None:
    """8 random bytes of this start, then a counter of 5 bytes."""
    nonces = DownNonces(lambda count: b"R" * count)
    assert nonces.next_iv() == b"RRRRRRRR\x00\x00\x00\x00\x01"
    assert nonces.next_iv() == b"RRRRRRRR\x00\x00\x00\x00\x02"


def test_under_load_answers_after_syncs_are_gathered() -> None:
    """Syncs that concern many nodes are answered each 200 ms at most, with everything synced meanwhile; few nodes at once."""
    acks = Acknowledgements(NumberTable())
    kids = [Kid(index.to_bytes(14, "big")) for index in range(MANY_NODES)]

    def sync(low: int, high: int, count: int = MANY_NODES) -> None:
        acks.note_synced([Received(kid, 0, ((low, high),)) for kid in kids[:count]])

    sync(0, 4)
    assert len(acks.take_answers(1_000)) == MANY_NODES
    sync(5, 9)
    assert acks.take_answers(1_010) == []
    assert acks.news_wait_ms(1_010) == TELL_MANY_EACH_MS - 10
    sync(10, 14)
    assert acks.take_answers(1_000 + TELL_MANY_EACH_MS) == [Answer(kid, 14, ((0, 14),), True) for kid in kids]
    assert acks.news_wait_ms(1_201) is None
    sync(15, 19, MANY_NODES - 1)
    assert len(acks.take_answers(1_202)) == MANY_NODES - 1
    sync(20, 24)
    assert len(acks.take_answers()) == MANY_NODES, "without a time, as at the end, everything goes out"
