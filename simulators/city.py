# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A whole city on one machine: two brokers, gateway, collector and nodes, each the real program in its own process.

Theory of operation
-------------------
Everything is set up with the same commands that people use (`startcity gateway init`, `startcity node add`, ...), so a city also
tests them. The gateway reaches the city broker through a `WireTap`, which counts the uplink's bytes and can be cut.
What the nodes produced is counted from the nodes' own console lines, never by the gateway; what arrived is what `startcity verify`
says of the collector's archive. Nothing here imports the gateway: a simulation that shared its code would agree with its mistakes.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from simulators.account import Identity, Stored, read_export, read_frames
from simulators.broker import Broker
from simulators.vm import SimulatedNode
from simulators.wire_tap import WireTap
from simulators.world.world import World

_ADDRESS_BLOCK = 0x24DCC3000000  # a MAC range of Espressif's; the nodes of a simulation count up from here


_SIMULATION_SETTINGS = """
[clock]
trust = "always"  # the host's clock is the simulation's true time

[seal]
wait_s_max = 3  # somebody is watching
"""


class CityError(Exception):
    """A part of the simulated city did not start; the text says which and where its log is."""


@dataclass(frozen=True, slots=True)
class NodeKind:
    """Nodes of one profile; `settings` are what an installer would `--set`."""

    profile: str
    count: int
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CityPlan:
    """How many nodes of which kind, and on which broker (None: mosquitto where it is installed, else amqtt)."""

    nodes: tuple[NodeKind, ...] = (
        NodeKind("parking-qmc5883l", 3, ("heartbeat_s=10", "starts_empty=true")),
        NodeKind("parking-mmc5983ma", 2, ("heartbeat_s=10", "starts_empty=true")),
        NodeKind("strain-hx711", 2, ("interval_s=2",)),
        NodeKind("water-pulse", 1, ("interval_s=10",)),
        NodeKind("energy-sdm120", 1, ("interval_s=10",)),
        NodeKind("climate-sht4x", 2, ("interval_s=5",)),
        NodeKind("dae-cabinet", 1, ("heartbeat_s=10", "status_s=30")),
    )
    broker: Literal["mosquitto", "amqtt"] | None = None

    @property
    def count(self) -> int:
        return sum(kind.count for kind in self.nodes)


