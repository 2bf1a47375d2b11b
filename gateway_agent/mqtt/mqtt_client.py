# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""One MQTT connection over asyncio, from CONNECT to its end. Reconnecting is its caller's decision.

Guarantees: `publish` futures of QoS 1 end with the broker's PUBACK or with `Unavailable`; messages are handed over
in order of arrival, a whole socket read in one call; memory is bounded by one packet and by what the caller
publishes (see `unsent_bytes`).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from asyncio.trsock import TransportSocket
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway_agent.errors import Unavailable
from gateway_agent.mqtt.packets import (
    DISCONNECT_PACKET,
    PACKET_TOO_LARGE,
    PINGREQ_PACKET,
    REASONS,
    UNSUPPORTED_VERSION,
    Connack,
    MqttFormatError,
    PacketReader,
    Will,
    encode_connect,
    encode_pubacks,
    encode_publish,
    encode_subscribe,
)

ENDED_BY_US = "closed by us"

_READ_BYTES = 262_144
_CONNECT_TIMEOUT_S = 15.0
_GOODBYE_TIMEOUT_S = 1.0
_CONNACK_TIMEOUT_S = {5: 2.0, 4: 15.0}  # who is silent to version 5 is asked again in 3.1.1, which would do as well
_TCP_NOTSENT_LOWAT = 25  # linux/tcp.h; the socket module has no name for it before Python 3.12
_NOT_SENT_BYTES = 131_072

Messages = list[tuple[bytes, bytes]]  # topic, payload


class Refused(Unavailable):
    """The broker answered CONNECT or SUBSCRIBE with a refusal: a person has to change something."""

    def __init__(self, reason: int, text: str = "") -> None:
        words = REASONS.get(reason, f"reason {reason}")
        super().__init__(f"{words}: {text}" if text else words)
        self.reason = reason


class Dropped(Unavailable):
    """The broker ended the connection, and not the line."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a broker is and who we are there. Its repr shows no password."""

    host: str
    port: int
    client_id: str
    keepalive_s: int = 30
    username: str | None = None
    password: bytes | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    gather_ms: int = 0  # under load read this often only: see MqttConnection
    receive_maximum: int = 10_000  # messages that the broker may send before our PUBACK; one socket read holds fewer
    packet_bytes_max: int = 131_072


