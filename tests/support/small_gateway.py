# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The far end of one simulated node: opens its frames with the gateway's codec, and answers what a test tells it to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import paho.mqtt.client as paho

from gateway_agent.errors import WireError
from gateway_agent.model import GatewayId, Kid, Pack
from gateway_agent.wire import down, frame, keys, senml
from gateway_agent.wire.down import Command
from simulators.clock import SimulationClock

MASTER = bytes(range(16))  # TEST-ONLY
GATEWAY = GatewayId("test-01")


class Heard(NamedTuple):
    """One arrival; a frame that is repeated is heard twice."""

    at_ms: int  # true time
    raw: bytes
    kid: Kid
    sequence: int
    floor: int
    pack: Pack

    def value(self, name: str) -> object:
        """The first reading of this name, or None."""
        for field, value in zip(self.pack.shape, self.pack.values, strict=True):
            if field.name == name:
                return value
        return None


class SmallGateway:
    """Acknowledges each frame at once, and says the time, unless a test changes these attributes."""

    def __init__(self, port: int, clock: SimulationClock) -> None:
        self.heard: list[Heard] = []
        self.is_acknowledging = True
        self.is_deaf = False  # the broker takes frames, and nobody has subscribed
        self.unheard = 0
        self.says_time = True
        self.time_error_ms = 0
        self.down_qos = 0
        self.commands: Sequence[Command] = ()
        self.answers_under = 0  # the key generation
        self.downs: list[bytes] = []
        self._clock = clock
        self._root = keys.derive_root(MASTER, 0)
        self.roots = [self._root]  # by key generation
        self.generations: dict[Kid, int] = {}  # under which each kid seals
        self._start = os.urandom(8)
        self._counter = 0
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, "small-gateway")
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("sc/node/+/up", 1)
        self._client.on_message = lambda _client, _data, message: self._take(bytes(message.payload))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _take(self, raw: bytes) -> None:
        if self.is_deaf:
            self.unheard += 1
            return
        sealed = frame.parse_frame(raw)
        opened = self._open(sealed)
        pack = senml.decode_pack(opened.pack_bytes)
        self.heard.append(Heard(self._clock.now_ms(), raw, sealed.kid, opened.sequence, opened.floor, pack))
        if self.is_acknowledging or self.commands:
            self.answer(self.heard[-1])

    def _open(self, sealed: frame.SealedFrame) -> frame.OpenedFrame:
        for generation, root in enumerate(self.roots):
            try:
                opened = frame.open_frame(sealed, keys.derive_up(root, sealed.kid))
            except WireError:
                continue
            self.generations[sealed.kid] = generation
            return opened
        raise AssertionError(f"no key opens a frame of {sealed.kid.hex()}")

    def answer(self, heard: Heard) -> None:
        """Send a down frame that answers this one, as the attributes say."""
        self._counter += 1
        raw = down.seal_down(
            keys.derive_down(self.roots[self.answers_under], GATEWAY, heard.kid),
            GATEWAY,
            heard.kid,
            self._start + self._counter.to_bytes(5, "big"),
            heard.sequence,
            [(heard.sequence, heard.sequence)] if self.is_acknowledging else (),
            self._clock.now_ms() + self.time_error_ms if self.says_time else None,
            5 if self.says_time else None,
            self.commands,
        )
        self.send(heard.kid, raw)

    def send(self, kid: Kid, raw: bytes) -> None:
        """Send any bytes down to the node."""
        self.downs.append(raw)
        self._client.publish(f"sc/node/{bytes(kid[:6]).hex()}/down", raw, self.down_qos)

    def start_anew(self) -> None:
        """As after a restart of the gateway: its down frames have another beginning."""
        self._start = os.urandom(8)

    def readings(self, name: str) -> list[object]:
        """All values of this name, each frame counted once."""
        seen = {(item.kid, item.sequence): item for item in self.heard}
        found = [item.value(name) for item in seen.values()]
        return [value for value in found if value is not None]

    async def until(self, condition: Callable[[SmallGateway], object], what: str, timeout_s: float = 60) -> None:
        """Wait for a condition; AssertionError names `what` was waited for."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition(self):
                    await asyncio.sleep(0.01)
        except TimeoutError:
            heard = [(item.sequence, [field.name for field in item.pack.shape]) for item in self.heard]
            raise AssertionError(f"waited {timeout_s} s in vain for: {what}; heard {heard}") from None

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
