# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Whole parking nodes on a simulated street: firmware, radio, broker and the gateway's codec, against the ground truth."""

from __future__ import annotations

import json
from pathlib import Path

from device_profiles import load_profiles
from simulators.clock import SimulationClock
from simulators.vm import SimulatedNode
from simulators.world.place_parking import ParkingStall
from simulators.world.street import Street
from simulators.world.world import World
from tests.support.mosquitto import Mosquitto
from tests.support.small_gateway import MASTER, SmallGateway

RATE = 12  # so that a host which is late by a second is late by 12 s of the street
RATE_OF_A_SHORT_WAKE = 3  # a battery node listens for 0.4 s, which has to be enough for this host to answer
NODE = "24dcc30000{:02x}"
EMPTY_AT_FIRST_MS = 45_000  # long enough for a board on a busy host to see its stall empty
CHANGES = 2
OFF_MS_MAX = 18_000  # half of what lies between two changes of one kind; how exact the times are is tested where no host is in the way


def quiet_start(start_ms: int, stalls: int) -> Street:
    """A lively street whose first stalls are empty while the nodes start."""
    for seed in range(1000):
        street = Street(6, start_ms, seed=seed, free_s=50, parked_s=40)
        firsts = [street.changes(stall, start_ms + 600_000)[0][0] for stall in range(stalls)]
        if min(firsts) - start_ms > EMPTY_AT_FIRST_MS and max(firsts) - start_ms < EMPTY_AT_FIRST_MS + 60_000:
            return street
    raise AssertionError("no such street")


def install(folder: Path, node_id: str, profile: str, port: int) -> Path:
    """The node's directory, with its files."""
    files = folder / node_id / "files"
    files.mkdir(parents=True)
    config = load_profiles()[profile].firmware_config({"starts_empty": True, "heartbeat_s": 3600})
    config |= {
        "node": node_id,
        "wifi": [{"ssid": "startcity", "password": "secret"}],
        "mqtt": {"host": "127.0.0.1", "port": port},
        "log": "debug",
    }
    (files / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (files / "key.bin").write_bytes(MASTER)
    return folder / node_id


def states(gateway: SmallGateway, node_id: str) -> list[tuple[int, bool]]:
    """[(city time in ms, occupied)] of the changes that a node has reported, in order of their own time."""
    found = {
        item.pack.time_ms: value
        for item in gateway.heard
        if bytes(item.kid[:6]).hex() == node_id
        and item.pack.boot is None
        and isinstance(value := item.value("occupied"), bool)
    }
    ordered = sorted(found.items())
    return [entry for before, entry in zip([(0, None), *ordered], ordered, strict=False) if entry[1] != before[1]]


async def until_changed(gateway: SmallGateway, nodes: dict[str, SimulatedNode]) -> None:
    await gateway.until(
        lambda found: all(len(states(found, node_id)) > CHANGES for node_id in nodes), "changes of each node", 60
    )


def check(found: list[tuple[int, bool]], truth: list[tuple[int, bool]], node: SimulatedNode) -> None:
    """What was reported happened, when it was said; and nothing went wrong."""
    off = []
    if not found[0][1]:  # how it was when the node was switched on is no change
        found = found[1:]
    for at_ms, state in found:
        near = min(truth, key=lambda entry: abs(entry[0] - at_ms) if entry[1] == state else 1 << 60)
        off.append(at_ms - near[0])
    print(f"{len(off)} changes, their times off by {[round(ms / 1000, 1) for ms in off]} s; {len(node.runs)} wakes")
    assert [state for _, state in found] == [index % 2 == 0 for index in range(len(found))]
    assert max(map(abs, off)) <= OFF_MS_MAX, (found, truth)
    assert not any("Traceback" in line or line.startswith("fault") for line in node.lines), list(node.lines)


async def test_nodes_on_mains_report_what_happens_on_their_stalls(tmp_path: Path) -> None:
    """A stall and a loading bay side by side join, and report arrivals and departures with their own time; no fault, no crash."""
    clock = SimulationClock(RATE)
    profiles = ("parking-qmc5883l", "parking-loading-mmc5983ma")
    street = quiet_start(clock.now_ms(), len(profiles))
    nodes: dict[str, SimulatedNode] = {}
    with Mosquitto(tmp_path / "broker") as broker:
        gateway = SmallGateway(broker.port, clock)
        try:
            async with World(tmp_path / "w", clock, street=street) as world:
                for index, profile in enumerate(profiles):
                    node_id = NODE.format(index)
                    folder = install(tmp_path, node_id, profile, broker.port)
                    world.stalls[node_id] = index
                    world.add(node_id, ParkingStall(street, index))
                    nodes[node_id] = SimulatedNode(folder, world_socket=world.path, clock_env=clock.env())
                try:
                    for node in nodes.values():
                        await node.start()
                    await until_changed(gateway, nodes)
                finally:
                    for node in nodes.values():
                        await node.stop()
        finally:
            gateway.close()
    for node_id, node in nodes.items():
        check(states(gateway, node_id), street.changes(world.stalls[node_id], clock.now_ms()), node)


async def test_a_node_on_a_battery_reports_what_happens_on_its_stall(tmp_path: Path) -> None:
    """It sleeps, its magnetometer's pin wakes it, it reports with the time when it happened, and sleeps again."""
    clock = SimulationClock(RATE_OF_A_SHORT_WAKE)
    start_ms = clock.now_ms()
    street = quiet_start(start_ms, 1)
    world = tmp_path / "world.jsonl"
    with world.open("w", encoding="utf-8") as file:
        for message in ParkingStall(street, 0).messages(start_ms, 1_200_000):
            file.write(json.dumps(message) + "\n")
    with Mosquitto(tmp_path / "broker") as broker:
        folder = install(tmp_path, NODE.format(0), "parking-lis3mdl", broker.port)
        clock.skips(folder)
        gateway = SmallGateway(broker.port, clock)
        node = SimulatedNode(folder, clock_env=clock.env(), env={"STARTCITY_SIM": f"file:{world}"})
        try:
            await node.start()
            await until_changed(gateway, {NODE.format(0): node})
        finally:
            await node.stop()
            gateway.close()
    check(states(gateway, NODE.format(0)), street.changes(0, clock.now_ms()), node)
    assert sum(run["wake"] in (2, 3) for run in node.runs) >= CHANGES, "it was not the pin that woke it"
    asleep_ms = sum(run["sleep_ms"] for run in node.runs)
    print(f"awake {sum(run['awake_ms'] for run in node.runs)} ms, radio {sum(run['radio_ms'] for run in node.runs)} ms")
    assert asleep_ms > 0
