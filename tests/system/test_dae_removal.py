# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A defibrillator is taken out of its cabinet: how long until the collector has it, through the whole path, in real time."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import pytest

from collector.reading_room import ReadingRoom
from simulators.clock import SimulationClock
from simulators.vm import SimulatedNode
from simulators.world.world import World
from tests.support.command_line import succeed
from tests.support.mosquitto import Mosquitto
from tests.support.recorded_strain import WholePath, until
from tests.vm.test_climate_dae_nodes import Still

NODE = "24dcc3000031"
BACKLOG = 500  # frames that an outage has left
WITHIN_S = 5.0
REMOVALS = 2
GONE = "f.name = 'presence' AND r.value = 'removed'"
BACK = "f.name = 'presence' AND r.value = 'present' AND r.boot IS NULL"
OLD = "f.name = 'heap' AND r.boot = 1"  # of the backlog
IN = {"dae_on_switch": True, "dae_g": 2500, "door_closed": True}
OUT = {"dae_on_switch": False, "dae_g": 0, "door_closed": False}


class CabinetPath(WholePath):
    """Gateway, collector and one cabinet, made with the commands that people use."""

    def __init__(self, folder: Path, local_port: int, city_port: int) -> None:
        self.gateway, self.collector = folder / "gateway" / "gateway.toml", folder / "collector" / "collector.toml"
        self.node = folder / "node"
        gateway_key = self.gateway.parent / "gateway.pub.pem"
        succeed("gateway", "init", "--id", "dae-01", "--config", self.gateway,
                "--nodes-broker", f"127.0.0.1:{local_port}", "--city-broker", f"127.0.0.1:{city_port}")  # fmt: skip
        with self.gateway.open("a") as file:
            file.write("\n[seal]\nwait_s_max = 2\n")  # so that the test sees the backlog arrive
        succeed("collector", "init", "--dir", self.collector.parent, "--host", "127.0.0.1", "--port", city_port,
                "--gateway", f"dae-01={gateway_key}")  # fmt: skip
        public = self.collector.parent / "collector.pub.pem"
        (self.gateway.parent / "collector.pub.pem").write_bytes(public.read_bytes())
        succeed("vault", "init", folder / "vault")
        succeed("node", "add", NODE, "--profile", "dae-cabinet", "--set", "zero_code=40000", "--out", self.node / "files",
                "--config", self.gateway, "--vault", folder / "vault", "--wifi-ssid", "piazza",
                "--mqtt-host", "127.0.0.1", "--mqtt-port", local_port, "--log", "debug",
                env={"STARTCITY_WIFI_PASSWORD": "TEST-ONLY"})  # fmt: skip

    def stored(self, where: str) -> int:
        """How many such readings the collector has committed."""
        path = self.collector.parent / "data" / "collector.sqlite"
        if not path.exists():
            return 0
        room = ReadingRoom(path)
        try:
            statement = f"SELECT count(*) AS n FROM reading r JOIN field f ON f.id = r.field WHERE {where}"
            return int(room.table(statement)[0]["n"])
        finally:
            room.close()


async def pile_up(path: CabinetPath, folder: Path) -> int:
    """Run the node without any network until it holds a backlog of ordinary readings; how many trends."""
    config = path.node / "files" / "config.json"
    given = json.loads(config.read_text())
    given["settings"] |= {"diagnostics_s": 1, "heartbeat_s": 30, "status_s": 9999}  # days of trends in minutes
    config.write_text(json.dumps(given))
    (folder / "world.jsonl").write_text('{"at_ms": 0, "set": {"wifi": false}}\n')
    node = SimulatedNode(
        path.node, clock_env={"STARTCITY_CLOCK": "rate:0"}, env={"STARTCITY_SIM": f"file:{folder / 'world.jsonl'}"}
    )
    await node.start()
    try:
        assert await node.wait_for(lambda found: len(found.queued) >= BACKLOG, 60), list(node.lines)[-5:]
    finally:
        await node.stop()
    return sum(frame.lane == "trend" for frame in node.queued.values())


@pytest.mark.timeout(180)
async def test_a_removal_reaches_the_collector_within_5_s(tmp_path: Path) -> None:
    """Measured from the hand on the defibrillator to the collector's commit, twice, while a backlog of ordinary readings drains."""
    with Mosquitto(tmp_path / "local") as local, Mosquitto(tmp_path / "city") as city:
        path = CabinetPath(tmp_path, local.port, city.port)
        waiting = await pile_up(path, tmp_path)
        clock = SimulationClock(1)
        with (
            tempfile.TemporaryDirectory(prefix="sc-") as short,  # a socket's path has at most 100 bytes
            path.process("collector", path.collector, "connected to", clock.env()),
            path.process("gateway", path.gateway, "nodes_broker: connected", clock.env()),
        ):
            async with World(Path(short) / "w", clock) as world:
                world.add(NODE, Still())
                node = SimulatedNode(path.node, world_socket=world.path, clock_env=clock.env())
                await node.start()

                async def removal() -> float:
                    """Take it out; how long until the collector has it."""
                    before = path.stored(GONE)
                    taken_s = time.monotonic()
                    world.change(NODE, OUT)
                    await until(lambda: path.stored(GONE) > before, "the removal", WITHIN_S)
                    return time.monotonic() - taken_s

                took_s = []
                try:
                    await until(lambda: path.stored(OLD) > 0, "the first of the backlog", 30)
                    for _ in range(REMOVALS):
                        took_s.append(await removal())
                        if len(took_s) == 1:
                            arrived = path.stored(OLD)
                        before = path.stored(BACK)
                        world.change(NODE, IN)
                        await until(lambda before=before: path.stored(BACK) > before, "it to be back", 20)
                finally:
                    await node.stop()
    assert arrived < waiting, "the backlog was gone before the removal arrived"
    words = [f"{seconds:.2f} s" for seconds in took_s]
    print(
        f"removals were stored after {', '.join(words)}; at the first one {arrived} of {waiting} trends of a backlog were there"
    )
