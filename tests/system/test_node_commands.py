# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity node command` through the real gateway to the whole firmware, and its result back."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway_agent.registry import NodeRecord, Registry
from gateway_agent.wire.keys import derive_root
from simulators.clock import VARIABLE
from tests.support.bench_node import NODE, BenchNode
from tests.support.command_line import startcity
from tests.support.gateway_process import GatewayProcess
from tests.support.mosquitto import free_port
from tests.support.small_gateway import MASTER

PROFILE = """\
[device]
id = "bench"
version = 1
family = "bench"
vendor = "Acme"
model = "B1"
source = "none"

[text.it]
name = "Banco"
description = "Per le prove"
[text.en]
name = "Bench"
description = "For tests"

[firmware]
app = "bench"
board = "esp32_generic"

[firmware.settings.each_s]
default = 5
min = 1
max = 60
unit = "s"
text_it = "Intervallo"
text_en = "Interval"

[firmware.settings.mode]
default = "well"
text_it = "Come finisce"
text_en = "How it ends"

[power]
source = "mains"

[[measurement]]
name = "level"
kind = "number"
unit = "m"
exponent = -2
lane = "record"
deadline_s = 5
text_it = "Livello"
text_en = "Level"
"""


class Town:
    """The node's bench with a real gateway in place of the small one."""

    def __init__(self, folder: Path) -> None:
        self.bench = BenchNode(folder)
        self.bench.gateway.close()
        self.gateway = GatewayProcess(folder / "gateway", self.bench.broker.port, free_port())
        shutil.rmtree(self.gateway.folder / "profiles")
        (self.gateway.folder / "profiles" / "bench").mkdir(parents=True)
        (self.gateway.folder / "profiles" / "bench" / "profile.toml").write_text(PROFILE, encoding="utf-8")
        self.register(0)
        self.gateway.start(environment={VARIABLE: self.bench.clock.variable()})

    def register(self, generation: int) -> None:
        """As `startcity node import` does."""
        with Registry.open(self.gateway.data / "registry.sqlite", self.gateway.folder / "storage.key") as registry:
            root = derive_root(MASTER, generation)
            registry.add_node(NodeRecord(bytes.fromhex(NODE), "bench", generation, root))

    async def command(self, *words: str, wait_s: int = 60) -> tuple[int, dict[str, Any]]:
        """Exit code and JSON object of `startcity node command`."""
        config = ("--config", str(self.gateway.config_path), "--json", "--wait", str(wait_s))
        done = await asyncio.to_thread(startcity, "node", "command", NODE, *words, *config)
        lines = [line for line in done.output.splitlines() if line.startswith("{")]
        return done.exit_code, json.loads(lines[-1]) if lines else {"output": done.output}

    async def close(self) -> None:
        await self.bench.node.stop()
        if self.gateway.is_running:
            self.gateway.kill()
        self.bench.broker.kill()


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    found = Town(tmp_path)
    try:
        yield found
    finally:
        await found.close()


async def test_commands_go_the_whole_way_and_their_results_come_back(town: Town) -> None:
    """Settings that hold are done, settings that do not are taken back, a new key generation is moved to and used; what the profile
    does not allow never leaves; a gateway that is killed in between goes on with the same numbers."""
    node = town.bench.node
    await node.start()
    assert await node.wait_for(lambda found: bool(found.acked)), list(node.lines)
    code, found = await town.command("configure", "--set", "each_s=4")
    assert (code, found["state"], found["result"]) == (0, "done", 0), (found, list(node.lines)[-30:])
    assert sum(line == "app runs well 4" for line in node.lines) == 1
    code, found = await town.command("configure", "--set", "each_s=61")
    assert code == 2 and "each_s" in found["output"]
    code, found = await town.command("generation", "1")
    assert code == 2 and "no key of generation 1" in found["output"]
    code, found = await town.command("configure", "--set", "mode=task")
    assert (code, found["result_word"]) == (1, "old configuration restored")
    town.gateway.kill()
    town.register(1)
    town.gateway.start(environment={VARIABLE: town.bench.clock.variable()})
    code, found = await town.command("generation", "1")
    assert (code, found["state"], found["id"]) == (0, "done", 3), (found, list(node.lines)[-30:])
    assert any(line == "key generation 1" for line in node.lines)
    records = {key for key, frame in node.queued.items() if frame.lane == "record"}
    assert await node.wait_for(lambda found: records <= found.acked), "those of the old epoch come under the new key"
    listed = startcity("node", "list", "--config", str(town.gateway.config_path), "--json").output
    assert json.loads(listed.splitlines()[0])[-1]["command"]["state"] == "done"
    await node.stop()
    code, found = await town.command("sample", wait_s=1)
    assert code == 3 and found["state"] == "waiting"
