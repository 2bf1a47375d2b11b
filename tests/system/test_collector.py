# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The collector's process on a real mosquitto."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.verify import verify
from gateway_agent.model import Lane
from tests.support.collector_process import CollectorProcess, GatewaysSide
from tests.support.field_and_city import Field
from tests.support.gateway_process import GATEWAY_ID, GatewayProcess
from tests.support.mosquitto import Mosquitto
from tests.support.sealing_node import SealingNode, open_pack
from tests.support.signing_gateway import SigningGateway, frame
from tests.support.waiting import wait_until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def collector(tmp_path: Path, broker: Mosquitto) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path / "city", broker.port) as process:
        process.start()
        yield process


@pytest.fixture
def city(broker: Mosquitto, collector: CollectorProcess) -> Iterator[GatewaysSide]:
    side = GatewaysSide(broker.port, collector)
    yield side
    side.close()


def test_signed_batches_are_stored_and_receipted(collector: CollectorProcess, city: GatewaysSide) -> None:
    """Three lanes at once: every reading stored once, and the last receipt of each lane names its last batch and hash."""
    lanes = [SigningGateway(lane=lane) for lane in Lane]
    for round_ in range(20):
        for gateway in lanes:
            city.publish(gateway, gateway.seal([frame(round_ * 3 + int(gateway.lane))]))
    for gateway in lanes:
        wait_until(lambda gateway=gateway: city.receipted(gateway) == 20, f"receipt 20 of {gateway.lane.word}")  # type: ignore[misc]
        assert city.receipts(gateway)[-1].link == gateway.link
    assert [reading.sequence for reading in collector.readings() if reading.place == 0] == list(range(60))
    assert collector.stop() == 0
    assert collector.verified().is_intact


def test_nothing_receipted_is_lost_and_nothing_is_stored_twice_over_sigkills(
    collector: CollectorProcess, city: GatewaysSide
) -> None:
    """Killed at five random moments under load; the gateway sends again from its last receipt, as gateways do."""
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    print(f"seed {seed}")
    gateway = SigningGateway()
    batches = [
        gateway.seal([frame(number * 4 + place) for place in range(4)], fresh=number % 16 == 0) for number in range(300)
    ]
    killed = 0
    while city.receipted(gateway) < len(batches):
        start = city.receipted(gateway)
        count = rng.randrange(1, 90)
        if killed < 5:
            city.publish(gateway, *batches[start : start + count])
            wait_until(lambda start=start: city.receipted(gateway) > start or rng.random() < 0.2, "a moment to kill at")  # type: ignore[misc]
            collector.kill()
            receipted = city.receipted(gateway)
            assert collector.count() >= receipted * 12, f"seed {seed}: a receipt for what is not stored"
            killed += 1
            collector.start()
        else:
            city.publish(gateway, *batches[start:])
            wait_until(lambda: city.receipted(gateway) == len(batches), f"all receipts, seed {seed}")
    assert [reading.sequence for reading in collector.readings()] == [n for n in range(1200) for _ in range(3)], (
        f"seed {seed}"
    )
    collector.kill()
    report = collector.verified()
    assert report.is_intact, f"seed {seed}\n{report.as_text()}"
    assert report.as_json()["readings"] == 3600


def test_the_broker_may_go_and_come_back(broker: Mosquitto, collector: CollectorProcess, city: GatewaysSide) -> None:
    """The collector reconnects by itself and says at once where it stands, so that the gateway goes on from there."""
    gateway = SigningGateway()
    city.publish(gateway, *gateway.run(3))
    wait_until(lambda: city.receipted(gateway) == 3, "receipt 3")
    broker.kill()
    wait_until(lambda: "lost" in collector.log(), "the collector to notice")
    before = len(city.receipts(gateway))
    broker.start()
    wait_until(lambda: collector.log().count("connected to") == 2, "the collector to come back")
    wait_until(lambda: city.is_connected, "the gateways' side to come back")
    fourth = gateway.seal([frame(3)])

    def is_receipted() -> bool:
        # Sent again until then: the first may have been published before the collector had subscribed.
        city.publish(gateway, fourth)
        return city.receipted(gateway) == 4 and len(city.receipts(gateway)) > before

    wait_until(is_receipted, "a receipt after the break")
    assert len(collector.readings()) == 12


