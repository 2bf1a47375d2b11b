# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A disk that fills up in the middle of a group, fails a sync or loses its power, with starts in between: the archive stays one that
verifies, and holds what was receipted."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import suppress

import pytest

from collector import archive
from gateway_agent.errors import Unavailable
from gateway_agent.model import Lane
from gateway_agent.wire.gap import GapReason
from gateway_agent.wire.node_table import NodeTable
from tests.support.archive_disk import WELL, ArchiveDisk, PowerCut
from tests.support.signing_gateway import SigningGateway
from tests.unit.collector.conftest import City


@pytest.fixture
def source(request: pytest.FixtureRequest) -> random.Random:
    seed = int(os.environ.get("STARTCITY_SEED", random.SystemRandom().randrange(2**32)))
    print(f"replay with STARTCITY_SEED={seed}")
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch, source: random.Random) -> ArchiveDisk:
    return ArchiveDisk(monkeypatch, source)


def check(city: City, gateway: SigningGateway, last: int) -> None:
    """An archive that verifies, goes on, and that a start finds at the database's age."""
    assert [receipt.number for receipt in city.take(gateway, *gateway.run(1, gateway.number))] == [last + 1]
    report = city.verified()
    assert report.is_intact, report.as_text()
    said = city.events()
    city.restart()
    assert city.events() == said


def test_what_a_begun_segment_makes_void_is_written_again_after_a_start(city: City, disk: ArchiveDisk) -> None:
    """There was room for some of a group, then for the header of the next segment alone, and then somebody started the collector anew:
    what stands before that header does not count, so it has to come again."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(3))
    batches = gateway.run(5, 3)
    for room in (900, 73):
        disk.room = room
        with pytest.raises(Unavailable):
            city.take(gateway, *batches)
    city.restart()
    assert city.events() == ["instance"], "nothing in the archive is ahead of the database"
    disk.room = WELL
    assert [receipt.number for receipt in city.take(gateway, *batches)] == [8]
    check(city, gateway, 8)


def test_a_header_that_finds_half_its_room_is_no_segment(
    city: City, disk: ArchiveDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that takes a part is no error: what is missing of a header is written, or refused, before anything behind it."""
    gateway = SigningGateway()
    parts = [40]

    def take_a_part(descriptor: int, data: bytes) -> int:
        return disk.write(descriptor, data[: parts.pop()] if parts else data)

    monkeypatch.setattr(os, "write", take_a_part)
    city.take(gateway, *gateway.run(3))
    check(city, gateway, 3)


