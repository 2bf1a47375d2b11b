# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A line that has forked may come in any order; what leans on a batch that is not there yet is read once it is."""

from __future__ import annotations

import random
import sqlite3
from itertools import permutations

import pytest

from collector import archive, line
from collector.opening import STORED_MS_MAX
from collector.read_again import RETRY_MS
from gateway_agent.errors import Unavailable
from gateway_agent.model import Body, FrameRow
from gateway_agent.wire.batch import link_of
from gateway_agent.wire.body import NodeTable
from tests.support.signing_gateway import SigningGateway, frame, kid, pack
from tests.unit.collector.conftest import City


def forked(city: City, common: int = 2, own: int = 5) -> SigningGateway:
    """A gateway as it is after its journal was restored: the city holds `own` batches more than it knows of."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(common))
    number, link = gateway.number, gateway.link
    city.take(gateway, *gateway.run(own, first_sequence=100))
    gateway.number, gateway.link, gateway.table = number, link, NodeTable()
    return gateway


def values(city: City) -> dict[int, object]:
    """By sequence number, each frame's first value."""
    return {reading.sequence: reading.value for reading in city.readings() if reading.place == 0}


def unread(city: City) -> int:
    room = city.room()
    rows = room.table("SELECT count(*) AS n FROM batch WHERE defect IS NOT NULL")
    room.close()
    return int(rows[0]["n"])


@pytest.mark.parametrize("how", ["one group", "a group each", "a start between", "database lost"])
@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_fork_is_read_whole_in_whatever_order_it_comes(city: City, order: tuple[int, ...], how: str) -> None:
    """Four batches of a forked line, each leaning on the one before: all values are there in the end, the next batch's too."""
    gateway = forked(city)
    batches = gateway.run(4, first_sequence=10)
    came = [batches[place] for place in order]
    if how == "one group":
        city.take(gateway, *came)
    for batch in came if how != "one group" else ():
        city.take(gateway, batch)
        if how == "a start between":
            city.restart()
    if how == "database lost":
        city.stop()
        with (city.folder / "collector.sqlite").open("r+b") as file:
            file.truncate(0)
        for beside in city.folder.glob("collector.sqlite-*"):
            beside.unlink()
        city.start()
    missed = city.counters().get("TableMissing", 0)
    city.take(gateway, gateway.seal([frame(14)]))
    assert city.counters().get("TableMissing", 0) == city.counters().get("batches_read_again", 0) == missed
    assert {number: value for number, value in values(city).items() if number < 100} == {
        number: 2000 + number for number in (0, 1, 10, 11, 12, 13, 14)
    }
    assert not unread(city)


def test_a_fork_that_leans_on_what_the_chain_itself_holds(city: City) -> None:
    """Twice restored, from copies of two ages: what the older copy went on with was receipted, the younger one leans on the common past."""
    gateway = SigningGateway()
    common = gateway.run(3)
    younger = gateway.run(2, first_sequence=10)
    older = SigningGateway()
    older.number, older.link = 3, link_of(common[-1])
    city.take(gateway, *common, *older.run(4, first_sequence=20))
    for batch in younger:
        city.take(gateway, batch)
    assert sorted(values(city)) == [0, 1, 2, 10, 11, 20, 21, 22, 23]
    assert not unread(city)


