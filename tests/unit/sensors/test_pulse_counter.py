# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Pulses are counted once each: the counter's decisions on hand-made lines, with interrupts that come late or not at all."""

from __future__ import annotations

import os
import random

import pytest

from tests.support.firmware_module import firmware_module

PulseCounter = firmware_module("node_core/pulse_counter.py").PulseCounter
SEED = int(os.environ.get("STARTCITY_SEED", "20261122"))


class Line:
    """A line whose levels are given in ms, served as a board does: an interrupt at each edge, a tick every `tick_ms`; both wait while it is
    deaf, and then come in either order, all edges as one."""

    def __init__(self, debounce_ms: int, tick_ms: int = 10, late_ms: int = 0, tick_first: bool = False) -> None:
        self.counter = PulseCounter(debounce_ms, 1)
        self.tick_ms, self.late_ms, self.tick_first = tick_ms, late_ms, tick_first
        self.now_ms = self.called_ms = self.ticked_ms = 0
        self.level = 1
        self.deaf_from_ms = self.deaf_until_ms = -1
        self._edge_waits = False
        self._was_deaf = False

    def stay(self, level: int, duration_ms: int) -> None:
        if level != self.level:
            self.level = level
            self._edge_waits = True
        for _ in range(duration_ms):
            self._serve()
            self.now_ms += 1
        self._serve()

    def _serve(self) -> None:
        if self.deaf_from_ms <= self.now_ms < self.deaf_until_ms:
            return
        tick_is_due = self.now_ms - self.ticked_ms >= self.tick_ms
        if tick_is_due and self.tick_first:
            self._tick()
        if self._edge_waits:
            self._edge_waits = False
            was_deaf = self._was_deaf or self._is_late()
            self._was_deaf = False
            self.counter.edge(self.level, self._passed_ms(), was_deaf)
        if tick_is_due and not self.tick_first:
            self._tick()

    def _tick(self) -> None:
        self._was_deaf = self._is_late()
        self.ticked_ms = self.now_ms
        self.counter.tick(self.level, self._passed_ms())

    def _is_late(self) -> bool:
        return bool(self.late_ms) and self.now_ms - self.ticked_ms > self.late_ms

    def _passed_ms(self) -> int:
        passed_ms = self.now_ms - self.called_ms
        self.called_ms = self.now_ms
        return passed_ms


def test_s0_pulses_of_30_ms_at_16_a_second_are_all_counted() -> None:
    """The shortest pulses and pauses that the standard allows, for a minute."""
    line = Line(10, 10, 25)
    for _ in range(960):
        line.stay(0, 30)
        line.stay(1, 32)
    assert line.counter.pulses == 960 and line.counter.recovered == 0


@pytest.mark.parametrize("closings", [0, 1, 5, 7])
def test_a_reed_that_bounces_is_one_pulse(closings: int) -> None:
    """Up to seven closings of one to five milliseconds at each change, then 260 ms of rest, count once."""
    dice = random.Random(SEED)
    line = Line(50, 50)
    line.stay(1, 200)
    for _ in range(300):
        for level, rest_ms in ((0, 260), (1, 300)):
            for _ in range(closings):
                line.stay(level, dice.randint(1, 5))
                line.stay(1 - level, dice.randint(1, 5))
            line.stay(level, rest_ms)
    line.stay(1, 100)
    assert line.counter.pulses == 300, f"STARTCITY_SEED={SEED}"
    assert (line.counter.bounces > 0) == (closings > 0)


def test_what_is_shorter_than_the_filter_is_no_pulse() -> None:
    """Spikes of up to 9 ms with a filter of 10, whenever the ticks fall."""
    dice = random.Random(SEED)
    line = Line(10)
    for _ in range(500):
        line.stay(0, dice.randint(1, 9))
        line.stay(1, dice.randint(11, 60))
    assert line.counter.pulses == 0 and line.counter.bounces >= 500, f"STARTCITY_SEED={SEED}"


@pytest.mark.parametrize("tick_first", [True, False])
def test_a_deaf_board_loses_no_s0_pulse(tick_first: bool) -> None:
    """Flash is erased for 45 ms again and again at any moment: each pulse is counted once all the same, whichever handler comes first."""
    dice = random.Random(SEED)
    line = Line(10, 10, 25, tick_first)
    for _ in range(2000):
        if line.now_ms > line.deaf_until_ms + 200 and dice.random() < 0.2:
            line.deaf_from_ms = line.now_ms + dice.randint(0, 62)
            line.deaf_until_ms = line.deaf_from_ms + 45
        line.stay(0, 30)
        line.stay(1, 33)
    line.stay(1, 300)
    lost = 2000 - line.counter.pulses
    print(f"STARTCITY_SEED={SEED}: {lost} of 2000 lost, {line.counter.recovered} recovered")
    assert lost == 0 and line.counter.recovered > 0


def test_an_interrupt_that_got_lost_is_seen_by_the_ticks() -> None:
    """Without any interrupt the timer alone counts pulses that are long enough for it."""
    line = Line(10)
    for _ in range(100):
        for level in (0, 1):
            line.stay(level, 0)
            line._edge_waits = False
            line.level = level
            for _ in range(60):
                line.now_ms += 1
                line._serve()
    assert line.counter.pulses == 100


def test_a_contact_that_is_closed_at_the_start_is_no_pulse() -> None:
    """A reed that rests at its magnet when the board starts has been counted before."""
    counter = PulseCounter(50, 0)
    for _ in range(20):
        counter.tick(0, 50)
    assert counter.pulses == 0 and counter.is_closed
    counter.edge(1, 10, False)
    counter.tick(1, 100)
    counter.edge(0, 10, False)
    counter.tick(0, 100)
    assert counter.pulses == 1


def test_standing_still_for_weeks_overflows_nothing() -> None:
    """The time that a level has stood is bounded, and the next pulse counts."""
    counter = PulseCounter(50, 1)
    for _ in range(100_000):
        counter.tick(1, 50)
    assert counter.held_ms == 1_000_000
    counter.edge(0, 1, False)
    counter.edge(1, 60, False)
    assert counter.pulses == 1
