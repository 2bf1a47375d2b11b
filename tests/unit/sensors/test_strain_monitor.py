# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The strain monitor as a whole: on synthetic bridges with known truth, on a recorded bridge, and in an ESP32's arithmetic."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import rainflow as reference

from device_profiles import load_profiles
from simulators.replay import counted
from simulators.world.bridge import PERIOD_US, SyntheticBridge, load_recording
from tests.support.single_precision import load_single
from tests.unit.sensors.test_rainflow import gated_reversals

DATA = Path(os.environ.get("STARTCITY_TEST_DATA") or Path(__file__).parents[4] / "shared" / "data") / "bridge-strain"
LOAD_RUN = "UniBw_2022-04-11_ref_support_load_01DMS_CNAt100Hz.csv.zip"
REFERENCE = "ReferenceStateDMS_CNAt100Hz.csv.zip"
# When the load cells under the bridge (the same data set, force at 100 Hz) say that a load moves over the gauge or stands there.
LOADS_S = ((18, 30), (62, 73), (360, 498), (535, 545))
START_MS = 1_790_000_000_000


def settings(**changed: object) -> dict[str, Any]:
    """Of the profile strain-hx711."""
    config = load_profiles()["strain-hx711"].firmware_config(changed)
    found = config["settings"]
    assert isinstance(found, dict)
    return found


def load_monitor() -> ModuleType:
    """The module that makes monitors, and all it imports."""
    module = load_single("firmware/node_core/strain_setup.py")
    watch(module, lambda value: value)
    return module


def watch(module: ModuleType, check: Callable[[object], object]) -> None:
    """`check` sees the result of every operation of the parts that codes pass through, and may replace it."""
    for part in (module.Live, module.Rainflow, module.Block, module.Monitor):
        part.add.__globals__["_single_"] = check


class Event(NamedTuple):
    """Seconds from the beginning, and the range."""

    start_s: float
    end_s: float
    range_nstrain: int


def events_of(module: ModuleType, monitor: Any, codes: list[int], start_s: float = 0) -> list[Event]:
    """Each event that the monitor finds in codes of 100 a second."""
    found, began_s = [], None
    live = module.Live.add.__globals__
    for place, code in enumerate(codes):
        change = monitor.add(code)
        now_s = start_s + place / 100
        if change == live["STARTED"]:
            began_s = now_s
        elif change:
            assert began_s is not None
            low, high = monitor.live.event_low, monitor.live.event_high
            found.append(Event(began_s, now_s, monitor.nstrain(high - low)))
            began_s = None
    if began_s is not None:
        found.append(Event(began_s, start_s + len(codes) / 100, 0))
    return found


def play_synthetic(seed: int, minutes: int) -> tuple[int, int, int]:
    """(passages that have to be found, of these not found, events without a passage) of a synthetic bridge on a sunny morning."""
    start_ms = START_MS // 86_400_000 * 86_400_000 + 8 * 3_600_000  # the fastest warming: 10e-6 in ten minutes
    bridge = SyntheticBridge(start_ms, seed=seed, vehicles_per_hour=120, swing_k=20)
    module = load_monitor()
    monitor = module.new_monitor(settings(), PERIOD_US)
    truth, codes = [], []
    for second in range(minutes * 60):
        block = bridge.block(start_ms + second * 1000)
        assert block is not None
        codes += block.codes
        truth += [bridge.live_strain(start_ms + second * 1000 + tenth * 100) for tenth in range(10)]
    events = events_of(module, monitor, codes)
    wanted, missed = 0, 0
    tenth = 100  # the first ten seconds are the baseline's
    while tenth < len(truth):
        if truth[tenth] < 4.5e-6:
            tenth += 1
            continue
        end = tenth
        while end < len(truth) and truth[end] >= 1e-6:
            end += 1
        wanted += 1
        missed += not any(event.start_s < end / 10 + 0.5 and event.end_s > tenth / 10 for event in events)
        tenth = end
    false = sum(max(truth[int(e.start_s * 10) - 5 : int(e.start_s * 10) + 5], default=0) < 2e-6 for e in events[0:])
    return wanted, missed, false


def test_the_quick_way_to_gated_reversals_is_the_thorough_one() -> None:
    """On random walks, so that the recordings below may use the quick one."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    for _ in range(50):
        series = [0]
        for _ in range(200):
            series.append(series[-1] + dice.randrange(-60, 61))
        quick, thorough = zigzag(series, 90), gated_reversals(series, 90)
        assert quick == thorough or (not quick and len(thorough) == 1)


def test_vehicles_are_found_on_a_bridge_that_warms_as_fast_as_they_load_it() -> None:
    """Half an hour, 10e-6 of drift in ten minutes: every passage of 4.5e-6 and more is in an event, no event is without a vehicle."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    wanted, missed, false = play_synthetic(seed, 30)
    print(f"{wanted} passages of 4.5e-6 and more, {missed} missed, {false} false")
    assert wanted > 20 and missed == 0 and false == 0


