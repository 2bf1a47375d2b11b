# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collector.archive import Archive
from collector.archive_reading import ArchiveReader
from collector.catch_up import CatchUp
from collector.findings import Report
from collector.inbox import Message
from collector.intake import Intake, Outgoing
from collector.ranges import Ranges
from collector.read_again import ReadAgain
from collector.reading_room import Reading, ReadingRoom
from collector.sqlite_store import Store
from collector.verify import verify
from gateway_agent.model import Receipt
from gateway_agent.wire.keys import key_id
from gateway_agent.wire.receipt import open_receipt
from tests.support.signing_gateway import GATEWAY, SigningGateway, test_only_signer

COLLECTOR = test_only_signer("collector")
OVERDUE_MS = 60_000


class City:
    """A collector without a broker: groups in, receipts out. `restart` is a new process on the same folder."""

    def __init__(
        self, folder: Path, ranges: Ranges | None = None, gateways: tuple[str, ...] = (GATEWAY, "test-only-02")
    ) -> None:
        self.folder = folder
        self.gateways = {name: test_only_signer(name).public_key for name in gateways}
        self.ranges = ranges or Ranges({})
        self.now_ms = 1_000_000
        self.start()

    def start(self) -> None:
        self.archive = Archive(self.folder / "archive")
        self.store = Store(self.folder / "collector.sqlite", self.ranges)
        self.intake = Intake(self.store, self.archive, COLLECTOR, self.gateways, OVERDUE_MS)
        reader = ArchiveReader(self.folder / "archive")
        for _ in CatchUp(self.store, reader, self.intake, self.gateways).run(0):
            pass
        self.again = ReadAgain(self.store, reader, self.intake)
        self.read_again()

    def read_again(self) -> None:
        """All that there is to do beside the groups, as an idle collector does."""
        while self.again.is_due(self.now_ms):
            self.again.step(self.now_ms, 0)

    def stop(self) -> None:
        self.archive.close()
        self.store.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def take(self, gateway: SigningGateway, *payloads: bytes, word: str | None = None) -> list[Receipt]:
        """One group of one lane; the receipts that came out, opened."""
        topic = gateway.topic if word is None else f"sc/{gateway.gateway_id}/{word}"
        outgoing = self.intake.take([Message(topic, payload) for payload in payloads], self.now_ms, 0)
        self.read_again()
        return self.opened(outgoing)

    def tick(self, milliseconds: int) -> list[Receipt]:
        """Nothing comes for a while."""
        self.now_ms += milliseconds
        return self.opened(self.intake.take([], self.now_ms, 0))

    @staticmethod
    def opened(outgoing: list[Outgoing]) -> list[Receipt]:
        return [
            open_receipt(item.payload, COLLECTOR.public_key) for item in outgoing if item.topic.endswith("/receipt")
        ]

    def room(self) -> ReadingRoom:
        return ReadingRoom(self.folder / "collector.sqlite")

    def readings(self) -> list[Reading]:
        room = self.room()
        found = [reading for source in room.sources() for reading in room.readings(source)]
        room.close()
        return found

    def counters(self) -> dict[str, int]:
        room = self.room()
        rows = room.table("SELECT name, count FROM counter")
        room.close()
        return {row["name"]: row["count"] for row in rows}

    def events(self) -> list[str]:
        room = self.room()
        rows = room.table("SELECT kind FROM event ORDER BY id")
        room.close()
        return [row["kind"] for row in rows]

    def verified(self, *gateways: str) -> Report:
        keys = [self.gateways[name] for name in gateways or (GATEWAY,)]
        return verify(self.folder / "archive", {key_id(key.public_bytes_raw()): key for key in keys})


@pytest.fixture
def make_city(tmp_path: Path) -> Iterator[Callable[..., City]]:
    made: list[City] = []

    def make(**options: object) -> City:
        made.append(City(tmp_path / f"city{len(made)}", **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for city in made:
        city.stop()


@pytest.fixture
def city(make_city: Callable[..., City]) -> City:
    return make_city()
