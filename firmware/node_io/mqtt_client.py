# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A small MQTT 3.1.1 client for asyncio: publishes with QoS 1, subscribes with QoS 0, one connection at a time.

It repeats nothing and stores nothing: the outbox does, and what it repeats is a frame, not a packet. A broker
that sends nonsense, or nothing, costs the connection and no more. Every wait has an end.
"""

import asyncio
import struct
import time

from micropython import const

from node_io import borrowed

_PACKET_BYTES_MAX = const(2048)
_IGNORED = const(0xD0)  # a PINGRESP, which says nothing but that the broker lives
_WINDOW = const(8)  # publications without a PUBACK
_CONNECT_MS = const(20_000)
_PUBACK_MS = const(60_000)
_TURN_MS = const(10)
CLEAN = 2  # CONNECT flag: the broker forgets the session with the connection


class MqttError(Exception):
    """The connection is of no more use; says why."""


def text_of(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


def packet_of(kind: int, *parts) -> bytes:
    body = b"".join(parts)
    length = len(body)
    head = bytearray([kind])
    while True:
        head.append(length & 127 | (128 if length > 127 else 0))
        length >>= 7
        if not length:
            return bytes(head) + body


class MqttClient:
    session_flags = CLEAN  # nothing may rest on the broker's memory
    watch_ms = 500

    def __init__(self, host: str, port: int, client_id: str, user=None, password=None, keepalive_s: int = 60) -> None:
        self.address = (host, port)
        self.client_id = client_id
        self.user = user
        self.password = password
        self.keepalive_s = keepalive_s
        self.is_connected = False
        self.counters = {"connections": 0, "garbage": 0}
        self._unconfirmed: dict = {}  # packet id: (token, ticks when it was sent)
        self._packet_id = 0
        self._room = asyncio.Event()
        self._is_writing = False
        self._sent_ticks = self._heard_ticks = self._ping_ticks = time.ticks_ms()
        self.reader: asyncio.StreamReader = None
        self.writer: asyncio.StreamWriter = None
        self._why: Exception = None  # why one of the session's tasks ended

    async def session(self, topic: str, on_message, work) -> str:
        """One connection from its first byte to its last: subscribes to a topic, then runs `work()` beside it.

        `on_message(payload)` is called for what arrives on the topic. Returns why the connection ended.
        """
        self._unconfirmed = {}
        self._room.set()
        self._is_writing = False
        self._why = None
        tasks: list = []
        try:
            tasks.append(asyncio.create_task(self._until_end(self._live(topic, on_message, work, tasks))))
            await self._watch()
            raise self._why
        except MqttError as error:
            return str(error)
        except (OSError, EOFError) as error:
            return "%s:%d: %s" % (self.address[0], self.address[1], error)
        finally:
            self.is_connected = False
            for task in tasks:
                task.cancel()
            await self._close()

    def take_unconfirmed(self) -> list:
        """The tokens of publications that the last connection did not see confirmed."""
        tokens = [entry[0] for entry in self._unconfirmed.values()]
        self._unconfirmed = {}
        return tokens

    async def room(self) -> None:
        """Wait until one more publication may be sent."""
        while len(self._unconfirmed) >= _WINDOW:
            self._room.clear()
            await self._room.wait()

    async def publish(self, topic: str, payload: bytes, token=None) -> None:
        """Send with QoS 1, without waiting for the PUBACK. `token` names it in `take_unconfirmed`.

        Raises: OSError.
        """
        self._packet_id = self._packet_id % 0xFFFF + 1
        self._unconfirmed[self._packet_id] = (token, time.ticks_ms())
        await self.write(packet_of(0x32, text_of(topic), struct.pack(">H", self._packet_id), payload))

    async def _live(self, topic: str, on_message, work, tasks: list) -> None:
        await self._connect(topic)
        self._heard_ticks = self._ping_ticks = time.ticks_ms()
        self.is_connected = True
        self.counters["connections"] += 1
        tasks.append(asyncio.create_task(self._until_end(self._read(topic, on_message))))
        await work()

    async def _connect(self, topic: str) -> None:
        from node_io import mqtt_connect  # a kilobyte that a connection does not need once it stands

        try:
            await mqtt_connect.connect(self, topic)
        finally:
            borrowed.forget("node_io.mqtt_connect")

    async def _read(self, topic: str, on_message) -> None:
        wanted = topic.encode()
        while True:
            kind, body = await self.read_packet()
            if kind == 0x40 and len(body) == 2:
                self._unconfirmed.pop(body[0] << 8 | body[1], None)
                self._room.set()
            elif kind & 0xF6 == 0x30 and len(body) >= 2:  # QoS 0, retained or not
                end = 2 + (body[0] << 8 | body[1])
                if body[2:end] == wanted and not kind & 1:
                    on_message(body[end:])
            elif kind != _IGNORED:
                raise self.garbage("a packet of kind %d" % kind)

    async def read_packet(self) -> tuple:
        kind = (await self.reader.readexactly(1))[0]
        length = 0
        for shift in (0, 7, 14, 21):
            byte = (await self.reader.readexactly(1))[0]
            length |= (byte & 127) << shift
            if byte < 128:
                break
        else:
            raise self.garbage("a length of five bytes")
        if length > _PACKET_BYTES_MAX:  # none of ours: let it pass, in pieces, and remember only that it came
            self.counters["garbage"] += 1
            while length:
                length -= len(await self.reader.readexactly(min(length, 256)))
            return _IGNORED, b""
        body = await self.reader.readexactly(length) if length else b""
        self._heard_ticks = time.ticks_ms()
        return kind, body

    def garbage(self, what: str) -> MqttError:
        self.counters["garbage"] += 1
        return MqttError("the broker sent nonsense: %s" % what)

    async def write(self, packet: bytes) -> None:
        while self._is_writing:  # two tasks cannot drain one stream; asyncio's own lock would cost 300 bytes
            await asyncio.sleep_ms(_TURN_MS)
        self._is_writing = True
        try:
            self._sent_ticks = time.ticks_ms()
            self.writer.write(packet)
            await self.writer.drain()
        finally:
            self._is_writing = False

    async def _until_end(self, coroutine) -> None:
        """Run one of the session's tasks; what ends it ends the session."""
        try:
            await coroutine
            self._why = self._why or MqttError("the work is done")
        except Exception as error:
            self._why = self._why or error

    async def _watch(self) -> None:
        """Return when a task has ended; raise when the broker does not answer, or has gone silent."""
        began = time.ticks_ms()
        while self._why is None:
            await asyncio.sleep_ms(self.watch_ms)
            now = time.ticks_ms()
            if self.is_connected:
                self.look(now)
            elif time.ticks_diff(now, began) > _CONNECT_MS:
                raise MqttError("no answer from %s:%d" % self.address)

    def look(self, now) -> None:
        """Raise: MqttError when the broker has gone silent. Pings from time to time."""
        keepalive_ms = self.keepalive_s * 1000
        heard_ms = time.ticks_diff(now, self._heard_ticks)
        if heard_ms > keepalive_ms * 3 // 2:
            raise MqttError("the broker is silent")
        for _, sent_ticks in self._unconfirmed.values():
            if time.ticks_diff(now, sent_ticks) > _PUBACK_MS:
                raise MqttError("the broker confirms nothing")
        is_quiet = max(heard_ms, time.ticks_diff(now, self._sent_ticks)) > keepalive_ms // 2
        if is_quiet and time.ticks_diff(now, self._ping_ticks) > keepalive_ms // 4 and not self._is_writing:
            self._ping_ticks = now
            self.writer.write(b"\xc0\x00")  # two bytes: what the network does not take now goes with the next packet

    async def _close(self) -> None:
        if self.writer is not None:
            try:
                self.writer.close()
                await self.writer.wait_closed()
            except OSError:
                pass  # it was broken already
            self.reader = self.writer = None
