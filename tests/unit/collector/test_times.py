# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.times import (
    BOUND_UNSTATED_MS,
    DRIFT_PPM,
    Anchor,
    OffsetWindow,
    TimeQuality,
    anchor_bound_ms,
    drift_ms,
    resolve,
)

OFFSET = 1_790_000_000_000


def test_an_absolute_time_is_synchronised() -> None:
    """What the node knew itself is taken as it is."""
    assert resolve(None, OFFSET)[:2] == (TimeQuality.SYNCHRONISED, OFFSET)


def test_an_anchor_resolves_node_time_within_its_bound() -> None:
    """Offset from the anchor, bound from round trip, gateway and drift."""
    bound_ms = anchor_bound_ms(81, 2)
    assert bound_ms == 41 + 2000
    found = resolve(7, 15_000, [Anchor(5_000, OFFSET + 5_000, bound_ms)])
    assert found.quality is TimeQuality.RESOLVED
    assert (found.time_ms, found.bound_ms) == (OFFSET + 15_000, 2041 + 1)
    assert (found.earliest_ms, found.latest_ms) == (OFFSET + 15_000 - 2042, OFFSET + 15_000 + 2042)


def test_the_tightest_anchor_at_the_reading_counts() -> None:
    """A rough anchor nearby may beat a fine one far away, as drift adds up."""
    fine_far = Anchor(0, OFFSET, 10)
    rough_near = Anchor(100_000_000, OFFSET + 100_000_500, 600)
    assert resolve(1, 1_000, [rough_near, fine_far]).time_ms == OFFSET + 1_000
    assert resolve(1, 100_000_000, [fine_far, rough_near]).time_ms == OFFSET + 100_000_500


def test_a_gateway_that_states_no_bound_gets_a_wide_one() -> None:
    """An unstated bound is not a bound of zero."""
    assert anchor_bound_ms(0, None) == BOUND_UNSTATED_MS


def test_without_an_anchor_the_interval_is_what_is_known() -> None:
    """Unknown means between earliest and latest, and never a time."""
    found = resolve(3, 60_000, [], OffsetWindow(OFFSET, OFFSET + 9_000))
    assert (found.quality, found.time_ms) == (TimeQuality.UNKNOWN, None)
    assert found.earliest_ms == OFFSET + 60_000 - 6
    assert found.latest_ms == OFFSET + 69_000 + 6
    assert resolve(3, 60_000)[3:] == (None, None)


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 3000), st.integers(0, 10)), min_size=1, max_size=8),
    st.integers(0, 10**9),
    st.integers(-DRIFT_PPM, DRIFT_PPM),
    st.randoms(use_true_random=False),
)
def test_the_true_time_lies_within_the_bound(
    anchors: list[tuple[int, int, int]], node_ms: int, ppm: int, rng: object
) -> None:
    """For a clock within its drift and anchors within theirs, the truth is inside the stated bound, in any order of anchors."""

    def city_ms(at_node_ms: int) -> int:
        return OFFSET + at_node_ms + at_node_ms * ppm // 1_000_000

    made = []
    for at_ms, round_trip_ms, bound_s in anchors:
        bound_ms = anchor_bound_ms(round_trip_ms, bound_s)
        error_ms = rng.randint(-bound_ms, bound_ms)  # type: ignore[attr-defined]
        made.append(Anchor(at_ms, city_ms(at_ms) + error_ms, bound_ms))
    found = resolve(1, node_ms, made)
    assert found.time_ms is not None and found.bound_ms is not None
    assert abs(found.time_ms - city_ms(node_ms)) <= found.bound_ms + 1  # one for the model's own rounding
    assert resolve(1, node_ms, list(reversed(made))) == found
    assert found.bound_ms <= min(anchor.bound_ms + drift_ms(node_ms - anchor.node_ms) for anchor in made)


@given(st.integers(0, 10**10), st.integers(0, 10**10), st.integers(0, 10**7))
def test_the_unknown_interval_moves_with_the_reading(node_ms: int, offset_ms: int, width_ms: int) -> None:
    """The interval is never empty and always holds node time plus any offset of the window."""
    window = OffsetWindow(offset_ms, offset_ms + width_ms)
    found = resolve(1, node_ms, [], window)
    assert found.earliest_ms is not None and found.latest_ms is not None
    assert found.earliest_ms <= node_ms + offset_ms <= node_ms + offset_ms + width_ms <= found.latest_ms


def test_an_anchor_of_a_sleeping_node_is_believed_only_near_it() -> None:
    """The drift that an anchor states widens its bound with the distance, and another anchor that is nearer then counts."""
    before = Anchor(0, OFFSET, 100, 50_000)
    after = Anchor(600_000, OFFSET + 610_000, 100, 50_000)
    found = resolve(7, 500_000, [before, after])
    assert (found.time_ms, found.bound_ms) == (OFFSET + 510_000, 5_100)
    alone = resolve(7, 500_000, [before])
    assert (alone.time_ms, alone.bound_ms) == (OFFSET + 500_000, 25_100)
