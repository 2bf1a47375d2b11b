# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The node fits an ESP32's memory."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_profiles import load_profiles
from simulators.clock import SimulationClock
from tests.support.compiled_firmware import compile_firmware
from tests.support.mosquitto import Mosquitto
from tests.support.small_gateway import MASTER, SmallGateway
from tests.support.vm_run import ROOT, run_script

BUDGET_BYTES = 64 << 10


def _folder(tmp_path: Path, profile: str, port: int) -> str:
    folder = tmp_path / "node"
    folder.mkdir()
    changed: dict[str, object] = {}
    if profile.startswith("strain"):
        levels = [f"{name}_{level}_nstrain" for name in ("static", "live", "rate") for level in ("warning", "alarm")]
        changed = dict.fromkeys(levels, 50_000)
    config = load_profiles()[profile].firmware_config(changed)
    config |= {
        "wifi": [{"ssid": "startcity", "password": "secret"}],
        "mqtt": {"host": "127.0.0.1", "port": port},
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "key.bin").write_bytes(MASTER)
    return str(folder)


def heap_in_use(tmp_path: Path, profile: str, firmware: Path, *what: str) -> str:
    """What scripts/heap_in_use.py prints."""
    with Mosquitto(tmp_path / "broker") as broker:
        output = run_script(
            ROOT / "tests/vm/scripts/heap_in_use.py",
            _folder(tmp_path, profile, broker.port),
            *what,
            firmware=firmware,
            timeout_s=100,
        )
    assert "net connected to the broker" in output and "fault app" not in output, output
    return output


def _by_state(tmp_path: Path, profile: str, firmware: Path, *what: str) -> dict[str, int]:
    """Bytes counted for an ESP32 in each state of heap_in_use.py."""
    output = heap_in_use(tmp_path, profile, firmware, *what)
    found = {row[2]: int(row[1]) // 2 for line in output.splitlines() if (row := line.split())[:1] == ["heap"]}
    print(profile, found)
    return found


@pytest.fixture(scope="module")
def short_path() -> Iterator[Path]:
    """The compiled firmware where its path is nearly as short as on a board: each module keeps its own in memory."""
    with tempfile.TemporaryDirectory(prefix="n", dir="/tmp") as folder:
        yield compile_firmware(Path(folder) / "f")


@pytest.mark.parametrize(
    "profile",
    [
        "strain-ads1220",
        "strain-hx711",
        "parking-loading-mmc5983ma",
        "climate-sht4x-veml7700",
        "dae-cabinet",
        "energy-em24",
        "water-pulse",
    ],
)
def test_the_worst_steady_state_of_each_family_is_within_budget(profile: str, short_path: Path, tmp_path: Path) -> None:
    """Connected and measuring, after commands, with a full queue that gives up its oldest, in an outage, and connected again with
    that backlog: of the 64-bit interpreter's heap half is at most 64 KiB."""
    found = _by_state(tmp_path, profile, short_path, "all")
    assert list(found) == ["connected", "command", "full", "outage", "backlog", "settled"]
    assert max(found.values()) <= BUDGET_BYTES


def test_compiled_on_the_board_it_fits_while_connected(tmp_path: Path) -> None:
    """From .py, a parking stall: a board that compiles keeps the names of local variables, too."""
    found = _by_state(tmp_path, "parking-qmc5883l", ROOT / "firmware")
    assert found["connected"] <= BUDGET_BYTES


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
    apart = _by_state(folder, "parking-qmc5883l", ROOT / "firmware")["connected"]
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
        ROOT / "tests/vm/scripts/heap_over_days.py",
        str(folder),
        str(firmware),
        str(hours),
        "3600",
        str(tick_ms),
        env={"STARTCITY_CLOCK": clock, "STARTCITY_SIM": f"file:{folder / 'world.jsonl'}"},
        timeout_s=900,
    )
    assert "Traceback" not in output, output[-2000:]
    rows = [line.split() for line in output.splitlines() if line.startswith("heap ")]
    assert len(rows) == hours
    return [(int(row[1]), int(row[2])) for row in rows]


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
def test_nothing_grows_over_a_simulated_week_without_a_network(whole_names: Path, tmp_path: Path) -> None:
    """A stall measured each ten minutes, every attempt to join in vain, the queue full after a day and giving up its oldest."""
    _does_not_grow(_over_hours(tmp_path, whole_names, "rate:0", 1, 168, 110_000, 600, {"wifi": False}))


@pytest.mark.proof
@pytest.mark.timeout(1000)
def test_nothing_grows_while_everything_is_acknowledged(whole_names: Path, tmp_path: Path) -> None:
    """Connected for half a day at the real pace of its housekeeping."""
    clock = SimulationClock(100)
    with Mosquitto(tmp_path / "broker") as broker:
        gateway = SmallGateway(broker.port, clock)
        try:
            _does_not_grow(_over_hours(tmp_path, whole_names, clock.variable(), broker.port, 12, 1000, 60, {}))
        finally:
            gateway.close()
        assert gateway.heard