@pytest.mark.proof
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, 9))
def test_vehicles_are_found_for_hours(seed: int) -> None:
    """The same for an hour and a half, with eight fixed seeds."""
    wanted, missed, false = play_synthetic(seed, 90)
    print(f"seed {seed}: {wanted} passages, {missed} missed, {false} false")
    assert wanted > 100 and missed == 0 and false == 0


def zigzag(series: list[int], gate: int) -> list[int]:
    """The same as `gated_reversals`, in one pass: a recording is long."""
    low = high = series[0]
    points: list[int] = []
    for value in series:
        low, high = min(low, value), max(high, value)
        if high - low >= gate and not points:
            points = [low, high] if value == high else [high, low]
        elif points:
            last = points[-1]
            if (value - last) * (last - points[-2]) >= 0:
                points[-1] = value
            elif abs(value - last) >= gate:
                points.append(value)
    return points


def recorded(name: str) -> list[int]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"There is no recorded bridge strain at {path}; STARTCITY_TEST_DATA names the folder with it.")
    return [round(strain * 1e9 / 0.931) for strain in load_recording(path)]


def test_on_the_recorded_bridge_each_load_is_one_event_and_nothing_else_is() -> None:
    """Twelve minutes of a measured bridge: four events, exactly where its load cells feel a load near the gauge."""
    module = load_monitor()
    events = events_of(module, module.new_monitor(settings(), PERIOD_US), recorded(LOAD_RUN))
    print(events)
    assert len(events) == len(LOADS_S)
    for event, (start_s, end_s) in zip(events, LOADS_S, strict=True):
        assert start_s <= event.start_s <= start_s + 6 and end_s - 2 <= event.end_s <= end_s + 4
        assert 6500 <= event.range_nstrain <= 9500


def test_thermal_drift_on_the_recorded_bridge_triggers_nothing() -> None:
    """Six quiet minutes of the recording (its own noise and wander), with 9.3e-6 of drift in ten minutes put on top, in each direction."""
    quiet = recorded(REFERENCE)[12_000:48_000]
    ends = {}
    for sign in (0, 1, -1):
        module = load_monitor()
        monitor = module.new_monitor(settings(), PERIOD_US)
        codes = [code + sign * round(place * 9.3e-6 / 60_000 / 931e-12) for place, code in enumerate(quiet)]
        assert events_of(module, monitor, codes) == []
        ends[sign] = monitor.static()
    for sign in (1, -1):
        assert abs(ends[sign] - ends[0] - sign * 5580) < 1000, "the drift has gone into the static strain"


@pytest.mark.parametrize("name", [LOAD_RUN, REFERENCE])
def test_the_recorded_bridge_s_cycles_are_the_package_s(name: str) -> None:
    """Every range and count of the recording's gated reversals, as the `rainflow` package counts them, with two gates."""
    codes = recorded(name)
    for gate_nstrain in (1000, 3000):
        module = load_monitor()
        monitor = module.new_monitor(settings(gate_nstrain=gate_nstrain, spike_codes=0), PERIOD_US)
        closed = counted.watch(monitor.cycles)
        for code in [*codes, codes[-1]]:  # a sample is judged when the next one has come
            monitor.add(code)
        counted.end(monitor.cycles)
        found: Counter[int] = Counter()
        for size, halves in closed:
            found[size] += halves
        expected: Counter[int] = Counter()
        for size, _, count, _, _ in reference.extract_cycles(zigzag(codes, monitor.cycles.gate)):
            expected[size] += int(count * 2)
        assert found == expected and found.total() >= 8
        print(f"{name} gate {gate_nstrain}: {found.total() / 2} cycles, largest {max(found) * 0.931e-3:.2f} um/m")