class MqttConnection(asyncio.BufferedProtocol):
    """Made by `open_connection`.

    *Gathering.* A broker writes each message on its own, and a loop that wakes for each spends 15 us on waking and 2 us
    on the message. So where reads follow each other within `gather_ms`, the next one waits that long: a read then
    takes dozens of messages. A message alone is never delayed.

    *Acknowledging.* A broker that does not set TCP_NODELAY (mosquitto by default) holds a small message back until what it sent
    before is acknowledged, and a kernel acknowledges after 40 ms where the program has nothing to send. So each read is
    acknowledged at once: what came meanwhile then arrives together.

    *The broker's limits.* No more messages wait for a PUBACK than its receive maximum allows; what is published above that
    leaves in its turn. What is longer than its packet size allows never leaves: the broker would end the connection.
    """

    def __init__(self, version: int, endpoint: Endpoint, on_messages: Callable[[Messages], None]) -> None:
        self.version = version
        self.connack: Connack | None = None
        self.oversized_count = 0
        self.bytes_in = self.bytes_out = 0
        self._on_messages = on_messages
        self._reader = PacketReader(version, endpoint.packet_bytes_max)
        self._buffer = memoryview(bytearray())  # see connection_made
        self._transport: asyncio.Transport | None = None
        self._tcp: TransportSocket | None = None
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._connected: asyncio.Future[Connack] = loop.create_future()
        self._closed: asyncio.Future[Unavailable] = loop.create_future()
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._held_back: deque[bytes] = deque()  # published, in `_waiting`, and above the broker's receive maximum
        self._held_back_bytes = 0
        self._subscribing: dict[int, asyncio.Future[tuple[int, ...]]] = {}
        self._last_id = 0
        self._ending = ""
        self._is_dropped = False
        self._read_at_s = self._written_at_s = loop.time()
        self._ping_timer: asyncio.TimerHandle | None = None
        self._gather_s = endpoint.gather_ms / 1000
        self._gather_timer: asyncio.TimerHandle | None = None
        self._is_paused = False
        self._gathered_out = bytearray()  # QoS 0, of this turn of the loop

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = memoryview(bytearray(_READ_BYTES))
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # The kernel holds little that it has not sent: what is urgent does not queue behind a backlog there.
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _NOT_SENT_BYTES)
            self._tcp = sock

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        now_s = self._loop.time()
        if self._gather_s and now_s - self._read_at_s < self._gather_s:
            self._gather()
        self._read_at_s = now_s
        self.bytes_in += nbytes
        if self._tcp is not None:  # once a read: the kernel forgets it
            self._tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        try:
            received = self._reader.feed(bytes(self._buffer[:nbytes]))
        except MqttFormatError as error:
            self._abort(f"the broker sent something that is not MQTT: {error}")
            return
        if received.publishes:
            self._on_messages(received.publishes)
        if received.to_acknowledge:
            self._write(encode_pubacks(received.to_acknowledge))
        for packet_id, reason in received.pubacks:
            waiting = self._waiting.pop(packet_id, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(reason)
        self._write_held_back()
        for packet_id, granted in received.subacks:
            subscribing = self._subscribing.pop(packet_id, None)
            if subscribing is not None and not subscribing.done():
                subscribing.set_result(granted)
        self.oversized_count += len(received.oversized_bytes)
        if received.connack is not None:
            self.connack = received.connack
            if not self._connected.done():
                self._connected.set_result(received.connack)
        if received.disconnect is not None:
            self._is_dropped = True
            self._abort(f"the broker ended the connection: {REASONS.get(received.disconnect, received.disconnect)}")

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        # An ended connection stays in memory until the collector of cycles comes by: hours, where a broker drops us again and
        # again and nothing else happens.
        self._buffer = memoryview(bytearray())
        for timer in (self._ping_timer, self._gather_timer):
            if timer is not None:
                timer.cancel()
        is_dropped = self._is_dropped or not (self._ending or exc)
        kind = Dropped if is_dropped else Unavailable
        error = kind(self._ending or (str(exc) if exc else "the broker closed the connection"))
        waiting: list[asyncio.Future[Connack] | asyncio.Future[int] | asyncio.Future[tuple[int, ...]]]
        waiting = [self._connected, *self._waiting.values(), *self._subscribing.values()]
        self._waiting, self._subscribing = {}, {}
        self._held_back.clear()
        self._held_back_bytes = 0
        for future in waiting:
            if not future.done():
                future.set_exception(error)
                future.exception()  # whoever waits gets it; where nobody does, asyncio shall not complain
        if not self._closed.done():
            self._closed.set_result(error)

    # What the caller calls.

    @property
    def is_open(self) -> bool:
        return (
            self._transport is not None
            and not self._transport.is_closing()
            and not self._closed.done()
            and not self._ending
        )

    @property
    def unsent_bytes(self) -> int:
        """Bytes that wait because the socket, or the broker's receive maximum, does not take them."""
        waiting = self._transport.get_write_buffer_size() if self._transport is not None else 0
        return waiting + len(self._gathered_out) + self._held_back_bytes

    @property
    def unacknowledged_count(self) -> int:
        return len(self._waiting)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[int]:
        """QoS 1. The future gives the broker's reason code (below 0x80: it has the message), or raises `Unavailable`.

        What the broker has said to be too long for it is not sent: its reason code for that is given at once.
        """
        future: asyncio.Future[int] = self._loop.create_future()
        if not self.is_open:
            future.set_exception(Unavailable("not connected"))
            future.exception()
            return future
        packet_id = self._next_id()
        packet = encode_publish(self.version, topic, payload, packet_id, retain=retain)
        if self.connack is not None and len(packet) > self.connack.packet_size_maximum:
            future.set_result(PACKET_TOO_LARGE)
            return future
        self._waiting[packet_id] = future
        self._held_back.append(packet)
        self._held_back_bytes += len(packet)
        self._write_held_back()
        return future

    def _write_held_back(self) -> None:
        if not self._held_back:
            return
        places = max(1, self.connack.receive_maximum) if self.connack is not None else 1
        while self._held_back and len(self._waiting) - len(self._held_back) < places:
            packet = self._held_back.popleft()
            self._held_back_bytes -= len(packet)
            self._write(packet)

    def publish_unacknowledged(self, topic: str, payload: bytes) -> None:
        """QoS 0: sent once, or lost. What one turn of the loop publishes goes out in one write."""
        if not self._gathered_out:
            self._loop.call_soon(self._write_gathered)
        self._gathered_out += encode_publish(self.version, topic, payload)

    def _write_gathered(self) -> None:
        if self._gathered_out:
            data, self._gathered_out = bytes(self._gathered_out), bytearray()
            self._write(data)

    async def subscribe(self, topics: Sequence[tuple[str, int]]) -> None:
        """Wait until the broker has granted all of `topics`.

        Raises:
            Refused: it refused one.
            Unavailable: the connection ended first.
        """
        packet_id = self._next_id()
        future: asyncio.Future[tuple[int, ...]] = self._loop.create_future()
        self._subscribing[packet_id] = future
        self._write(encode_subscribe(self.version, packet_id, topics))
        for (topic, _), granted in zip(topics, await future, strict=False):
            if granted >= 0x80:
                raise Refused(0x87 if granted == 0x80 else granted, f"may not subscribe to {topic}")

    def pause_reading(self) -> None:
        """Leave further messages with the broker."""
        self._is_paused = True
        if self._transport is not None and self.is_open:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._is_paused = False
        if self._transport is not None and self.is_open and self._gather_timer is None:
            self._transport.resume_reading()

    def _gather(self) -> None:
        if self._transport is not None and self._gather_timer is None and self.is_open:
            self._transport.pause_reading()
            self._gather_timer = self._loop.call_later(self._gather_s, self._gathered)

    def _gathered(self) -> None:
        self._gather_timer = None
        if not self._is_paused:
            self.resume_reading()

    async def wait_closed(self) -> Unavailable:
        """Why the connection ended, once it has."""
        # Shielded: who is cancelled while waiting shall not make the connection look closed.
        return await asyncio.shield(self._closed)

    async def close(self, *, say_goodbye: bool = True) -> None:
        """End the connection. After a goodbye the broker discards the will; without one, or where something could not leave, it
        publishes it."""
        if self._transport is None or self._closed.done():
            return
        if say_goodbye and self.is_open and not self._held_back:
            self._write_gathered()
            self._write(DISCONNECT_PACKET)
            self._ending = ENDED_BY_US
            # The broker closes. If we did, with something of its unread, the kernel would reset the connection, and
            # a broker that meets the reset before the goodbye publishes the will.
            self._on_messages = lambda _: None
            self._transport.resume_reading()
            await asyncio.wait([self._closed], timeout=_GOODBYE_TIMEOUT_S)
        self._ending = ENDED_BY_US
        self._transport.abort()
        await asyncio.wait([self._closed], timeout=_GOODBYE_TIMEOUT_S)

    # Inside.

    def _next_id(self) -> int:
        while True:
            self._last_id = self._last_id % 65_535 + 1
            if self._last_id not in self._waiting and self._last_id not in self._subscribing:
                return self._last_id

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing() and not self._ending:
            self._written_at_s = self._loop.time()
            self.bytes_out += len(data)
            self._transport.write(data)

    def _abort(self, reason: str) -> None:
        self._ending = self._ending or reason
        if self._transport is not None:
            self._transport.abort()

    def start_keepalive(self, keepalive_s: float) -> None:
        """A ping after half of `keepalive_s` without a write of ours; silence of one and a half ends the connection."""

        def look() -> None:
            now_s = self._loop.time()
            if now_s - self._read_at_s > 1.5 * keepalive_s:
                self._abort(f"nothing heard from the broker for {now_s - self._read_at_s:.0f} s")
                return
            # Reads count too: a link that only receives must still send something within the keep alive time.
            if min(self._written_at_s, self._read_at_s) <= now_s - keepalive_s / 2:
                self._write(PINGREQ_PACKET)
            self._ping_timer = self._loop.call_later(keepalive_s / 4, look)

        self._ping_timer = self._loop.call_later(keepalive_s / 4, look)


async def open_connection(
    endpoint: Endpoint, on_messages: Callable[[Messages], None], will: Will | None = None
) -> MqttConnection:
    """Connect with MQTT 5 and, where the broker does not know it, with 3.1.1.

    Raises:
        Refused: the broker says no.
        Unavailable: it cannot be reached, or does not answer to either version.
    """
    try:
        return await _open(5, endpoint, on_messages, will)
    except Refused as refused:
        if refused.reason != UNSUPPORTED_VERSION:
            raise
    except NoConnack:
        pass  # some brokers of 3.1.1 just close, others (amqtt) say nothing at all
    return await _open(4, endpoint, on_messages, will)


class NoConnack(Unavailable):
    """There is somebody, who does not answer our CONNECT."""


async def _open(
    version: int, endpoint: Endpoint, on_messages: Callable[[Messages], None], will: Will | None
) -> MqttConnection:
    connection: MqttConnection | None = None
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(
                lambda: MqttConnection(version, endpoint, on_messages),
                endpoint.host,
                endpoint.port,
                ssl=endpoint.tls,
            )
            connection._write(
                encode_connect(
                    version,
                    endpoint.client_id,
                    endpoint.keepalive_s,
                    receive_maximum=endpoint.receive_maximum,
                    packet_bytes_max=endpoint.packet_bytes_max,
                    username=endpoint.username,
                    password=endpoint.password,
                    will=will,
                )
            )
            async with asyncio.timeout(_CONNACK_TIMEOUT_S[version]):
                connack = await connection._connected
    except TimeoutError as error:
        if connection is not None:
            await connection.close(say_goodbye=False)
            raise NoConnack(f"no answer within {_CONNACK_TIMEOUT_S[version]:.0f} s") from error
        raise Unavailable(f"no answer within {_CONNECT_TIMEOUT_S:.0f} s") from error
    except ssl.SSLCertVerificationError as error:
        raise Unavailable(f"the broker's certificate is not accepted: {error.verify_message}") from error
    except (OSError, ssl.SSLError) as error:
        raise Unavailable(error.strerror or str(error) or type(error).__name__) from error
    except Unavailable as error:
        raise NoConnack(str(error)) from error
    except asyncio.CancelledError:
        if connection is not None:
            await connection.close(say_goodbye=False)
        raise
    if connack.reason:
        await connection.close(say_goodbye=False)
        raise Refused(connack.reason, connack.text)
    connection.start_keepalive(connack.keepalive_s or endpoint.keepalive_s)
    return connection
