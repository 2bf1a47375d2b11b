# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A peer: a plain store-and-forward of paho and SQLite, as honest as such a thing can be: `python -m bench.peer_sqlite` (settings as
one JSON object on standard input).

It subscribes with a session that the local broker keeps, commits what came meanwhile as one group (write-ahead log, synced), and only
then acknowledges those messages to the local broker. It publishes in order with QoS 1 and deletes a row after the city's PUBACK. It
neither knows its senders nor signs, and whatever a crash repeats is forwarded twice. One thread and one select: paho's own threads wake
each other for every packet, which costs most of the rate.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import sqlite3
import sys
import time
from collections import deque
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

GROUP_MAX = 2_000
IN_FLIGHT_MAX = 200  # paho looks through all of them at each PUBACK
READ_AHEAD = 2_000
_AGAIN_S = 1.0


class Link:
    """One client, driven from outside; it connects again each second."""

    def __init__(self, client: mqtt.Client, port: int) -> None:
        self.client = client
        self._port = port
        self._next_at = 0.0

    def socket(self) -> socket.socket | None:
        found = self.client.socket()
        return found if isinstance(found, socket.socket) else None

    def tend(self, now: float) -> None:
        if now < self._next_at:
            return
        self._next_at = now + _AGAIN_S
        if self.socket() is not None:
            self.client.loop_misc()
            return
        with contextlib.suppress(OSError):
            self.client.connect("127.0.0.1", self._port)

    def read(self, limit: int) -> None:
        """What has arrived, packet by packet, up to `limit`."""
        for _ in range(limit):
            found = self.socket()
            if found is None or not select.select([found], [], [], 0)[0]:
                return
            self.client.loop_read()


class Forwarder:
    """Commit, acknowledge, forward, delete."""

    def __init__(self, nodes_port: int, city_port: int, path: str) -> None:
        self._database = sqlite3.connect(path)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, topic TEXT, payload BLOB)")
        self._database.commit()
        self._arrived: list[tuple[int, str, bytes]] = []
        self._done: list[tuple[int]] = []
        self._row_of: dict[int, int] = {}
        self._waiting: deque[tuple[int, str, bytes]] = deque()
        self._last_read = 0
        nodes = mqtt.Client(CallbackAPIVersion.VERSION2, "bench-peer", clean_session=False, manual_ack=True)
        nodes.on_connect = lambda client, *_: client.subscribe("bench/node/+", 1)
        nodes.on_message = lambda _client, _data, message: self._arrived.append(
            (message.mid, message.topic, bytes(message.payload))
        )
        city = mqtt.Client(CallbackAPIVersion.VERSION2, "bench-peer-city", clean_session=False)
        city.on_publish = lambda _client, _data, mid, *_: self._note_taken(mid)
        city.max_inflight_messages_set(IN_FLIGHT_MAX)
        self._nodes, self._city = Link(nodes, nodes_port), Link(city, city_port)

    def _note_taken(self, mid: int) -> None:
        row = self._row_of.pop(mid, None)
        if row is not None:
            self._done.append((row,))

    def is_ready(self, with_city: bool) -> bool:
        return bool(self._nodes.client.is_connected() and (self._city.client.is_connected() or not with_city))

    def step(self) -> None:
        """One group."""
        now = time.monotonic()
        self._nodes.tend(now)
        self._city.tend(now)
        links = {found: link for link in (self._nodes, self._city) if (found := link.socket()) is not None}
        writing = [found for found, link in links.items() if link.client.want_write()]
        readable, writable, _ = select.select(list(links), writing, [], 0.05)
        for found in writable:
            links[found].client.loop_write()
        for found in readable:
            links[found].read(GROUP_MAX)
        if self._arrived or self._done:
            group, self._arrived = self._arrived, []
            done, self._done = self._done, []
            self._database.executemany(
                "INSERT INTO message (topic, payload) VALUES (?, ?)", [item[1:] for item in group]
            )
            self._database.executemany("DELETE FROM message WHERE id = ?", done)
            self._database.commit()
            for mid, _, _ in group:
                self._nodes.client.ack(mid, 1)
        if self._city.client.is_connected():
            self._forward()

    def _forward(self) -> None:
        if not self._waiting:
            rows = self._database.execute(
                "SELECT id, topic, payload FROM message WHERE id > ? ORDER BY id LIMIT ?", (self._last_read, READ_AHEAD)
            ).fetchall()
            if rows:
                self._waiting.extend(rows)
                self._last_read = rows[-1][0]
        while self._waiting and len(self._row_of) < IN_FLIGHT_MAX:
            row, topic, payload = self._waiting.popleft()
            self._row_of[self._city.client.publish(topic, payload, 1).mid] = row


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
