# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What to tell which node, and when. Pure: times are arguments, answers come out.

Theory of operation
-------------------
*The acknowledgement is the promise.* It names only numbers that are synced,
so it is drawn from a table of its own that only a finished sync (or the recovery) fills. A down frame names the
whole synced ranges that hold the news, not the news alone: one that was lost is made good by the next.

*When.* A node that stays awake is answered once a sync, for all its frames together. It is answered at once where

1. a frame carries node time: the node has no anchor yet and needs the city's time (at most one answer each 2 s,
   because a backlog
   of such frames follows);
2. the last answer with time was an hour ago: clocks of nodes drift;
3. a command waits for it;
4. it repeats a frame that is synced: the acknowledgement was lost;
5. it sleeps: it listens for a moment only, and learns what is synced so far.

Under load each sync holds frames of almost every node: where it concerns 32 nodes or more, the answers after syncs go out each
200 ms at most, one a node for all syncs of that time.

"At once" means the end of the present run of frames, so that a node that repeats twenty frames gets one answer.

*Time* goes out only while the gateway's own clock is synchronised. The node itself sees whether the answer was
quick enough to use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from gateway_agent.model import ClockReading, Kid, Received

RANGES_PER_DOWN_MAX = 8
TIME_ANSWER_EACH_MS = 2_000
TIME_REFRESH_MS = 3_600_000
KIDS_MAX = 16_384
MANY_NODES = 32
TELL_MANY_EACH_MS = 200

_SYNCHRONISED = 1

Ranges = tuple[tuple[int, int], ...]


class SyncedNumbers(Protocol):
    """The numbers of one node and epoch that are synced."""

    @property
    def ranges(self) -> Ranges: ...
    def add_range(self, low: int, high: int) -> None: ...
    def raise_floor(self, floor: int) -> None: ...
    def __contains__(self, number: int, /) -> bool: ...


class SyncedTable(Protocol):
    """Synced numbers of every node and epoch."""

    def of(self, kid: Kid) -> SyncedNumbers: ...
    def find(self, kid: Kid) -> SyncedNumbers | None: ...


class Answer(NamedTuple):
    """One down frame to be. `with_time`: carry the city's time if we know it."""

    kid: Kid
    answered_sequence: int
    acknowledged: Ranges  # at most 8
    with_time: bool


class _Pending:
    __slots__ = ("answered_sequence", "numbers")

    def __init__(self) -> None:
        self.answered_sequence = 0
        self.numbers: list[int] = []


