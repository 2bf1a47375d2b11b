# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The least MQTT 3.1.1 that a load needs: packets made beforehand, one blocking socket, no callbacks.

A load generator must cost less than what it measures, so this is no client library: it knows CONNECT, SUBSCRIBE,
PUBLISH, PUBACK and nothing else, and trusts the broker on 127.0.0.1.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator

_PUBACK_RUN = re.compile(rb"(?:\x40\x02..)+", re.DOTALL)


def _length(count: int) -> bytes:
    out = bytearray()
    while True:
        count, low = divmod(count, 128)
        out.append(low | (0x80 if count else 0))
        if not count:
            return bytes(out)


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


def publish_packet(topic: str, payload: bytes, packet_id: int) -> bytes:
    """A PUBLISH of QoS 1 with `packet_id` 1..65535, or of QoS 0 for `packet_id` 0."""
    body = _text(topic) + (struct.pack(">H", packet_id) if packet_id else b"") + payload
    return (b"\x32" if packet_id else b"\x30") + _length(len(body)) + body


class RawConnection:
    """One connection. `packets()` yields (type, flags, body) of whatever has arrived; PUBACKs come in runs, see `puback_ids`."""

    def __init__(self, port: int, client_id: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bytes_received = 0
        self._rest = b""
        body = _text("MQTT") + b"\x04\x02\x00\x00" + _text(client_id)
        self.socket.sendall(b"\x10" + _length(len(body)) + body)
        self._wait_for(0x20)

    def subscribe(self, topic: str, qos: int) -> None:
        body = b"\x00\x01" + _text(topic) + bytes([qos])
        self.socket.sendall(b"\x82" + _length(len(body)) + body)
        self._wait_for(0x90)

    def _wait_for(self, first: int) -> None:
        while True:
            for kind, _flags, _body in self.packets():
                if kind == first:
                    return

    def packets(self) -> Iterator[tuple[int, int, memoryview]]:
        """Read once (blocking as the socket is set) and yield every whole packet.

        Raises:
            ConnectionError: the broker closed the connection.
        """
        try:
            data = self.socket.recv(1 << 20)
        except (BlockingIOError, TimeoutError):
            return
        if not data:
            raise ConnectionError("the broker closed the connection")
        self.bytes_received += len(data)
        whole = memoryview(self._rest + data if self._rest else data)
        position, end = 0, len(whole)
        while position + 2 <= end:
            first = whole[position]
            if first == 0x40 and (run := _PUBACK_RUN.match(whole, position)) is not None:
                yield 0x40, 0, whole[position : run.end()]
                position = run.end()
                continue
            cursor, size, shift = position + 1, 0, 0
            while cursor < end:
                byte = whole[cursor]
                cursor += 1
                size |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            else:
                break
            if cursor + size > end:
                break
            yield first & 0xF0, first & 0x0F, whole[cursor : cursor + size]
            position = cursor + size
        self._rest = bytes(whole[position:])


def puback_ids(run: memoryview) -> list[int]:
    """The packet ids of a run of PUBACKs, four bytes each."""
    return [high << 8 | low for high, low in zip(run[2::4], run[3::4], strict=True)]


def split_publish(flags: int, body: memoryview) -> tuple[str, int, memoryview]:
    """(topic, packet id or 0, payload) of a PUBLISH body."""
    size = (body[0] << 8) | body[1]
    topic = str(body[2 : 2 + size], "utf-8")
    if flags & 0x06:
        return topic, (body[2 + size] << 8) | body[3 + size], body[4 + size :]
    return topic, 0, body[2 + size :]
