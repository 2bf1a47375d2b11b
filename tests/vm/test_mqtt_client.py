# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The node's MQTT client on the real MicroPython VM, against a real mosquitto and against brokers that talk nonsense."""

from __future__ import annotations

import asyncio
import os
import random
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from tests.support.mosquitto import Mosquitto
from tests.support.vm_run import ROOT, interpreter, run_script

SCRIPT = ROOT / "tests/vm/scripts/mqtt_sessions.py"


class Vm:
    """The script's process and what it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.lines: list[str] = []
        self._process = process

    async def line(self, is_wanted: Callable[[str], bool]) -> str:
        """The next line that is wanted; fails with everything printed where the process ends before."""
        assert self._process.stdout is not None
        async with asyncio.timeout(40):
            while True:
                raw = await self._process.stdout.readline()
                assert raw, f"the VM has ended: {self.lines}"
                self.lines.append(raw.decode().rstrip("\n"))
                if is_wanted(self.lines[-1]):
                    return self.lines[-1]

    async def end(self) -> int:
        assert self._process.stdout is not None
        async with asyncio.timeout(40):
            self.lines += (await self._process.stdout.read()).decode().splitlines()
            return await self._process.wait()


@asynccontextmanager
async def sessions(port: int, count: int, keepalive_s: int, most: int, *more: str) -> AsyncIterator[Vm]:
    arguments = [str(SCRIPT), str(port), str(count), str(keepalive_s), str(most), *more]
    process = await asyncio.create_subprocess_exec(
        *interpreter(),
        *arguments,
        env={**os.environ, "MICROPYPATH": f"{ROOT / 'firmware'}:.frozen"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Vm(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Listener:
    """A paho client that counts what arrives on sc/up."""

    def __init__(self, port: int) -> None:
        self.heard: list[int] = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, "listener", clean_session=False)
        self._client.on_message = lambda _client, _data, message: self.heard.append(int(message.payload))
        self._client.on_connect = lambda client, *_: client.subscribe("sc/up", 1)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def say(self, text: str) -> None:
        self._client.publish("sc/down", text)

    async def until(self, condition: Callable[[Listener], bool]) -> None:
        async with asyncio.timeout(40):
            while not condition(self):
                await asyncio.sleep(0.02)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


async def test_publishes_and_hears_through_a_real_broker(tmp_path: Path) -> None:
    """300 QoS 1 messages arrive once each through a window of 8, and a message comes back down."""
    with Mosquitto(tmp_path / "broker") as broker:
        listener = Listener(broker.port)
        try:
            async with sessions(broker.port, 300, 60, 1) as vm:
                await vm.line(lambda line: line == "confirmed")
                await listener.until(lambda found: len(found.heard) == 300)
                assert listener.heard == list(range(300))
                listener.say("stop")
                await vm.line(lambda line: line == "heard stop")
                assert await vm.end() == 0
        finally:
            listener.close()


async def test_broker_killed_and_restarted(tmp_path: Path) -> None:
    """With the broker killed on the way, the client says so, comes back, and every message is confirmed in the end."""
    with Mosquitto(tmp_path / "broker") as broker:
        listener = Listener(broker.port)
        try:
            async with sessions(broker.port, 4000, 60, 500) as vm:
                await listener.until(lambda found: len(found.heard) > 100)
                broker.kill()
                await vm.line(lambda line: line.startswith("ended"))
                await vm.line(lambda line: line.startswith("ended") and "127.0.0.1" in line)
                broker.start()
                await vm.line(lambda line: line == "confirmed")
                assert vm.lines.count("connected") == 2
        finally:
            listener.close()


async def test_refused_password_is_named(tmp_path: Path) -> None:
    """A broker that refuses the password is reported in words, and is tried again."""
    with Mosquitto(tmp_path / "broker", anonymous=False) as broker:
        async with sessions(broker.port, 1, 60, 2, "node", "wrong") as vm:
            assert await vm.end() == 0
    refusals = [line for line in vm.lines if line.startswith("ended the broker refuses:")]
    assert len(refusals) == 2 and all("not authorised" in line or "password" in line for line in refusals), vm.lines


CONNACK = b"\x20\x02\x00\x00"
SUBACK = b"\x90\x03\x00\x01\x00"
NONSENSE = {
    "nothing and goodbye": b"",
    "text": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a CONNACK cut short": CONNACK[:3],
    "a CONNACK of one byte": b"\x20\x01\x00",
    "an unknown refusal": b"\x20\x02\x00\x63",
    "a SUBACK that refuses": CONNACK + b"\x90\x03\x00\x01\x80",
    "a PINGRESP instead of a SUBACK": CONNACK + b"\xd0\x00",
    "a length of five bytes": CONNACK + SUBACK + b"\x30\xff\xff\xff\xff\x7f",
    "a packet of 268,435,455 bytes": CONNACK + SUBACK + b"\x30\xff\xff\xff\x7f" + b"x" * 5000,
    "a topic longer than its packet": CONNACK + SUBACK + b"\x30\x05\xff\xffabc",
    "a PUBLISH of one byte": CONNACK + SUBACK + b"\x30\x01\x00",
    "a PUBLISH with QoS 2": CONNACK + SUBACK + b"\x34\x0c\x00\x07sc/down\x00\x01x",
    "a PUBACK for nobody": CONNACK + SUBACK + b"\x40\x02\xff\xff",
    "a PUBACK of three bytes": CONNACK + SUBACK + b"\x40\x03\x00\x01\x00",
    "a second CONNACK": CONNACK + SUBACK + CONNACK,
    "kind 0": CONNACK + SUBACK + b"\x00\x00",
    "text that is not UTF-8 on another topic": CONNACK + SUBACK + b"\x30\x04\x00\x01\xffx",
}


@pytest.mark.parametrize("name", NONSENSE)
async def test_nonsense_costs_the_connection_and_no_more(name: str) -> None:
    """Whatever a broker sends, the session ends with a reason in words, and the next one is tried."""
    await _talk(lambda: NONSENSE[name])


@pytest.mark.parametrize("seed", range(3))
async def test_random_bytes_cost_the_connection_and_no_more(seed: int) -> None:
    """Random bytes, alone or behind a good greeting, never end the program (seed in the test's name)."""
    source = random.Random(seed)
    greetings = [b"", CONNACK, CONNACK + SUBACK]
    await _talk(lambda: source.choice(greetings) + source.randbytes(source.randrange(1, 400)), sessions_count=8)


async def _talk(answer: Callable[[], bytes], sessions_count: int = 2) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(200)
            writer.write(answer())
            await writer.drain()
            writer.write_eof()
            while await reader.read(1000):
                pass
        except ConnectionError:
            pass  # the node has hung up: that is one good answer to nonsense
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with sessions(port, 3, 60, sessions_count) as vm:
            assert await vm.end() == 0, vm.lines
    ended = [line for line in vm.lines if line.startswith("ended ")]
    assert len(ended) == sessions_count and all(len(line) > 10 for line in ended), vm.lines
    assert not any("Traceback" in line for line in vm.lines), vm.lines


async def test_a_silent_broker_is_left() -> None:
    """A broker that answers the greeting and then nothing is given up after 1.5 keep-alive times."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(CONNACK + SUBACK)
            while await reader.read(1000):
                pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, sessions(server.sockets[0].getsockname()[1], 0, 2, 1) as vm:
        assert await vm.end() == 0
    assert "ended the broker is silent" in vm.lines


RULES = re.findall(
    r"^def (\w+)\(\):", (ROOT / "tests/vm/scripts/mqtt_rules.py").read_text(encoding="utf-8"), re.MULTILINE
)


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule: str) -> None:
    """Each rule is a function of mqtt_rules.py whose name says what is pinned."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        assert run_script("tests/vm/scripts/mqtt_rules.py", rule, str(nobody.getsockname()[1])).endswith("ok\n")
