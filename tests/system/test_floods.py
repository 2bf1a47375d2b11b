# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Floods at the real processes: memory stays, the card is not written, and those who belong here are still served."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.city_town import CityTown
from tests.support.gateway_process import GATEWAY_ID
from tests.support.sealing_node import SealingNode, level_pack, open_pack
from tests.support.waiting import wait_until

MEMORY_MIB_MAX = 6.0
WRITTEN_BYTES_MAX = 400_000  # the status, each 5 s, is most of it


def rss_kib(pid: int) -> int:
    """What the process holds in memory now."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def written_bytes(folder: Path) -> int:
    """Of everything that a flood could make grow."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class Flood:
    """A client that publishes and waits for nothing but its own socket."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.max_queued_messages_set(0)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def send(self, topic: str, payload: bytes, *, wait: bool) -> None:
        info = self._client.publish(topic, payload, 1 if wait else 0)
        if wait:
            info.wait_for_publish(60)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def unknown_frames(rng: random.Random, count: int) -> list[bytes]:
    """Half garbage, half well-made frames of nodes and epochs that nobody knows, and of the known node under wrong keys."""
    found = []
    for place in range(count):
        if place % 2:
            found.append(rng.randbytes(rng.randrange(0, 1_400)))
            continue
        stranger = SealingNode(node_id=rng.randbytes(6), epoch=rng.randbytes(8))
        if place % 4 == 0:
            stranger.__dict__["node_id"] = bytes.fromhex("aabbccddee01")
            stranger.__dict__["_up_key"] = None
            stranger.generation = 7  # a key that the gateway does not have
        found.append(stranger.seal(level_pack(place)))
    return found


@pytest.mark.parametrize(
    "count", [pytest.param(5_000, id="short"), pytest.param(200_000, id="long", marks=pytest.mark.proof)]
)
def test_a_flood_of_garbage_and_unknown_keys_costs_neither_memory_nor_the_card(tmp_path: Path, count: int) -> None:
    """At the nodes' broker, and a tenth of it at the gateway's topics of the city's broker and at the collector: memory before and
    after differs by less than 6 MiB, the disk holds what it held, and a node's alarm arrives all the same."""
    rng = random.Random(seed := int(os.environ.get("STARTCITY_SEED", "1")))
    print(f"STARTCITY_SEED={seed}")
    town = CityTown(tmp_path)
    field, city = Flood(town.nodes_broker.port), Flood(town.city_broker.port)
    try:
        town.start()
        town.produce(town.node.seal(open_pack(True)))
        frames = unknown_frames(rng, 2_000)
        total = 0
        collector_pid = town.collector._process.pid if town.collector._process else 0

        def flood(times: int) -> None:
            nonlocal total
            for place in range(times):
                total += 1
                last = place + 1 == times or total % 1_000 == 0
                field.send(f"sc/node/{rng.randbytes(6).hex()}/up", frames[total % len(frames)], wait=last)
                if total % 10 == 0:
                    word = ("command", "receipt", "resend")[total % 3]
                    city.send(f"sc/{GATEWAY_ID}/{word}", frames[total % len(frames)], wait=last)
                    city.send(f"sc/{rng.choice((GATEWAY_ID, rng.randbytes(4).hex()))}/alarm", frames[1], wait=last)
            town.gateway.wait_status(
                lambda status: sum(n for name, n in status["counters"].items() if name.startswith("refused_")) >= total,
                f"{total} refusals",
                120,
            )

        flood(count // 6)  # caches, buffers and allocator arenas find their size
        before = {pid: rss_kib(pid) for pid in (town.gateway.pid, collector_pid)}
        disk = written_bytes(town.gateway.data) + written_bytes(town.collector.folder / "data")
        flood(count - count // 6)
        after = {pid: rss_kib(pid) for pid in before}
        grown = {pid: round((after[pid] - before[pid]) / 1024, 2) for pid in before}
        written = written_bytes(town.gateway.data) + written_bytes(town.collector.folder / "data") - disk
        named = dict(zip(("gateway", "collector"), grown.values(), strict=True))
        print(json.dumps({"messages": total, "grown_mib": named, "disk_grown_bytes": written}))
        assert max(grown.values()) < MEMORY_MIB_MAX, grown
        assert written < WRITTEN_BYTES_MAX
        counters = town.gateway.counters()
        assert len(town.gateway.status()["nodes"]["unknown"]) <= 64
        assert len(counters) < 100, "names of counters are ours, never a stranger's"
        town.produce(town.node.seal(open_pack(True)))
        wait_until(lambda: town.collector.count() == 2, "both alarms at the collector", 60)
    finally:
        field.close()
        city.close()
        town.close()
