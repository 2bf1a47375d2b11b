# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The MQTT client against real brokers: both versions, TLS with certificates, refusals, lost connections."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from gateway_agent.config import BrokerSection, parse_config
from gateway_agent.errors import ConfigError, Unavailable
from gateway_agent.links.mqtt_link import MqttLink
from gateway_agent.mqtt.endpoints import make_endpoint
from gateway_agent.mqtt.mqtt_client import Endpoint, Messages, MqttConnection, Refused, open_connection
from tests.support.certificates import Authority
from tests.support.mosquitto import Mosquitto, free_port


async def echo(connection: MqttConnection, got: Messages, count: int) -> None:
    """Publish `count` messages to ourselves and wait for all of them."""
    await connection.subscribe([("echo/+", 1)])
    sent = [(b"echo/x", bytes(number % 251 for number in range(size))) for size in range(count)]
    reasons = await asyncio.gather(*[connection.publish("echo/x", payload) for _, payload in sent])
    assert all(reason < 0x80 for reason in reasons)
    async with asyncio.timeout(10):
        while len(got) < count:
            await asyncio.sleep(0.01)
    assert got == sent


async def test_messages_go_both_ways_with_version_5(tmp_path: Path) -> None:
    """Against mosquitto the connection is of version 5; messages of 0 to 299 bytes come back whole, in order and once."""
    with Mosquitto(tmp_path) as broker:
        got: Messages = []
        connection = await open_connection(Endpoint("127.0.0.1", broker.port, "us", gather_ms=2), got.extend)
        assert connection.version == 5
        await echo(connection, got, 300)
        assert connection.unacknowledged_count == 0
        await connection.close()


async def test_a_broker_without_version_5_is_spoken_to_in_3_1_1(tmp_path: Path) -> None:
    """The embedded broker knows 3.1.1 only: the client falls back by itself."""
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulators.embedded_broker", str(port)], stdout=log, stderr=log
        )
    try:
        got: Messages = []
        async with asyncio.timeout(20):
            while True:
                try:
                    connection = await open_connection(Endpoint("127.0.0.1", port, "us"), got.extend)
                    break
                except Unavailable:
                    await asyncio.sleep(0.1)
        assert connection.version == 4
        await echo(connection, got, 50)
        await connection.close()
    finally:
        process.kill()
        process.wait()


async def test_each_read_is_acknowledged_at_once() -> None:
    """A broker without TCP_NODELAY holds a message back until the last is acknowledged: after 40 ms, if left to the kernel."""
    rounds, frame, end = 100, bytes.fromhex("3005000161") + b"\0!", asyncio.Event()
    gone = asyncio.Event()
    got: Messages = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        await reader.read(1000)
        writer.write(bytes.fromhex("2003000000"))
        for _ in range(rounds):
            await reader.readexactly(len(frame))
            writer.write(frame)
            writer.write(frame)
        await reader.readexactly(len(frame))
        end.set()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    def take(messages: Messages) -> None:
        for message in messages:
            got.append(message)
            if len(got) % 2 == 0:
                connection.publish_unacknowledged("a", b"!")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    began_s = asyncio.get_running_loop().time()
    connection = await open_connection(Endpoint("127.0.0.1", server.sockets[0].getsockname()[1], "us"), take)
    connection.publish_unacknowledged("a", b"!")
    async with asyncio.timeout(20):
        await end.wait()
    assert asyncio.get_running_loop().time() - began_s < rounds * 0.02
    await connection.close(say_goodbye=False)
    async with asyncio.timeout(10):
        await gone.wait()
    server.close()
    await server.wait_closed()


def tls_config(folder: Path, authority: Authority, cert: Path, key: Path) -> tuple[object, BrokerSection]:
    text = (
        '[gateway]\nid = "a"\n[city_broker]\ndelivery = "broker"\n'
        f'tls_ca = "{authority.ca}"\ntls_cert = "{cert}"\ntls_key = "{key}"\n'
    )
    config = parse_config(text, folder / "gateway.toml")
    return config, config.city_broker


async def test_both_sides_show_certificates(tmp_path: Path) -> None:
    """Mutual TLS: with our certificate the broker lets us in; it serves, and another authority's broker is refused by name."""
    authority, other = Authority(tmp_path / "pki"), Authority(tmp_path / "other", "TEST-ONLY other")
    server_cert, server_key = authority.issue("server")
    cert, key = authority.issue("gateway")
    lines = [f"cafile {authority.ca}", f"certfile {server_cert}", f"keyfile {server_key}", "require_certificate true"]
    with Mosquitto(tmp_path / "broker", *lines) as broker:
        config, section = tls_config(tmp_path, authority, cert, key)
        endpoint = make_endpoint(config, "city_broker", section, "us")  # type: ignore[arg-type]
        endpoint = Endpoint("127.0.0.1", broker.port, "us", tls=endpoint.tls)
        got: Messages = []
        connection = await open_connection(endpoint, got.extend)
        await echo(connection, got, 100)
        await connection.close()

        config, section = tls_config(tmp_path, other, *other.issue("gateway"))
        wrong = make_endpoint(config, "city_broker", section, "us").tls  # type: ignore[arg-type]
        with pytest.raises(Unavailable, match="certificate is not accepted"):
            await open_connection(Endpoint("127.0.0.1", broker.port, "us", tls=wrong), got.extend)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(lambda ca, cert, key: key.chmod(0o644), "chmod 600", id="others may read our key"),
        pytest.param(lambda ca, cert, key: ca.write_text("x"), "tls_ca", id="the authority is no certificate"),
        pytest.param(lambda ca, cert, key: cert.unlink(), "tls_cert and tls_key", id="our certificate is missing"),
    ],
)
def test_tls_files_that_cannot_be_used_are_config_errors(tmp_path: Path, spoil, words: str) -> None:
    """Each names the section, the key and the file."""
    authority = Authority(tmp_path)
    cert, key = authority.issue("gateway")
    config, section = tls_config(tmp_path, authority, cert, key)
    spoil(authority.ca, cert, key)
    with pytest.raises(ConfigError, match=words) as caught:
        make_endpoint(config, "city_broker", section, "us")  # type: ignore[arg-type]
    assert "[city_broker]" in str(caught.value)


