# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How long a node with a battery lasts: a simulated day of the real firmware in its family's surroundings, priced with measured charges.

The simulation gives how often the node wakes, how long it is awake, how long its radio is on, which modules a wake loads and what
goes to flash; bench/charge.py says what that costs. The gateway of the run acknowledges what it would have sealed by then. Deep
sleep takes no time here: a day of a quiet node is less than a minute.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import charge
from bench.charge import Cell, Spent
from bench.patient_gateway import MASTER, PatientGateway
from bench.stage import Figure
from device_profiles import Profile, load_profiles
from simulators.clock import SimulationClock
from simulators.vm import SimulatedNode
from simulators.world.street import Street
from simulators.world.world import World
from tests.support.compiled_firmware import compile_firmware
from tests.support.mosquitto import Mosquitto

HOURS = 24
RATE = 10
SEED = 20260315
GOAL_YEARS = 5
VISITS_PER_DAY = 22  # of a stall: 44 changes
_NODE = "aabbccddee01"
_START_MS = 1_790_000_000_000
# What the firmware does while the network is gone: one attempt an hour once its waits have grown, 20 s awake at most.
_OUTAGE_ATTEMPTS = 24
_AWAKE_MS_MAX = 20_000


def run(directory: Path, hours: int = HOURS) -> list[Figure]:
    """A figure for each battery profile, and what it is to be compared with."""
    directory.mkdir(parents=True)
    firmware = compile_firmware(directory / "firmware")
    profiles = [profile for _, profile in sorted(load_profiles().items()) if profile.power.sleeps]
    return [asyncio.run(_measure(directory / profile.id, profile, firmware, hours)) for profile in profiles]


async def _measure(directory: Path, profile: Profile, firmware: Path, hours: int) -> Figure:
    clock = SimulationClock(RATE, _START_MS)
    folder = directory / "node"
    clock.skips(folder)
    with Mosquitto(directory / "broker") as broker:
        gateway = PatientGateway(broker.port, clock, {m.name: m.deadline_s for m in profile.measurements.values()})
        _write_files(folder, profile, broker.port)
        world = folder / "world.jsonl"
        _write_day(world, profile.id, clock, hours)
        node = SimulatedNode(folder, clock_env=clock.env(), firmware=firmware, env={"STARTCITY_SIM": f"file:{world}"})
        await node.start()
        end_ms = _START_MS + hours * 3_600_000
        is_done = await node.wait_for(lambda _: clock.now_ms() >= end_ms, 600)
        await node.stop()
        gateway.close()
    runs = node.runs
    if not is_done or len(runs) < 2:
        raise RuntimeError(f"{profile.id}: the simulated day did not end; {len(runs)} runs; {list(node.lines)[-5:]}")
    return _account(profile, runs[1:], len(gateway.sealed_ms), gateway.arrivals, hours, firmware)