def test_what_came_after_its_gap_is_read_with_what_it_leans_on(city: City) -> None:
    """Three batches that were given up and come after all, the last one first, are read."""
    gateway = SigningGateway()
    one = gateway.seal([frame(0)])
    late = [gateway.seal([frame(1)], fresh=True), *gateway.run(2, first_sequence=2)]
    gateway.number = 199
    far = gateway.seal([frame(4)], fresh=True)
    city.take(gateway, one, gateway.gap(2, 200), gateway.seal([frame(5)], fresh=True))
    for batch in (far, *reversed(late)):
        city.take(gateway, batch)
    assert sorted(values(city)) == [0, 1, 2, 3, 4, 5]
    assert not unread(city)
    assert city.verified().is_intact


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The length of each body that is read again."""
    lengths: list[int] = []
    decode = line.decode_body

    def count(data: bytes, table: NodeTable) -> Body:
        lengths.append(len(data))
        return decode(data, table)

    monkeypatch.setattr(line, "decode_body", count)
    return lengths


@pytest.mark.parametrize("segment_bytes", [1, 1 << 20])
@pytest.mark.parametrize("gap_first", [4, 6])
def test_the_chain_and_what_came_late_lean_on_each_other(
    city: City, monkeypatch: pytest.MonkeyPatch, gap_first: int, segment_bytes: int
) -> None:
    """One table through all: held to 5, given up to 8, gone on to 11. Late come 7, 6, then 8: all is read, for the auditor too."""
    monkeypatch.setattr(archive, "SEGMENT_BYTES", segment_bytes)
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(5))
    six, seven, eight = gateway.run(3, 5)
    city.take(gateway, gateway.gap(gap_first, 8))
    city.take(gateway, *gateway.run(3, 8))
    assert {problem.kind for problem in city.verified().problems} == {"TableMissing"}
    for batch in (seven, six, eight):
        city.take(gateway, batch)
    assert sorted(values(city)) == list(range(11))
    assert not unread(city)
    report = city.verified()
    assert report.is_intact, report.as_text()
    assert (report.chains[0].frames, report.chains[0].unreadable) == (11, 0)
    city.take(gateway, *gateway.run(1, 11))
    assert sorted(values(city)) == list(range(12)), "the chain goes on with its table"


def test_what_comes_late_in_its_order_is_read_once_each(city: City, decoded: list[int]) -> None:
    """Sixty batches after their gap, one at a time: a body each is read again, but for the first, which starts its table."""
    gateway = SigningGateway()
    batches = gateway.run(60)
    city.take(gateway, gateway.gap(1, 60))
    for batch in batches:
        city.take(gateway, batch)
    assert len(values(city)) == 60
    assert len(decoded) <= 61


def test_what_cannot_be_read_costs_no_reading(city: City, decoded: list[int]) -> None:
    """Sixteen lines without a start: nothing is decoded for them, now or at a start, however often they come."""
    gateway = forked(city)
    lone = [gateway.run(2, 10)[1]]
    for _ in range(15):
        gateway.number, gateway.link, gateway.table = 2, bytes(32), NodeTable()
        lone.append(gateway.run(2, 30)[1])
    for batch in lone * 2:
        city.take(gateway, batch)
    city.restart()
    assert unread(city) == 16
    assert decoded == []


def test_a_lie_about_a_table_is_tried_once(city: City, decoded: list[int]) -> None:
    """A batch that says it leans on three, and has one before it, is given up; what leans on it costs nothing, nor does a start."""
    gateway = forked(city)
    start = gateway.seal([frame(10)])
    gateway.table.remember([], {})
    gateway.table.remember([], {})
    lie, after = gateway.seal([frame(11)]), gateway.seal([frame(12)])
    city.take(gateway, after, lie, start)
    assert 1 <= len(decoded) <= 3
    count = len(decoded)
    city.restart()
    city.take(gateway, gateway.seal([frame(13)]))
    city.restart()
    assert len(decoded) == count
    assert [number for number in values(city) if 10 <= number < 20] == [10]


def test_what_is_no_body_at_all_is_not_tried_again(city: City, decoded: list[int]) -> None:
    """A fork's batch whose bytes say that they lean, and are no body: it has its defect, and costs nothing more."""
    gateway = forked(city)
    start = gateway.seal([frame(10)])
    city.take(gateway, start, gateway.seal_plain(b"\xa2\x00\x01\x01\x80"))
    city.restart()
    assert unread(city) == 1
    assert decoded == []


