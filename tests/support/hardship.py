# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A gateway process between two brokers, nodes that repeat what is not acknowledged, and a city that counts what it stores."""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path

from tests.support.bad_line import BadLine
from tests.support.field_and_city import City
from tests.support.gateway_process import GatewayProcess
from tests.support.mosquitto import Mosquitto
from tests.support.patient_field import PatientField
from tests.support.sealing_node import SealingNode, level_pack, open_pack
from tests.support.waiting import wait_until


class Hardship:
    """`with Hardship(folder, random) as town:`; the gateway is made and not started. Both its lines can be bad."""

    def __init__(self, folder: Path, source: random.Random, nodes: int = 4, **settings: object) -> None:
        self._folder, self._settings = folder, settings
        self.source = source
        self.nodes = [SealingNode(node_id=bytes((2, 0, 0, 0, 0, number))) for number in range(nodes)]
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Hardship:
        try:
            self._enter()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _enter(self) -> None:
        enter = self._stack.enter_context
        self.local = enter(Mosquitto(self._folder / "nodes"))
        self.city_broker = enter(Mosquitto(self._folder / "city"))
        self.local_line = enter(BadLine(self.local.port))
        self.city_line = enter(BadLine(self.city_broker.port))
        gateway = GatewayProcess(
            self._folder / "gateway",
            self.local_line.port,
            self.city_line.port,
            **self._settings,  # type: ignore[arg-type]
        )
        self.gateway = enter(gateway)
        self.gateway.register(*self.nodes)
        city = City(self.city_broker.port, self.gateway.signer, self.gateway.collector)
        self.city = enter(contextlib.closing(city))
        field = PatientField(self.local.port, *self.nodes)
        self.field = enter(contextlib.closing(field))

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def produce(self, count: int) -> None:
        """Readings of any lane, of any node; they are sent until they are acknowledged."""
        for _ in range(count):
            node = self.source.choice(self.nodes)
            draw = self.source.random()
            content = open_pack(draw < 0.05) if draw < 0.5 else level_pack(self.source.randrange(1_000))
            self.field.produce(node, content)

    def produce_for(self, duration_s: float) -> None:
        """A hundred readings a second or so."""
        end_s = time.monotonic() + duration_s
        while time.monotonic() < end_s:
            self.produce(1)
            time.sleep(0.01)

    def wait_acknowledged(self, timeout_s: float = 30) -> None:
        """Until no node keeps anything."""
        wait_until(lambda: self.field.kept_count() == 0, "every frame to be acknowledged", timeout_s)

    def settle(self, timeout_s: float = 40) -> None:
        """In the end: everything acknowledged, in the city, once, with whole chains."""
        try:
            self.wait_acknowledged(timeout_s)
            wait_until(lambda: self.field.produced <= self.city.stored.keys(), "the city to have all", timeout_s)
        except AssertionError as error:
            log, status = self.gateway.log()[-3_000:], self.gateway.status()
            raise AssertionError(f"{error}\n{status}\n{log}\n{self.city.errors[:3]}") from None
        assert self.field.acknowledged == self.field.produced == set(self.city.stored)
        assert set(self.city.stored.values()) == {1}, "stored more than once"
        assert not self.field.false_acknowledgements
        assert self.city.errors == []
