# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Whole meter nodes in the simulated board: what a gateway hears is what the simulated school has used."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from device_profiles import load_profiles
from simulators.clock import SimulationClock
from simulators.vm import SimulatedNode
from simulators.world.energy_load import EnergyLoad
from simulators.world.water_use import WaterUse
from simulators.world.world import Message, World
from tests.support.mosquitto import Mosquitto
from tests.support.small_gateway import MASTER, SmallGateway
from tests.support.vm_run import ROOT

RATE = 60
NODE = "24dcc3000005"
MONDAY_MORNING_MS = 1_790_000_000_000 // 604_800_000 * 604_800_000 + 4 * 86_400_000 + 10 * 3_600_000


class Place(NamedTuple):
    """A node with its world and its gateway, on one clock."""

    folder: Path
    clock: SimulationClock
    broker: Mosquitto
    gateway: SmallGateway
    world: World

    def install(self, profile: str, settings: dict[str, object], hardware: list[dict[str, object]]) -> SimulatedNode:
        files = self.folder / "node" / "files"
        files.mkdir(parents=True)
        config = load_profiles()[profile].firmware_config(settings) | {
            "node": NODE,
            "wifi": [{"ssid": "startcity", "password": "secret"}],
            "open_networks": [],
            "mqtt": {"host": "127.0.0.1", "port": self.broker.port, "user": None, "password": None},
            "log": "debug",
        }
        (files / "config.json").write_text(json.dumps(config), encoding="utf-8")
        (files / "key.bin").write_bytes(MASTER)
        return SimulatedNode(
            self.folder / "node",
            world_socket=self.world.path,
            clock_env=self.clock.env(),
            hardware={"chips": hardware},
        )

    def told(self, name: str) -> list[tuple[int, int]]:
        """(city time, value) of every reading that knew the city's time, each frame once, in the order of their numbers."""
        frames = {(item.kid, item.sequence): item for item in self.gateway.heard if item.pack.boot is None}
        found = [(frames[key].pack.time_ms, frames[key].value(name)) for key in sorted(frames)]
        return [(at_ms, value) for at_ms, value in found if isinstance(value, int)]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    clock = SimulationClock(RATE, epoch_ms=MONDAY_MORNING_MS)
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    gateway = SmallGateway(broker.port, clock)
    try:
        async with World(tmp_path / "w", clock) as world:
            yield Place(tmp_path, clock, broker, gateway, world)
    finally:
        gateway.close()
        broker.kill()


class Window:
    """Surroundings in which something runs between two instants only: what has run in all does not depend on anybody's clock."""

    def __init__(self, key: str, value: Callable[[int], object], off: object, from_ms: int, until_ms: int) -> None:
        self._key, self._value, self._off = key, value, off
        self._from_ms, self._until_ms = from_ms, until_ms
        self.restart()

    def restart(self) -> None:
        self._next_ms: int | None = None

    def messages(self, now_ms: int, ahead_ms: int) -> Iterator[Message]:
        if self._next_ms is None:
            self._next_ms = now_ms // 60_000 * 60_000
        while self._next_ms < now_ms + ahead_ms:
            is_on = self._from_ms <= self._next_ms < self._until_ms
            yield {"at_ms": self._next_ms, "set": {self._key: self._value(self._next_ms) if is_on else self._off}}
            self._next_ms += 60_000


def window_ms(clock: SimulationClock, minutes: int) -> tuple[int, int]:
    """From the third minute on, so that the board has started."""
    first_ms = clock.now_ms() // 60_000 * 60_000 + 120_000
    return first_ms, first_ms + minutes * 60_000


