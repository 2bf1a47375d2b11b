# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""MQTT packets as bytes: what we send, and what we take apart. Pure: no socket, no clock.

Theory of operation
-------------------
A packet is   first byte | remaining length (1 to 4 bytes, 7 bits each, low first) | body.
We need nine kinds of them, at QoS 0 and 1, in version 5 (MQTT 5.0) and 4 (MQTT 3.1.1). `PacketReader.feed` is
the hot path of the gateway: one call takes a whole socket read apart and returns its PUBLISH packets as plain
tuples, so that the price per message is about two microseconds and one PUBACK write serves them all.

Limits: a packet above `packet_bytes_max` is skipped without being held, reported by its size, and (at QoS 1)
acknowledged, so that a broker does not send it for ever. Properties are skipped, but for the few of CONNACK
that limit what we may send: nothing that a reading means depends on one.

Source: OASIS MQTT 5.0 (2019) and 3.1.1 (2014).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP, DISCONNECT = 0x20, 0x30, 0x40, 0x90, 0xD0, 0xE0

PINGREQ_PACKET = b"\xc0\x00"
DISCONNECT_PACKET = b"\xe0\x00"

# Property identifiers (MQTT 5.0, 2.2.2.2) and how long their values are; 0: a length of two bytes stands before
# the value, -1: variable byte integer, -2: two such strings.
_PROPERTY_BYTES = {
    0x01: 1, 0x02: 4, 0x03: 0, 0x08: 0, 0x09: 0, 0x0B: -1, 0x11: 4, 0x12: 0, 0x13: 2, 0x15: 0, 0x16: 0, 0x17: 1,
    0x18: 4, 0x19: 1, 0x1A: 0, 0x1C: 0, 0x1F: 0, 0x21: 2, 0x22: 2, 0x23: 2, 0x24: 1, 0x25: 1, 0x26: -2, 0x27: 4,
    0x28: 1, 0x29: 1, 0x2A: 1,
}  # fmt: skip
_RECEIVE_MAXIMUM, _PACKET_SIZE_MAXIMUM, _SERVER_KEEP_ALIVE, _REASON = 0x21, 0x27, 0x13, 0x1F

REASONS = {
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "implementation specific error",
    0x84: "unsupported protocol version",
    0x85: "client identifier not valid",
    0x86: "bad user name or password",
    0x87: "not authorised",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8B: "server shutting down",
    0x8C: "bad authentication method",
    0x8D: "keep alive time-out",
    0x8E: "another client took over this client id",
    0x90: "topic name invalid",
    0x93: "receive maximum exceeded",
    0x95: "packet too large",
    0x97: "quota exceeded",
    0x9A: "retain not supported",
    0x9B: "QoS not supported",
    0x9C: "use another server",
    0x9D: "server moved",
    0x9F: "connection rate exceeded",
}
# MQTT 3.1.1 has codes of its own in CONNACK; they are turned into those of version 5.
_REASON_OF_V4 = {1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87}
UNSUPPORTED_VERSION = 0x84
PACKET_TOO_LARGE = 0x95


class MqttFormatError(Exception):
    """The broker sent bytes that are not MQTT: the connection cannot go on."""


@dataclass(frozen=True, slots=True)
class Will:
    topic: str
    payload: bytes
    retain: bool = True
    qos: int = 1


@dataclass(frozen=True, slots=True)
class Connack:
    """The broker's answer to CONNECT. `reason` 0 is success; other values are MQTT 5 reason codes."""

    reason: int
    receive_maximum: int = 65_535
    packet_size_maximum: int = 268_435_455
    keepalive_s: int | None = None
    text: str = ""


@dataclass(slots=True)
class Received:
    """What one `feed` found, in order of arrival within each kind."""

    publishes: list[tuple[bytes, bytes]] = field(default_factory=list)  # topic, payload
    to_acknowledge: list[bytes] = field(default_factory=list)  # packet ids, two bytes each
    pubacks: list[tuple[int, int]] = field(default_factory=list)  # packet id, reason
    subacks: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)
    connack: Connack | None = None
    pingresp: bool = False
    disconnect: int | None = None  # reason
    oversized_bytes: list[int] = field(default_factory=list)


