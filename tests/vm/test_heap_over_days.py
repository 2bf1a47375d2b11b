# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Nothing grows in any family's node, however long it runs (the parking family's whole week is in test_heap.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from device_profiles import load_profiles
from tests.support.vm_run import ROOT, run_script

GROWTH_BYTES_MAX = 512
SEGMENTS = 4
QUEUE_BYTES = SEGMENTS * 4096
LEVELS = [f"{name}_{level}_nstrain" for name in ("static", "live", "rate") for level in ("warning", "alarm")]


class Case(NamedTuple):
    """`short` are settings that fill the queue within a few minutes of node time, looked at each `look_s`; `long` for `hours`. `period_us`
    and `long_period_us` are of a converter that is slowed: each of its conversions is 25 bits that a host shifts one by one."""

    profile: str
    short: dict[str, object]
    look_s: int
    world: dict[str, object]
    long: dict[str, object]
    hours: int
    period_us: int | None = None
    long_period_us: int | None = None


CASES = [
    Case("climate-sht4x", {"interval_s": 60, "heartbeat_s": 60}, 600, {}, {"heartbeat_s": 600}, 168),
    Case("water-pulse", {"interval_s": 60}, 300, {"water_l_h": 900}, {}, 168),
    Case("energy-em24", {"interval_s": 10}, 100, {"power_w": [500, 600, 700]}, {}, 168),
    Case(
        "strain-hx711",
        {**dict.fromkeys(LEVELS, 50_000), "interval_s": 1},
        7,
        {},
        {"interval_s": 60},
        24,
        None,
        1_500_000,
    ),
    Case("dae-cabinet", {"air_s": 30, "heartbeat_s": 10}, 50, {}, {}, 0, 200_000),
]


def _looks(
    case: Case,
    tmp_path: Path,
    firmware: Path,
    settings: dict[str, object],
    looks: int,
    look_s: int,
    period_us: int | None,
) -> list[tuple[int, int]]:
    """(heap in use, segments of the queue) at each look of a node without a network."""
    folder = tmp_path / "node"
    files = folder / "files"
    files.mkdir(parents=True)
    config = load_profiles()[case.profile].firmware_config(settings)
    config |= {
        "node": "aabbccddeeff",
        "wifi": [{"ssid": "startcity", "password": "secret12"}],
        "mqtt": {"host": "127.0.0.1", "port": 1},
        "queue_bytes": QUEUE_BYTES,
    }
    (files / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (files / "key.bin").write_bytes(bytes(range(16)))
    if period_us is not None:
        chips = json.loads((ROOT / f"simulators/board/wirings/{case.profile}.json").read_text(encoding="utf-8"))
        for chip in chips:
            if chip["chip"] == "hx711":
                chip["period_us"] = period_us
        (folder / "hardware.json").write_text(json.dumps({"chips": chips}), encoding="utf-8")
    world = {"set": {"wifi": False, **case.world}}
    (folder / "world.jsonl").write_text(json.dumps(world) + "\n", encoding="utf-8")
    output = run_script(
        "tests/vm/scripts/heap_over_days.py",
        str(folder),
        str(firmware),
        str(looks),
        str(look_s),
        "110000",
        env={"STARTCITY_CLOCK": "rate:0", "STARTCITY_SIM": f"file:{folder / 'world.jsonl'}"},
        timeout_s=1700,
    )
    assert "Traceback" not in output and "fault app" not in output, output[-2000:]
    rows = [line.split() for line in output.splitlines() if line.startswith("heap ")]
    assert len(rows) == looks
    return [(int(row[1]), int(row[2])) for row in rows]


def _does_not_grow(profile: str, found: list[tuple[int, int]]) -> None:
    """Two halves of the time, once the queue is full. The least of each half counts: a look may meet code that is loaded for the
    moment, or a part of the queue in memory; what has leaked is there at every look."""
    full = [size for size, segments in found if segments >= SEGMENTS]
    full = full[len(full) // 5 :]  # what was lost fills its ledger first
    half = len(full) // 2
    assert half >= 4, f"the queue was not full for long enough: {found}"
    first, second = min(full[:half]), min(full[half:])
    print(f"{profile}: {first} bytes in the first half, {second} in the second")
    assert second <= first + GROWTH_BYTES_MAX, found


def _name(case: Case) -> str:
    return case.profile


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_nothing_grows_while_a_family_reports_into_a_full_queue(case: Case, whole_names: Path, tmp_path: Path) -> None:
    """Reports as often as the profile lets them come, every attempt to join in vain, the oldest given up. Every sensor at its own
    pace but the cabinet's load cell, which converts five times a second."""
    _does_not_grow(case.profile, _looks(case, tmp_path, whole_names, case.short, 24, case.look_s, case.period_us))


@pytest.mark.proof
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("case", CASES[:-1], ids=_name)
def test_nothing_grows_over_a_simulated_week(case: Case, whole_names: Path, tmp_path: Path) -> None:
    """A week of water, energy and climate; a day of strain, whose converter would take a host hours. None of the cabinet."""
    settings = {name: value for name, value in case.short.items() if name in LEVELS} | case.long
    found = _looks(case, tmp_path, whole_names, settings, case.hours, 3600, case.long_period_us)
    _does_not_grow(case.profile, found)
