# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The air of a street and the life of a cabinet, as simulated boards feel them."""

from __future__ import annotations

import json

from simulators.world.place_climate import ClimatePlace, Weather
from simulators.world.place_dae import WEIGHT_G, Cabinet, CabinetPlace

START_MS = 1_790_000_000_000
HOUR_MS = 3_600_000


def test_a_day_of_air_is_plausible_and_replays() -> None:
    """Within what the sensors measure, warm in the afternoon, dark at night, the same for the same seed."""
    weather, again = Weather(5), Weather(5)
    day = [weather.at(START_MS + minute * 60_000) for minute in range(24 * 60)]
    assert day == [again.at(START_MS + minute * 60_000) for minute in range(24 * 60)]
    assert all(-10 < air.temperature_c < 40 and 15 <= air.humidity_pct <= 99 for air in day)
    assert all(95_000 < air.pressure_pa < 105_000 and 0 < air.light_lx < 120_000 for air in day)
    assert max(air.light_lx for air in day) > 5_000 and min(air.light_lx for air in day) < 50
    assert max(air.temperature_c for air in day) - min(air.temperature_c for air in day) > 8
    assert Weather(6).at(START_MS) != day[0]


def test_a_place_says_what_has_changed_and_all_after_a_restart() -> None:
    """Nothing is said twice within a minute of still air; a restarted board hears everything."""
    place = ClimatePlace(Weather(1))
    first = list(place.messages(START_MS, 5000))
    assert len(first) == 1 and list(place.messages(START_MS + 1, 5000)) == []
    assert list(place.messages(START_MS + HOUR_MS, 5000)) != []
    place.restart()
    assert len(list(place.messages(START_MS + HOUR_MS, 5000))) == 1


def test_a_cabinet_s_truth_hangs_together() -> None:
    """The defibrillator is out only while the door is open, comes back, and everything replays from the seed."""
    cabinet, again = Cabinet(START_MS, 3), Cabinet(START_MS, 3)
    states = [cabinet.at(START_MS + second * 1000) for second in range(0, 4 * 3600, 2)]
    assert states == [again.at(START_MS + second * 1000) for second in range(0, 4 * 3600, 2)]
    assert any(not state["door_closed"] for state in states)
    out = [state for state in states if not state["dae_on_switch"]]
    assert out and all(not state["door_closed"] and state["dae_g"] == 0 for state in out)
    assert all(state["dae_g"] == WEIGHT_G for state in states if state["dae_on_switch"])
    place = CabinetPlace(Cabinet(START_MS, 3))
    (line,) = place.messages(START_MS, 5000)
    assert json.loads(json.dumps(line)) == line and list(place.messages(START_MS, 5000)) == []
