# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""City brokers that take little at once, or little in one piece, and say so in their CONNACK."""

from __future__ import annotations

import asyncio
import logging

import pytest

from gateway_agent.errors import Unavailable
from gateway_agent.model import GatewayId, Lane
from gateway_agent.mqtt.mqtt_client import Endpoint, open_connection
from gateway_agent.mqtt.staying_connected import DROPPED_OFTEN
from gateway_agent.uplink.mqtt_uplink import MqttUplink, city_backoff
from tests.support.narrow_broker import NarrowBroker


@pytest.mark.parametrize("receive_maximum", [1, 2, 7])
async def test_no_more_is_under_way_than_the_broker_takes(receive_maximum: int) -> None:
    """However much is published at once: the rest waits, is counted as unsent, and follows in order."""
    async with NarrowBroker(receive_maximum=receive_maximum) as broker:
        connection = await open_connection(Endpoint("127.0.0.1", broker.port, "us"), lambda _: None)
        sent = [connection.publish("a", bytes((number,)) * 1_000) for number in range(30)]
        assert connection.unsent_bytes > 20_000
        async with asyncio.timeout(20):
            assert await asyncio.gather(*sent) == [0] * 30
        assert [payload[0] for _, payload in broker.taken] == list(range(30))
        assert broker.under_way_most == receive_maximum and broker.broken == []
        assert connection.unsent_bytes == connection.unacknowledged_count == 0
        await connection.close()


async def test_what_is_too_long_for_the_broker_does_not_cost_the_connection() -> None:
    """It is refused with the broker's own reason and never sent; what fits exactly goes, before and after it."""
    async with NarrowBroker(packet_bytes_max=300) as broker:
        connection = await open_connection(Endpoint("127.0.0.1", broker.port, "us"), lambda _: None)
        longest = 300 - 9  # two bytes of length, the first byte, topic, packet id, no properties
        sizes = (longest, longest + 1, 60_000, 1)
        async with asyncio.timeout(20):
            reasons = await asyncio.gather(*[connection.publish("a", bytes(size)) for size in sizes])
        assert reasons == [0, 0x95, 0x95, 0]
        assert [len(payload) for _, payload in broker.taken] == [longest, 1]
        assert connection.is_open and broker.broken == [] and broker.connections == 1
        await connection.close()


async def test_what_waits_for_a_place_ends_with_the_connection() -> None:
    """Nobody waits for ever for what never left."""
    async with NarrowBroker(receive_maximum=1) as broker:
        connection = await open_connection(Endpoint("127.0.0.1", broker.port, "us"), lambda _: None)
        sent = [connection.publish("a", b"1") for _ in range(5)]
        await connection.close()
        async with asyncio.timeout(10):
            ends = await asyncio.gather(*sent, return_exceptions=True)
        assert all(isinstance(end, Unavailable) for end in ends)
        assert connection.unsent_bytes == 0


async def test_a_shorter_keep_alive_time_and_an_id_of_the_brokers_are_taken() -> None:
    """A broker that wants to hear something each second hears it, whatever else it states: an expiry, aliases, an id, words."""
    more = bytes.fromhex(
        "1100000000 22000a 12000178 1f00026f6b 2a01 2801 2901 2500 2401 260001610001 62".replace(" ", "")
    )
    async with NarrowBroker(keepalive_s=1, more_properties=more) as broker:
        connection = await open_connection(Endpoint("127.0.0.1", broker.port, "us", keepalive_s=60), lambda _: None)
        async with asyncio.timeout(20):
            while broker.pings < 4:
                await asyncio.sleep(0.05)
        assert connection.is_open and broker.broken == [] and broker.connections == 1
        await connection.close()


async def test_the_gateway_says_that_a_batch_is_too_long_for_the_city(caplog: pytest.LogCaptureFixture) -> None:
    """With its size, and what to change; a state that is too long is said once, and the connection stays."""
    async with NarrowBroker(packet_bytes_max=300) as broker:
        connected = asyncio.Event()
        uplink = MqttUplink(
            Endpoint("127.0.0.1", broker.port, "us"),
            "city_broker",
            GatewayId("test-01"),
            lambda online: b"s" * (400 if online else 10),
            lambda duration_ms: asyncio.sleep(duration_ms / 1000),
        )
        running = asyncio.create_task(uplink.run(connected.set, lambda _: None))
        async with asyncio.timeout(20):
            await connected.wait()
            with pytest.raises(Unavailable, match="a batch of 2000 bytes: packet too large; raise its"):
                await uplink.publish(Lane.TREND, bytes(2000))
            await uplink.publish(Lane.ALARM, bytes(200))
        for _ in range(3):
            uplink.publish_state(b"s" * 400)
        await asyncio.sleep(0)
        assert uplink.is_connected and broker.connections == 1
        said = [record for record in caplog.records if "state" in record.getMessage()]
        assert len(said) == 1 and said[0].levelno == logging.WARNING
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_broker_that_drops_us_again_and_again_is_not_stormed(caplog: pytest.LogCaptureFixture) -> None:
    """As where a copied gateway runs beside the first: it is said what it most likely is, and the pauses get longer."""
    pauses_ms: list[int] = []

    async def note_pause(duration_ms: int) -> None:
        pauses_ms.append(duration_ms)
        await asyncio.sleep(0)

    async with NarrowBroker(disconnect_reason=0x8E) as broker:
        uplink = MqttUplink(
            Endpoint("127.0.0.1", broker.port, "us"),
            "city_broker",
            GatewayId("test-01"),
            lambda _: b"state",
            note_pause,
        )
        running = asyncio.create_task(uplink.run(lambda: None, lambda _: None))
        async with asyncio.timeout(20):
            while len(pauses_ms) < 12:
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    lost = [record.getMessage() for record in caplog.records if "connection ended" in record.getMessage()]
    assert all("another client took over this client id" in line for line in lost)
    assert ["does another program use our client id" in line for line in lost][: DROPPED_OFTEN + 2] == (
        [False] * (DROPPED_OFTEN - 1) + [True] * 3
    )
    first_ms = max(city_backoff().next_ms() for _ in range(200))
    assert max(pauses_ms[: DROPPED_OFTEN - 1]) <= first_ms < max(pauses_ms[DROPPED_OFTEN:])


async def test_who_takes_the_connection_and_says_nothing_is_told_from_who_is_not_there() -> None:
    """As a port that wants TLS, or a broker to which our CONNECT is too long: neither `host` nor `port` is wrong."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    waits: list[int] = []

    async def wait(duration_ms: int) -> None:
        waits.append(duration_ms)
        await asyncio.sleep(0)

    uplink = MqttUplink(
        Endpoint("127.0.0.1", port, "us"), "city_broker", GatewayId("test-01"), lambda _: b"state", wait
    )
    running = asyncio.create_task(uplink.run(lambda: None, lambda _: None))
    async with asyncio.timeout(20):
        while not waits:
            await asyncio.sleep(0.01)
    assert f"127.0.0.1:{port} takes the connection and does not answer" in uplink.state.reason
    assert "`tls_ca` in [city_broker]" in uplink.state.reason and "`port`" not in uplink.state.reason
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    server.close()
    await server.wait_closed()
