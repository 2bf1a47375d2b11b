# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The parking application on the simulated board: always awake, on a battery, in a loading bay, and on a street with ground truth."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from device_profiles import load_profiles
from simulators.world.place_parking import ParkingStall
from simulators.world.street import Street
from tests.support.vm_run import run_script

SCRIPT = "tests/vm/scripts/parking_app.py"
ROOMY_BYTES = 16 << 20
START_MS = 1_772_000_000_000
LATE_MS_MAX = 10_000


def run(
    what: str, profile: str, folder: Path, *args: str, env: dict[str, str] | None = None, **settings: object
) -> str:
    """Output of the script, which ends with "ok"."""
    config = load_profiles()[profile].firmware_config({})["settings"]
    assert isinstance(config, dict)
    path = folder / "settings.json"
    path.write_text(json.dumps({**config, **settings}), encoding="utf-8")
    text = run_script(
        SCRIPT,
        what,
        profile,
        str(path),
        *args,
        board=True,
        env={"STARTCITY_CLOCK": "rate:0", **(env or {})},
        heap_bytes=ROOMY_BYTES,
        timeout_s=600,
    )
    assert text.endswith("ok\n"), text[-500:]
    return text


@pytest.mark.parametrize(
    ("profile", "settings"),
    [("parking-qmc5883l", {}), ("parking-mmc5983ma", {}), ("parking-lis3mdl", {"interval_ms": 1000})],
)
def test_a_node_that_is_always_awake(tmp_path: Path, profile: str, settings: dict[str, object]) -> None:
    """With each chip: changes with the time when they happened, self-test, re-zero, sampling now, restart with a car on top, and
    every fault of bus and chip named and mended."""
    run("awake", profile, tmp_path, **settings)


def test_a_loading_bay_tells_how_long_and_once_that_it_is_too_long(tmp_path: Path) -> None:
    """The length of a stay counts from arrival to departure; the alarm comes once, at the limit and its tolerance."""
    run("loading", "parking-loading-mmc5983ma", tmp_path)


def test_a_node_on_a_battery_wakes_when_the_field_changes(tmp_path: Path) -> None:
    """Few wakes, all short, none missed, drift and a cut wire survived, commands obeyed at the next wake, odd states refused."""
    run("battery", "parking-lis3mdl", tmp_path)


def test_a_battery_node_s_old_times_do_not_outlive_its_clock(tmp_path: Path) -> None:
    """After a power cut that left its state: heartbeats, changes and times are the new clock's, and the empty field is still known."""
    run("new_clock", "parking-lis3mdl", tmp_path)


class Street1(NamedTuple):
    """What came out of one stall of the street."""

    reports: list[list[Any]]
    summary: dict[str, Any]
    truth: list[tuple[int, bool]]  # (ms from the start, occupied)
    end_ms: int

    def state_at(self, at_ms: int) -> bool | None:
        """What had been reported by then."""
        state = None
        for now_ms, _, name, value in self.reports:
            if now_ms > at_ms:
                break
            state = value if name == "occupied" else state if value else None
        return state

    def right_share(self, from_ms: int) -> float:
        """Of the seconds that somebody stands there, or nobody does; vehicles that drive are left out, and what a detector may take."""
        right = total = 0
        for at_ms in range(from_ms, self.end_ms, 1000):
            before = [(changed_ms, state) for changed_ms, state in self.truth if changed_ms <= at_ms]
            is_settled = all(not -6000 <= at_ms - changed_ms < 16_000 for changed_ms, _ in self.truth)
            if is_settled:
                total += 1
                right += self.state_at(at_ms) == (before[-1][1] if before else False)
        return right / total

    def delays_ms(self) -> tuple[list[int], list[int]]:
        """(how late each change of the truth was reported, how far off its reported time was)."""
        late, off = [], []
        found = [(now, at, value) for now, at, name, value in self.reports if name == "occupied"]
        changes = [entry for entry, before in zip(found[1:], found, strict=False) if entry[2] != before[2]]
        for true_ms, state in self.truth:
            gone_ms = true_ms if state else true_ms + 6000  # a vehicle that leaves needs 6 s for it
            near = [entry for entry in changes if entry[2] == state and -8000 <= entry[0] - gone_ms <= 60_000]
            if near:
                late.append(near[0][0] - gone_ms)
                off.append(near[0][1] - true_ms)
        return late, off


def play(tmp_path: Path, profile: str, hours: float, seed: int = 3, **settings: object) -> Street1:
    """One stall of a busy street, empty at first, for so many simulated hours."""
    end_ms = int(hours * 3_600_000)
    street = Street(5, START_MS, seed=seed, free_s=300, parked_s=500)
    world = tmp_path / "world.jsonl"
    with world.open("w", encoding="utf-8") as file:
        for message in ParkingStall(street, 2).messages(START_MS, end_ms):
            file.write(json.dumps(message) + "\n")
    text = run(
        "street",
        profile,
        tmp_path,
        str(end_ms // 1000),
        env={"STARTCITY_CLOCK": f"rate:0,epoch_ms:{START_MS}", "STARTCITY_SIM": f"file:{world}"},
        starts_empty=True,
        **settings,
    )
    lines = [json.loads(line) for line in text.splitlines()[:-1]]
    truth = [(at_ms - START_MS, state) for at_ms, state in street.changes(2, START_MS + end_ms - 60_000)]
    return Street1(lines[:-1], lines[-1], truth, end_ms)


@pytest.mark.parametrize(
    ("profile", "hours"), [("parking-qmc5883l", 1), ("parking-mmc5983ma", 0.6), ("parking-lis3mdl", 2)]
)
def test_the_street_s_changes_are_reported_in_time(tmp_path: Path, profile: str, hours: float) -> None:
    """Chip, driver, detector and application together: every arrival and departure of a stall with busy neighbours, within 10 s of
    standing still, with its own time; the battery node sleeps in between."""
    found = play(tmp_path, profile, hours)
    late, off = found.delays_ms()
    share = found.right_share(30_000)
    print(
        f"{profile}: {len(found.truth)} changes in {hours} h, right {share:.4f}, decided after {statistics.median(late) / 1000:.1f} s"
        f" (at most {max(late) / 1000:.1f}), time off by {statistics.median(map(abs, off)) / 1000:.1f} s (at most"
        f" {max(map(abs, off)) / 1000:.1f}), {found.summary}"
    )
    assert found.summary["faults"] == []
    assert len(late) == len(found.truth) and len(found.truth) >= 6
    assert max(late) <= LATE_MS_MAX and max(map(abs, off)) <= LATE_MS_MAX
    assert share >= 0.99
    if found.summary["wakes"]:
        awake_share = found.summary["awake_ms"] / found.end_ms
        assert awake_share < 0.02, "that is no sleeping node"
