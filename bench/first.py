# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Nodes that wait for a gateway to start: one frame each, sent again until its acknowledgement is there."""

from __future__ import annotations

import json
import random
import sys
import time

from bench.load import Acknowledgements, make_devices, make_pack
from bench.mqtt_raw import RawConnection, publish_packet, split_publish
from gateway_agent.wire import frame, keys, senml

_AGAIN_S = 0.05


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    chance = random.Random(settings["seed"])
    devices = make_devices(settings["devices"], settings["seed"])
    packets = []
    for number, device in enumerate(devices):
        pack = senml.encode_pack(make_pack(device, 1_790_000_000_000, chance))
        data = frame.seal_frame(keys.derive_up(device.root, device.kid), 0, 0, pack)
        packets.append(publish_packet(f"sc/node/{device.node_id.hex()}/up", data, number + 1))
    connection = RawConnection(settings["port"], "bench-first")
    connection.subscribe("sc/node/+/down", 0)
    connection.socket.settimeout(_AGAIN_S)
    acknowledgements = Acknowledgements(devices, settings["gateway_id"], len(devices))
    print("ready", flush=True)
    sys.stdin.readline()
    first_ack, deadline = 0.0, time.monotonic() + 60
    while acknowledgements.missing and time.monotonic() < deadline:
        connection.socket.settimeout(5)
        connection.socket.sendall(b"".join(packets))
        connection.socket.settimeout(_AGAIN_S)
        for kind, flags, body in connection.packets():
            if kind == 0x30:
                topic, _packet_id, payload = split_publish(flags, body)
                acknowledgements.take(topic, bytes(payload))
                first_ack = first_ack or time.monotonic()
    print(
        json.dumps({"first_ack": first_ack, "last_ack": time.monotonic(), "missing": acknowledgements.missing}),
        flush=True,
    )


if __name__ == "__main__":
    main()
