# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Which batch to send next, and from where to send again. Pure: times are arguments, batches are positions.

Theory of operation
-------------------
A lane is a queue of positions `(instance, number)` in the order of the
journal. Everything up to the *receipted* position is the city's; the batches behind it are sent in order and again
from there (go-back-N) after each reconnection, and when no receipt comes for too long.

*Order.* The alarm lane goes first, always; record and trend take turns. A lane's own order never changes, because the
collector receipts contiguous numbers only.

*Bounds.* At most `in_flight_max` messages wait for the broker's PUBACK (fewer where the broker says so); two of
those places are only for alarms, so that a backlog never makes an alarm wait for a slow broker. At most
`window_max` batches a lane are sent and not receipted.

*No receipt.* The broker may be there and the collector not. When the oldest batch that was sent has waited for
`timeout_ms`, the lane goes back to the receipted position with a window of one batch and waits twice as long the
next time, up to ten minutes; each receipt opens the window again. Alarms are few and others than the collector may
listen to them, so their window stays open.

*Repeated receipt.* A collector that repeats the receipt we know, while batches are on their way, misses the next one:
the lane goes back at once, if the oldest was sent a second ago; after each time twice as long, until there is progress.

*Contradicted.* An instance of which the city holds another history will never be receipted. What we hold of it is
sent once, up to the broker's PUBACK, and the lane goes on with its next instance. `take_passed` tells the journal what
was sent so; no receipt for a later instance skips what was not.

*Left behind.* The receipt for a later instance may come before any word about the rest of an older one. The lane goes
on, and from time to time begins again at that rest, until the city says something about it.

With delivery "broker" the PUBACK stands for the receipt: `confirm` then tells up to where the broker has a lane
without holes.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from gateway_agent.model import Lane

WINDOW_MAX = 256
TIMEOUT_MS_FIRST = 15_000
TIMEOUT_MS_HIGHEST = 600_000
RESEND_MS_FIRST = 1_000
ALARM_PLACES = 2


class Position(NamedTuple):
    """One batch or gap of a lane."""

    instance: bytes
    number: int


class _Sent:
    __slots__ = ("at_ms", "has_puback", "position")

    def __init__(self, position: Position, at_ms: int) -> None:
        self.position = position
        self.at_ms = at_ms
        self.has_puback = False


class _LaneWindow:
    def __init__(self, receipted: Position) -> None:
        self.receipted = receipted
        self.sent: deque[_Sent] = deque()
        self.window = WINDOW_MAX
        self.timeout_ms = TIMEOUT_MS_FIRST
        self.resend_ms = RESEND_MS_FIRST
        self.left_at_ms: int | None = None
        self.left_wait_ms = TIMEOUT_MS_FIRST
        self.has_more = True  # the journal may hold something behind the last position sent
        self.contradicted: set[bytes] = set()  # instances that will never be receipted

    @property
    def cursor(self) -> Position:
        return self.sent[-1].position if self.sent else self.receipted