async def test_a_water_node_tells_what_has_run(place: Place) -> None:
    """Litres by the gateway's readings are the school's own, to a pulse of one litre, and a power cut takes nothing back."""
    use = WaterUse(place.clock.now_ms(), seed=4, kind="school", leak_l_h=120.0)
    first_ms, last_ms = window_ms(place.clock, 4)
    place.world.add(NODE, Window("water_l_h", use.flow_l_h, 0.0, first_ms, last_ms))
    meter: dict[str, object] = {"chip": "pulse_source", "pin": 25, "tamper": 14, "quantity": "water_l_h"}
    meter |= {"per_pulse": 1.0, "bounces": 5}
    node = place.install("water-pulse", {"pulse_ml": 1000, "interval_s": 30, "start_l": 500}, [meter])
    used_ml = (use.litres(last_ms) - use.litres(first_ms)) * 1000
    assert used_ml > 20_000
    await node.start()

    def volumes() -> list[int]:
        return [value for _, value in place.told("volume")]

    # The first report without a new pulse says that it is over; then the node is silent for an hour.
    await place.gateway.until(lambda _: len(set(volumes())) > 5 and volumes()[-1] == volumes()[-2], "the end")
    await node.stop()
    told = volumes()
    assert told == sorted(told) and len(set(told)) > 5, told
    assert abs(told[-1] - 500_000 - used_ml) <= 1000, (told[-1], used_ml)
    heard = len(place.gateway.readings("volume"))
    await node.start()
    await place.gateway.until(lambda found: len(found.readings("volume")) > heard, "a volume after the power cut")
    await node.stop()
    assert place.gateway.readings("volume")[-1] == told[-1]
    assert not any("Traceback" in line or line.startswith("fault") for line in node.lines), list(node.lines)


async def test_an_energy_node_tells_what_was_taken_and_fed_in(place: Place) -> None:
    """Energy and power by a simulated SDM630's registers, over RS-485 and the air, are the school's own."""
    load = EnergyLoad(place.clock.now_ms(), seed=3, solar_w=15000.0)
    first_ms, last_ms = window_ms(place.clock, 4)
    place.world.add(NODE, Window("power_w", load.power_w, [0, 0, 0], first_ms, last_ms), energy_kwh=100.0)
    hardware = json.loads((ROOT / "simulators/board/wirings/energy-sdm630.json").read_text(encoding="utf-8"))
    node = place.install("energy-sdm630", {"interval_s": 30}, hardware)
    await node.start()
    await place.gateway.until(lambda _: any(at_ms > last_ms + 60_000 for at_ms, _ in place.told("power")), "the end")
    await node.stop()
    for name, index, start_j in (("energy_in", 0, 360_000_000), ("energy_out", 1, 0)):
        moved_j = load.energy_j(first_ms, last_ms)[index]
        assert abs(place.told(name)[-1][1] * 100 - start_j - moved_j) <= 3600, (name, place.told(name)[-1], moved_j)
    assert load.energy_j(first_ms, last_ms) > (0.0, 0.0)
    true_w = [0.0] + [sum(load.power_w(at_ms)) for at_ms in range(first_ms, last_ms, 60_000)]
    powers = {value for _, value in place.told("power")}
    assert len(powers) >= 5 and all(min(abs(each / 10 - true) for true in true_w) < 0.11 for each in powers), powers
    assert not any("Traceback" in line or line.startswith("fault") for line in node.lines), list(node.lines)


@pytest.mark.proof
async def test_a_water_node_on_a_battery_sleeps_between_pulses_and_counts_them(place: Place) -> None:
    """Woken by its contact again and again, it tells each pulse, as the node that is always awake does."""
    first_ms, last_ms = window_ms(place.clock, 30)
    place.world.add(NODE, Window("water_l_h", lambda _: 150.0, 0.0, first_ms, last_ms))
    meter: dict[str, object] = {"chip": "pulse_source", "pin": 25, "tamper": 14, "quantity": "water_l_h"}
    meter |= {"per_pulse": 10.0, "bounces": 5}
    node = place.install("water-pulse-battery", {"interval_s": 120}, [meter])
    await node.start()
    await place.gateway.until(lambda _: 7 in [value for _, value in place.told("pulses")], "seven pulses", 100)
    await node.stop()
    assert max(value for _, value in place.told("volume")) in (70_000, 80_000)
    assert node.restarts >= 14 and not any("Traceback" in line for line in node.lines), list(node.lines)
