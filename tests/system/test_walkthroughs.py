# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The walk-throughs of a loss in docs/wire.md section 14, each as a story through the real parts.

The stories that have their test elsewhere are named in that section.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from collector.times import TimeQuality
from device_profiles import load_profiles
from gateway_agent.model import Kind
from simulators.clock import VARIABLE, SimulationClock
from simulators.vm import SimulatedNode
from tests.support.chosen_end import end_after_the_sync, end_before_the_sync
from tests.support.fast_clock import fast_clock
from tests.support.sealing_node import open_pack, pack
from tests.support.waiting import wait_until
from tests.support.whole_city import WholeCity

ALARM = open_pack(True)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes twenty times faster in every gateway of this file."""
    monkeypatch.setenv(VARIABLE, fast_clock(20))


def test_heard_by_two_gateways(tmp_path: Path) -> None:
    """Each gateway admits, syncs and acknowledges on its own, and the city stores the reading once; with one of them dead the other
    goes on, and both chains are whole."""
    with WholeCity(tmp_path, "piacenza-01", "piacenza-02") as city:
        for gateway in city.gateways:
            gateway.start()
        frames = [city.node.seal(ALARM) for _ in range(3)]
        for field in city.fields:
            field.send(city.node, *frames)
        wait_until(lambda: all(field.downs for field in city.fields), "an answer of each gateway")
        city.wait_acknowledged(0, 1, 2)
        for gateway in city.gateways:
            gateway.wait_status(lambda status: status["counters"].get("admitted") == 3, "three frames admitted")
            gateway.wait_status(lambda status: status["journal"]["unreceipted_batches"] == 0, "everything receipted")
        city.gateways[0].kill()
        city.node.acknowledged.clear()
        city.fields[1].send(city.node, city.node.seal(ALARM))
        city.wait_acknowledged(3)
        city.wait_stored((0, True), (1, True), (2, True), (3, True))
        city.check_proofs()
        assert city.collector.verified().heard_twice == 3


@pytest.mark.parametrize("share", [1.0, 0.5, 0.0], ids=["all stays", "half stays", "nothing stays"])
def test_killed_between_write_and_sync(tmp_path: Path, share: float) -> None:
    """Nothing was acknowledged, so the node still has it: whatever the disk kept of the write, the repeat is acknowledged and stored
    once."""
    with WholeCity(tmp_path) as city:
        frame = city.node.seal(ALARM)
        city.gateway.start_forked(partial(end_before_the_sync, share))
        city.gateway.wait_status(lambda status: status["nodes_broker"]["is_connected"], "the link")
        city.send(frame)
        city.gateway.wait_forked()
        assert not city.node.acknowledged
        city.gateway.start()
        city.send(frame)
        city.wait_acknowledged(0)
        city.wait_stored((0, True))
        city.gateway.stop()
        city.check_proofs()


def test_killed_between_sync_and_acknowledgement(tmp_path: Path) -> None:
    """The city gets it from the journal, without the node; the node, which knows nothing, repeats it and learns that it had arrived."""
    with WholeCity(tmp_path) as city:
        frame = city.node.seal(ALARM)
        city.gateway.start_forked(end_after_the_sync)
        city.gateway.wait_status(lambda status: status["nodes_broker"]["is_connected"], "the link")
        city.send(frame)
        city.gateway.wait_forked()
        assert not city.node.acknowledged
        city.gateway.start()
        city.wait_stored((0, True))
        city.node.acknowledged.clear()  # the gateway may have told it already that it listens again, and what it has
        city.send(frame)
        city.wait_acknowledged(0)
        city.wait_counters(repeats=1, admitted=0)
        city.wait_stored((0, True))
        city.check_proofs()


def test_acknowledgement_lost(tmp_path: Path) -> None:
    """The node did not hear it and sends the same bytes again: a repeat, acknowledged again and stored once."""
    with WholeCity(tmp_path) as city:
        city.gateway.start()
        del city.field.nodes[city.node.node_id]  # its radio is off while the answer goes out
        frame = city.node.seal(ALARM)
        city.send(frame)
        wait_until(lambda: city.field.downs, "the acknowledgement that nobody hears")
        city.field.nodes[city.node.node_id] = city.node
        city.send(frame)
        city.wait_acknowledged(0)
        city.wait_counters(repeats=1, admitted=1)
        city.wait_stored((0, True))


def test_frame_with_alarm_and_trend_together(tmp_path: Path) -> None:
    """Readings of one frame are never parted: both go into one batch of the alarm lane, are acknowledged together and stored once."""
    with WholeCity(tmp_path) as city:
        city.gateway.start()
        city.send(city.node.seal(pack(("level", "m", Kind.NUMBER, -2, 1_170), ("batt", "%EL", Kind.NUMBER, 0, 80))))
        city.wait_acknowledged(0)
        city.wait_stored((0, 1_170), (0, 80))
        city.gateway.stop()
        report = city.journal_report()
        assert {chain.lane: (chain.batches, chain.readings) for chain in report.chains} == {
            "alarm": (1, 2),
            "record": (0, 0),
            "trend": (0, 0),
        }
        city.check_proofs()


def _has_receipted(count: int, status: dict[str, Any]) -> bool:
    return bool(status["lanes"]["alarm"]["receipted"] == count)


def _has_judged(city: WholeCity, count: int) -> bool:
    return city.gateway.counters().get("receipts_stale", 0) >= count


def test_replayed_receipt(tmp_path: Path) -> None:
    """Somebody on the broker repeats old receipts, also after a restart: nothing is trimmed or sent for them, and what the city lacks
    is still sent and stored once."""
    with WholeCity(tmp_path) as city:
        listener = city.listen("sc/+/receipt")
        city.gateway.start()
        for number in range(2):
            city.send(city.node.seal(ALARM))
            city.wait_acknowledged(number)
            city.gateway.wait_status(partial(_has_receipted, number + 1), "the receipt")
        city.collector.kill()
        old = list(listener.heard)
        city.send(city.node.seal(ALARM))
        city.wait_acknowledged(2)
        for _ in range(2):
            judged = city.gateway.counters().get("receipts_stale", 0) + 5 * len(old)
            for topic, receipt in old * 5:
                listener.publish(topic, receipt)
            wait_until(partial(_has_judged, city, judged), "the old receipts to be judged")
            status = city.gateway.status()
            assert status["lanes"]["alarm"]["receipted"] == 2
            assert status["journal"]["unreceipted_batches"] == 1
            city.gateway.kill()
            city.gateway.start()
            city.gateway.wait_status(lambda status: status["city_broker"]["is_connected"], "the connection")
        city.collector.start()
        city.wait_stored((0, True), (1, True), (2, True))
        city.gateway.wait_status(lambda status: status["journal"]["unreceipted_batches"] == 0, "everything receipted")
        city.check_proofs()


class FirmwareTown:
    """The whole city with the real firmware on the virtual machine as its node."""

    def __init__(self, folder: Path) -> None:
        self.city = WholeCity(folder)
        self.clock = SimulationClock(20)
        self.folder = folder / "node"
        self.node: SimulatedNode

    def open(self) -> None:
        self.city.__enter__()
        gateway = self.city.gateway
        config = gateway.config_path.read_text()
        config = config.replace('folder = "profiles"', 'folder = ""')
        gateway.config_path.write_text(config + "[seal]\nwait_s_max = 10\n")
        self.city.node.profile = "parking-qmc5883l"
        gateway.register(self.city.node)
        gateway.start(environment=self.clock.env())
        files = self.folder / "files"
        files.mkdir(parents=True)
        node = load_profiles()["parking-qmc5883l"].firmware_config({}) | {
            "node": self.city.node.node_id.hex(),
            "wifi": [{"ssid": "startcity", "password": "secret"}],
            "open_networks": [],
            "mqtt": {"host": "127.0.0.1", "port": self.city.local_broker.port, "user": None, "password": None},
            "generation": 0,
            "log": "debug",
            "queue_bytes": 262_144,
        }
        settings = node["settings"]
        assert isinstance(settings, dict)
        node["settings"] = settings | {"diagnostics_s": 60}
        (files / "config.json").write_text(json.dumps(node), encoding="utf-8")
        (files / "key.bin").write_bytes(self.city.node.master)
        self.node = SimulatedNode(self.folder, clock_env=self.clock.env())

    async def close(self) -> None:
        if hasattr(self, "node"):
            await self.node.stop()
        self.city.__exit__()

    def epochs(self) -> dict[str, list[int]]:
        """What the city has stored: numbers by epoch, each frame once."""
        found: dict[str, list[int]] = {}
        for reading in self.city.collector.readings():
            if reading.place == 0:
                found.setdefault(reading.epoch.hex(), []).append(reading.sequence)
        return found

    async def until_stored(self) -> None:
        """Until everything that the node has promised is acknowledged and in the city."""
        assert await self.node.wait_for(lambda node: bool(node.queued) and not node.unacknowledged), self.node.lines
        promised = {(epoch, sequence) for epoch, sequence in self.node.queued}

        def is_stored() -> bool:
            stored = {(epoch, sequence) for epoch, numbers in self.epochs().items() for sequence in numbers}
            return promised <= stored

        await asyncio.to_thread(wait_until, is_stored, "the city to have everything")


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[FirmwareTown]:
    found = FirmwareTown(tmp_path)
    try:
        await asyncio.to_thread(found.open)
        yield found
    finally:
        await found.close()


async def test_boot_without_clock(town: FirmwareTown) -> None:
    """The firmware starts without the time and reports in node time; the gateway's answer gives it an anchor, and the city resolves
    what came before, within a stated bound of the true time."""
    started_ms = town.clock.now_ms()
    await town.node.start()

    def qualities() -> set[TimeQuality]:
        return {reading.time.quality for reading in town.city.collector.readings()}

    in_the_end = {TimeQuality.RESOLVED, TimeQuality.SYNCHRONISED}
    await asyncio.to_thread(
        wait_until, lambda: qualities() == in_the_end, "what came before the time to be resolved", 60
    )
    now_ms = town.clock.now_ms()
    readings = town.city.collector.readings()
    first = readings[0].time
    assert first.quality is TimeQuality.RESOLVED
    assert first.time_ms is not None
    assert started_ms - 5_000 < first.time_ms < now_ms
    assert any(reading.field.name == "anchor" for reading in readings)


async def test_flash_lost(town: FirmwareTown) -> None:
    """A node whose flash is gone draws a new epoch and counts from 0: nothing of it is taken for a repeat, and both lives are stored
    side by side, each number once."""
    await town.node.start()
    await town.until_stored()
    await town.node.stop()
    (first_epoch,) = town.epochs()
    for name in ("flash.bin", "nvs.json"):
        (town.folder / name).unlink()
    await town.node.start()
    assert await town.node.wait_for(
        lambda node: {0, 1} <= {number for epoch, number in node.acked if epoch != first_epoch}
    ), town.node.lines
    await town.node.stop()
    kept = {epoch: sorted(n for e, n in town.node.acked if e == epoch) for epoch, _ in town.node.acked}
    assert len(kept) == 2 and all(0 in numbers for numbers in kept.values())
    await asyncio.to_thread(
        wait_until,
        lambda: all(set(numbers) <= set(town.epochs().get(epoch, [])) for epoch, numbers in kept.items()),
        "the city to have both lives",
    )
    assert all(len(numbers) == len(set(numbers)) for numbers in town.epochs().values())
    town.city.check_proofs()
