# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The node fits an ESP32's memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from device_profiles import load_profiles
from simulators.clock import SimulationClock
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.small_gateway import MASTER, SmallGateway
from tests.support.vm_run import ROOT, run_script

BUDGET_BYTES = 64 << 10


def _folder(tmp_path: Path, port: int) -> str:
    folder = tmp_path / "node"
    folder.mkdir()
    config = load_profiles()["parking-qmc5883l"].firmware_config({})
    config |= {
        "wifi": [{"ssid": "startcity", "password": "secret"}],
        "mqtt": {"host": "127.0.0.1", "port": port},
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "key.bin").write_bytes(MASTER)
    return str(folder)


def _steady_bytes(output: str) -> int:
    steady_bytes = int(output.splitlines()[-1].split()[1])
    print(f"heap in use: {steady_bytes} bytes on 64 bits, {steady_bytes // 2} counted for an ESP32")
    return steady_bytes // 2


def test_steady_heap_is_within_budget(tmp_path: Path) -> None:
    """Compiled on the board from .py, connected, with an application running, the node keeps at most 64 KiB of an ESP32's
    heap, counted as half of what the 64-bit interpreter keeps."""
    with Mosquitto(tmp_path / "broker") as broker:
        output = run_script("tests/vm/scripts/heap_in_use.py", _folder(tmp_path, broker.port))
    assert "net connected to the broker" in output, output
    assert _steady_bytes(output) <= BUDGET_BYTES


def test_heap_with_a_full_queue_is_within_budget(tmp_path: Path) -> None:
    """In an outage so long that the queue of 256 KiB is full and gives up its oldest, it is no more."""
    output = run_script("tests/vm/scripts/heap_in_use.py", _folder(tmp_path, free_port()), "full")
    assert "lost" in output and output.splitlines()[-1].endswith(" 64"), output[-500:]
    assert _steady_bytes(output) <= BUDGET_BYTES


PROFILES = load_profiles()
AWAKE = sorted(name for name, profile in PROFILES.items() if not profile.power.sleeps)
SLEEPING = sorted(name for name, profile in PROFILES.items() if profile.power.sleeps)


def _first_of_each_family(names: list[str]) -> list[str]:
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(name.partition("-")[0], name)
    return list(found.values())