def test_an_archive_that_cannot_be_read_holds_nobody_up(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk refuses to read: groups are taken and receipted all the same, and what waited is read a minute later."""
    gateway = forked(city)
    first, second = gateway.run(2, first_sequence=10)
    city.take(gateway, second)

    def refuse(*_: object) -> None:
        raise Unavailable("archive: Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(city.again._archive, "find", refuse)
        city.take(gateway, first)
        other = SigningGateway("test-only-02")
        assert [receipt.number for receipt in city.take(other, *other.run(2))] == [2]
    assert unread(city) == 1
    city.tick(RETRY_MS)
    city.read_again()
    assert not unread(city)


def test_a_database_that_cannot_be_read_holds_nobody_up(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite refuses the question what waits: the group is taken, and the question is asked again a minute later."""
    gateway = forked(city)
    first, second = gateway.run(2, first_sequence=10)

    class Refusing:
        def __getattr__(self, name: str) -> object:
            return getattr(database, name)

        def execute(self, query: str, *values: object) -> object:
            if "INDEXED BY unread" in query:
                raise sqlite3.OperationalError("disk I/O error")
            return database.execute(query, *values)

    database = city.store._db
    with monkeypatch.context() as patch:
        patch.setattr(city.store, "_db", Refusing())
        city.take(gateway, second)
        city.take(gateway, first)
    assert unread(city) == 1
    city.tick(RETRY_MS)
    city.read_again()
    assert not unread(city)


def test_what_the_archive_lacks_is_not_given_up(city: City) -> None:
    """A segment that the line needs is away, and comes back with a restored folder: until then nothing is read, and nothing settled."""
    gateway = forked(city)
    first, second, third = gateway.run(3, first_sequence=10)
    city.take(gateway, third, second)
    (away,) = (city.folder / "archive").rglob("fork-2/*.seg")
    kept = away.read_bytes()
    away.unlink()
    city.take(gateway, first)
    assert unread(city) == 2
    away.write_bytes(kept)
    city.restart()
    assert not unread(city)
    assert [values(city)[number] for number in (10, 11, 12)] == [2010, 2011, 2012]


def test_what_the_store_cannot_hold_stays_in_the_archive_also_when_it_is_read_again(city: City) -> None:
    """A frame with a time beyond 62 bits in a batch that waited: it is set aside, and the rest of the batch is stored."""
    gateway = forked(city)
    start = gateway.seal([frame(10)])
    beyond = FrameRow(kid(), 11, pack(2011, STORED_MS_MAX + 1))
    city.take(gateway, gateway.seal([beyond, frame(12)]))
    city.take(gateway, start)
    assert [number for number in values(city) if 10 <= number < 20] == [10, 12]
    assert city.counters()["frames_set_aside"] == 1


def test_a_whole_table_that_came_in_reverse_is_read(city: City) -> None:
    """Sixty-four late batches, the last one first and each in a group of its own: the first one makes all of them readable."""
    gateway = SigningGateway()
    batches = gateway.run(64)
    city.take(gateway, gateway.gap(1, 64))
    for batch in reversed(batches):
        city.take(gateway, batch)
    assert sorted(values(city)) == list(range(64))


def test_the_last_batch_of_a_table_leans_on_all_of_it(city: City) -> None:
    """Sixty-three are held, the next one comes after its gap and a start: it leans on the first of them, for the auditor too."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(63))
    last = gateway.run(1, 63)[0]
    city.take(gateway, gateway.gap(64, 64))
    city.restart()
    city.take(gateway, last)
    assert sorted(values(city)) == list(range(64))
    report = city.verified()
    assert report.is_intact, report.as_text()
    assert report.chains[0].frames == 64


def test_chains_in_turn_each_go_on_from_their_own_table(city: City, decoded: list[int]) -> None:
    """Two gateways' late batches come alternately: each body is read again once."""
    one, two = SigningGateway(), SigningGateway("test-only-02")
    batches = [(gateway, gateway.run(30)) for gateway in (one, two)]
    for gateway, _ in batches:
        city.take(gateway, gateway.gap(1, 30))
    for place in range(30):
        for gateway, run in batches:
            city.take(gateway, run[place])
    assert not unread(city)
    assert len(decoded) <= 62


def test_more_than_is_planned_at_once(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three hundred late batches in reverse, a new table with each tenth: 64 at a time, all of them are read, each once."""
    gateway = SigningGateway()
    batches = [gateway.seal([frame(place)], fresh=place % 10 == 0) for place in range(300)]
    city.take(gateway, gateway.gap(1, 300))
    with monkeypatch.context() as patch:
        patch.setattr(city.again, "is_due", lambda _now: False)
        city.take(gateway, *reversed(batches))
    assert unread(city) == 270
    city.restart()
    assert sorted(values(city)) == list(range(300))
    assert not unread(city)
    assert city.counters()["batches_read_again"] == 270
    assert city.verified().is_intact


def test_what_never_comes_is_still_missed(city: City) -> None:
    """Without the batch that starts their table the others stay unread, in the archive, and say so; the next table is read."""
    gateway = forked(city)
    city.take(gateway, *gateway.run(4, first_sequence=10)[1:], gateway.seal([frame(20)], fresh=True))
    assert sorted(number for number in values(city) if number < 100) == [0, 1, 20]
    assert unread(city) == 3
    assert city.counters()["TableMissing"] == 3
    assert "batches_read_again" not in city.counters()


def test_a_refused_commit_reads_nothing_and_the_next_one_all(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store refuses as the beginning of a fork comes: nothing of it counts, and it is whole when it comes again."""
    gateway = forked(city)
    first, second, third = gateway.run(3, first_sequence=10)
    city.take(gateway, third, second)

    def refuse(_group: object) -> None:
        raise Unavailable("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(city.store, "commit", refuse)
        with pytest.raises(Unavailable):
            city.take(gateway, first)
    assert unread(city) == 2
    city.take(gateway, first)
    assert [values(city)[number] for number in (10, 11, 12)] == [2010, 2011, 2012]
    assert city.counters()["batches_read_again"] == 2


def test_a_fork_of_many_tables_in_a_random_order(city: City) -> None:
    """A hundred batches of several tables, in neighbourhoods of ten shuffled: all are read, each once."""
    seed = random.SystemRandom().randrange(1 << 31)
    print("seed", seed)
    rng = random.Random(seed)
    gateway = forked(city)
    batches = [gateway.seal([frame(1000 + place)], fresh=rng.random() < 0.1) for place in range(100)]
    for start in range(0, 100, 10):
        part = batches[start : start + 10]
        rng.shuffle(part)
        city.take(gateway, *part)
        for _ in range(10):  # what was one fork too many comes again
            city.take(gateway, *part)
    assert [values(city).get(number) for number in range(1000, 1100)] == [2000 + number for number in range(1000, 1100)]
    assert not unread(city)