class Window:
    """What was sent and what was receipted, of all lanes."""

    def __init__(self, receipted: dict[Lane, Position], in_flight_max: int, window_max: int = WINDOW_MAX) -> None:
        self._lanes = {lane: _LaneWindow(receipted[lane]) for lane in Lane}
        self._window_max = window_max
        self.in_flight_max = in_flight_max
        self.in_flight = 0
        self._turn = Lane.RECORD
        self.go_backs = 0
        self._passed: dict[tuple[Lane, bytes], int] = {}

    def cursor(self, lane: Lane) -> Position:
        """The position behind which to read the lane's next batches."""
        return self._lanes[lane].cursor

    def receipted(self, lane: Lane) -> Position:
        return self._lanes[lane].receipted

    def unreceipted_count(self, lane: Lane) -> int:
        """Batches sent and not receipted."""
        return len(self._lanes[lane].sent)

    def next_lane(self) -> Lane | None:
        """The lane whose next batch to send, or None: nothing to send, or no place."""
        if self.in_flight >= max(self.in_flight_max, 1):
            return None
        if self._can_send(Lane.ALARM):
            return Lane.ALARM
        alarm_places = min(ALARM_PLACES, self.in_flight_max - 1)
        if self.in_flight >= self.in_flight_max - alarm_places:
            return None
        other = Lane.TREND if self._turn is Lane.RECORD else Lane.RECORD
        for lane in (self._turn, other):
            if self._can_send(lane):
                return lane
        return None

    def room(self, lane: Lane) -> int:
        """How many batches of `lane` may be read ahead for sending."""
        state = self._lanes[lane]
        return max(0, min(state.window, self._window_max) - len(state.sent))

    def _can_send(self, lane: Lane) -> bool:
        return self._lanes[lane].has_more and self.room(lane) > 0

    def note_empty(self, lane: Lane) -> None:
        """The journal has nothing behind the cursor now."""
        self._lanes[lane].has_more = False

    def note_appended(self, lane: Lane) -> None:
        """The journal has something new."""
        self._lanes[lane].has_more = True

    def note_sent(self, lane: Lane, position: Position, now_ms: int) -> None:
        self._lanes[lane].sent.append(_Sent(position, now_ms))
        self.in_flight += 1
        if lane is not Lane.ALARM:
            self._turn = Lane.TREND if lane is Lane.RECORD else Lane.RECORD

    def note_puback(self, lane: Lane, position: Position) -> None:
        """The broker has it: its place is free. That alone promises nothing."""
        self.in_flight = max(0, self.in_flight - 1)
        state = self._lanes[lane]
        for sent in state.sent:
            if sent.position == position:
                sent.has_puback = True
                break
        while state.sent and state.sent[0].has_puback and state.sent[0].position.instance in state.contradicted:
            state.receipted = state.sent.popleft().position
            self._passed[lane, state.receipted.instance] = state.receipted.number

    def take_passed(self) -> list[tuple[Lane, Position]]:
        """Up to where contradicted instances were sent since the last call, without holes."""
        passed, self._passed = self._passed, {}
        return [(lane, Position(instance, number)) for (lane, instance), number in passed.items()]

    def note_contradicted(self, lane: Lane, instance: bytes, start: Position) -> None:
        """The city holds another history of this instance: it is sent once, for the record, and not waited for.

        The first time the lane begins again behind `start`, the first thing the journal still has to send: a receipt for
        a later instance may have taken the window past it.
        """
        state = self._lanes[lane]
        if instance not in state.contradicted:
            state.contradicted.add(instance)
            self.go_back(lane)
            state.receipted = start

    def note_refused(self) -> None:
        """The broker refused one: its place is free, and the missing receipt will have it sent again."""
        self.in_flight = max(0, self.in_flight - 1)

    def confirm(self, lane: Lane) -> Position | None:
        """With delivery "broker": up to where the broker has the lane without holes, if that is news."""
        last: Position | None = None
        for sent in self._lanes[lane].sent:
            if not sent.has_puback:
                break
            last = sent.position
        return last

    def note_receipt(self, lane: Lane, position: Position) -> None:
        """The city has everything up to `position`."""
        state = self._lanes[lane]
        is_sent = any(sent.position == position for sent in state.sent)
        if not is_sent and position.instance != state.receipted.instance in state.contradicted:
            return  # something of the contradicted one may be left; `note_known` says when not
        for sent in state.sent:
            if sent.position == position:
                break
            if is_sent and sent.position.instance in state.contradicted and not sent.has_puback:
                return  # as above
        self.note_known(lane, position)

    def note_known(self, lane: Lane, position: Position) -> None:
        """Nothing before `position` is left to send, says the journal."""
        state = self._lanes[lane]
        if any(sent.position == position for sent in state.sent):
            while state.sent:
                sent = state.sent.popleft()
                if sent.has_puback and sent.position.instance in state.contradicted:
                    self._passed[lane, sent.position.instance] = sent.position.number
                if sent.position == position:
                    break
        elif position.instance == state.receipted.instance and position.number <= state.receipted.number:
            return
        else:
            # Of an earlier connection: the city is ahead of what we have sent in this one.
            state.sent.clear()
        state.receipted = position
        state.timeout_ms = TIMEOUT_MS_FIRST
        state.resend_ms = RESEND_MS_FIRST
        state.window = min(self._window_max, max(2, state.window * 2))
        state.has_more = True

    def note_repeated(self, lane: Lane, position: Position, now_ms: int) -> None:
        """The city says again what we know: it misses the next batch, unless that is still on its way."""
        state = self._lanes[lane]
        if position == state.receipted and state.sent and now_ms - state.sent[0].at_ms >= state.resend_ms:
            state.resend_ms = min(TIMEOUT_MS_HIGHEST, state.resend_ms * 2)
            self.go_back(lane)

    def note_left_behind(self, lane: Lane, start: Position, now_ms: int) -> None:
        """The city receipts a later instance, and the journal still has something of an older one behind `start`."""
        state = self._lanes[lane]
        if start.instance == state.receipted.instance:
            return  # it is being sent
        if state.left_at_ms is None:
            state.left_at_ms = now_ms
        elif now_ms - state.left_at_ms >= state.left_wait_ms:
            state.left_at_ms = now_ms
            state.left_wait_ms = min(TIMEOUT_MS_HIGHEST, state.left_wait_ms * 2)
            self.go_back(lane)
            state.receipted = start

    def note_rewound(self, lane: Lane, position: Position) -> None:
        """The city has lost what is behind `position`, although it had receipted it: begin again there."""
        self.go_back(lane)
        state = self._lanes[lane]
        state.receipted = position
        state.timeout_ms, state.resend_ms = TIMEOUT_MS_FIRST, RESEND_MS_FIRST

    def go_back(self, lane: Lane) -> None:
        """Send everything behind the receipted position again."""
        state = self._lanes[lane]
        if state.sent:
            self.go_backs += 1
        state.sent.clear()
        state.has_more = True

    def note_reconnected(self, in_flight_max: int) -> None:
        """A new connection: what the old one carried is uncertain."""
        self.in_flight_max = in_flight_max
        self.in_flight = 0
        for lane in Lane:
            self.go_back(lane)

    def note_time(self, now_ms: int) -> list[Lane]:
        """Go back in the lanes whose receipt is overdue; returns them."""
        late: list[Lane] = []
        for lane, state in self._lanes.items():
            if state.sent and now_ms - state.sent[0].at_ms >= state.timeout_ms:
                state.timeout_ms = min(TIMEOUT_MS_HIGHEST, state.timeout_ms * 2)
                if lane is not Lane.ALARM:
                    state.window = 1
                self.go_back(lane)
                late.append(lane)
        return late
