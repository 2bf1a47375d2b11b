# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Nodes that raise alarms, and a listener at the city's broker, in one process: `python -m bench.alarm_nodes` (settings as one JSON
object on standard input). What lies between the two on one clock is an alarm's latency. It ends when it is told.

An alarm has arrived when the nodes' broker acknowledges it: it has then handed it on. What it waited before is that broker's.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bench.load import make_devices
from bench.mqtt_raw import RawConnection, puback_ids, publish_packet, split_publish
from gateway_agent.model import Field, Kind, Pack
from gateway_agent.wire import frame, keys, senml
from gateway_agent.wire.batch import open_batch
from gateway_agent.wire.body import NodeTable, decode_body

_SHAPE = (Field("leak", None, Kind.BOOLEAN, 0),)
_PATIENCE_S = 5.0

Since = dict[tuple[bytes, int], float]  # when, by an alarm's identity


def _packets(settings: dict[str, Any]) -> list[tuple[tuple[bytes, int], bytes]]:
    """(identity, PUBLISH) of each alarm, the devices in turn: those behind the `devices` of the load."""
    devices = make_devices(settings["devices"] + settings["alarm_devices"], settings["seed"])[settings["devices"] :]
    keys_up = [keys.derive_up(device.root, device.kid) for device in devices]
    out: list[tuple[tuple[bytes, int], bytes]] = []
    for number in range(settings["alarms_max"]):
        sequence, index = divmod(number, len(devices))
        device = devices[index]
        pack = Pack(None, 1_790_000_000_000 + number, _SHAPE, (0,), (True,))
        data = frame.seal_frame(keys_up[index], sequence, 0, senml.encode_pack(pack))
        topic = f"sc/node/{device.node_id.hex()}/up"
        out.append(((device.kid, sequence), publish_packet(topic, data, number % 65_535 + 1)))
    return out


def _latency(name: str, since: Since, until: Since) -> dict[str, float | None]:
    """Milliseconds from the one to the other, of those that have both: p50, p90, p99 and the worst, after `name`."""
    found = sorted((until[identity] - at) * 1000 for identity, at in since.items() if identity in until)
    shown = {f"{name}p{pct}_ms": round(found[len(found) * pct // 100], 1) if found else None for pct in (50, 90, 99)}
    return shown | {f"{name}max_ms": round(found[-1], 1) if found else None}


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    alarms = _packets(settings)
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(settings["public"]))
    near = RawConnection(settings["nodes_port"], "bench-alarm-nodes")
    far = RawConnection(settings["city_port"], "bench-alarm-city")
    far.subscribe(f"sc/{settings['gateway_id']}/alarm", 0)
    near.socket.settimeout(1)
    far.socket.settimeout(1)
    print("ready", flush=True)
    sys.stdin.readline()
    each_s = 1 / settings["per_second"]
    sent_at: Since = {}
    handed_on_at: Since = {}
    arrived_at: Since = {}
    table, next_at, number, stopped_at = NodeTable(), time.monotonic(), 0, 0.0
    while True:
        now = time.monotonic()
        if stopped_at and (len(arrived_at) == len(sent_at) or now - stopped_at > _PATIENCE_S):
            break
        if not stopped_at and now >= next_at and number < len(alarms):
            identity, packet = alarms[number]
            sent_at[identity] = time.monotonic()
            near.socket.sendall(packet)
            number, next_at = number + 1, next_at + each_s
            continue
        readable, _, _ = select.select([near.socket, far.socket, sys.stdin], [], [], max(0.0, min(0.1, next_at - now)))
        for connection in (near, far):
            # Or a broker, which does not set TCP_NODELAY, keeps the next one until the kernel acknowledges this one of itself.
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        if sys.stdin in readable and not stopped_at:
            sys.stdin.readline()
            stopped_at = time.monotonic()
        if near.socket in readable:
            for kind, _flags, body in near.packets():
                if kind == 0x40:
                    now = time.monotonic()
                    for packet_id in puback_ids(body):
                        handed_on_at.setdefault(alarms[packet_id - 1][0], now)
        if far.socket in readable:
            for kind, flags, body in far.packets():
                if kind != 0x30:
                    continue
                now = time.monotonic()
                _topic, _packet_id, payload = split_publish(flags, body)
                batch = open_batch(bytes(payload), public)
                for row in decode_body(batch.opened_body(), table).frames:
                    identity = (row.kid, row.sequence)
                    if identity in sent_at:
                        arrived_at.setdefault(identity, now)
    outcome = {
        "alarms": len(sent_at),
        "missing": len(sent_at) - len(arrived_at),
        **_latency("", handed_on_at, arrived_at),
        **_latency("published_", sent_at, arrived_at),
    }
    print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
