# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity provision`: from a label over the real gateway and the whole firmware to the real collector's receipt."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway_agent.config import load_config
from gateway_agent.model import NodeId
from gateway_agent.registry import open_registry
from gateway_agent.wire.keys import derive_root
from gateway_agent.wire.label import make_label
from gateway_agent.wire.sealed_master import SealedMaster, seal_master
from simulators.clock import VARIABLE
from tests.support.bench_node import NODE, BenchNode
from tests.support.collector_process import CollectorProcess
from tests.support.command_line import startcity, succeed
from tests.support.gateway_process import GATEWAY_ID, GatewayProcess
from tests.support.mosquitto import Mosquitto
from tests.support.provision_events import strange
from tests.support.small_gateway import MASTER
from tests.system.test_node_commands import PROFILE
from tools.masters_file import append_master
from tools.vault_keys import read_vault_public

CHECKS = """
[[commissioning]]
id = "level-rises"
measurement = "level"
text_it = "Alza il livello."
text_en = "Raise the level."
within_s = 120
changes = true
above = 0

[[commissioning]]
id = "never"
measurement = "level"
text_it = "Un livello impossibile."
text_en = "An impossible level."
within_s = 5
below = -5
"""


class Street:
    """A vault with a sealed master, a gateway that trusts it, a collector, and a node of generation 0 that nobody knows."""

    def __init__(self, folder: Path) -> None:
        self.bench = BenchNode(folder)
        self.bench.gateway.close()
        self.city = Mosquitto(folder / "city")
        self.city.start()
        self.gateway = GatewayProcess(folder / "gateway", self.bench.broker.port, self.city.port)
        self.config = self.gateway.config_path
        self.config.write_text(self.config.read_text() + "[seal]\nwait_s_max = 20\n")
        shutil.rmtree(self.gateway.folder / "profiles")
        (self.gateway.folder / "profiles" / "bench").mkdir(parents=True)
        (self.gateway.folder / "profiles" / "bench" / "profile.toml").write_text(PROFILE + CHECKS, encoding="utf-8")
        self.collector = CollectorProcess(folder / "collector", self.city.port, {GATEWAY_ID: self.gateway.signer})
        shutil.copy(folder / "collector" / "collector.pub.pem", self.gateway.folder / "collector.pub.pem")
        self.vault, self.file, self.label = folder / "vault", folder / "1.cose", folder / "label.txt"
        succeed("vault", "init", self.vault)
        public = read_vault_public(self.vault / "vault.pub")
        about = SealedMaster(NodeId(bytes.fromhex(NODE)), "bench", 1, "bench-1")
        append_master(folder / "masters.cose", seal_master(about, MASTER, public.sealing))
        succeed("vault", "import", folder / "masters.cose", "--vault", self.vault)
        init = ("gateway", "init", "--id", GATEWAY_ID, "--config", self.config, "--vault-key", self.vault / "vault.pub")
        succeed(*init)
        commissioning = ("--gateway", self.gateway.folder / "commissioning.pub", "--out", self.file)
        succeed("vault", "commission", NODE, "--vault", self.vault, *commissioning)
        self.label.touch(0o600)
        self.label.write_text(make_label(about.node_id, "bench", derive_root(MASTER, 0)))
        self.collector.start()
        self.gateway.start(environment={VARIABLE: self.bench.clock.variable()})

    async def provision(self, *words: object) -> tuple[int, list[dict[str, Any]], str]:
        """Exit code, events, and all that was printed."""
        done = await asyncio.to_thread(startcity, "provision", *words, "--config", self.config, "--json", "--yes")
        events = [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]
        assert not strange(events)
        return done.exit_code, events, done.output

    def generations(self) -> list[int]:
        with open_registry(load_config(self.config)) as registry:
            return [record.generation for record in registry.nodes()]

    async def close(self) -> None:
        await self.bench.node.stop()
        if self.gateway.is_running:
            self.gateway.kill()
        self.collector.kill()
        self.bench.broker.kill()
        self.city.kill()


@pytest.fixture
async def street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Street]:
    found = Street(tmp_path)
    monkeypatch.setenv(VARIABLE, found.bench.clock.variable())
    try:
        yield found
    finally:
        await found.close()


async def test_a_node_comes_from_its_label_to_a_receipted_reading_over_stops(street: Street) -> None:
    """Off, it is not found; resumed, a check that fails stops it; resumed without that check it ends with the collector's
    receipt, under the new generation, and the label brings nothing back."""
    answers = ("--name", "Bench 1", "--place", "Via Roma")
    begin = ("--label-file", street.label, "--file", street.file, "--set", "each_s=4", *answers)
    code, events, said = await street.provision(*begin, "--wait", 5)
    assert (code, events[-1]["error"]) == (11, "NodeNotFound"), said
    node = street.bench.node
    await node.start()
    code, events, said = await street.provision("--resume")
    assert (code, events[-1]["error"]) == (14, "CheckFailed"), (said, street.gateway.log()[-2000:])
    done = [event["step"] for event in events if event["event"] == "step" and event["state"] == "done"]
    assert done == ["find", "configure", "move"]
    assert [event["state"] for event in events if event.get("check") == "level-rises"] == ["begun", "passed"]
    code, events, said = await street.provision("--resume", "--skip-check", "never")
    assert code == 0, (said, street.gateway.log()[-2000:])
    assert {event["v"] for event in events} == {1}
    proof = events[-1]["proof"]
    assert (events[-1]["event"], proof["lane"]) == ("end", "record") and proof["receipted"] >= proof["number"] >= 1
    stored = [reading for reading in street.collector.readings() if "level" in str(reading)]
    assert stored, "the collector has it"
    state = json.loads((street.gateway.data / "provision" / f"{NODE}.json").read_text())
    assert state["checks"] == {"level-rises": "passed", "never": "skipped"} and state["name"] == "Bench 1"
    root = derive_root(MASTER, 0).hex()
    everything = said + json.dumps(state) + street.gateway.log()
    assert root not in everything and street.label.read_text().split(":")[3] not in everything
    async with asyncio.timeout(20):
        while street.generations() != [1]:
            await asyncio.sleep(0.1)
    assert not list((street.gateway.data / "provision").glob("*.end"))
    code, events, said = await street.provision(*begin, "--skip-check", "never")
    last = {"v": 1, "event": "end", "node": NODE, "exit_code": 0, "proof": proof, "already": True}
    assert (code, events) == (0, [last]), "it is in service"
    skips = ("--skip-check", "never", "--skip-check", "level-rises", "--again")
    words = ("provision", *begin, *skips, "--config", street.config, "--yes", "--lang", "it")
    last = await asyncio.to_thread(startcity, *words)
    assert (last.exit_code, street.generations()) == (0, [1]), last.output
    assert "L'etichetta non serve più" in last.output and last.output.endswith("è in servizio.\n")
    old = {key for key in node.queued if key[0] in state["old_epochs"]}
    assert old and old <= node.acked, "no frame of the old epoch was stranded"