@dataclass(slots=True)
class City:
    """The running city. `directory` keeps every key, log, journal and archive of it."""

    directory: Path
    plan: CityPlan = field(default_factory=CityPlan)
    nodes: list[SimulatedNode] = field(default_factory=list)
    gateway_kills: int = 0
    _brokers: list[Broker] = field(default_factory=list)
    _tap: WireTap | None = None
    _world: World | None = None
    _gateway: asyncio.subprocess.Process | None = None
    _collector: asyncio.subprocess.Process | None = None

    @property
    def tap(self) -> WireTap:
        assert self._tap is not None
        return self._tap

    @property
    def gateway_config(self) -> Path:
        return self.directory / "gateway" / "gateway.toml"

    @property
    def collector_config(self) -> Path:
        return self.directory / "collector" / "collector.toml"

    async def start(self) -> None:
        """Set up and start everything, the way out before the way in.

        Raises:
            CityError: a command failed.
        """
        local = Broker(self.directory / "broker-local", self.plan.broker)
        city = Broker(self.directory / "broker-city", self.plan.broker)
        self._brokers = [local, city]
        for broker in self._brokers:
            await asyncio.to_thread(broker.start)
        self._tap = WireTap(city.port)
        await self._tap.start()
        await self._set_up(local.port, city.port)
        self._collector = await self._spawn("collector", "collector", "run", "--config", str(self.collector_config))
        await self.start_gateway()
        self._world = World(self.directory / "world.sock")
        await self._world.start()
        for node in self.nodes:
            await node.start()

    async def _set_up(self, local_port: int, city_port: int) -> None:
        gateway, collector, vault = (self.directory / name for name in ("gateway", "collector", "vault"))
        nodes_broker, city_broker = f"127.0.0.1:{local_port}", f"127.0.0.1:{self.tap.port}"
        await self._command("gateway", "init", "--id", "demo-01", "--config", str(self.gateway_config),
                            "--nodes-broker", nodes_broker, "--city-broker", city_broker)  # fmt: skip
        with self.gateway_config.open("a", encoding="utf-8") as config:
            config.write(_SIMULATION_SETTINGS)
        await self._command("collector", "init", "--dir", str(collector), "--host", "127.0.0.1", "--port", str(city_port),
                            "--gateway", f"demo-01={gateway / 'gateway.pub.pem'}")  # fmt: skip
        (gateway / "collector.pub.pem").write_bytes((collector / "collector.pub.pem").read_bytes())
        await self._command("vault", "init", str(vault))
        address = _ADDRESS_BLOCK
        for kind in self.plan.nodes:
            for _ in range(kind.count):
                address += 1
                node_id = f"{address:012x}"
                directory = self.directory / "nodes" / node_id
                settings = [word for setting in kind.settings for word in ("--set", setting)]
                await self._command("node", "add", node_id, "--profile", kind.profile, "--out", str(directory / "files"),
                                    "--config", str(self.gateway_config), "--vault", str(vault), *settings,
                                    "--wifi-ssid", "city", "--mqtt-host", "127.0.0.1", "--mqtt-port", str(local_port),
                                    "--log", "debug", env={"STARTCITY_WIFI_PASSWORD": "simulated"})  # fmt: skip
                self.nodes.append(SimulatedNode(directory, world_socket=self.directory / "world.sock"))

    @property
    def families(self) -> dict[str, str]:
        """Node -> family, the word before the first hyphen of its profile's id."""
        return {node.node_id: str(node.config["profile"]).partition("-")[0] for node in self.nodes}

    async def start_gateway(self) -> None:
        self._gateway = await self._spawn("gateway", "gateway", "run", "--config", str(self.gateway_config))

    async def kill_gateway(self) -> None:
        """SIGKILL: no farewell, no last sync."""
        assert self._gateway is not None
        self._gateway.kill()
        await self._gateway.wait()
        self.gateway_kills += 1

    @property
    def produced(self) -> int:
        """Readings that the nodes queued, from their own console lines."""
        return sum(node.produced for node in self.nodes)

    @property
    def acknowledged(self) -> int:
        """Readings whose frame the node saw acknowledged."""
        return sum(node.acknowledged for node in self.nodes)

    def promised(self) -> dict[Identity, int]:
        """The frames that the nodes have queued so far, from their own console lines, with the count of their readings."""
        return {(node.node_id, *key): frame.readings for node in self.nodes for key, frame in list(node.queued.items())}

    def acknowledged_frames(self) -> set[Identity]:
        """The frames that the nodes were told to be safe."""
        return {(node.node_id, *key) for node in self.nodes for key in list(node.acked)}

    async def stored(self) -> list[Stored]:
        """Every reading that the collector has stored; empty while there is none."""
        text = await self._command("collector", "export", "--config", str(self.collector_config), check=False)
        return read_export(list(csv.reader(io.StringIO(text)))[1:])

    def failures(self) -> list[str]:
        """Programs that ended although nobody stopped them."""
        return [
            f"{name} ended with exit code {process.returncode}; see {self.directory / (name + '.log')}"
            for name, process in (("gateway", self._gateway), ("collector", self._collector))
            if process is not None and process.returncode not in (None, -signal.SIGKILL)
        ]

    async def verify(self) -> tuple[dict[str, Any], dict[Identity, int]]:
        """What `startcity verify` says of the collector's archive: its report, and the readings of each frame that it proved.

        Both are empty while the archive is.
        """
        archive = self.directory / "collector" / "data" / "archive"
        if not any(archive.rglob("*.seg")):
            return {}, {}
        key, frames = self.directory / "gateway" / "gateway.pub.pem", self.directory / "frames.csv"
        words = ("verify", str(archive), "--key", str(key), "--frames", str(frames), "--json")
        report = json.loads(await self._command(*words, check=False))
        assert isinstance(report, dict)
        with frames.open(encoding="utf-8", newline="") as rows:
            return report, read_frames(list(csv.reader(rows))[1:])

    async def stop_settled_nodes(self) -> int:
        """Switch off each node that has handed in everything. Returns how many still run."""
        await asyncio.gather(*(node.stop_if_settled() for node in self.nodes if node.is_running))
        return sum(node.is_running for node in self.nodes)

    def gateway_status(self) -> dict[str, Any]:
        """The gateway's own account, at most a few seconds old; empty before the first."""
        try:
            status = json.loads((self.directory / "gateway" / "data" / "status.json").read_text())
        except (OSError, ValueError):
            return {}
        assert isinstance(status, dict)
        return status

    async def stop(self) -> None:
        for node in self.nodes:
            await node.stop()
            (node.directory / "console.log").write_text("\n".join(node.lines) + "\n", encoding="utf-8")
        if self._world is not None:
            await self._world.stop()
        for process in (self._gateway, self._collector):
            if process is not None and process.returncode is None:
                process.terminate()
        for process in (self._gateway, self._collector):
            if process is not None:
                try:
                    await asyncio.wait_for(process.wait(), 10)
                except TimeoutError:
                    process.kill()
                    await process.wait()
        if self._tap is not None:
            await self._tap.stop()
        for broker in self._brokers:
            broker.stop()

    async def _spawn(self, name: str, *words: str) -> asyncio.subprocess.Process:
        with (self.directory / f"{name}.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", "startcity", *words, stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL
            )

    async def _command(self, *words: str, env: dict[str, str] | None = None, check: bool = True) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "startcity", *words,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
        )  # fmt: skip
        try:
            out, err = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if check and process.returncode != 0:
            raise CityError(f"startcity {' '.join(words[:2])} failed: {err.decode(errors='replace').strip()[-2000:]}")
        return out.decode()
