# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import asyncio
import logging

import pytest

from collector import mqtt_feed
from collector.config import BrokerSection
from collector.mqtt_feed import MqttFeed


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
