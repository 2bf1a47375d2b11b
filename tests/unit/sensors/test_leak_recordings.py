# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The leak rules on recordings of households, which lie outside this repository: few alarms, and leaks found within two days."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence

import pytest

from tests.support.leak_figures import Row, data_folder, find_leaks, is_held_out, load_meters, share_calm

Halves = dict[str, Sequence[Sequence[Row]]]


@pytest.fixture(scope="module")
def halves() -> Halves:
    folder = data_folder()
    if not folder.is_dir():
        pytest.skip(f"There are no recorded water meters at {folder}; STARTCITY_TEST_DATA names the folder with them.")
    meters = load_meters(folder)
    return {
        "chosen on": [rows for name, rows in meters.items() if not is_held_out(name)],
        "held out": [rows for name, rows in meters.items() if is_held_out(name)],
    }


@pytest.mark.parametrize("half", ["chosen on", "held out"])
def test_most_meters_alarm_at_most_twice_a_month(halves: Halves, half: str) -> None:
    """Nine of ten meters raise two alarms or fewer in every calendar month and in every 30 days."""
    share = share_calm(halves[half])
    print(f"{half}: {len(halves[half])} meters, {share:.1%} with two alarms a month or fewer")
    assert share >= 0.9


@pytest.mark.parametrize("half", ["chosen on", "held out"])
def test_leaks_from_5_litres_an_hour_are_found_within_48_hours(halves: Halves, half: str) -> None:
    """95 of 100 leaks make an alarm begin within 48 hours, also in meters that leak already or whose readings have holes."""
    _leaks(halves[half], half, 150)


@pytest.mark.proof
@pytest.mark.parametrize("half", ["chosen on", "held out"])
def test_thousands_of_leaks_are_found_within_48_hours(halves: Halves, half: str) -> None:
    """The same with 2,000 leaks, all of the smallest size."""
    _leaks(halves[half], half, 2000, (5,))


def _leaks(
    meters: Sequence[Sequence[Row]], half: str, count: int, flows_l_h: Sequence[int] = (5, 6, 8, 12, 20, 50)
) -> None:
    seed = int(os.environ.get("STARTCITY_SEED", "20261122"))
    found = find_leaks(meters, random.Random(seed), count, flows_l_h)
    print(f"{half}, STARTCITY_SEED={seed}: of {count} leaks an alarm was on for {found.on}, began for {found.began}")
    assert found.began >= 0.95 * count
