# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A whole climate node and a whole cabinet: firmware, radio, broker and the gateway's codec, against the ground truth."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from device_profiles import load_profiles
from gateway_agent.wire.down import Command
from simulators.clock import SimulationClock
from simulators.vm import SimulatedNode
from simulators.world.place_climate import ClimatePlace, Weather
from simulators.world.world import Message, World
from tests.support.mosquitto import Mosquitto
from tests.support.small_gateway import MASTER, SmallGateway

RATES = {"climate-sht4x-veml7700": 20, "dae-cabinet": 5}  # a hundred looks at a light a second are work for the host
NODE = "24dcc3000021"
OFF_MS_MAX = 12_000  # the host may be busy
SAMPLE = 3


class Still:
    """Surroundings in which nothing happens unless the test changes it."""

    def messages(self, now_ms: int, ahead_ms: int) -> Iterator[Message]:
        yield from ()

    def restart(self) -> None:
        pass


class Place:
    """One node, its world, a broker and a small gateway, on one clock."""

    def __init__(self, folder: Path, profile: str) -> None:
        self.profile = profile
        self.clock = SimulationClock(RATES[profile])
        self.broker = Mosquitto(folder / "broker")
        self.broker.start()
        self.gateway = SmallGateway(self.broker.port, self.clock)
        self.world = World(folder / "w", self.clock)
        self._folder = folder / "node"

    def install(self, **settings: object) -> SimulatedNode:
        """A board with its files, not yet switched on."""
        files = self._folder / "files"
        files.mkdir(parents=True)
        config = load_profiles()[self.profile].firmware_config(settings) | {
            "node": NODE,
            "wifi": [{"ssid": "startcity", "password": "secret"}],
            "mqtt": {"host": "127.0.0.1", "port": self.broker.port},
            "log": "debug",
        }
        (files / "config.json").write_text(json.dumps(config), encoding="utf-8")
        (files / "key.bin").write_bytes(MASTER)
        self.node = SimulatedNode(self._folder, world_socket=self.world.path, clock_env=self.clock.env())
        return self.node

    def timed(self, name: str) -> list[tuple[int, object]]:
        """[(city time in ms, value)] of a name, each frame once, in order of their own time."""
        found = {
            item.sequence: (item.pack.time_ms, value)
            for item in self.gateway.heard
            if item.pack.boot is None and (value := item.value(name)) is not None
        }
        return sorted(found.values(), key=lambda entry: entry[0])


@pytest.fixture
async def place(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    found = Place(tmp_path, request.param)
    try:
        async with found.world:
            try:
                yield found
            finally:
                await found.node.stop()
    finally:
        found.gateway.close()
        found.broker.kill()


@pytest.mark.parametrize("place", ["climate-sht4x-veml7700"], indirect=True)
async def test_a_climate_node_says_what_its_air_is(place: Place) -> None:
    """Every reported value is the air's at its own time; a sample on demand comes at once and is confirmed."""
    node = place.install(interval_s=5, heartbeat_s=60)
    weather = Weather(4)
    place.world.add(NODE, ClimatePlace(weather))
    await node.start()
    gateway = place.gateway
    await gateway.until(lambda _: place.timed("temperature"), "a report with city time")
    count = len(place.timed("temperature"))
    gateway.commands = [Command(1, SAMPLE, None)]
    await gateway.until(lambda found: found.readings("cmd"), "the command's result")
    assert gateway.readings("cmd")[0][-1:] == b"\x00"  # type: ignore[index]
    await gateway.until(lambda _: len(place.timed("temperature")) > count, "the sample that was asked for")
    for at_ms, value in place.timed("temperature"):
        assert isinstance(value, int) and abs(value / 100 - weather.at(at_ms).temperature_c) < 0.3
    for at_ms, value in place.timed("light"):
        true_lx = weather.at(at_ms).light_lx
        assert isinstance(value, int) and abs(value / 100 - true_lx) < 0.05 * true_lx + 1
    assert not any("Traceback" in line or line.startswith("fault") for line in node.lines), list(node.lines)


@pytest.mark.parametrize("place", ["dae-cabinet"], indirect=True)
async def test_a_cabinet_says_what_happens_at_it(place: Place) -> None:
    """A removal and a return arrive with their own time and in order, and no alarm rings that nothing has caused."""
    node = place.install(zero_code=40_000, pads_expiry="2099-01-01", battery_expiry="2099-01-01", removed_s=3600)
    place.world.add(NODE, Still())
    await node.start()
    gateway = place.gateway
    await gateway.until(lambda found: found.readings("anchor") and found.readings("presence"), "the first state")

    def changes() -> list[tuple[int, object]]:
        """From the first removal on."""
        found: list[tuple[int, object]] = []
        for entry in place.timed("presence"):
            if entry[1] != (found[-1][1] if found else "present"):
                found.append(entry)
        return found

    asked_ms: list[int] = []
    for state, taken in (("removed", True), ("present", False)) * 2:
        asked_ms.append(place.clock.now_ms())
        place.world.change(NODE, {"dae_on_switch": not taken, "dae_g": 0 if taken else 2500, "door_closed": not taken})
        await gateway.until(lambda _: len(changes()) >= len(asked_ms), f"{state} after {changes()}")
    assert [state for _, state in changes()] == ["removed", "present"] * 2
    off_ms = [at_ms - asked for (at_ms, _), asked in zip(changes(), asked_ms, strict=True)]
    print(f"changes, their times off by {off_ms} ms")
    assert max(map(abs, off_ms)) <= OFF_MS_MAX
    names = {field.name for item in gateway.heard for field in item.pack.shape}
    assert not names & {"removed", "presence_unsure", "tampered", "status_fault", "temperature_critical", "power_lost"}
    assert not any("Traceback" in line or line.startswith("fault") for line in node.lines), list(node.lines)
