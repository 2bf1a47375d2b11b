# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How an MQTT connection begins: CONNECT, and the one subscription. `client` is mqtt_client.MqttClient."""

import asyncio
import struct

from node_io.mqtt_client import CLEAN, MqttError, packet_of, text_of

_REFUSALS = ("", "protocol version", "client id", "server unavailable", "bad user or password", "not authorised")


async def connect(client, topic: str) -> None:
    """Raises: MqttError, OSError, EOFError."""
    client.reader, client.writer = await asyncio.open_connection(client.address[0], client.address[1])
    flags = client.session_flags
    credentials = b""
    if client.user is not None:
        flags |= 0x80
        credentials = text_of(client.user)
        if client.password is not None:
            flags |= 0x40
            credentials += text_of(client.password)
    head = b"\x00\x04MQTT\x04" + bytes([flags]) + struct.pack(">H", client.keepalive_s)
    await client.write(packet_of(0x10, head, text_of(client.client_id), credentials))
    kind, body = await client.read_packet()
    if kind != 0x20 or len(body) != 2:
        raise client.garbage("no CONNACK")
    if body[1]:
        why = _REFUSALS[body[1]] if body[1] < len(_REFUSALS) else str(body[1])
        raise MqttError("the broker refuses: %s" % why)
    is_clean = client.session_flags == CLEAN
    if not is_clean and body[0] & 1:
        return  # the broker has kept our session, and the subscription with it
    await client.write(packet_of(0x82, b"\x00\x01", text_of(topic), b"\x00" if is_clean else b"\x01"))
    # The broker may deliver before it confirms: what comes so early is let go, and will be said again.
    kind = 0
    while kind != 0x90:
        kind, body = await client.read_packet()
        if kind not in (0x30, 0x31, 0x90):
            raise client.garbage("no SUBACK")
    if body[2:] not in (b"\x00", b"\x01"):
        raise MqttError("the broker refuses the subscription to %s" % topic)
