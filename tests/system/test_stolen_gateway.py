# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A gateway was stolen: the vault's next generation, the whole firmware's move to it, and the thief's frames refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from collector.verify import verify
from gateway_agent.config import load_config
from gateway_agent.model import GatewayId, Kid
from gateway_agent.operate.moved_file import read_moved
from gateway_agent.wire.frame import seal_frame
from gateway_agent.wire.keys import derive_root, derive_up
from gateway_agent.wire.senml import encode_pack
from tests.support.bench_node import NODE
from tests.support.command_line import refuse, startcity, succeed
from tests.support.sealing_node import level_pack
from tests.support.small_gateway import MASTER
from tests.support.waiting import wait_until
from tests.system.test_node_commands import Town
from tools.commissioning_key import make_commissioning_key, public_path_of


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    found = Town(tmp_path)
    try:
        yield found
    finally:
        await found.close()


async def test_a_node_moves_to_the_vaults_next_generation_and_the_stolen_roots_are_worth_nothing(
    town: Town, tmp_path: Path
) -> None:
    """Vault, import, `node move`: the node moves on proof and goes on without a gap in the lanes; frames under the stolen root are
    refused by name, also after a restart; what the node had sent before stays."""
    node, gateway = town.bench.node, town.gateway
    config = ("--config", str(gateway.config_path))
    await node.start()
    assert await node.wait_for(lambda found: bool(found.acked)), list(node.lines)
    before = set(node.queued)

    vault, key = tmp_path / "vault", tmp_path / "key.bin"
    key.write_bytes(MASTER)
    key.chmod(0o600)
    succeed("vault", "init", vault)
    succeed(
        "vault",
        "add",
        NODE,
        "--vault",
        vault,
        "--profile",
        "bench",
        "--profiles",
        gateway.config_path.parent / "profiles",
        "--key",
        key,
    )
    assert "no root" in refuse("node", "move", "1", *config, code=1), "the root comes first"
    made = load_config(gateway.config_path)
    make_commissioning_key(made.commissioning_key, GatewayId(made.gateway.id))
    to = ("--gateway", public_path_of(made.commissioning_key), "--out", tmp_path / "nodes.cose")
    succeed("vault", "commission", "--all", "--vault", vault, *to)
    succeed("node", "import", tmp_path / "nodes.cose", *config, "--vault-key", vault / "vault.pub", "--yes")
    asked = startcity("node", "move", "1", "--json", *config)
    assert asked.exit_code == 1
    assert json.loads(asked.output)["asked"] == [NODE]
    assert await node.wait_for(lambda found: any(line == "key generation 1" for line in found.lines)), list(node.lines)
    wait_moved = asyncio.to_thread(
        wait_until, lambda: read_moved(gateway.data).get(bytes.fromhex(NODE)), "the move to be written down", 40
    )
    await wait_moved
    assert "moved 1" in succeed("node", "move", "1", *config)
    moved_keys = set(node.queued) - before
    assert await node.wait_for(lambda found: any(key in found.acked for key in set(found.queued) - before)), moved_keys

    stolen = derive_root(MASTER, 0)
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", town.bench.broker.port)
    client.loop_start()

    def forge(number: int) -> None:
        kid = Kid(bytes.fromhex(NODE) + b"forged..")
        frame = seal_frame(derive_up(stolen, kid), number, number, encode_pack(level_pack(666)))
        client.publish(f"sc/node/{NODE}/up", frame, 1).wait_for_publish(10)

    try:
        forge(1)
        await asyncio.to_thread(
            gateway.wait_status, lambda status: status["counters"].get("refused_RetiredGeneration") == 1, "the refusal"
        )
        gateway.kill()
        from simulators.clock import VARIABLE

        gateway.start(environment={VARIABLE: town.bench.clock.variable()})
        forge(2)
        await asyncio.to_thread(
            gateway.wait_status, lambda status: status["counters"].get("refused_RetiredGeneration") == 1, "it, again"
        )
    finally:
        client.disconnect()
        client.loop_stop()
    await node.stop()
    gateway.stop(10)
    signer = gateway.signer
    report = verify(gateway.data / "journal", {signer.key_id: signer.public_key})
    assert report.is_intact, report.problems
    assert not any(chain.gaps for chain in report.chains)
    assert len(report.nodes[NODE].epochs) == 2
