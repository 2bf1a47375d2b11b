# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How `NodeTime` (node_time.py) learns from an answer. It lies elsewhere because a node is seldom answered.

How fast the board's clock runs is learnt from the first answer of this boot and a later one: in whole ppm, with what the bounds of both leave
open. It is applied as soon as it is known better than what a crystal may be wrong by, so a node that then loses its gateway
for a week knows the time to seconds.
"""

_WANDER_PPM = 10  # what a crystal's rate changes with the weather: the next hours are not like the measured ones
_MEASURED_PPM_MAX = 200  # more is no crystal: somebody has set a clock
_MEASURED_MS_MIN = 600_000


def learn(time, sent_ms: int, arrived_ms: int, city_ms: int, gateway_bound_ms: int):
    """Let a NodeTime take an answer in if it says more than what is known.

    Returns [node ms, city ms, round trip ms] where it should be reported as an anchor, else None.
    """
    round_trip = arrived_ms - sent_ms
    middle = sent_ms + round_trip // 2
    bound = (round_trip + 1) // 2 + gateway_bound_ms
    offset = city_ms - middle
    known = time.bound_ms(middle)
    is_contradiction = known is not None and abs(city_ms - time.city_ms(middle)) > known + bound
    _measure(time, middle, offset, bound, is_contradiction)
    if known is not None and bound > known and not is_contradiction:
        return None
    time._offset_ms = offset
    time._bound_ms = bound
    time._known_at_ms = middle
    reported = time._reported_bound_ms
    if reported is not None and bound * 2 > reported and not is_contradiction:
        return None
    time._reported_bound_ms = bound
    return [middle, city_ms, round_trip]


def _measure(time, middle: int, offset: int, bound: int, is_contradiction: bool) -> None:
    """Take the clock's rate from the first answer to this one, if that says more than what is known."""
    passed = 0 if time._first is None or is_contradiction else middle - time._first[0]
    if passed < _MEASURED_MS_MIN:
        if time._first is None or is_contradiction or bound < time._first[2]:
            time._first = (middle, offset, bound)
        return
    doubt = (bound + time._first[2]) * 1_000_000 // passed + 1 + _WANDER_PPM
    measured = ((offset - time._first[1]) * 2_000_000 // passed + 1) // 2
    if doubt < time._doubt_ppm and abs(measured) <= _MEASURED_PPM_MAX:
        time.drift_ppm = measured
        time._doubt_ppm = doubt