def test_what_was_published_while_nobody_listened_is_asked_for(collector: CollectorProcess, city: GatewaysSide) -> None:
    """The retained state promises what a killed collector missed: it repeats its receipt, and the gateway sends again."""
    gateway = SigningGateway()
    batches = gateway.run(6)
    city.publish(gateway, *batches[:3])
    wait_until(lambda: city.receipted(gateway) == 3, "receipt 3")
    collector.kill()
    city.publish(gateway, *batches[3:])
    city.publish_state(gateway)
    before = len(city.receipts(gateway))
    collector.start()
    wait_until(
        lambda: len(city.receipts(gateway)) > before + 1, "the receipt again, after the promise was unmet for a while"
    )
    assert city.receipted(gateway) == 3
    city.publish(gateway, *batches[3:])
    wait_until(lambda: city.receipted(gateway) == 6, "receipt 6")
    assert len(collector.readings()) == 18


def test_strangers_on_the_broker_do_no_harm(collector: CollectorProcess, city: GatewaysSide) -> None:
    """Garbage, a foreign key and an unknown gateway between good batches."""
    gateway, forger, nobody = SigningGateway(), SigningGateway(), SigningGateway("nobody")
    forger.signer = nobody.signer
    city.publish(gateway, b"", b"\xff" * 100, forger.seal([frame(7)]), gateway.seal([frame(1)]))
    city.publish(nobody, nobody.seal([frame(8)]))
    city.publish(gateway, gateway.seal([frame(2)]))
    wait_until(lambda: city.receipted(gateway) == 2, "receipt 2")
    assert sorted({reading.sequence for reading in collector.readings()}) == [1, 2]
    assert city.receipts(nobody) == []


def test_the_real_gateway_and_the_real_collector_agree(tmp_path: Path, broker: Mosquitto) -> None:
    """Frames of a node through the gateway's process into the collector's, both killed once on the way: each reading once,
    every batch receipted, journal and archive intact under the auditor's tool."""
    node = SealingNode()
    with (
        Mosquitto(tmp_path / "nodes") as nodes_broker,
        GatewayProcess(tmp_path / "gw", nodes_broker.port, broker.port) as gateway,
        CollectorProcess(tmp_path / "city", broker.port, {GATEWAY_ID: gateway.signer}) as collector,
    ):
        (gateway.folder / "collector.pub.pem").write_bytes((collector.folder / "collector.pub.pem").read_bytes())
        gateway.register(node)
        collector.start()
        gateway.start()
        field = Field(nodes_broker.port, node)
        frames = [node.seal(open_pack(number % 3 == 0)) for number in range(60)]  # alarms and records
        field.send(node, *frames[:30])
        wait_until(lambda: collector.count() > 0, "the first readings in the city")
        gateway.kill()
        gateway.start()
        field.send(node, *frames)  # a node sends again what has no acknowledgement; the gateway recognises the rest
        collector.kill()
        collector.start()
        wait_until(lambda: collector.count() == 60, "all readings in the city", 90)
        wait_until(lambda: len(node.acknowledged) == 60, "all acknowledgements")
        assert [reading.sequence for reading in collector.readings()] == list(range(60))
        gateway.stop()
        field.close()
        collector.stop()
        report = collector.verified()
        assert report.is_intact, report.as_text()
        journal = verify(gateway.data / "journal", {gateway.signer.key_id: gateway.signer.public_key})
        assert journal.is_intact, journal.as_text()
        assert report.as_json()["readings"] == journal.as_json()["readings"] == 60
