# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Bytes of a reading on the uplink, by the size of the batch: the sealed batch in its MQTT PUBLISH, signature and all.

The peer is what a bridge sends for the same readings: one PUBLISH of JSON a message. 100 devices, one message a minute each.
"""

from __future__ import annotations

import random

from bench.load import READINGS_PER_MESSAGE, make_devices, make_pack
from bench.mqtt_raw import publish_packet
from bench.stage import GATEWAY_ID, SEED, Figure
from bench.stage import Keys as StageKeys
from gateway_agent.model import Body, ClockReading, FrameRow, GatewayId, Lane
from gateway_agent.wire.batch import BatchHeader, link_of, seal_batch
from gateway_agent.wire.body import NodeTable, encode_body
from gateway_agent.wire.signer import Signer

_BATCHES = 64  # one whole life of a node table


def bytes_per_reading(frames_in_batch: int, devices_count: int = 100) -> float:
    """Mean over `_BATCHES` batches in a row, the first of which carries the whole node table."""
    chance = random.Random(SEED)
    devices = make_devices(devices_count, SEED)
    signer, table = Signer(StageKeys().gateway), NodeTable()
    link, total, number = bytes(32), 0, 0
    for batch_number in range(1, _BATCHES + 1):
        rows = []
        for _ in range(frames_in_batch):
            sequence, index = divmod(number, devices_count)
            at_ms = 1_790_000_000_000 + sequence * 60_000 + index * 600 // 1000 * 1000
            rows.append(FrameRow(devices[index].kid, sequence, make_pack(devices[index], at_ms, chance)))
            number += 1
        wall_ms = 1_790_000_000_000 + batch_number * 60_000
        clock = ClockReading(b"bootboot", batch_number * 60_000, wall_ms, 1, 1)
        header = BatchHeader(GatewayId(GATEWAY_ID), Lane.TREND, b"TESTONLY", batch_number, link, clock)
        batch = seal_batch(header, encode_body(Body(tuple(rows)), table), signer)
        link = link_of(batch)
        total += len(publish_packet(f"sc/{GATEWAY_ID}/trend", batch, 1))
    return total / (_BATCHES * frames_in_batch * READINGS_PER_MESSAGE)


def json_bytes_per_reading() -> float:
    message = b'{"ts":1790000000,"t":21.50,"h":45.1,"lux":412,"n":123456789}'
    return len(publish_packet("bench/node/42", message, 1)) / READINGS_PER_MESSAGE


def run() -> list[Figure]:
    peer = round(json_bytes_per_reading(), 2)
    name = "mosquitto bridge, one JSON message for 3 readings"
    return [
        Figure(
            "upstream",
            "bytes/reading",
            round(bytes_per_reading(67), 2),
            peer,
            name,
            "less",
            "<= 2.9",
            {"readings_in_batch": 201},
        ),
        Figure(
            "upstream_2000",
            "bytes/reading",
            round(bytes_per_reading(667), 2),
            peer,
            name,
            "less",
            "<= 1.1",
            {"readings_in_batch": 2001},
        ),
    ]