def _string(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return len(data).to_bytes(2, "big") + data


def _varint(value: int) -> bytes:
    if value < 128:
        return bytes((value,))
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def encode_connect(
    version: int,
    client_id: str,
    keepalive_s: int,
    *,
    receive_maximum: int = 65_535,
    packet_bytes_max: int = 0,
    username: str | None = None,
    password: bytes | None = None,
    will: Will | None = None,
) -> bytes:
    """A CONNECT with a clean start: nothing of ours rests on a session that the broker keeps."""
    flags = 0x02
    properties = b""
    payload = _string(client_id)
    if version == 5:
        properties = b"\x21" + receive_maximum.to_bytes(2, "big")
        if packet_bytes_max:
            properties += b"\x27" + packet_bytes_max.to_bytes(4, "big")
        properties = _varint(len(properties)) + properties
    if will is not None:
        flags |= 0x04 | will.qos << 3 | (0x20 if will.retain else 0)
        payload += (b"\x00" if version == 5 else b"") + _string(will.topic) + _string(will.payload)
    if username is not None:
        flags |= 0x80
        payload += _string(username)
    if password is not None:
        flags |= 0x40
        payload += _string(password)
    body = b"\x00\x04MQTT" + bytes((version, flags)) + keepalive_s.to_bytes(2, "big") + properties + payload
    return b"\x10" + _varint(len(body)) + body


def encode_subscribe(version: int, packet_id: int, topics: Sequence[tuple[str, int]]) -> bytes:
    """A SUBSCRIBE for `topics`, each with the QoS asked for."""
    body = packet_id.to_bytes(2, "big") + (b"\x00" if version == 5 else b"")
    body += b"".join(_string(topic) + bytes((qos,)) for topic, qos in topics)
    return b"\x82" + _varint(len(body)) + body


def encode_publish(version: int, topic: str, payload: bytes, packet_id: int = 0, *, retain: bool = False) -> bytes:
    """A PUBLISH: QoS 1 with a packet id, QoS 0 without one (0)."""
    head = _string(topic)
    if packet_id:
        head += packet_id.to_bytes(2, "big")
    if version == 5:
        head += b"\x00"
    first = PUBLISH | (0x02 if packet_id else 0) | (0x01 if retain else 0)
    return bytes((first,)) + _varint(len(head) + len(payload)) + head + payload


def encode_pubacks(packet_ids: Sequence[bytes]) -> bytes:
    """One PUBACK per id (two bytes each), all in one run of bytes; success needs no reason code in version 5 either."""
    return b"\x40\x02" + b"\x40\x02".join(packet_ids) if packet_ids else b""


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The value and the place behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 21:
            raise MqttFormatError("a length of more than four bytes")


def _read_properties(data: bytes, at: int) -> dict[int, bytes]:
    length, at = _read_varint(data, at)
    end = at + length
    found: dict[int, bytes] = {}
    while at < end:
        identifier = data[at]
        at += 1
        size = _PROPERTY_BYTES.get(identifier)
        if size is None:
            raise MqttFormatError(f"unknown property {identifier:#x}")
        if size == -1:
            _, behind = _read_varint(data, at)
            found[identifier] = data[at:behind]
            at = behind
            continue
        if size == -2:
            at += 2 + int.from_bytes(data[at : at + 2], "big")
            size = 0
        if size == 0:
            size = int.from_bytes(data[at : at + 2], "big")
            at += 2
        found[identifier] = data[at : at + size]
        at += size
    return found


def _decode_connack(version: int, body: bytes) -> Connack:
    reason = body[1]
    if version != 5 or len(body) < 3:
        return Connack(_REASON_OF_V4.get(reason, reason))
    properties = _read_properties(body, 2)

    def number(identifier: int, default: int) -> int:
        return int.from_bytes(properties[identifier], "big") if identifier in properties else default

    return Connack(
        # A broker that knows 3.1.1 only answers a version 5 CONNECT with its own code 1.
        _REASON_OF_V4.get(reason, reason),
        number(_RECEIVE_MAXIMUM, 65_535),
        number(_PACKET_SIZE_MAXIMUM, 268_435_455),
        number(_SERVER_KEEP_ALIVE, 0) or None,
        properties.get(_REASON, b"").decode("utf-8", "replace"),
    )


class PacketReader:
    """Takes a stream of bytes apart. One per connection; holds less than one packet between calls."""

    def __init__(self, version: int, packet_bytes_max: int = 1 << 20) -> None:
        self._version = version
        self._packet_bytes_max = packet_bytes_max
        self._held = b""
        self._skip_bytes = 0

    def feed(self, data: bytes) -> Received:
        """Return what is complete now.

        Raises:
            MqttFormatError: the bytes are not MQTT.
        """
        out = Received()
        if self._skip_bytes:
            skipped = min(self._skip_bytes, len(data))
            self._skip_bytes -= skipped
            data = data[skipped:]
        if self._held:
            data = self._held + data
        at, end = 0, len(data)
        property_bytes = 1 if self._version == 5 else 0
        publishes, to_acknowledge = out.publishes, out.to_acknowledge
        try:
            while end - at >= 2:
                length, body = data[at + 1], at + 2
                if length > 127:
                    if end - at < 5 and data[end - 1] >= 0x80:
                        break  # the length itself is cut
                    second = data[at + 2]
                    if second < 128:
                        length, body = length & 0x7F | second << 7, at + 3
                    else:
                        length, body = _read_varint(data, at + 1)
                stop = body + length
                first = data[at]
                if stop > end:
                    if stop - at > self._packet_bytes_max and self._skip(data, at, body, stop, out):
                        at = end
                    break
                at = stop
                if first & 0xF0 == PUBLISH:
                    topic_end = body + 2 + (data[body] << 8 | data[body + 1])
                    topic, body = data[body + 2 : topic_end], topic_end
                    if first & 0x06:
                        to_acknowledge.append(data[body : body + 2])
                        body += 2
                    if property_bytes:
                        if data[body]:
                            count, body = _read_varint(data, body)
                            body += count
                        else:
                            body += 1
                    if body > stop:
                        raise MqttFormatError("a PUBLISH whose parts are longer than itself")
                    publishes.append((topic, data[body:stop]))
                else:
                    self._other(first, data[body:stop], out)
        except IndexError as error:
            raise MqttFormatError("a packet shorter than its parts") from error
        self._held = data[at:]
        return out

    def _skip(self, data: bytes, at: int, body: int, stop: int, out: Received) -> bool:
        """Start to skip an oversized packet; False while its head has not arrived."""
        first, end = data[at], len(data)
        if first & 0xF0 == PUBLISH and first & 0x06:
            if end < body + 2:
                return False
            id_at = body + 2 + (data[body] << 8 | data[body + 1])
            if end < id_at + 2:
                return False
            out.to_acknowledge.append(data[id_at : id_at + 2])
        out.oversized_bytes.append(stop - at)
        self._skip_bytes = stop - end
        return True

    def _other(self, first: int, body: bytes, out: Received) -> None:
        kind = first & 0xF0
        if kind == PUBACK:
            out.pubacks.append((body[0] << 8 | body[1], body[2] if len(body) > 2 else 0))
        elif kind == CONNACK:
            out.connack = _decode_connack(self._version, body)
        elif kind == SUBACK:
            at = 2
            if self._version == 5:
                count, at = _read_varint(body, 2)
                at += count
            out.subacks.append((body[0] << 8 | body[1], tuple(body[at:])))
        elif kind == PINGRESP:
            out.pingresp = True
        elif kind == DISCONNECT:
            out.disconnect = body[0] if body else 0
        else:
            raise MqttFormatError(f"a packet of kind {first >> 4} that a broker never sends")
