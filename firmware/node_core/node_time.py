# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the node knows of the city's time. Integers only: the board's floats hold 24 bits.

The offset is learnt from a down frame that answers, within 2 s, a frame sent for the first time (docs/wire.md
section 3, "Anchor"). An answer to anything older proves nothing, because it may have been held back.

How fast the board's clock runs is learnt from the first answer of this boot and a later one: in whole ppm, with what the bounds of both leave
open. It is applied as soon as it is known better than what a crystal may be wrong by, so a node that then loses its gateway
for a week knows the time to seconds.
"""

ANSWER_MS_MAX = 2000
_DRIFT_PPM = 50
_WANDER_PPM = 10  # what a crystal's rate changes with the weather: the next hours are not like the measured ones
_MEASURED_PPM_MAX = 200  # more is no crystal: somebody has set a clock
_MEASURED_MS_MIN = 600_000
# Beyond this doubt a reading is better off with node time, which a later anchor resolves.
_BOUND_MS_MAX = 60_000
_SENT_COUNT_MAX = 16


class FirstSent:
    """The moments of the latest first transmissions of this boot, by epoch and number."""

    def __init__(self) -> None:
        self._sent: list = []

    def note(self, epoch: bytes, sequence: int, node_ms: int) -> None:
        self._sent.append((epoch, sequence, node_ms))
        if len(self._sent) > _SENT_COUNT_MAX:
            self._sent.pop(0)

    def sent_ms(self, epoch: bytes, sequence: int, node_ms: int):
        """When that frame was first sent, if that was less than 2 s before `node_ms`; else None."""
        for known_epoch, known, sent_ms in self._sent:
            if known == sequence and known_epoch == epoch and 0 <= node_ms - sent_ms < ANSWER_MS_MAX:
                return sent_ms
        return None


class NodeTime:
    def __init__(self) -> None:
        self._offset_ms: int = None
        self._bound_ms = 0
        self._known_at_ms = 0
        self._reported_bound_ms: int = None
        self.drift_ppm = 0  # what the city's clock gains on ours
        self._doubt_ppm = _DRIFT_PPM
        self._first: tuple = None  # node time, offset and bound of the answer that the rate is measured from

    def bound_ms(self, node_ms: int):
        """How far `city_ms` may be wrong at that node time, or None before the first anchor."""
        if self._offset_ms is None:
            return None
        return self._bound_ms + abs(node_ms - self._known_at_ms) * self._doubt_ppm // 1_000_000

    def is_synchronised(self, node_ms: int) -> bool:
        bound = self.bound_ms(node_ms)
        return bound is not None and bound <= _BOUND_MS_MAX

    def city_ms(self, node_ms: int) -> int:
        return node_ms + self._offset_ms + (node_ms - self._known_at_ms) * self.drift_ppm // 1_000_000

    def learn(self, sent_ms: int, arrived_ms: int, city_ms: int, gateway_bound_ms: int):
        """Take an answer in if it says more than what is known.

        Returns [node ms, city ms, round trip ms] where it should be reported as an anchor, else None.
        """
        round_trip = arrived_ms - sent_ms
        middle = sent_ms + round_trip // 2
        bound = (round_trip + 1) // 2 + gateway_bound_ms
        offset = city_ms - middle
        known = self.bound_ms(middle)
        is_contradiction = known is not None and abs(city_ms - self.city_ms(middle)) > known + bound
        self._measure(middle, offset, bound, is_contradiction)
        if known is not None and bound > known and not is_contradiction:
            return None
        self._offset_ms = offset
        self._bound_ms = bound
        self._known_at_ms = middle
        reported = self._reported_bound_ms
        if reported is not None and bound * 2 > reported and not is_contradiction:
            return None
        self._reported_bound_ms = bound
        return [middle, city_ms, round_trip]

    def _measure(self, middle: int, offset: int, bound: int, is_contradiction: bool) -> None:
        """Take the clock's rate from the first answer to this one, if that says more than what is known."""
        passed = 0 if self._first is None or is_contradiction else middle - self._first[0]
        if passed < _MEASURED_MS_MIN:
            if self._first is None or is_contradiction or bound < self._first[2]:
                self._first = (middle, offset, bound)
            return
        doubt = (bound + self._first[2]) * 1_000_000 // passed + 1 + _WANDER_PPM
        measured = ((offset - self._first[1]) * 2_000_000 // passed + 1) // 2
        if doubt < self._doubt_ppm and abs(measured) <= _MEASURED_PPM_MAX:
            self.drift_ppm = measured
            self._doubt_ppm = doubt

    def forget_reports(self) -> None:
        """A new epoch has begun: its frames need an anchor of their own."""
        self._reported_bound_ms = None
