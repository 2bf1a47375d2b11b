# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The nodes' side of a benchmark, a process of its own: `python -m bench.load` (settings as one JSON object on standard input).

It makes every message beforehand, says `ready`, waits for a line, sends as fast as the broker takes them (or paced), and for
`frames` opens each down frame with the node's own key and marks what it acknowledges. Its last line is one JSON object.
With `stop_at` it says "half" there and waits for a line, comes back when its broker is killed, and sends again what stays unacknowledged.
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
from typing import Any

from bench.mqtt_raw import RawConnection, puback_ids, publish_packet, split_publish
from gateway_agent.model import Field, Kid, Pack
from gateway_agent.wire import down, frame, keys, senml

READINGS_PER_MESSAGE = 3
# What is due leaves together, and what came is read together: a process that wakes for each message takes half a processor from
# what is measured.
_TICK_S = 0.001
_AGAIN_AFTER_S = 3.0  # as a node does: what is not acknowledged in time goes out once more
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
        self._seen_below = [0] * len(devices)  # of each device: everything before this number has been seen
        self.missing = count

    def take(self, topic: str, payload: bytes) -> None:
        node = topic.split("/")[2]
        if node not in self._devices:
            return
        index, device = self._devices[node]
        answer = down.open_down(payload, device.root)
        if answer.gateway_id != self._gateway_id:
            return
        for first, last in answer.acknowledged:
            # Answers name whole ranges, most of which is known.
            known = self._seen_below[index]
            for sequence in range(max(first, known), last + 1):
                place = sequence * self._stride + index
                if not self._seen[place]:
                    self._seen[place] = 1
                    self.missing -= 1
            if first <= known <= last:
                self._seen_below[index] = last + 1

    def unseen(self, below: int, limit: int) -> list[int]:
        """Up to `limit` messages before the `below`th that are not acknowledged yet."""
        found: list[int] = []
        place = self._seen.find(0)
        while 0 <= place < below and len(found) < limit:
            found.append(place)
            place = self._seen.find(0, place + 1)
        return found


class Sender:
    """Sends what was made, once; again what the broker has not taken when it went away, or what no gateway acknowledges."""

    def __init__(
        self, settings: dict[str, Any], packets: list[bytes], acknowledgements: Acknowledgements | None
    ) -> None:
        self._settings = settings
        self._packets = packets
        self._acknowledgements = acknowledgements
        self._pace = float(settings.get("per_second", 0))
        self._stop_at = int(settings.get("stop_at", 0))  # here it says "half", and waits for a line
        self._tell_at = int(settings.get("tell_at", 0))  # here it says "kill"
        self._taken = bytearray(len(packets))  # by the broker
        self._comes_back = "stop_at" in settings
        self._confirmed = 0
        if self._comes_back and len(packets) > 65_535:
            raise ValueError("a load that comes back needs a packet id for each message")
        self._connect()

    def _connect(self) -> None:
        while True:
            try:
                self._connection = RawConnection(self._settings["port"], f"bench-load-{self._settings['port']}")
                break
            except OSError:
                time.sleep(0.02)  # it is being killed and started again
        if self._acknowledgements is not None:
            self._connection.subscribe("sc/node/+/down", 0)
        self._connection.socket.setblocking(False)

    def run(self) -> dict[str, float]:
        packets, acknowledgements = self._packets, self._acknowledgements
        deadline = time.monotonic() + float(self._settings.get("timeout_s", 120))
        window = int(self._settings.get("window", 20_000))
        pending, sent, resent = b"", 0, 0
        began = paced_from = self._last_ack = self._last_puback = asked_at = time.monotonic()
        paced_after = 0
        pace = 0.0 if self._stop_at else self._pace
        while (
            self._confirmed < len(packets) or (acknowledgements is not None and acknowledgements.missing)
        ) and time.monotonic() < deadline:
            time.sleep(_TICK_S)
            now = time.monotonic()
            stop = self._stop_at or len(packets)
            allowed = stop if not pace else min(stop, paced_after + int((now - paced_from) * pace) + 1)
            if not pending and sent < allowed and sent - self._confirmed < window:
                until = min(sent + 500, allowed)
                pending = b"".join(packets[sent:until])
                sent = until
                if self._tell_at and sent >= self._tell_at:
                    self._tell_at = 0
                    print("kill", flush=True)
            elif (
                not pending
                and acknowledgements is not None
                and self._comes_back
                and sent == len(packets)
                and now - max(self._last_ack, asked_at) > _AGAIN_AFTER_S
            ):
                asked_at = now
                again = acknowledgements.unseen(sent, 5_000)
                resent += len(again)
                pending = b"".join([packets[place] for place in again])
            try:
                pending = self._exchange(pending)
            except OSError:
                if not self._comes_back:
                    raise
                self._connect()
                again = [place for place in range(sent) if not self._taken[place]]
                resent += len(again)
                pending = b"".join([bytes((packets[place][0] | 0x08,)) + packets[place][1:] for place in again])
            if self._stop_at and self._confirmed >= self._stop_at and not pending:
                self._stop_at = 0
                print("half", flush=True)
                sys.stdin.readline()
                pace, paced_from, paced_after = self._pace, time.monotonic(), sent
        return {
            "began": began,
            "last_puback": self._last_puback,
            "last_ack": self._last_ack,
            "sent": sent,
            "resent": resent,
            "confirmed": self._confirmed,
        }

    def _exchange(self, pending: bytes) -> bytes:
        """Write and read once; returns what the socket did not take. Raises: OSError."""
        connection, acknowledgements = self._connection, self._acknowledgements
        readable, writable, _ = select.select([connection.socket], [connection.socket] if pending else [], [], 0.005)
        if writable:
            with contextlib.suppress(BlockingIOError):
                pending = pending[connection.socket.send(pending) :]
        if readable:
            for kind, flags, body in connection.packets():
                if kind == 0x40:
                    self._last_puback = time.monotonic()
                    if self._comes_back:
                        for packet_id in puback_ids(body):
                            self._confirmed += not self._taken[packet_id - 1]
                            self._taken[packet_id - 1] = 1
                    else:
                        self._confirmed += len(body) // 4
                elif kind == 0x30 and acknowledgements is not None:
                    topic, _packet_id, payload = split_publish(flags, body)
                    acknowledgements.take(topic, bytes(payload))
                    self._last_ack = time.monotonic()
        return pending


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
    outcome = Sender(settings, packets, acknowledgements).run()
    outcome |= {
        "cpu_make_s": round(cpu_made - cpu_began, 3),
        "cpu_send_s": round(time.process_time() - cpu_made, 3),
        "missing_acknowledgements": acknowledgements.missing if acknowledgements is not None else 0,
    }
    print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
