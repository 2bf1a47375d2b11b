# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The simulated water and power: what a board feels adds up to the truth that tests compare with."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Literal

import pytest

from simulators.clock import SimulationClock
from simulators.world import place_energy, place_water
from simulators.world.energy_load import EnergyLoad
from simulators.world.water_use import WaterUse
from simulators.world.world import World

START_MS = 1_790_000_000_000 // 86_400_000 * 86_400_000
HOUR_MS = 3_600_000
Kind = Literal["household", "school"]


@pytest.mark.parametrize("kind", ["household", "school"])
def test_the_flow_adds_up_to_the_dial(kind: Kind) -> None:
    """Over three days, with a leak from the second on, the minutes' flows are the dial's litres, wherever one looks."""
    use = WaterUse(START_MS, seed=3, kind=kind, leak_l_h=9.0, leak_from_ms=START_MS + 24 * HOUR_MS, initial_l=100.0)
    total = 100.0
    for minute in range(3 * 1440):
        at_ms = START_MS + minute * 60_000
        if minute % 97 == 0:
            assert use.litres(at_ms) == pytest.approx(total)
        total += use.flow_l_h(at_ms) / 60
    assert total > 250
    again = WaterUse(START_MS, seed=3, kind=kind, leak_l_h=9.0, leak_from_ms=START_MS + 24 * HOUR_MS, initial_l=100.0)
    assert again.litres(START_MS + 50 * HOUR_MS) == use.litres(START_MS + 50 * HOUR_MS)


def test_a_school_is_closed_at_night_and_a_household_sleeps() -> None:
    """Without a leak every day has an hour without water."""
    kinds: tuple[Kind, ...] = ("household", "school")
    for kind in kinds:
        use = WaterUse(START_MS, seed=5, kind=kind)
        for day in range(10):
            hours = [use.litres(START_MS + (24 * day + hour) * HOUR_MS) for hour in range(25)]
            assert min(b - a for a, b in itertools.pairwise(hours)) == 0


def test_power_adds_up_to_energy() -> None:
    """Energy between two instants, also in the middle of minutes, is the sum of the phases over time, by its sign."""
    load = EnergyLoad(START_MS, seed=2, solar_w=20_000)
    from_ms, until_ms = START_MS + 5 * HOUR_MS + 7_000, START_MS + 9 * HOUR_MS + 31_000
    taken = fed_in = 0.0
    for second in range(from_ms // 1000, until_ms // 1000):
        watts = sum(load.power_w(second * 1000))
        taken, fed_in = (taken + watts, fed_in) if watts >= 0 else (taken, fed_in - watts)
    assert load.energy_j(from_ms, until_ms) == pytest.approx((taken, fed_in))
    assert taken > 0 and fed_in > 0


def test_a_board_is_told_ahead_what_it_will_feel(tmp_path: Path) -> None:
    """Each minute's value comes once, before its time, and again after a restart of the board."""
    world = World(tmp_path / "w", SimulationClock(1, epoch_ms=START_MS))
    for family, key in ((place_water, "water_l_h"), (place_energy, "power_w")):
        place = family.place(world, "24dcc3000003")
        now_ms = START_MS + 8 * HOUR_MS
        first = list(place.messages(now_ms, 600_000))
        assert first and all(list(message["set"]) == [key] for message in first)  # type: ignore[call-overload]
        times = [int(str(message["at_ms"])) for message in first]
        assert times == sorted(set(times)) and times[0] <= now_ms and times[-1] < now_ms + 600_000
        assert not list(place.messages(now_ms, 600_000))
        place.restart()
        assert list(place.messages(now_ms, 600_000)) == first
