# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A line that has forked may come in any order; what leans on a batch that is not there yet is read once it is."""

from __future__ import annotations

import random
from itertools import permutations

import pytest

from gateway_agent.errors import Unavailable
from gateway_agent.wire.batch import link_of
from gateway_agent.wire.body import NodeTable
from tests.support.signing_gateway import SigningGateway, frame
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
