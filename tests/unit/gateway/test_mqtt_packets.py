# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""MQTT packets: what we send, and what we take apart in any cut of the stream."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway_agent.mqtt.packets import (
    Connack,
    MqttFormatError,
    PacketReader,
    Received,
    Will,
    encode_connect,
    encode_pubacks,
    encode_publish,
    encode_subscribe,
)


def test_a_version_5_connect_is_as_the_standard_says() -> None:
    """Clean start, keep alive, receive maximum and maximum packet size as properties, then client id and user name."""
    assert encode_connect(5, "gw", 30, receive_maximum=1_000, packet_bytes_max=65_536, username="u", password=b"p") == (
        bytes.fromhex("101d00044d515454 05 c2 001e 08 2103e8 2700010000".replace(" ", ""))
        + bytes.fromhex("00026777 000175 000170".replace(" ", ""))
    )


def test_a_version_4_connect_has_no_properties_and_carries_the_will() -> None:
    """3.1.1: protocol level 4, will at QoS 1 and retained."""
    packet = encode_connect(4, "gw", 60, will=Will("t", b"off"))
    assert packet == bytes.fromhex("10 16 00044d515454 04 2e 003c 00026777 000174 00036f6666".replace(" ", ""))


@pytest.mark.parametrize(
    ("version", "packet_id", "retain", "expected"),
    [
        pytest.param(4, 0, False, "3006 0003 612f62 78", id="3.1.1 QoS 0"),
        pytest.param(4, 258, False, "3208 0003 612f62 0102 78", id="3.1.1 QoS 1 has an id"),
        pytest.param(5, 258, True, "3309 0003 612f62 0102 00 78", id="5 QoS 1 retained has an id and no properties"),
    ],
)
def test_a_publish_is_as_the_standard_says(version: int, packet_id: int, retain: bool, expected: str) -> None:
    """Flags, topic, id, properties and payload in their places."""
    assert encode_publish(version, "a/b", b"x", packet_id, retain=retain).hex() == expected.replace(" ", "")


def test_subscribe_and_pubacks_are_as_the_standard_says() -> None:
    """A SUBSCRIBE with its QoS; PUBACKs of a run in one piece."""
    assert encode_subscribe(5, 1, [("a", 1)]).hex() == "820700010000016101"
    assert encode_subscribe(4, 1, [("a", 0)]).hex() == "8206000100016100"
    assert encode_pubacks([b"\x00\x01", b"\x00\x02"]).hex() == "4002000140020002"
    assert encode_pubacks([]) == b""


def test_a_connack_tells_what_we_may_send() -> None:
    """Receive maximum, maximum packet size, server keep alive and the reason text are read; other properties are skipped."""
    properties = bytes.fromhex("21000a 2700001000 130014 1f00026e6f 1200027878".replace(" ", ""))
    packet = bytes((0x20, 3 + len(properties), 0, 0x87, len(properties))) + properties
    assert PacketReader(5).feed(packet).connack == Connack(0x87, 10, 4_096, 20, "no")


@pytest.mark.parametrize(("code", "reason"), [(0, 0), (1, 0x84), (2, 0x85), (3, 0x88), (4, 0x86), (5, 0x87)])
def test_codes_of_the_older_version_are_turned_into_those_of_version_5(code: int, reason: int) -> None:
    """One list of reasons serves both versions."""
    answer = PacketReader(4).feed(bytes((0x20, 2, 0, code))).connack
    assert answer is not None
    assert answer.reason == reason


def _merge(parts: list[Received]) -> tuple[list[tuple[bytes, bytes]], list[bytes], list[int]]:
    return (
        [message for part in parts for message in part.publishes],
        [packet_id for part in parts for packet_id in part.to_acknowledge],
        [packet_id for part in parts for packet_id, _ in part.pubacks],
    )


@given(
    st.sampled_from([4, 5]),
    st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 65_535)), max_size=20),
    st.lists(st.integers(1, 400), max_size=60),
)
def test_any_cut_of_the_stream_gives_the_same_messages(
    version: int, messages: list[tuple[bytes, int]], cuts: list[int]
) -> None:
    """Packets arrive whole, in order and once, wherever the reads end; QoS 1 ones are to be acknowledged."""
    stream = b"".join(
        encode_publish(version, "sc/node/x/up", body, number) + b"\x40\x02\x00\x07" for body, number in messages
    )
    reader, parts, at = PacketReader(version), [], 0
    for cut in [*cuts, len(stream)]:
        parts.append(reader.feed(stream[at : at + cut]))
        at += cut
    publishes, to_acknowledge, pubacks = _merge(parts)
    assert publishes == [(b"sc/node/x/up", body) for body, _ in messages]
    assert to_acknowledge == [number.to_bytes(2, "big") for _, number in messages if number]
    assert pubacks == [7] * len(messages)


@given(st.integers(1, 700))
def test_an_oversized_message_is_skipped_and_acknowledged(cut: int) -> None:
    """A message above the limit is neither held nor handed over; the next ones are; a broker does not send it again."""
    big = encode_publish(5, "t", bytes(2_000), 9)
    stream = big + encode_publish(5, "t", b"next", 10)
    reader = PacketReader(5, packet_bytes_max=500)
    parts = [reader.feed(stream[at : at + cut]) for at in range(0, len(stream), cut)]
    publishes, to_acknowledge, _ = _merge(parts)
    assert publishes == [(b"t", b"next")]
    assert to_acknowledge == [b"\x00\x09", b"\x00\x0a"]
    assert [size for part in parts for size in part.oversized_bytes] == [len(big)]


@given(
    st.sampled_from([4, 5]),
    st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=30)), max_size=4),
    st.binary(max_size=200),
)
@example(4, [(0x30, b"\x00")], b"")
def test_garbage_gives_packets_or_a_format_error(version: int, packets: list[tuple[int, bytes]], rest: bytes) -> None:
    """Any bytes from a broker, with and without a length that fits, give something or `MqttFormatError`, and nothing else."""
    data = b"".join(bytes((first, len(body))) + body for first, body in packets) + rest
    with contextlib.suppress(MqttFormatError):
        PacketReader(version).feed(data)


@pytest.mark.parametrize("packet", ["3000", "300100", "3003000561", "32040001610a", "4000", "900100", "200100"])
@pytest.mark.parametrize("version", [4, 5])
def test_a_packet_that_is_shorter_than_its_parts_is_a_format_error(version: int, packet: str) -> None:
    """PUBLISH without topic, id or properties, PUBACK, SUBACK and CONNACK cut short by their own length."""
    with pytest.raises(MqttFormatError):
        PacketReader(version).feed(bytes.fromhex(packet))
