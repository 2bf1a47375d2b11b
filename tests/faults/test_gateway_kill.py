# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""SIGKILL of the gateway at random moments under load: nothing acknowledged is lost, nothing is stored twice."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

from tests.support.fast_clock import fast_clock
from tests.support.field_and_city import City
from tests.support.gateway_process import GatewayProcess
from tests.support.mosquitto import Mosquitto
from tests.support.patient_field import PatientField
from tests.support.sealing_node import SealingNode, level_pack, open_pack
from tests.support.waiting import wait_until

KILLS = 50
NODES = 6


def test_nothing_acknowledged_is_lost_and_nothing_is_stored_twice_over_50_kills(tmp_path: Path, monkeypatch) -> None:
    """Fifty SIGKILLs at random moments while nodes send: in the end the city has each reading once, and every acknowledged one."""
    seed = int(os.environ.get("STARTCITY_SEED", random.SystemRandom().randrange(2**32)))
    print(f"replay with STARTCITY_SEED={seed}")
    source = random.Random(seed)
    # Thirty times faster: a deadline of 5 s passes in 170 ms, so kills find frames in every state.
    monkeypatch.setenv("STARTCITY_CLOCK", fast_clock(30))
    nodes = [SealingNode(node_id=bytes((2, 0, 0, 0, 0, number))) for number in range(NODES)]
    with (
        Mosquitto(tmp_path / "nodes") as local,
        Mosquitto(tmp_path / "city") as city_broker,
        GatewayProcess(
            tmp_path / "gateway", local.port, city_broker.port, segment_bytes=16_384, trend_deadline_s=8
        ) as gateway,
    ):
        gateway.register(*nodes)
        city = City(city_broker.port, gateway.signer, gateway.collector)
        field = PatientField(local.port, *nodes)

        def produce() -> None:
            for node in nodes:
                lane = source.random()
                content = open_pack(lane < 0.05) if lane < 0.6 else level_pack(source.randrange(1_000))
                field.produce(node, content)

        for _ in range(KILLS):
            gateway.start_forked()
            end_s = time.monotonic() + source.uniform(0.05, 0.9)
            while time.monotonic() < end_s:
                produce()
                time.sleep(0.01)
            gateway.kill_forked()
            assert not field.false_acknowledgements, f"seed {seed}: acknowledged what nobody produced"
        gateway.start_forked()
        try:
            print(f"{len(field.produced)} produced, {len(field.acknowledged)} acknowledged, {len(city.stored)} stored")
            wait_until(lambda: field.kept_count() == 0, "every frame to be acknowledged", 90)
            wait_until(lambda: field.acknowledged <= city.stored.keys(), "the city to have all acknowledged frames", 40)
        finally:
            print(f"{field.kept_count()} kept", gateway.status(), gateway.log()[-2_000:], city.errors[:3])
        assert field.acknowledged == field.produced, f"seed {seed}"
        assert set(city.stored) == field.produced, f"seed {seed}"
        twice = {identity for identity, count in city.stored.items() if count != 1}
        assert not twice, f"seed {seed}: stored more than once: {len(twice)} of {len(field.produced)}"
        assert city.errors == [], f"seed {seed}"
        print(f"{len(field.produced)} frames, {len(city.batches)} batches, {city.repeats} batches sent again")
        field.close()
        city.close()