class Acknowledgements:
    """Decides; `take_answers` gives what to send now. Bounded by one entry a node and epoch, 16,384 at most."""

    def __init__(self, synced: SyncedTable) -> None:
        self._synced = synced
        self._at_once: dict[Kid, _Pending] = {}
        self._latest: dict[Kid, int] = {}  # the number that arrived last
        self._time_told_at_ms: dict[Kid, int] = {}
        self._news: dict[Kid, list[tuple[int, int]]] = {}  # synced, and not yet told
        self._told_at_ms = -TELL_MANY_EACH_MS

    def note_arrival(
        self,
        kid: Kid,
        sequence: int,
        now_ms: int,
        *,
        is_repeat: bool,
        has_node_time: bool,
        is_sleeping: bool,
        has_command: bool,
    ) -> None:
        """An authentic frame came. Cases 1 to 5 of the module's text."""
        if is_repeat:
            synced = self._synced.find(kid)
            if synced is not None and sequence in synced:
                self._answer_at_once(kid, sequence).numbers.append(sequence)
            return
        self._latest[kid] = sequence
        told_at_ms = self._time_told_at_ms.get(kid)
        if is_sleeping or has_command:
            self._answer_at_once(kid, sequence)
        elif told_at_ms is not None and not has_node_time and now_ms - told_at_ms < TIME_REFRESH_MS:
            return  # as nearly always
        if told_at_ms is None:
            is_time_due = has_node_time
            if not has_node_time:
                self._time_told_at_ms[kid] = now_ms  # it has an anchor from elsewhere; look again in an hour
        else:
            is_time_due = now_ms - told_at_ms >= (TIME_ANSWER_EACH_MS if has_node_time else TIME_REFRESH_MS)
        if is_time_due:
            self._time_told_at_ms[kid] = now_ms
            self._answer_at_once(kid, sequence)
        if len(self._latest) > KIDS_MAX:
            self._latest.clear()
        if len(self._time_told_at_ms) > KIDS_MAX:
            self._time_told_at_ms.clear()

    def _answer_at_once(self, kid: Kid, sequence: int) -> _Pending:
        pending = self._at_once.get(kid)
        if pending is None:
            pending = self._at_once[kid] = _Pending()
        pending.answered_sequence = sequence
        return pending

    def note_synced(self, received: Iterable[Received]) -> None:
        """A sync has finished: these numbers are safe."""
        news = self._news
        for kid, floor, ranges in received:
            numbers = self._synced.of(kid)
            for low, high in ranges:
                numbers.add_range(low, high)
            numbers.raise_floor(floor)
            if kid in news:
                news[kid].extend(ranges)
            else:
                news[kid] = list(ranges)

    def news_wait_ms(self, now_ms: int) -> int | None:
        """How long what is synced and not yet told has to wait; None where there is none."""
        if not self._news:
            return None
        return 0 if len(self._news) < MANY_NODES else max(0, self._told_at_ms + TELL_MANY_EACH_MS - now_ms)

    def take_answers(self, now_ms: int | None = None) -> list[Answer]:
        """Everything to send now; without a time everything there is."""
        answers: list[Answer] = []
        if now_ms is None or self.news_wait_ms(now_ms) == 0:
            news, self._news = self._news, {}
            if now_ms is not None and len(news) >= MANY_NODES:
                self._told_at_ms = now_ms
            for kid, ranges_of_kid in news.items():
                # Its highest new number is the best guess of what it sent last, where a restart made us forget.
                answered = self._latest.get(kid, max(high for _, high in ranges_of_kid))
                for chunk in _chunks(_covering(self._synced.of(kid).ranges, ranges_of_kid)):
                    answers.append(Answer(kid, answered, chunk, True))
        pending_all, self._at_once = self._at_once, {}
        for kid, pending in pending_all.items():
            synced = self._synced.find(kid)
            ranges = synced.ranges if synced is not None else ()
            if pending.numbers:
                chunks = _chunks(_covering(ranges, [(number, number) for number in pending.numbers]))
            else:
                chunks = [ranges[-RANGES_PER_DOWN_MAX:]]
            answers.extend(Answer(kid, pending.answered_sequence, chunk, True) for chunk in chunks)
        return answers


def _covering(ranges: Ranges, news: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of the ascending, disjoint `ranges` those that hold any of `news`."""
    wanted = sorted(news)
    found: list[tuple[int, int]] = []
    at = 0
    for low, high in ranges:
        while at < len(wanted) and wanted[at][1] < low:
            at += 1
        if at < len(wanted) and wanted[at][0] <= high:
            found.append((low, high))
    return found


def _chunks(ranges: Sequence[tuple[int, int]]) -> list[Ranges]:
    return [tuple(ranges[at : at + RANGES_PER_DOWN_MAX]) for at in range(0, len(ranges), RANGES_PER_DOWN_MAX)]


def city_time(clock: ClockReading) -> tuple[int, int] | None:
    """City time and its bound in ms, as a down frame carries them; None while the clock is not synchronised."""
    if clock.state != _SYNCHRONISED or clock.wall_ms is None:
        return None
    return clock.wall_ms, (clock.bound_s if clock.bound_s is not None else 1) * 1_000


class DownNonces:
    """IVs that a down key never sees twice: 8 random bytes, then a counter. No state to restore wrongly."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self.renew()

    def renew(self) -> None:
        """Draw other random bytes: nodes take that for a gateway that has started anew, and send again what waits."""
        self._start = self._random_bytes(8)
        self._count = 0

    def next_iv(self) -> bytes:
        self._count += 1
        return self._start + self._count.to_bytes(5, "big")
