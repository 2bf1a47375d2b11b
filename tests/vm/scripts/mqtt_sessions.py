# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Publish numbered messages through the node's MQTT client until each is confirmed, whatever the broker does.

`mqtt_sessions.py PORT COUNT KEEPALIVE_S SESSIONS_MAX [USER PASSWORD]`. Prints `ended WHY` for each session, `confirmed` once all
are, `heard TEXT` for what arrives on sc/down, and stops at the text "stop" or after so many sessions.
"""

import asyncio
import sys

from node_io.mqtt_client import MqttClient

port, count, keepalive_s, sessions_max = [int(word) for word in sys.argv[1:5]]
user, password = sys.argv[5:7] if len(sys.argv) > 6 else (None, None)
client = MqttClient("127.0.0.1", port, "sc-test", user, password, keepalive_s)
pending = list(range(count))
is_stopped = False
has_told = False


def hear(payload):
    global is_stopped
    text = payload.decode()
    print("heard", text)
    is_stopped = text == "stop"


async def work():
    global has_told
    print("connected")
    while not is_stopped:
        await client.room()
        if pending:
            number = pending.pop(0)
            await client.publish("sc/up", b"%d" % number, number)
        else:
            if not client._unconfirmed and not has_told:
                has_told = True
                print("confirmed")
            await asyncio.sleep_ms(5)


async def main():
    sessions = 0
    while not is_stopped and sessions < sessions_max:
        sessions += 1
        print("ended", await client.session("sc/down", hear, work))
        pending[:0] = client.take_unconfirmed()
        await asyncio.sleep_ms(100)
    print("garbage", client.counters["garbage"])


asyncio.run(main())
