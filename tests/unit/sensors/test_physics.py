# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The physics that simulated boards feel, and the clock that they share."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import pytest

from simulators.clock import SimulationClock
from simulators.world.bridge import CODE_MAX, STRAIN_PER_CODE, RecordedBridge, SyntheticBridge, code_of, load_recording
from simulators.world.street import EARTH_T, Street, dipole_t

START_MS = 1_790_000_000_000


def test_a_dipole_s_field_is_that_of_the_books() -> None:
    """On the axis 2e-7 m / r^3, at the side half of it and against the moment."""
    along = dipole_t((0, 0, 100), (0, 0, 2))
    beside = dipole_t((0, 0, 100), (2, 0, 0))
    assert along[2] == pytest.approx(2e-7 * 100 / 8) and beside[2] == pytest.approx(-1e-7 * 100 / 8)
    assert along[0] == along[1] == beside[0] == beside[1] == 0


def test_a_street_s_truth_and_its_field_belong_together() -> None:
    """While a car stands the field is far from the empty one; while nobody is near it is close."""
    street = Street(3, START_MS, seed=5, free_s=120, parked_s=120)
    for stall in range(3):
        changes = street.changes(stall, START_MS + 3_600_000)
        assert len(changes) > 8 and [state for _, state in changes[:4]] == [True, False, True, False]
        arrived_ms, left_ms = changes[0][0], changes[1][0]
        before = street.field_t(stall, arrived_ms - 7000)
        parked = street.field_t(stall, (arrived_ms + left_ms) // 2)
        assert street.is_occupied(stall, arrived_ms - 7000) is False
        assert street.is_occupied(stall, arrived_ms - 1000) is None
        assert street.is_occupied(stall, arrived_ms) is True
        assert math.dist(before, parked) > 3e-6
        assert math.dist(before, EARTH_T) < 3e-5


def test_a_street_asked_twice_answers_the_same() -> None:
    """Everything follows from the seed, in whatever order one asks."""
    first, second = Street(2, START_MS, seed=9), Street(2, START_MS, seed=9)
    times = [START_MS + 1000 * step for step in (5, 90_000, 300, 40_000)]
    forward = [first.field_t(1, at_ms) for at_ms in times]
    backward = [second.field_t(1, at_ms) for at_ms in reversed(times)]
    assert forward == backward[::-1]
    assert Street(2, START_MS, seed=10).field_t(1, times[0]) != forward[0]


def test_a_recording_is_played_code_for_code(tmp_path: Path) -> None:
    """A CSV in a ZIP becomes codes; between two samples the truth is on the straight line; outside there is none."""
    lines = ["Time (-),DMS_CN (um/m)"] + [f"2022-04-11 08:36:{index:02d}.000,{index / 10}" for index in range(250)]
    path = tmp_path / "strain.csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("strain.csv", "\r\n".join(lines))
    bridge = RecordedBridge(load_recording(path), START_MS)
    assert bridge.codes[20] == round(2e-6 / STRAIN_PER_CODE)
    played = [bridge.block(START_MS + 1000 * second) for second in range(4)]
    assert [code for block in played if block is not None for code in block.codes] == bridge.codes
    assert played[3] is None and bridge.block(START_MS - 1000) is None
    middle = bridge.code_at(START_MS * 1000 + 10_000 * 20 + 5000)
    assert middle is not None and abs(middle - (bridge.codes[20] + bridge.codes[21]) / 2) <= 0.5
    assert bridge.code_at(START_MS * 1000 - 1) is None and bridge.code_at(bridge.end_ms * 1000 + 10_000) is None


@pytest.mark.parametrize("text", ["time,force (kN)\n1,2\n", "Time,DMS (um/m)\n1,x\n", "Time,DMS (um/m)\n1\n", ""])
def test_a_recording_of_something_else_is_refused_by_name(tmp_path: Path, text: str) -> None:
    """The error names the file, and the line where there is one."""
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"wrong\.csv"):
        load_recording(path)


def test_strain_beyond_the_converter_is_its_end_of_scale() -> None:
    """A broken wire is far beyond 24 bits."""
    assert code_of(1.0) == CODE_MAX and code_of(-1.0) == -CODE_MAX - 1


def test_a_synthetic_bridge_carries_traffic_and_warms_up() -> None:
    """Live load and thermal drift both show, and each second replays from its seed."""
    bridge = SyntheticBridge(START_MS, seed=3)
    codes: list[int] = []
    for second in range(600):
        block = bridge.block(START_MS + 1000 * second)
        assert block is not None and len(block.codes) == 100
        codes.extend(block.codes)
    assert (max(codes) - min(codes)) * STRAIN_PER_CODE > 5e-6
    again = SyntheticBridge(START_MS, seed=3).block(START_MS)
    assert again is not None and list(again.codes) == codes[:100]


def test_the_shared_clock_says_the_same_in_every_process() -> None:
    """Rate and origin travel in one variable; a negative rate is refused."""
    clock = SimulationClock(rate=10, epoch_ms=START_MS, real_ms=0)
    assert clock.env() == {"STARTCITY_CLOCK": f"rate:10,epoch_ms:{START_MS},real_ms:0"}
    assert clock.now_ms() > START_MS + 10 * 1_700_000_000_000
    assert clock.real_s(5000) == 0.5
    with pytest.raises(ValueError, match="rate"):
        SimulationClock(rate=-1)
