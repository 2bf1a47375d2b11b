# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A peer: a plain store-and-forward of paho and SQLite, as honest as such a thing can be: `python -m bench.peer_sqlite` (settings as
one JSON object on standard input).

It subscribes with a session that the local broker keeps, commits what came meanwhile as one group (write-ahead log, synced), and only
then acknowledges those messages to the local broker. It publishes in order with QoS 1 and deletes a row after the city's PUBACK. It
neither knows its senders nor signs, and whatever a crash repeats is forwarded twice.
"""

from __future__ import annotations

import json
import queue
import sqlite3
import sys
from collections import deque
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

GROUP_MAX = 2_000
IN_FLIGHT_MAX = 1_000
READ_AHEAD = 2_000
_PAUSE_S = 0.002


class Forwarder:
    """The main thread owns the database; paho's threads only fill queues."""

    def __init__(self, nodes_port: int, city_port: int, path: str) -> None:
        self._database = sqlite3.connect(path)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, topic TEXT, payload BLOB)")
        self._database.commit()
        self._arrived: queue.SimpleQueue[tuple[int, str, bytes]] = queue.SimpleQueue()
        self._taken: queue.SimpleQueue[int] = queue.SimpleQueue()  # message ids of the city's PUBACKs
        self._row_of: dict[int, int] = {}
        self._waiting: deque[tuple[int, str, bytes]] = deque()
        self._last_read = 0
        self._nodes = mqtt.Client(CallbackAPIVersion.VERSION2, "bench-peer", clean_session=False, manual_ack=True)
        self._nodes.on_connect = lambda client, *_: client.subscribe("bench/node/+", 1)
        self._nodes.on_message = lambda _client, _data, message: self._arrived.put(
            (message.mid, message.topic, bytes(message.payload))
        )
        self._city = mqtt.Client(CallbackAPIVersion.VERSION2, "bench-peer-city", clean_session=False)
        self._city.on_publish = lambda _client, _data, mid, *_: self._taken.put(mid)
        self._city.max_inflight_messages_set(IN_FLIGHT_MAX)
        for client, port in ((self._nodes, nodes_port), (self._city, city_port)):
            client.reconnect_delay_set(1, 4)
            client.connect_async("127.0.0.1", port)
            client.loop_start()

    def is_ready(self, with_city: bool) -> bool:
        return bool(self._nodes.is_connected() and (self._city.is_connected() or not with_city))

    def step(self) -> None:
        """One group: commit, acknowledge, forward, delete."""
        group, done = self._take_group(), self._take_done()
        if group or done:
            self._database.executemany(
                "INSERT INTO message (topic, payload) VALUES (?, ?)", [item[1:] for item in group]
            )
            self._database.executemany("DELETE FROM message WHERE id = ?", done)
            self._database.commit()
            for mid, _, _ in group:
                self._nodes.ack(mid, 1)
        self._forward()

    def _take_group(self) -> list[tuple[int, str, bytes]]:
        can_forward = self._waiting and len(self._row_of) < IN_FLIGHT_MAX and self._city.is_connected()
        group: list[tuple[int, str, bytes]] = []
        try:
            group.append(self._arrived.get(timeout=0 if can_forward or self._taken.qsize() else _PAUSE_S))
            while len(group) < GROUP_MAX:
                group.append(self._arrived.get_nowait())
        except queue.Empty:
            pass
        return group

    def _take_done(self) -> list[tuple[int]]:
        done: list[tuple[int]] = []
        try:
            while True:
                done.append((self._row_of.pop(self._taken.get_nowait()),))
        except queue.Empty:
            return done

    def _forward(self) -> None:
        if not self._city.is_connected():
            return
        if not self._waiting:
            rows = self._database.execute(
                "SELECT id, topic, payload FROM message WHERE id > ? ORDER BY id LIMIT ?", (self._last_read, READ_AHEAD)
            ).fetchall()
            if rows:
                self._waiting.extend(rows)
                self._last_read = rows[-1][0]
        while self._waiting and len(self._row_of) < IN_FLIGHT_MAX:
            row, topic, payload = self._waiting.popleft()
            self._row_of[self._city.publish(topic, payload, 1).mid] = row


def main() -> None:
    settings: dict[str, Any] = json.loads(sys.stdin.readline())
    forwarder = Forwarder(settings["nodes_port"], settings["city_port"], settings["path"])
    is_told = False
    while True:
        forwarder.step()
        if not is_told and forwarder.is_ready(settings["with_city"]):
            is_told = True
            print("ready", flush=True)


if __name__ == "__main__":
    main()