async def test_a_refusal_is_told_from_an_absence(tmp_path: Path) -> None:
    """A broker that wants a password refuses; a port where nobody listens is unavailable."""
    with Mosquitto(tmp_path, anonymous=False) as broker, pytest.raises(Refused, match=r"not authorised|bad user name"):
        await open_connection(Endpoint("127.0.0.1", broker.port, "us"), lambda _: None)
    with pytest.raises(Unavailable, match=r"(?i)connect"):
        await open_connection(Endpoint("127.0.0.1", broker.port, "us"), lambda _: None)


async def test_a_lost_connection_ends_every_wait() -> None:
    """When the broker dies without a PUBACK, who waits for that and who waits for the end are both told."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(bytes.fromhex("2003000000"))
        await reader.read(100)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = await open_connection(Endpoint("127.0.0.1", port, "us"), lambda _: None)
    with pytest.raises(Unavailable):
        await connection.publish("a", b"x")
    await connection.wait_closed()
    assert not connection.is_open
    with pytest.raises(Unavailable, match="not connected"):
        await connection.publish("a", b"x")
    server.close()
    await server.wait_closed()


async def test_a_broker_that_drops_us_again_and_again_costs_little_memory() -> None:
    """Ended connections wait for the collector of cycles, which may not come for hours: each holds some kilobytes at most."""

    async def drop(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(drop, "127.0.0.1", 0)
    endpoint = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1], "us")
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(20):
            with pytest.raises(Unavailable):
                await open_connection(endpoint, lambda _: None)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert (after - before) / 20 < 50_000
    server.close()
    await server.wait_closed()


async def test_a_silent_broker_is_noticed_within_the_keep_alive_time(tmp_path: Path) -> None:
    """A connection on which nothing comes any more, as behind a dead router, ends after one and a half keep-alive times."""
    silence = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(bytes.fromhex("2003000000"))
        await silence.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = await open_connection(Endpoint("127.0.0.1", port, "us", keepalive_s=1), lambda _: None)
    async with asyncio.timeout(10):
        assert "nothing heard" in str(await connection.wait_closed())
    silence.set()
    server.close()
    await server.wait_closed()


async def test_a_paused_link_leaves_messages_with_the_broker(tmp_path: Path) -> None:
    """While reading is paused nothing is handed over, also with gathering on; afterwards everything is, in order."""
    with Mosquitto(tmp_path) as broker:
        got: Messages = []
        connection = await open_connection(Endpoint("127.0.0.1", broker.port, "us", gather_ms=2), got.extend)
        await connection.subscribe([("a", 1)])
        for number in range(50):
            await connection.publish("a", b"%d" % number)
        async with asyncio.timeout(5):
            while len(got) < 50:
                await asyncio.sleep(0.01)
        connection.pause_reading()
        sender = await open_connection(Endpoint("127.0.0.1", broker.port, "other"), lambda _: None)
        for number in range(50, 100):
            await sender.publish("a", b"%d" % number)
        assert len(got) == 50
        connection.resume_reading()
        async with asyncio.timeout(5):
            while len(got) < 100:
                await asyncio.sleep(0.01)
        assert [payload for _, payload in got] == [b"%d" % number for number in range(100)]
        await sender.close()
        await connection.close()


async def test_frames_are_asked_for_without_pubacks() -> None:
    """The link subscribes with QoS 0: a frame that the broker drops comes again from its node, so a PUBACK a frame would buy nothing."""
    asked = asyncio.get_running_loop().create_future()
    frames: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(bytes.fromhex("2003000000"))
        subscribe = await reader.read(1000)
        asked.set_result(subscribe)
        topic = b"sc/node/aabbccddee01/up"
        body = len(topic).to_bytes(2, "big") + topic + b"\0frame"
        writer.write(b"\x90\x04" + subscribe[2:4] + b"\0\0" + (b"\x30" + bytes((len(body),)) + body) * 2)
        await reader.read(1)
        writer.close()

    async def sleep_ms(duration_ms: int) -> None:
        await asyncio.sleep(duration_ms / 1000)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    endpoint = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1], "us")
    link = MqttLink(endpoint, "nodes_broker", sleep_ms, Counter())
    running = asyncio.create_task(link.run(lambda: None, frames.extend))
    async with asyncio.timeout(10):
        assert (await asked).endswith(b"sc/node/+/up\x00")
        while len(frames) < 2:
            await asyncio.sleep(0.01)
    assert frames == [b"frame", b"frame"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    server.close()
    await server.wait_closed()