def _largest_on_the_board(tmp_path: Path, profile: str, firmware: Path, after_s: int) -> int:
    """Bytes, halved, of the firmware on the simulated board, with what the simulation allocates; the largest where it sleeps."""
    folder = tmp_path / "node"
    files = folder / "files"
    files.mkdir(parents=True)
    clock = SimulationClock(20)
    if PROFILES[profile].power.sleeps:
        clock.skips(folder)
    with Mosquitto(tmp_path / "broker") as broker:
        config = PROFILES[profile].firmware_config({})
        config |= {
            "node": "aabbccddeeff",
            "wifi": [{"ssid": "startcity", "password": "secret12"}],
            "mqtt": {"host": "127.0.0.1", "port": broker.port},
            "log": "debug",
        }
        (files / "config.json").write_text(json.dumps(config), encoding="utf-8")
        (files / "key.bin").write_bytes(MASTER)
        output = run_script(
            ROOT / "tests/vm/scripts/heap_on_board.py", str(folder), str(firmware), str(after_s), env=clock.env()
        )
    assert "net connected to the broker" in output, output
    assert "Traceback" not in output, output
    found = [int(line.split()[1]) // 2 for line in output.splitlines() if line.startswith("heap ")]
    return max(found)


@pytest.fixture(scope="module")
def simulation_bytes(tmp_path_factory: pytest.TempPathFactory) -> int:
    """What sockets, tasks and queues of the simulation cost, which on a board are C: one node, measured both ways."""
    folder = tmp_path_factory.mktemp("both")
    with Mosquitto(folder / "broker") as broker:
        output = run_script("tests/vm/scripts/heap_in_use.py", _folder(folder, broker.port))
    apart = _steady_bytes(output)
    on_board = _largest_on_the_board(folder / "board", "parking-qmc5883l", ROOT / "firmware", 20)
    print(f"the simulation's own: {on_board - apart} bytes")
    assert 2_000 < on_board - apart < 8_000
    return on_board - apart


@pytest.mark.parametrize("profile", _first_of_each_family(AWAKE))
def test_every_family_fits_beside_the_rest_of_the_node(
    profile: str, compiled_firmware: Path, simulation_bytes: int, tmp_path: Path
) -> None:
    """With its sensors answering and the broker connected, after a minute."""
    found = _largest_on_the_board(tmp_path, profile, compiled_firmware, 60) - simulation_bytes
    print(f"{profile}: {found} bytes counted for an ESP32")
    assert found <= BUDGET_BYTES


@pytest.mark.parametrize("profile", SLEEPING)
def test_a_wake_fits_too(profile: str, compiled_firmware: Path, simulation_bytes: int, tmp_path: Path) -> None:
    """At the end of the boot's wake, which has loaded everything, and of each one of the next six hours, quiet or connected."""
    found = _largest_on_the_board(tmp_path, profile, compiled_firmware, 22_000) - simulation_bytes
    print(f"{profile}: {found} bytes counted for an ESP32")
    assert found <= BUDGET_BYTES


@pytest.mark.proof
@pytest.mark.parametrize("profile", AWAKE)
def test_every_profile_fits(profile: str, compiled_firmware: Path, simulation_bytes: int, tmp_path: Path) -> None:
    """All of them, for ten minutes."""
    assert _largest_on_the_board(tmp_path, profile, compiled_firmware, 600) - simulation_bytes <= BUDGET_BYTES


def _over_hours(
    tmp_path: Path,
    firmware: Path,
    clock: str,
    port: int,
    hours: int,
    tick_ms: int,
    each_s: int,
    world: dict[str, object],
) -> list[tuple[int, int]]:
    """(heap in use, segments of the queue) at each hour of a parking node."""
    folder = tmp_path / "node"
    files = folder / "files"
    files.mkdir(parents=True)
    config = PROFILES["parking-qmc5883l"].firmware_config({"interval_ms": 60_000})
    settings = config["settings"]
    assert isinstance(settings, dict)
    config |= {
        "settings": {**settings, "interval_ms": each_s * 1000, "heartbeat_s": each_s * 2},
        "node": "aabbccddeeff",
        "wifi": [{"ssid": "startcity", "password": "secret12"}],
        "mqtt": {"host": "127.0.0.1", "port": port},
        "queue_bytes": 16_384,
    }
    (files / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (files / "key.bin").write_bytes(MASTER)
    (folder / "world.jsonl").write_text(json.dumps({"set": world}) + "\n", encoding="utf-8")
    output = run_script(
        ROOT / "tests/vm/scripts/heap_over_time.py",
        str(folder),
        str(firmware),
        str(hours),
        str(tick_ms),
        env={"STARTCITY_CLOCK": clock, "STARTCITY_SIM": f"file:{folder / 'world.jsonl'}"},
        timeout_s=900,
    )
    assert "Traceback" not in output, output[-2000:]
    rows = [line.split() for line in output.splitlines() if line.startswith("heap ")]
    assert len(rows) == hours
    return [(int(row[1]), int(row[3])) for row in rows]


def _does_not_grow(found: list[tuple[int, int]]) -> None:
    """Two halves of the time, once the queue is as long as it gets: what is loaded of it varies, and no more."""
    full = max(segments for _, segments in found)
    settled = [size for size, segments in found if segments >= full - 1]
    settled = settled[len(settled) // 5 :]  # what was lost fills its ledger first
    half = len(settled) // 2
    assert half >= 3, found
    # A look may meet an attempt to join, whose code is in memory for that moment: the median does not.
    first, second = sorted(settled[:half])[half // 2], sorted(settled[half:])[half // 2]
    print(f"{len(found)} h: {first} bytes in the first half, {second} in the second")
    assert second <= first + 512, found


@pytest.mark.timeout(600)
def test_nothing_grows_over_a_simulated_week_without_a_network(compiled_firmware: Path, tmp_path: Path) -> None:
    """A stall measured each ten minutes, every attempt to join in vain, the queue full after a day and giving up its oldest."""
    _does_not_grow(_over_hours(tmp_path, compiled_firmware, "rate:0", 1, 168, 110_000, 600, {"wifi": False}))


@pytest.mark.proof
@pytest.mark.timeout(1000)
def test_nothing_grows_while_everything_is_acknowledged(compiled_firmware: Path, tmp_path: Path) -> None:
    """Connected for half a day at the real pace of its housekeeping."""
    clock = SimulationClock(100)
    with Mosquitto(tmp_path / "broker") as broker:
        gateway = SmallGateway(broker.port, clock)
        try:
            _does_not_grow(_over_hours(tmp_path, compiled_firmware, clock.variable(), broker.port, 12, 1000, 60, {}))
        finally:
            gateway.close()
        assert gateway.heard
