# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The line to the city, a process of its own that can be cut: `python -m bench.cable` (settings as one JSON object on standard input).

It carries every connection to its `port` on to the `city_port`. The word "cut" ends all of them and refuses new ones, "join" listens
again, "end" prints one JSON object with the bytes that went up.
"""

from __future__ import annotations

import json
import select
import socket
import sys

_BYTES = 262_144


class Cable:
    """One pair of sockets for each connection; blocking writes, because both ends are on this machine and read on."""

    def __init__(self, port: int, city_port: int) -> None:
        self._port = port
        self._city_port = city_port
        self._listener: socket.socket | None = None
        self._other: dict[socket.socket, socket.socket] = {}
        self._up: set[socket.socket] = set()
        self.bytes_up = 0

    def join(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port))

    def cut(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for end in self._other:
            end.close()
        self._other.clear()
        self._up.clear()

    def sockets(self) -> list[socket.socket]:
        return [*self._other, *([self._listener] if self._listener is not None else [])]

    def carry(self, ready: socket.socket) -> None:
        """One step for a socket that has something."""
        if ready is self._listener:
            near, _ = ready.accept()
            far = socket.create_connection(("127.0.0.1", self._city_port))
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._other |= {near: far, far: near}
            self._up.add(near)
            return
        if ready not in self._other:
            return  # closed in this round
        other = self._other[ready]
        try:
            data = ready.recv(_BYTES)
            if not data:
                raise ConnectionError
            other.sendall(data)
        except OSError:
            for end in (ready, other):
                end.close()
                self._other.pop(end, None)
                self._up.discard(end)
            return
        if ready in self._up:
            self.bytes_up += len(data)


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    cable = Cable(settings["port"], settings["city_port"])
    cable.join()
    print("ready", flush=True)
    while True:
        readable, _, _ = select.select([sys.stdin, *cable.sockets()], [], [])
        for ready in readable:
            if isinstance(ready, socket.socket):
                cable.carry(ready)
        if sys.stdin in readable:
            word = sys.stdin.readline().strip()
            if word == "cut":
                cable.cut()
            elif word == "join":
                cable.join()
            else:
                break
    print(json.dumps({"bytes_up": cable.bytes_up}), flush=True)


if __name__ == "__main__":
    main()
