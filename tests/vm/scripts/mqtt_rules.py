# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Rules of the node's MQTT client under a clock that jumps, each a function: `mqtt_rules.py NAME PORT`. On PORT somebody listens and
never says a word. Prints `ok` at the end."""

import asyncio
import sys

from node_io import mqtt_client
from node_io.mqtt_client import MqttClient, MqttError

port = int(sys.argv[2])


class Clock:
    now_ms = 0

    def ticks_ms(self):
        return self.now_ms

    def ticks_diff(self, later, earlier):
        return later - earlier


class Stream:
    """What a slow network takes: a drain ends when `is_slow` does."""

    def __init__(self):
        self.taken = []
        self.draining = 0
        self.is_slow = False

    def write(self, data):
        assert not self.draining, "between a packet and its drain"
        self.taken.append(data)

    async def drain(self):
        self.draining += 1
        assert self.draining == 1, "two tasks drain one stream"
        await asyncio.sleep_ms(5)
        while self.is_slow:
            await asyncio.sleep_ms(1)
        self.draining -= 1


def client_of(stream):
    client = MqttClient("127.0.0.1", port, "sc-test")
    client.writer = stream
    return client


def why_of(client):
    """Why the client leaves its broker now; empty where it stays."""
    try:
        client.look(clock.now_ms)
    except MqttError as error:
        return str(error)
    return ""


def a_broker_that_accepts_and_never_answers_is_left_after_20_s():
    client = MqttClient("127.0.0.1", port, "sc-test")
    client.watch_ms = 1
    ended = []

    async def session():
        ended.append(await client.session("sc/down", print, None))

    async def main():
        asyncio.create_task(session())
        await asyncio.sleep_ms(100)
        clock.now_ms = 20_000
        await asyncio.sleep_ms(100)
        assert not ended, ended
        clock.now_ms += 1
        for _ in range(500):
            await asyncio.sleep_ms(10)
            if ended:
                break
        assert ended == ["no answer from 127.0.0.1:%d" % port], ended

    asyncio.run(main())


def two_tasks_take_turns_at_one_stream():
    stream = Stream()
    client = client_of(stream)

    async def main():
        await asyncio.gather(*[client.write(bytes([number]) * 300) for number in range(5)])

    asyncio.run(main())
    assert sorted(data[0] for data in stream.taken) == [0, 1, 2, 3, 4]


def a_quiet_line_is_pinged_and_a_busy_one_is_not():
    """After half the keep-alive time, each quarter of it, and not while a packet is on its way."""
    stream = Stream()
    client = client_of(stream)

    def pings_at(ms):
        clock.now_ms = ms
        assert why_of(client) == ""
        return stream.taken.count(b"\xc0\x00")

    assert [pings_at(ms) for ms in (29_999, 30_000, 30_001, 45_001, 45_002)] == [0, 0, 1, 1, 2]

    async def main():
        stream.is_slow = True
        clock.now_ms = 46_000
        task = asyncio.create_task(client.write(b"packet"))
        await asyncio.sleep_ms(10)
        assert pings_at(80_000) == 2
        stream.is_slow = False
        await task
        assert pings_at(80_000) == 3

    asyncio.run(main())


def who_says_nothing_or_confirms_nothing_is_left():
    stream = Stream()
    client = client_of(stream)
    clock.now_ms = 90_000
    assert why_of(client) == ""
    clock.now_ms += 1
    assert why_of(client) == "the broker is silent"
    client._heard_ticks = clock.now_ms
    asyncio.run(client.publish("sc/up", b"x"))
    clock.now_ms += 60_000
    client._heard_ticks = clock.now_ms
    assert why_of(client) == ""
    clock.now_ms += 1
    assert why_of(client) == "the broker confirms nothing"


clock = Clock()
mqtt_client.time = clock
globals()[sys.argv[1]]()
print("ok")