def test_no_sample_costs_a_heap_object_on_a_board() -> None:
    """From one end of scale to the other, at 1,000 samples a second: no float, and no integer of more than 30 bits, anywhere on the way."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)

    def check(value: object) -> object:
        assert not isinstance(value, float)
        assert not isinstance(value, int) or -(1 << 30) <= value < 1 << 30, value
        return value

    for changed in ({}, {"pstrain_per_code": 1, "event_nstrain": 1_000_000, "baseline_s": 36_000}):
        module = load_monitor()
        monitor = module.new_monitor(settings(**changed), 1000)
        codes = []
        for _ in range(12):
            low, high = sorted((dice.randrange(-(1 << 23), 1 << 23), dice.randrange(-(1 << 23), 1 << 23)))
            codes += [dice.randint(low, high) for _ in range(1500)]
        for place, code in enumerate(codes + [0x7FFFFE] * 3000 + [-0x7FFFFF] * 3000):
            if place % 40 == 0:  # statistics of swings over the whole range outgrow 30 bits in 64 samples
                watch(module, lambda value: value)
                monitor.block.end()
                watch(module, check)
            monitor.add(code)
        assert sum(monitor.cycles.histogram) > 0


def new_monitor(**changed: object) -> Any:
    """At rest on a steel beam: one code is 1e-9, the temperature 20 degrees."""
    monitor = load_monitor().new_monitor(settings(pstrain_per_code=1000, **changed), PERIOD_US)
    stand(monitor, 0, 120)
    return monitor


def stand(monitor: Any, code: int, seconds: int) -> None:
    for _ in range(seconds * 100):
        monitor.add(code)


def test_a_thermal_change_is_static_but_not_mechanical() -> None:
    """A free steel beam that warms by 2 K: 23.4e-6 static, nothing mechanical; not known without a thermometer where one is needed."""
    monitor = new_monitor(pstrain_per_k=11_700_000, baseline_s=10, hold_s=10)
    stand(monitor, 23_400, 60)
    assert abs(monitor.static() - 23_400) <= 2 and abs(monitor.strain(2200)) <= 2
    assert monitor.strain(None) is None
    plain = new_monitor()
    assert plain.strain(None) == plain.static()


def test_thresholds_of_static_strain_load_and_rate_are_each_said_by_name() -> None:
    """With thresholds that an engineer has set; the same strains say nothing where nobody has."""
    levels = {
        "static_warning_nstrain": 5000,
        "static_alarm_nstrain": 20_000,
        "live_warning_nstrain": 6000,
        "live_alarm_nstrain": 9000,
        "rate_alarm_nstrain": 10_000,
    }
    monitor, silent = new_monitor(**levels), new_monitor()
    said = []
    for second in range(4200):
        code = 9500 if 100 <= second < 105 else second * 4
        if second in (100, 104, 105, 110) or not second % 60:
            stand(monitor, code, 1)
            stand(silent, code, 1)
        monitor.live.baseline = silent.live.baseline = second * 4  # hours of slow drift in no time
        said += [(second, *each) for each in monitor.judge(second, None)]
        assert silent.judge(second, None) == []
    assert (100, "live", 2) in said
    names = [(name, level) for _, name, level in said]
    assert names.count(("static", 1)) == 1 and ("rate", 2) in names
    assert next(second for second, name, _ in said if name == "rate") >= 3600, "a rate needs its hour"
    assert next(second for second, name, _ in said if name == "static") in range(1250, 1262)


def test_a_broken_wire_is_no_static_strain() -> None:
    """At the end of scale nothing follows the structure, but its temperature goes on: no static alarm and no rate come of that; a load's
    alarm that was reached stays, and good samples are judged again."""
    levels = {"static_alarm_nstrain": 20_000, "rate_alarm_nstrain": 10_000, "live_alarm_nstrain": 9000}
    monitor = new_monitor(pstrain_per_k=11_700_000, **levels)
    assert monitor.judge(0, 2000) == []
    stand(monitor, 12_000, 1)
    assert monitor.judge(1, 2000) == [("live", 2)]
    for code in (0x7FFFFF, -0x800000):
        stand(monitor, code, 1)
        for minute in range(1, 120):
            said = monitor.judge(minute * 60 - 50, 2000 + 5 * minute)  # 585e-9 a minute of temperature alone
            assert said in ([], [("live", 2)]), said  # repeated each hour
    assert monitor.rate is None and monitor.limits["live"].level == 2
    stand(monitor, 0, 3)
    assert ("live", 0) in monitor.judge(8000, 2000)
    assert monitor.judge(8001, 2600) == [("static", 2)]


def test_rezero_makes_the_present_strain_zero_at_the_present_temperature() -> None:
    """Afterwards only what changes counts; without a baseline there is nothing to make zero."""
    module, monitor = load_monitor(), new_monitor(pstrain_per_k=11_700_000)
    stand(monitor, 4000, 400)
    assert module.rezero(monitor, 2300) and abs(monitor.strain(2300)) <= 1
    assert abs(monitor.strain(2400) + 11_700) <= 1
    assert not module.rezero(module.new_monitor(settings(), PERIOD_US), 2000)