def test_a_segment_whose_predecessor_went_with_the_power_is_no_place_for_what_comes_before_it(
    city: City, disk: ArchiveDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of a group's first segment was lost, that of its second was not: what comes again gets a segment of its own, and all of
    it is written again."""
    monkeypatch.setattr(archive, "SEGMENT_BYTES", 900)
    gateway = SigningGateway()
    batches = gateway.run(6)
    disk.cut_in = 8
    with pytest.raises(PowerCut):
        city.take(gateway, *batches)
    disk.heal()
    city.stop()
    first, *others = sorted((city.folder / "archive").rglob("*.seg"))
    assert others
    first.unlink()
    city.start()
    for end in (2, 4, 6):
        assert [receipt.number for receipt in city.take(gateway, *batches[:end])] == [end]
    check(city, gateway, 6)


def test_what_a_start_takes_from_the_archive_is_there_by_its_name(city: City, disk: ArchiveDisk) -> None:
    """A group whose sync failed is found at the next start, and receipted: from then on no power cut may take its file away."""
    gateway = SigningGateway()
    batches = gateway.run(2)
    disk.loses_syncs = 1.0
    with pytest.raises(Unavailable):
        city.take(gateway, *batches)
    disk.loses_syncs = 0.0
    city.restart()
    city.now_ms += 2_000
    assert [receipt.number for receipt in city.take(gateway, *batches)] == [2]
    (segment,) = (city.folder / "archive").rglob("*.seg")
    assert {segment, *segment.parents} & disk.names == {segment, *segment.parents[:3]}


def test_however_often_a_sync_fails_what_is_written_last_comes_last(city: City, disk: ArchiveDisk) -> None:
    """Each try begins a segment under the same number: the twelfth one does not come between the first and the second."""
    gateway = SigningGateway()
    batches = gateway.run(3)
    disk.loses_syncs = 1.0
    for _ in range(12):
        with pytest.raises(Unavailable):
            city.take(gateway, *batches)
    disk.heal()
    assert [receipt.number for receipt in city.take(gateway, *batches)] == [3]
    assert [receipt.number for receipt in city.take(gateway, *gateway.run(2, 3))] == [5]
    city.restart()
    check(city, gateway, 5)


def live(city: City, disk: ArchiveDisk, source: random.Random) -> None:
    """Two lanes, whose gateway sends what has no receipt until all of it has one."""
    lanes = [SigningGateway(), SigningGateway(lane=Lane.ALARM, instance=b"alarmsss")]
    sent: list[list[tuple[int, bytes]]] = [[], []]
    receipted = [0, 0]

    def send(lane: int) -> None:
        owed = [batch for number, batch in sent[lane] if number > receipted[lane]]
        city.now_ms += 2_000
        if owed:
            with suppress(Unavailable):
                for receipt in city.take(lanes[lane], *owed[: source.randint(1, len(owed))]):
                    receipted[lane] = max(receipted[lane], receipt.number)

    for _ in range(source.randrange(4, 14)):
        lane = source.randrange(2)
        gateway = lanes[lane]
        for _ in range(source.randrange(5)):
            (batch,) = gateway.run(1, gateway.number, node=1 + lane)
            sent[lane].append((gateway.number, batch))
        if source.random() < 0.1:
            first = gateway.number + 1
            gateway.run(2, gateway.number, node=1 + lane)
            sent[lane].append((gateway.number, gateway.gap(first, gateway.number, GapReason.EVICTED)))
            gateway.table = NodeTable()
        disk.room = source.choice((WELL, WELL, WELL, WELL, 0, 60, 73, 150, 400, 900))
        disk.loses_syncs = source.choice((0, 0, 0, 0, 0, 0.5))
        disk.cut_in = source.choice((None, None, source.randrange(12)))
        if source.random() < 0.15:
            city.store._db.execute("PRAGMA query_only = 1")
        try:
            send(lane)
            city.store._db.execute("PRAGMA query_only = 0")
            if source.random() < 0.2:
                disk.loses_syncs = 0.0
                city.restart()
        except PowerCut:
            city.stop()
            disk.forget(city.folder / "archive")
            city.start()
    disk.heal()
    for lane, gateway in enumerate(lanes):
        sent[lane].append((gateway.number + 1, gateway.run(1, gateway.number, node=1 + lane)[0]))
        for _ in range(60):
            send(lane)
        assert receipted[lane] == gateway.number, "what was receipted is missed, or nothing goes on"
    report = city.verified()
    assert report.is_intact, report.as_text()
    said = city.events()
    city.restart()
    assert city.events() == said


@pytest.mark.parametrize("place", range(20))
def test_any_run_of_failures_cuts_and_starts_ends_in_an_archive_that_verifies(
    make_city: Callable[..., City],
    disk: ArchiveDisk,
    source: random.Random,
    monkeypatch: pytest.MonkeyPatch,
    place: int,
) -> None:
    """Room for any part of a group, syncs that fail, power that goes, a database that refuses behind the archive, gaps, starts."""
    monkeypatch.setattr(archive, "SEGMENT_BYTES", (1_200, 4_000, 8 << 20)[place % 3])
    live(make_city(), disk, source)


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_hundreds_of_such_runs(
    make_city: Callable[..., City], disk: ArchiveDisk, source: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above."""
    for place in range(400):
        monkeypatch.setattr(archive, "SEGMENT_BYTES", (1_200, 4_000, 8 << 20)[place % 3])
        live(make_city(), disk, source)
