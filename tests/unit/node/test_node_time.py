# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a node knows of the city's time: its clock's drift is measured between answers and taken out of what it says."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.support.firmware_module import firmware_module

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = 1_790_000_000_000
node_time = firmware_module("node_core/node_time.py")
time_learning = firmware_module("node_core/time_learning.py")


class Board:
    """A board whose crystal is wrong by `ppm`, give or take what the weather does, and a gateway that answers it."""

    def __init__(self, ppm: float, seed: int, gateway_bound_ms: int = 1000) -> None:
        self.random = random.Random(seed)
        self.ppm = ppm
        self.gateway_bound_ms = gateway_bound_ms
        self.city = START_MS * 1.0
        self.node = 5_000.0
        self.time: Any = node_time.NodeTime()

    def pass_ms(self, duration_ms: int) -> None:
        wander = self.random.choice((-8, 0, 8)) if duration_ms > DAY_MS else self.random.uniform(-8, 8)
        self.city += duration_ms
        self.node += duration_ms * (1 - (self.ppm + wander) / 1e6)

    def answer(self) -> Any:
        round_trip = self.random.randint(2, 400)
        error = self.random.uniform(-0.9, 0.9) * self.gateway_bound_ms
        way = self.random.random()
        sent = int(self.node)
        city = int(self.city + round_trip * way + error)
        self.city += round_trip
        self.node += round_trip
        return time_learning.learn(self.time, sent, int(self.node), city, self.gateway_bound_ms)

    def error_ms(self) -> float:
        return abs(self.time.city_ms(int(self.node)) - self.city)

    def bound_ms(self) -> int:
        return int(self.time.bound_ms(int(self.node)))


@pytest.mark.parametrize("ppm", [-45, -17, 0, 3, 38])
def test_the_stated_bound_holds_through_days_of_answers_and_a_week_without(ppm: int) -> None:
    """Whatever the crystal, what the node says of the time is never further off than it says."""
    for seed in range(20):
        board = Board(ppm, seed)
        for _ in range(5 * 24):
            board.answer()
            board.pass_ms(HOUR_MS)
            assert board.error_ms() <= board.bound_ms() + 1, (ppm, seed)
        assert abs(board.time.drift_ppm - ppm) <= 12, (ppm, seed, board.time.drift_ppm)
        board.pass_ms(7 * DAY_MS)
        assert board.error_ms() <= board.bound_ms() + 1, (ppm, seed)


def test_a_week_alone_costs_seconds_and_not_half_a_minute() -> None:
    """Once the drift is measured, its correction keeps a node of 45 ppm within a quarter of what the crystal costs."""
    board = Board(45, 1)
    for _ in range(10 * 24):
        board.answer()
        board.pass_ms(HOUR_MS)
    board.pass_ms(7 * DAY_MS)
    assert board.error_ms() < 45e-6 * 7 * DAY_MS / 4
    assert board.bound_ms() < 12_000 and board.time.is_synchronised(int(board.node))


def test_a_clock_that_is_set_does_not_become_a_drift() -> None:
    """A city time that jumps is believed as a new offset; the rate that was measured stays as it was."""
    board = Board(20, 3)
    for _ in range(4 * 24):
        board.answer()
        board.pass_ms(HOUR_MS)
    before = board.time.drift_ppm
    board.city += 3_600_000
    assert board.answer() is not None, "a contradiction is reported"
    assert board.error_ms() <= board.bound_ms() and board.time.drift_ppm == before
    board.pass_ms(HOUR_MS)
    board.answer()
    assert board.time.drift_ppm == before
    assert board.error_ms() <= board.bound_ms()


def test_only_integers_leave() -> None:
    """Times, bounds and the drift are integers: single floats would be off by minutes."""
    board = Board(-30, 5)
    for _ in range(3 * 24):
        anchor = board.answer()
        assert anchor is None or all(type(part) is int for part in anchor)
        board.pass_ms(HOUR_MS)
    assert type(board.time.drift_ppm) is int
    assert type(board.time.city_ms(int(board.node))) is int and type(board.time.bound_ms(int(board.node))) is int
