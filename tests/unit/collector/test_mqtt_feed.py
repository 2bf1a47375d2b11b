# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import asyncio
import logging

import pytest

from collector import mqtt_feed
from collector.config import BrokerSection
from collector.mqtt_feed import MqttFeed
from gateway_agent.mqtt.staying_connected import DROPPED_OFTEN
from tests.support.narrow_broker import NarrowBroker


async def test_a_broker_that_says_nothing_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker that takes the connection and never answers: the reason is words, and the MQTT library's own lines stay out."""
    monkeypatch.setattr(mqtt_feed, "CONNECT_TIMEOUT_S", 0.2)
    caplog.set_level(logging.DEBUG)
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _reader, writer: held.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    feed = MqttFeed(BrokerSection(port=port), None, None)
    running = asyncio.create_task(feed.run(lambda _message: None, lambda: None))
    try:
        async with asyncio.timeout(20):
            while not (
                lines := [record.getMessage() for record in caplog.records if "next try" in record.getMessage()]
            ):
                await asyncio.sleep(0.02)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for writer in held:
            writer.close()
        server.close()
        await server.wait_closed()
    assert lines[0].startswith(f"broker 127.0.0.1:{port}: no answer; next try in ")
    assert {record.name.split(".")[0] for record in caplog.records} <= {"startcity", "asyncio"}


@pytest.mark.parametrize("receive_maximum", [1, 2, 5])
async def test_receipts_wait_for_the_broker(receive_maximum: int) -> None:
    """No more of them are under way than its receive maximum says, a broker that takes one at a time included; all arrive, in order."""
    async with NarrowBroker(receive_maximum=receive_maximum) as broker:
        feed = MqttFeed(BrokerSection(port=broker.port), None, None)
        connected = asyncio.Event()
        running = asyncio.create_task(feed.run(lambda _message: None, connected.set))
        async with asyncio.timeout(20):
            await connected.wait()
            for number in range(20):
                feed.publish("sc/test-01/receipt", bytes((number,)), f"lane {number}")
            while len(broker.taken) < 20:
                await asyncio.sleep(0.01)
        assert [payload[0] for _, payload in broker.taken] == list(range(20))
        assert broker.broken == [] and broker.connections == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_broker_that_drops_us_again_and_again_is_not_stormed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As where two collectors run under one client id: its reason is said, then what it most likely is, and the pauses get longer."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def note_pause(duration_s: float) -> None:
        pauses.append(duration_s)
        await sleep(0)

    async with NarrowBroker(disconnect_reason=0x8E) as broker:
        feed = MqttFeed(BrokerSection(port=broker.port), None, None)
        monkeypatch.setattr(mqtt_feed.asyncio, "sleep", note_pause)
        running = asyncio.create_task(feed.run(lambda _message: None, lambda: None))
        async with asyncio.timeout(20):
            while len(pauses) < 8:
                await sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    lost = [record.getMessage() for record in caplog.records if " lost" in record.getMessage()]
    assert all("lost: another client took over this client id" in line for line in lost)
    assert [f"the last {count} times" in line for count, line in enumerate(lost, 1)][: DROPPED_OFTEN + 2] == (
        [False] * (DROPPED_OFTEN - 1) + [True] * 3
    )
    assert max(pauses[: DROPPED_OFTEN - 1]) <= mqtt_feed.BACKOFF_S_MIN and min(pauses[6:]) > 8 * mqtt_feed.BACKOFF_S_MIN
