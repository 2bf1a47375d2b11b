# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A broker of MQTT 5 that states limits in its CONNACK, as it may, and ends the connection of who passes them."""

from __future__ import annotations

import asyncio

_PUBACK_AFTER_S = 0.005  # so that a client that does not wait for it passes the limit


class NarrowBroker:
    """`async with NarrowBroker(...) as broker:`; it takes messages, gives none, and notes what it took."""

    def __init__(
        self,
        *,
        receive_maximum: int = 65_535,
        packet_bytes_max: int = 268_435_455,
        keepalive_s: int = 0,
        more_properties: bytes = b"",
        disconnect_reason: int = 0,
    ) -> None:
        """`keepalive_s` 0: the client's. `disconnect_reason`: with it each connection ends once its client has subscribed."""
        self._receive_maximum = receive_maximum
        self._packet_bytes_max = packet_bytes_max
        self._keepalive_s = keepalive_s
        self._disconnect_reason = disconnect_reason
        properties = b"\x21" + receive_maximum.to_bytes(2, "big") + b"\x27" + packet_bytes_max.to_bytes(4, "big")
        if keepalive_s:
            properties += b"\x13" + keepalive_s.to_bytes(2, "big")
        properties += more_properties
        self._connack = b"\x20" + bytes((len(properties) + 3, 0, 0, len(properties))) + properties
        self.taken: list[tuple[str, bytes]] = []  # topic, payload
        self.connections = 0
        self.pings = 0
        self.under_way_most = 0
        self.broken: list[str] = []  # which limits were passed
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> NarrowBroker:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        for writer in self._writers:
            writer.close()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.connections += 1
        under_way = 0

        def acknowledge(packet_id: bytes) -> None:
            nonlocal under_way
            under_way -= 1
            if not writer.is_closing():
                writer.write(b"\x40\x02" + packet_id)

        def end(reason: int, limit: str) -> None:
            if limit:
                self.broken.append(limit)
            writer.write(bytes((0xE0, 2, reason, 0)))
            writer.close()

        silence_s = 1.5 * self._keepalive_s if self._keepalive_s else None
        try:
            while not writer.is_closing():
                try:
                    async with asyncio.timeout(silence_s):
                        first, body, size_bytes = await _read_packet(reader)
                except TimeoutError:
                    end(0x8D, "keep alive")
                    return
                kind = first & 0xF0
                if size_bytes > self._packet_bytes_max:
                    end(0x95, "packet size")
                elif kind == 0x10:
                    writer.write(self._connack)
                elif kind == 0x80:
                    writer.write(
                        b"\x90" + bytes((3 + _count_topics(body),)) + body[:2] + b"\0" + b"\1" * _count_topics(body)
                    )
                    if self._disconnect_reason:
                        end(self._disconnect_reason, "")
                elif kind == 0xC0:
                    self.pings += 1
                    writer.write(b"\xd0\x00")
                elif kind == 0xE0:
                    writer.close()
                elif kind == 0x30 and first & 0x06:
                    under_way += 1
                    self.under_way_most = max(self.under_way_most, under_way)
                    if under_way > self._receive_maximum:
                        end(0x93, "receive maximum")
                        return
                    topic_end = 2 + int.from_bytes(body[:2], "big")
                    payload_at = topic_end + 3 + body[topic_end + 2]
                    self.taken.append((body[2:topic_end].decode(), body[payload_at:]))
                    asyncio.get_running_loop().call_later(_PUBACK_AFTER_S, acknowledge, body[topic_end : topic_end + 2])
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _read_packet(reader: asyncio.StreamReader) -> tuple[int, bytes, int]:
    """First byte, body, and the bytes of the whole packet."""
    first = (await reader.readexactly(1))[0]
    length = shift = 0
    head_bytes = 1
    while True:
        byte = (await reader.readexactly(1))[0]
        head_bytes += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return first, await reader.readexactly(length), head_bytes + length


def _count_topics(body: bytes) -> int:
    at, count = 3 + body[2], 0
    while at < len(body):
        at += 3 + int.from_bytes(body[at : at + 2], "big")
        count += 1
    return count
