# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A small MQTT 3.1.1 client for asyncio: publishes with QoS 1, subscribes with QoS 0, one connection at a time.

It repeats nothing and stores nothing: the outbox does, and what it repeats is a frame, not a packet. A broker
that sends nonsense, or nothing, costs the connection and no more. Every wait has an end.
"""

import asyncio
import struct
import time

_PACKET_BYTES_MAX = 2048
_IGNORED = 0xD0  # a PINGRESP, which says nothing but that the broker lives
_WINDOW = 8  # publications without a PUBACK
_CONNECT_S = 20
_PUBACK_MS = 60_000
_WATCH_MS = 500

_REFUSALS = ("", "protocol version", "client id", "server unavailable", "bad user or password", "not authorised")


class MqttError(Exception):
    """The connection is of no more use; says why."""


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


def _packet(kind: int, *parts) -> bytes:
    body = b"".join(parts)
    length = len(body)
    head = bytearray([kind])
    while True:
        head.append(length & 127 | (128 if length > 127 else 0))
        length >>= 7
        if not length:
            return bytes(head) + body


class MqttClient:
    def __init__(self, host: str, port: int, client_id: str, user=None, password=None, keepalive_s: int = 60) -> None:
        self._address = (host, port)
        self._client_id = client_id
        self._user = user
        self._password = password
        self._keepalive_s = keepalive_s
        self.is_connected = False
        self.counters = {"connections": 0, "garbage": 0}
        self._unconfirmed: dict = {}  # packet id: (token, ticks when it was sent)
        self._packet_id = 0
        self._room = asyncio.Event()
        self._lock = asyncio.Lock()
        self._sent_ticks = self._heard_ticks = self._ping_ticks = time.ticks_ms()
        self._reader: asyncio.StreamReader = None
        self._writer: asyncio.StreamWriter = None
        self._why: Exception = None  # why one of the session's tasks ended

    async def session(self, topic: str, on_message, work) -> str:
        """One connection from its first byte to its last: subscribes to a topic, then runs `work()` beside it.

        `on_message(payload)` is called for what arrives on the topic. Returns why the connection ended.
        """
        self._unconfirmed = {}
        self._room.set()
        tasks: list = []
        try:
            await asyncio.wait_for(self._connect(topic), _CONNECT_S)
            self.is_connected = True
            self.counters["connections"] += 1
            self._why = None
            for coroutine in (self._read(topic, on_message), work()):
                tasks.append(asyncio.create_task(self._until_end(coroutine)))
            await self._watch()
            raise self._why
        except asyncio.TimeoutError:
            return "no answer from %s:%d" % self._address
        except MqttError as error:
            return str(error)
        except (OSError, EOFError) as error:
            return "%s:%d: %s" % (self._address[0], self._address[1], error)
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
        await self._write(_packet(0x32, _text(topic), struct.pack(">H", self._packet_id), payload))

    async def _connect(self, topic: str) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._address[0], self._address[1])
        flags = 2  # a clean session: nothing may rest on the broker's memory
        credentials = b""
        if self._user is not None:
            flags |= 0x80
            credentials = _text(self._user)
            if self._password is not None:
                flags |= 0x40
                credentials += _text(self._password)
        head = b"\x00\x04MQTT\x04" + bytes([flags]) + struct.pack(">H", self._keepalive_s)
        await self._write(_packet(0x10, head, _text(self._client_id), credentials))
        kind, body = await self._read_packet()
        if kind != 0x20 or len(body) != 2:
            raise self._garbage("no CONNACK")
        if body[1]:
            why = _REFUSALS[body[1]] if body[1] < len(_REFUSALS) else str(body[1])
            raise MqttError("the broker refuses: %s" % why)
        await self._write(_packet(0x82, b"\x00\x01", _text(topic), b"\x00"))
        # The broker may deliver before it confirms: what comes so early is let go, and will be said again.
        while kind != 0x90:
            kind, body = await self._read_packet()
            if kind not in (0x30, 0x31, 0x90):
                raise self._garbage("no SUBACK")
        if body[2:] != b"\x00":
            raise MqttError("the broker refuses the subscription to %s" % topic)

    async def _read(self, topic: str, on_message) -> None:
        wanted = topic.encode()
        while True:
            kind, body = await self._read_packet()
            if kind == 0x40 and len(body) == 2:
                self._unconfirmed.pop(body[0] << 8 | body[1], None)
                self._room.set()
            elif kind & 0xF6 == 0x30 and len(body) >= 2:  # QoS 0, retained or not
                end = 2 + (body[0] << 8 | body[1])
                if body[2:end] == wanted and not kind & 1:
                    on_message(body[end:])
            elif kind != _IGNORED:
                raise self._garbage("a packet of kind %d" % kind)

    async def _read_packet(self) -> tuple:
        kind = (await self._reader.readexactly(1))[0]
        length = 0
        for shift in (0, 7, 14, 21):
            byte = (await self._reader.readexactly(1))[0]
            length |= (byte & 127) << shift
            if byte < 128:
                break
        else:
            raise self._garbage("a length of five bytes")
        if length > _PACKET_BYTES_MAX:  # none of ours: let it pass, in pieces, and remember only that it came
            self.counters["garbage"] += 1
            while length:
                length -= len(await self._reader.readexactly(min(length, 256)))
            return _IGNORED, b""
        body = await self._reader.readexactly(length) if length else b""
        self._heard_ticks = time.ticks_ms()
        return kind, body

    def _garbage(self, what: str) -> MqttError:
        self.counters["garbage"] += 1
        return MqttError("the broker sent nonsense: %s" % what)

    async def _write(self, packet: bytes) -> None:
        async with self._lock:  # MicroPython's streams cannot be drained by two tasks
            self._sent_ticks = time.ticks_ms()
            self._writer.write(packet)
            await self._writer.drain()

    async def _until_end(self, coroutine) -> None:
        """Run one of the session's tasks; what ends it ends the session."""
        try:
            await coroutine
            self._why = self._why or MqttError("the work is done")
        except Exception as error:
            self._why = self._why or error

    async def _watch(self) -> None:
        """Return when a task has ended; raise when the broker has gone silent. Pings from time to time."""
        keepalive_ms = self._keepalive_s * 1000
        self._heard_ticks = self._ping_ticks = time.ticks_ms()
        while self._why is None:
            await asyncio.sleep_ms(_WATCH_MS)
            now = time.ticks_ms()
            heard_ms = time.ticks_diff(now, self._heard_ticks)
            if heard_ms > keepalive_ms * 3 // 2:
                raise MqttError("the broker is silent")
            for _, sent_ticks in self._unconfirmed.values():
                if time.ticks_diff(now, sent_ticks) > _PUBACK_MS:
                    raise MqttError("the broker confirms nothing")
            is_quiet = max(heard_ms, time.ticks_diff(now, self._sent_ticks)) > keepalive_ms // 2
            if is_quiet and time.ticks_diff(now, self._ping_ticks) > keepalive_ms // 4:
                self._ping_ticks = now
                await asyncio.wait_for(self._write(b"\xc0\x00"), _CONNECT_S)

    async def _close(self) -> None:
        if self._writer is not None:
            try:
                self._writer.close()
                await self._writer.wait_closed()
            except OSError:
                pass  # it was broken already
            self._reader = self._writer = None
