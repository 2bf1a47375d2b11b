# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The nodes' side of a benchmark, a process of its own: `python -m bench.load` (settings as one JSON object on standard input).

It makes every message beforehand, says `ready`, waits for a line, sends as fast as the broker takes them (or paced), and for
`frames` opens each down frame with the node's own key and marks what it acknowledges. Its last line is one JSON object.
"""

from __future__ import annotations

import contextlib
import json
import random
import select
import struct
import sys
import time
from dataclasses import dataclass

from bench.mqtt_raw import RawConnection, publish_packet, split_publish
from gateway_agent.model import Field, Kid, Pack
from gateway_agent.wire import down, frame, keys, senml

READINGS_PER_MESSAGE = 3
_SHAPE = (Field("temperature", "Cel", 0, -2), Field("humidity", "%RH", 0, -1), Field("illuminance", "lx", 0, 0))


@dataclass(slots=True)
class Device:
    """One node's identity and its slowly moving world."""

    node_id: bytes
    kid: Kid
    root: bytes
    temperature: int
    humidity: int
    illuminance: int

    def step(self, chance: random.Random) -> tuple[int, int, int]:
        self.temperature += chance.choice((-3, -2, -1, -1, 0, 0, 0, 1, 1, 2, 3))
        self.humidity += chance.choice((-1, 0, 0, 0, 1))
        self.illuminance = max(0, self.illuminance + chance.randint(-4, 4))
        return self.temperature, self.humidity, self.illuminance


def make_devices(count: int, seed: int) -> list[Device]:
    """The same devices for the same seed, so that the gateway's registry and the load agree. TEST-ONLY keys."""
    chance = random.Random(seed)
    devices = []
    for index in range(count):
        node_id = bytes.fromhex("24dcc3") + struct.pack(">I", index + 1)[1:]
        devices.append(
            Device(
                node_id,
                Kid(node_id + chance.randbytes(8)),
                chance.randbytes(16),
                chance.randint(1500, 2400),
                chance.randint(300, 600),
                chance.randint(0, 800),
            )
        )
    return devices


def make_pack(device: Device, at_ms: int, chance: random.Random) -> Pack:
    return Pack(None, at_ms, _SHAPE, (0, 0, 0), device.step(chance))


def _frames(devices: list[Device], count: int, chance: random.Random) -> list[bytes]:
    packets = []
    start_ms = 1_790_000_000_000
    keys_up = [keys.derive_up(device.root, device.kid) for device in devices]
    for number in range(count):
        sequence, index = divmod(number, len(devices))
        device = devices[index]
        at_ms = start_ms + sequence * 60_000 + index * 600 // 1000 * 1000
        data = frame.seal_frame(keys_up[index], sequence, 0, senml.encode_pack(make_pack(device, at_ms, chance)))
        packets.append(publish_packet(f"sc/node/{device.node_id.hex()}/up", data, number % 65535 + 1))
    return packets


def _json_messages(devices: list[Device], count: int, chance: random.Random) -> list[bytes]:
    """What the peers carry: 61 bytes or so of JSON, neither authenticated nor signed."""
    packets = []
    for number in range(count):
        sequence, index = divmod(number, len(devices))
        temperature, humidity, illuminance = devices[index].step(chance)
        at_s = 1_790_000_000 + sequence * 60
        text = f'{{"ts":{at_s},"t":{temperature / 100:.2f},"h":{humidity / 10:.1f},"lux":{illuminance},"n":{number}}}'
        packets.append(publish_packet(f"bench/node/{index}", text.encode(), number % 65535 + 1))
    return packets


class Acknowledgements:
    """Which frames the gateway has acknowledged, by authentic down frames only."""

    def __init__(self, devices: list[Device], gateway_id: str, count: int) -> None:
        self._gateway_id = gateway_id
        self._devices = {device.node_id.hex(): (index, device) for index, device in enumerate(devices)}
        self._seen = bytearray(count)
        self._stride = len(devices)
        self.missing = count

    def take(self, topic: str, payload: bytes) -> None:
        node = topic.split("/")[2]
        index, device = self._devices[node]
        answer = down.open_down(payload, device.root)
        if answer.gateway_id != self._gateway_id:
            return
        for first, last in answer.acknowledged:
            for sequence in range(first, last + 1):
                place = sequence * self._stride + index
                if not self._seen[place]:
                    self._seen[place] = 1
                    self.missing -= 1


def _send(
    settings: dict[str, object], packets: list[bytes], acknowledgements: Acknowledgements | None
) -> dict[str, float]:
    connection = RawConnection(int(str(settings["port"])), f"bench-load-{settings['port']}")
    if acknowledgements is not None:
        connection.subscribe("sc/node/+/down", 0)
    connection.socket.setblocking(False)
    window = int(str(settings.get("window", 20_000)))
    pace = float(str(settings.get("per_second", 0)))
    deadline = time.monotonic() + float(str(settings.get("timeout_s", 120)))
    sent = confirmed = 0
    pending = b""
    began = time.monotonic()
    last_ack = last_puback = began
    while (
        confirmed < len(packets) or (acknowledgements is not None and acknowledgements.missing)
    ) and time.monotonic() < deadline:
        allowed = len(packets) if not pace else min(len(packets), int((time.monotonic() - began) * pace) + 1)
        if not pending and sent < allowed and sent - confirmed < window:
            until = min(sent + 500, allowed)
            pending = b"".join(packets[sent:until])
            sent = until
        readable, writable, _ = select.select([connection.socket], [connection.socket] if pending else [], [], 0.005)
        if writable:
            with contextlib.suppress(BlockingIOError):
                pending = pending[connection.socket.send(pending) :]
        if readable:
            for kind, flags, body in connection.packets():
                if kind == 0x40:
                    confirmed += 1
                    last_puback = time.monotonic()
                elif kind == 0x30 and acknowledgements is not None:
                    topic, _packet_id, payload = split_publish(flags, body)
                    acknowledgements.take(topic, bytes(payload))
                    last_ack = time.monotonic()
    return {"began": began, "last_puback": last_puback, "last_ack": last_ack, "sent": sent, "confirmed": confirmed}


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    chance = random.Random(settings["seed"])
    devices = make_devices(settings["devices"], settings["seed"])
    count = settings["messages"]
    cpu_began = time.process_time()
    frames = settings["kind"] == "frames"
    packets = (_frames if frames else _json_messages)(devices, count, chance)
    cpu_made = time.process_time()
    acknowledgements = Acknowledgements(devices, settings["gateway_id"], count) if frames else None
    print("ready", flush=True)
    sys.stdin.readline()
    outcome: dict[str, float] = _send(settings, packets, acknowledgements)
    outcome |= {
        "cpu_make_s": round(cpu_made - cpu_began, 3),
        "cpu_send_s": round(time.process_time() - cpu_made, 3),
        "missing_acknowledgements": acknowledgements.missing if acknowledgements is not None else 0,
    }
    print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