def _write_files(folder: Path, profile: Profile, port: int) -> None:
    files = folder / "files"
    files.mkdir(parents=True)
    config = profile.firmware_config({})
    config |= {
        "node": _NODE,
        "wifi": [{"ssid": "startcity", "password": "TEST-ONLY secret"}],
        "mqtt": {"host": "127.0.0.1", "port": port},
    }
    if "starts_empty" in profile.settings:
        config["settings"] = profile.firmware_config({"starts_empty": True})["settings"]
    (files / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (files / "key.bin").write_bytes(MASTER)


def _write_day(path: Path, profile_id: str, clock: SimulationClock, hours: int) -> None:
    """What the family's place makes of this day, as lines that the board reads by itself."""
    cycle_s = 86_400 / VISITS_PER_DAY
    street = Street(3, _START_MS, seed=SEED, free_s=cycle_s / 2, parked_s=cycle_s / 2)
    world = World(path.with_suffix(".sock"), clock, street=street, seed=SEED)
    family = importlib.import_module(f"simulators.world.place_{profile_id.partition('-')[0]}")
    if profile_id.startswith("parking"):
        family.place(world, "beside")
    place = family.place(world, _NODE)
    step_ms = 60_000
    with path.open("w", encoding="utf-8") as file:
        for at_ms in range(_START_MS, _START_MS + hours * 3_600_000, step_ms):
            for message in place.messages(at_ms, step_ms):
                file.write(json.dumps(message) + "\n")


def _spent(runs: list[dict[str, Any]], sizes: Mapping[str, int]) -> Spent:
    """The mean of some runs."""
    if not runs:
        return Spent(0, 0, 0)
    loaded = [sum(sizes.get(name, 0) for name in run["modules"]) for run in runs]
    names = ("awake_ms", "radio_ms", "flash_writes", "flash_erases")
    awake_ms, radio_ms, writes, erases = (statistics.fmean(run[name] for run in runs) for name in names)
    return Spent(awake_ms, radio_ms, statistics.fmean(loaded), writes, erases)


def _account(
    profile: Profile, runs: list[dict[str, Any]], frames: int, sent: int, hours: int, firmware: Path
) -> Figure:
    sizes = {
        ".".join(path.relative_to(firmware).with_suffix("").parts): path.stat().st_size
        for path in firmware.rglob("*.mpy")
    }
    power = profile.power
    assert power.capacity_mah is not None and power.usable_pct is not None
    assert power.self_discharge_pct_year is not None and power.sleep_ua is not None
    cell = Cell(power.capacity_mah, power.usable_pct, power.self_discharge_pct_year, power.sleep_ua)
    quiet = [run for run in runs if not run["radio_ms"]]
    connected = [run for run in runs if run["radio_ms"]]
    a_day = 24 / hours
    wake, report = _spent(quiet, sizes), _spent(connected, sizes)

    def day_mah(boot_mc: float, *, is_frozen: bool = False) -> float:
        charges = [_spent([run], sizes).charge_mc(boot_mc, is_frozen=is_frozen) for run in runs]
        return charge.mah_per_day(cell.sleep_ua, [sum(charges) * a_day])

    wifi_mah = day_mah(charge.BOOT_MC)
    espnow_mc = sum(_spent([run], sizes).charge_espnow_mc(0) for run in runs) + frames * charge.ESPNOW_REPORT_MC
    espnow_mah = charge.mah_per_day(cell.sleep_ua, [espnow_mc * a_day])
    polled_mah = charge.mah_per_day(cell.sleep_ua, [charge.BOOT_MC] * 8640)
    attempt_mc = Spent(_AWAKE_MS_MAX, _AWAKE_MS_MAX, report.loaded_bytes).charge_mc()
    outage_mah = charge.mah_per_day(
        cell.sleep_ua, [attempt_mc * _OUTAGE_ATTEMPTS + sum(_spent([run], sizes).charge_mc() for run in quiet) * a_day]
    )
    detail: dict[str, Any] = {
        "cell": power.cell,
        "simulated_h": hours,
        "wakes_per_day": round(len(runs) * a_day, 1),
        "connections_per_day": round(len(connected) * a_day, 1),
        "frames_per_day": round(frames * a_day, 1),
        "frames_repeated": sent - frames,
        "quiet_wake": _parts(wake) | {"mc": round(wake.charge_mc(), 1)},
        "connected_wake": _parts(report) | {"mc": round(report.charge_mc(), 1)},
        "mc_per_frame": round((wifi_mah - cell.sleep_ua * 0.024) * charge.MC_PER_MAH / max(1.0, frames * a_day), 1),
        "mah_per_day": round(wifi_mah, 2),
        "mah_per_day_asleep": round(cell.sleep_ua * 0.024, 2),
        "mah_per_day_without_network_at_most": round(outage_mah, 1),
        "flash_operations_per_day": round(sum(run["flash_writes"] for run in runs) * a_day),
        "nvs_commits_per_day": round(sum(run["nvs_commits"] for run in runs) * a_day),
        "years_image_that_validates_itself": round(charge.years(cell, day_mah(charge.BOOT_VALIDATED_MC)), 2),
        "years_frozen_image": round(charge.years(cell, day_mah(charge.BOOT_FROZEN_MC, is_frozen=True)), 2),
        "years_espnow": round(charge.years(cell, espnow_mah), 2),
        "years_if_polled_each_10_s": round(charge.years(cell, polled_mah), 2),
        "assumed": f"{charge.LOAD_MS_PER_KB} ms of loading per kB of .mpy; everything else measured or simulated",
    }
    found = charge.years(cell, wifi_mah)
    detail["reaches_five_years"] = found >= GOAL_YEARS
    return Figure(
        f"energy: {profile.id} over Wi-Fi", "years", round(found, 2), None, "", "more", f">= {GOAL_YEARS}", detail
    )


def _parts(spent: Spent) -> dict[str, float]:
    return {
        "awake_ms": round(spent.awake_ms),
        "radio_ms": round(spent.radio_ms),
        "loaded_kb": round(spent.loaded_bytes / 1000, 1),
    }
