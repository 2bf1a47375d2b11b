# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The far end of one sleeping node: answers each frame at once, with the time and with what was sealed by then."""

from __future__ import annotations

import os
from collections.abc import Mapping

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from gateway_agent.model import GatewayId
from gateway_agent.wire import down, frame, keys, senml
from simulators.clock import SimulationClock

MASTER = bytes(range(16))  # TEST-ONLY
_GATEWAY = GatewayId("bench-01")
_COMMIT_MS = 500


class PatientGateway:
    """`arrivals` counts every frame, `sealed_ms` says when each number is safe: at the earliest deadline among its readings."""

    def __init__(self, port: int, clock: SimulationClock, deadlines_s: Mapping[str, int]) -> None:
        self.arrivals = 0
        self.sealed_ms: dict[int, int] = {}
        self._clock = clock
        self._deadlines_s = deadlines_s
        self._root = keys.derive_root(MASTER, 0)
        self._start = os.urandom(8)
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "patient-gateway")
        self._client.on_connect = lambda client, *_: client.subscribe("sc/node/+/up", 1)
        self._client.on_message = lambda _client, _data, message: self._take(bytes(message.payload))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _take(self, raw: bytes) -> None:
        sealed_frame = frame.parse_frame(raw)
        opened = frame.open_frame(sealed_frame, keys.derive_up(self._root, sealed_frame.kid))
        sequence = opened.sequence
        wait_s = min(self._deadlines_s[field.name] for field in senml.decode_pack(opened.pack_bytes).shape)
        now_ms = self._clock.now_ms()
        self.arrivals += 1
        self.sealed_ms.setdefault(sequence, now_ms + wait_s * 1000 + _COMMIT_MS)
        sealed = [number for number, at_ms in self.sealed_ms.items() if at_ms <= now_ms]
        kid = sealed_frame.kid
        answer = down.seal_down(
            keys.derive_down(self._root, _GATEWAY, kid),
            _GATEWAY,
            kid,
            self._start + self.arrivals.to_bytes(5, "big"),
            sequence,
            _ranges(sealed)[-8:],
            now_ms,
            5,
            (),
        )
        self._client.publish(f"sc/node/{bytes(kid[:6]).hex()}/down", answer, 1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
