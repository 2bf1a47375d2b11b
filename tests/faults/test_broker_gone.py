# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A broker that is gone for half of a run, and nodes that send nonsense beside good frames."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.support.fast_clock import fast_clock
from tests.support.field_and_city import City, Field
from tests.support.gateway_process import GatewayProcess
from tests.support.mosquitto import Mosquitto
from tests.support.patient_field import PatientField
from tests.support.sealing_node import SealingNode, level_pack, open_pack
from tests.support.waiting import wait_until

RUN_S = 8.0


@pytest.fixture
def source() -> random.Random:
    seed = int(os.environ.get("STARTCITY_SEED", random.SystemRandom().randrange(2**32)))
    print(f"replay with STARTCITY_SEED={seed}")
    return random.Random(seed)


@pytest.mark.parametrize("gone", ["city", "nodes"])
def test_a_broker_that_is_gone_for_half_of_a_run_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: random.Random, gone: str
) -> None:
    """Killed and back again, on either side: every reading is stored once; without the city's, nodes are still acknowledged."""
    monkeypatch.setenv("STARTCITY_CLOCK", fast_clock(20))
    nodes = [SealingNode(node_id=bytes((2, 0, 0, 0, 0, number))) for number in range(4)]
    with (
        Mosquitto(tmp_path / "nodes") as local,
        Mosquitto(tmp_path / "city") as city_broker,
        GatewayProcess(tmp_path / "gateway", local.port, city_broker.port, trend_deadline_s=10) as gateway,
    ):
        gateway.register(*nodes)
        city = City(city_broker.port, gateway.signer, gateway.collector)
        field = PatientField(local.port, *nodes)
        gateway.start()
        broker = {"city": city_broker, "nodes": local}[gone]

        def produce_for(duration_s: float) -> None:
            end_s = time.monotonic() + duration_s
            while time.monotonic() < end_s:
                node = source.choice(nodes)
                field.produce(node, open_pack(source.random() < 0.02) if source.random() < 0.5 else level_pack(5))
                time.sleep(0.005)

        produce_for(RUN_S / 4)
        wait_until(lambda: field.acknowledged, "a first acknowledgement")
        broker.kill()
        before = len(field.acknowledged)
        produce_for(RUN_S / 2)
        if gone == "city":
            wait_until(lambda: len(field.acknowledged) > before + 50, "acknowledgements without the city")
            assert len(city.stored) < len(field.acknowledged)
        broker.start()
        produce_for(RUN_S / 4)
        wait_until(lambda: field.kept_count() == 0, "every frame to be acknowledged", 30)
        wait_until(lambda: field.produced <= city.stored.keys(), "the city to have every frame", 30)
        assert set(city.stored.values()) == {1}
        assert city.errors == []
        gateway.wait_status(lambda status: status["journal"]["unreceipted_batches"] == 0, "every batch receipted")
        assert gateway.status()[f"{gone}_broker"]["connections"] == 2
        field.close()
        city.close()


def test_hostile_frames_are_counted_by_reason_and_harm_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: random.Random
) -> None:
    """Garbage, replays, disorder and foreign keys between good frames: each is counted under its name, the good ones are stored once."""
    monkeypatch.setenv("STARTCITY_CLOCK", fast_clock(20))
    node = SealingNode()
    foreign = SealingNode(generation=9)  # the node's id, another key
    stranger = SealingNode(node_id=b"strang")
    good = [node.seal(open_pack(False)) for _ in range(60)]
    changed = []
    for frame in good[:10]:
        damaged = bytearray(frame)
        damaged[-1 - source.randrange(16)] ^= 1 << source.randrange(8)
        changed.append(bytes(damaged))
    hostile = {
        "refused_FrameTag": changed + [foreign.seal(open_pack(True), 100 + number) for number in range(20)],
        "refused_UnknownNode": [stranger.seal(open_pack(True)) for _ in range(30)],
        "refused_CborTruncated": [good[0][: -1 - source.randrange(20)] for _ in range(15)],
        "refused_CborTrailing": [good[1] + b"\x00" * (1 + source.randrange(5)) for _ in range(15)],
        "refused_CoseTag": [b"\xd2" + frame[1:] for frame in good[:10]],
        "refused_FrameTooLong": [bytes(1_281 + source.randrange(2_000)) for _ in range(10)],
    }
    replays = source.choices(good, k=50)
    frames = good + [frame for of_name in hostile.values() for frame in of_name]
    source.shuffle(frames)
    with (
        Mosquitto(tmp_path / "nodes") as local,
        Mosquitto(tmp_path / "city") as city_broker,
        GatewayProcess(tmp_path / "gateway", local.port, city_broker.port) as gateway,
    ):
        gateway.register(node)
        city = City(city_broker.port, gateway.signer, gateway.collector)
        field = Field(local.port, node)
        gateway.start()
        field.send(node, *frames)
        wait_until(lambda: len(node.acknowledged) == len(good), "every good frame to be acknowledged")
        field.send(node, *replays)
        expected = {name: len(of_name) for name, of_name in hostile.items()}
        expected |= {"admitted": len(good), "repeats": len(replays)}
        gateway.wait_status(
            lambda status: {name: status["counters"].get(name, 0) for name in expected} == expected,
            f"the counters to be {expected}",
        )
        others = {
            name for name in gateway.counters() if name.startswith(("refused_", "opaque_")) and name not in expected
        }
        assert others == set()
        wait_until(lambda: len(city.stored) == len(good), "the city to have the good frames")
        assert set(city.stored.values()) == {1}
        assert gateway.status()["nodes"]["unknown"] == {stranger.node_id.hex(): 30}
        field.close()
        city.close()
