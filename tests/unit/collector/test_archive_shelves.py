# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What lies beside the chain's own segments stays evidence: forks, what came late, and gaps that reach back over what is held."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from collector import archive
from collector.archive_reading import ArchiveReader
from collector.ledger import ChainKey
from collector.segments import SignedEntry, scan_entries
from gateway_agent.errors import Unavailable
from gateway_agent.wire.node_table import NodeTable
from tests.support.signing_gateway import SigningGateway, frame
from tests.unit.collector.conftest import City


def lose_database(city: City) -> None:
    """The database is gone, the archive is not."""
    city.stop()
    for path in city.folder.glob("collector.sqlite*"):
        path.unlink()
    city.start()


def archived(city: City) -> set[bytes]:
    """The digests of all that stands in segments."""
    return {
        hashlib.sha256(entry.signed).digest()
        for path in (city.folder / "archive").rglob("*.seg")
        for _, entry in scan_entries(path.read_bytes())
        if isinstance(entry, SignedEntry)
    }


def sequences(city: City) -> list[int]:
    """The sequence numbers of all frames that are stored."""
    return sorted(reading.sequence for reading in city.readings() if reading.place == 0)


def at(gateway: SigningGateway, number: int, link: bytes) -> SigningGateway:
    """The gateway as a copy of its journal remembers it."""
    gateway.number, gateway.link, gateway.table = number, link, NodeTable()
    return gateway


def refuse(what: str, city: City, monkeypatch: pytest.MonkeyPatch, gateway: SigningGateway, *batches: bytes) -> None:
    """A group whose `commit` to the store, or whose `sync` of the archive, the disk refuses."""

    def fail(_: object) -> None:
        raise Unavailable("disk full") if what == "commit" else OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(city.store if what == "commit" else archive._Shelf, what, fail)
        with pytest.raises(Unavailable):
            city.take(gateway, *batches)


def test_a_gap_that_reaches_back_over_what_is_held_makes_nothing_void(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gap of 3 to 8 comes where 5 are held, and a segment begins with it: the five stand, and a database made anew has them."""
    monkeypatch.setattr(archive, "SEGMENT_BYTES", 1)
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(5))
    gateway.run(3, 100)
    city.take(gateway, gateway.gap(3, 8))
    city.take(gateway, gateway.seal([frame(8)], fresh=True))
    report = city.verified()
    assert report.is_intact, report.as_text()
    assert report.chains[0].batches == 6
    assert report.chains[0].gaps[0][:2] == (3, 8)
    lose_database(city)
    assert sequences(city) == [0, 1, 2, 3, 4, 8]
    assert city.events().count("archive_differs") == 0


def test_such_a_gap_that_was_refused_comes_again_in_its_place(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit of the gap fails, and the collector is started anew: the archive is ahead, is taken, and verifies."""
    monkeypatch.setattr(archive, "SEGMENT_BYTES", 1)
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(5))
    gateway.run(3, 100)
    gap, after = gateway.gap(3, 8), gateway.seal([frame(8)], fresh=True)
    refuse("commit", city, monkeypatch, gateway, gap, after)
    city.restart()
    city.take(gateway, gap, after)
    assert sequences(city) == [0, 1, 2, 3, 4, 8]
    assert city.verified().is_intact
    assert not list((city.folder / "archive").rglob("*.torn"))


def test_a_forks_shelf_is_its_own_also_after_the_database_was_lost(city: City) -> None:
    """Two lines that are one in the new database lie on two shelves: the next fork gets a third, and nothing is set aside."""
    gateway = SigningGateway()
    common = gateway.run(8)
    number, link = 8, gateway.link
    city.take(gateway, *common, *gateway.run(4, 20))
    at(gateway, number, link)
    nine, ten, eleven, twelve = (gateway.seal([frame(30 + place)], fresh=True) for place in range(4))
    for batch in (ten, twelve, nine, eleven):
        city.take(gateway, batch)
    lose_database(city)
    before = archived(city)
    city.take(at(gateway, number, link), other := gateway.seal([frame(40)], fresh=True))
    assert archived(city) == before | {hashlib.sha256(other).digest()}
    assert not list((city.folder / "archive").rglob("*.torn"))
    assert {path.parent.name for path in (city.folder / "archive").rglob("fork-*/*.seg")} == {
        "fork-1",
        "fork-2",
        "fork-3",
        "fork-4",
    }
    said = city.events()
    city.restart()
    assert city.events() == said, "a line that changed its shelf is not missed"
    lose_database(city)
    assert sequences(city) == [*range(8), 20, 21, 22, 23, 30, 31, 32, 33, 40]


def test_a_refused_fork_takes_its_own_shelf_again(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the commit of a fork is refused, and the collector started, the fork lies on one shelf, once."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(3))
    at(gateway, 1, bytes(32))
    fork = gateway.seal([frame(9)], fresh=True)
    for _ in range(3):
        refuse("commit", city, monkeypatch, gateway, fork)
    city.take(gateway, fork)
    city.restart()
    shelves = list((city.folder / "archive").rglob("fork-*"))
    assert [shelf.name for shelf in shelves] == ["fork-1"]
    entries = [entry for path in shelves[0].glob("*.seg") for _, entry in scan_entries(path.read_bytes())]
    assert sum(isinstance(entry, SignedEntry) for entry in entries) == 1
    assert sequences(city) == [0, 1, 2, 9]


@pytest.mark.parametrize("order", [(5, 8), (8, 5)])
def test_what_came_late_just_before_a_crash_is_taken_at_the_start(
    city: City, monkeypatch: pytest.MonkeyPatch, order: tuple[int, int]
) -> None:
    """Each late batch begins a segment; the second's commit is refused, and then the power goes: in either order both are stored."""
    monkeypatch.setattr(archive, "SEGMENT_BYTES", 1)
    gateway = SigningGateway()
    held = gateway.run(2)
    batches = {number: gateway.seal([frame(number)], fresh=True) for number in range(3, 11)}
    city.take(gateway, *held, gateway.gap(3, 10))
    first, second = order
    city.take(gateway, batches[first])
    refuse("commit", city, monkeypatch, gateway, batches[second])
    city.restart()
    assert sequences(city) == [0, 1, 5, 8]


def test_a_late_batch_that_was_written_twice_counts_once(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed sync leaves one in a segment that is given up, and it is written again: for the auditor that is a repeat."""
    gateway = SigningGateway()
    held, late = gateway.run(2), gateway.seal([frame(5)], fresh=True)
    city.take(gateway, *held, gateway.gap(3, 3))
    refuse("sync", city, monkeypatch, gateway, late)
    city.take(gateway, late)
    report = city.verified()
    assert report.is_intact, report.as_text()
    assert report.chains[0].repeats == 1
    assert sequences(city) == [0, 1, 5]


def test_a_refused_commit_is_made_good_before_the_next_group(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Late batches and a fork are archived, their commit is refused, and no gateway sends them again: the next group finds them stored."""
    gateway = SigningGateway()
    held = gateway.run(2)
    late = {number: gateway.seal([frame(number)], fresh=True) for number in range(3, 11)}
    city.take(gateway, *held, gateway.gap(3, 10))
    at(gateway, 1, bytes(32))
    fork = gateway.seal([frame(20)], fresh=True)
    after = gateway.seal([frame(21)], fresh=True)
    refuse("commit", city, monkeypatch, gateway, fork, late[5])
    refuse("commit", city, monkeypatch, gateway, late[6])
    city.take(gateway, late[8])
    assert sequences(city) == [0, 1, 5, 6, 8, 20]
    city.take(gateway, after)
    city.restart()
    assert sequences(city) == [0, 1, 5, 6, 8, 20, 21]
    assert {path.parent.name for path in (city.folder / "archive").rglob("fork-*/*.seg")} == {"fork-1"}


def test_of_what_a_store_refuses_for_long_the_rest_waits_for_a_start(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six hundred late batches while the database refuses: all are archived, 512 are stored with the next group, the others at a start."""
    gateway = SigningGateway()
    late = [gateway.seal([frame(place)], fresh=True) for place in range(600)]
    city.take(gateway, gateway.gap(1, 600))
    for start in range(0, 600, 200):
        refuse("commit", city, monkeypatch, gateway, *late[start : start + 200])
    city.tick(1_000)
    assert len(sequences(city)) == 512
    city.restart()
    assert sequences(city) == list(range(600))


def test_a_fork_that_a_gap_leads_to_does_not_go_on_with_the_chain_of_a_lost_database(city: City) -> None:
    """A gap names a fork's batch as the one before the next: taken again from its shelf, the fork does not move the chain's own end."""
    gateway = SigningGateway()
    common = gateway.run(2)
    link = gateway.link
    city.take(gateway, *common, *gateway.run(3, 10))
    at(gateway, 2, link)
    fork = [gateway.seal([frame(20)], fresh=True), *gateway.run(3, 21)]
    sixth = gateway.link
    seventh = gateway.seal([frame(24)])
    city.take(gateway, *fork, seventh)
    number, end = gateway.number, gateway.link
    gateway.number, gateway.link = 6, sixth
    city.take(gateway, gateway.gap(3, 6))
    lose_database(city)
    city.take(at(gateway, number, end), *gateway.run(2, 30))
    assert "missing" not in {problem.kind for problem in city.verified().problems}
    lose_database(city)
    assert sequences(city) == [0, 1, 10, 11, 12, 20, 21, 22, 23, 24, 30, 31]


def test_lines_that_have_merged_are_all_stored_after_each_loss_of_the_database(city: City) -> None:
    """A forked line comes in pairs, the later first, and goes on on another shelf with a new database: nothing of it is left out."""
    gateway = SigningGateway()
    common = gateway.run(2)
    link = gateway.link
    city.take(gateway, *common, *gateway.run(4, 10))
    at(gateway, 2, link)
    line = [gateway.seal([frame(20 + place)], fresh=True) for place in range(8)]
    for place in (1, 0, 3, 2, 4, 5):
        city.take(gateway, line[place])
    lose_database(city)
    city.take(gateway, line[6])
    city.take(gateway, line[7])
    for _ in range(2):
        lose_database(city)
        assert sequences(city) == [0, 1, *range(10, 14), *range(20, 28)]


def test_forks_over_what_came_late_leave_room_for_it_in_a_new_database(city: City) -> None:
    """Forty late batches, and thirty of another past under the same numbers: whichever is taken again first, all that was stored is."""
    gateway = SigningGateway()
    late = [gateway.seal([frame(place)], fresh=True) for place in range(40)]
    city.take(gateway, gateway.gap(1, 40))
    city.take(gateway, *reversed(late))
    at(gateway, 4, bytes(32))
    city.take(gateway, *[gateway.seal([frame(100 + place)], fresh=True) for place in range(30)])
    before = sequences(city)
    assert len(before) == 70
    lose_database(city)
    assert sequences(city) == before


def test_a_batch_that_lies_on_two_shelves_hides_none_before_it(city: City) -> None:
    """The end of one shelf is found on another first: what stands before it is taken in again all the same."""
    gateway = SigningGateway()
    common = gateway.run(2)
    link = gateway.link
    city.take(gateway, *common, *gateway.run(2, 10))
    at(gateway, 2, link)
    three, four = gateway.seal([frame(20)], fresh=True), gateway.seal([frame(21)], fresh=True)
    city.take(gateway, four)
    city.take(gateway, three)
    (first, second) = sorted((city.folder / "archive").rglob("fork-*/*.seg"))
    whole = first.read_bytes()
    offset, entry = next(
        (found.offset, entry) for found, entry in scan_entries(whole) if isinstance(entry, SignedEntry)
    )
    other = second.read_bytes()
    second.write_bytes(other[:offset] + whole[offset:] + other[offset:] + whole[offset:])
    assert entry.signed == four
    lose_database(city)
    assert sequences(city) == [0, 1, 10, 11, 20, 21]
    assert sorted(branch.index for _, branch in city.store.branches()) == [0, 1, 2]


def test_a_shelf_that_cannot_be_read_keeps_no_collector_from_starting(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bad sector among what came late: it is said, and the chain goes on."""
    gateway = SigningGateway()
    late = gateway.seal([frame(0)], fresh=True)
    city.take(gateway, gateway.gap(1, 1), late)
    read = ArchiveReader._read

    def refuse(reader: ArchiveReader, path: Path, *rest: int) -> bytes:
        if path.parent.name == "late":
            raise Unavailable("archive: Input/output error")
        return read(reader, path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(ArchiveReader, "_read", refuse)
        city.restart()
    assert city.events().count("archive_unreadable") == 1
    assert [receipt.number for receipt in city.take(gateway, *gateway.run(1, 1))] == [2]
    city.restart()
    assert city.events().count("archive_unreadable") == 1


def test_a_late_batch_that_the_chain_holds_too_is_a_repeat_for_the_auditor(city: City) -> None:
    """What a group that failed had put aside as late came again in its place: once is enough, and nothing is wrong."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(3))
    (segment,) = (city.folder / "archive").rglob("*.seg")
    (segment.parent / "late").mkdir()
    (segment.parent / "late" / segment.name).write_bytes(segment.read_bytes())
    report = city.verified()
    assert report.is_intact, report.as_text()
    assert report.chains[0].repeats == 3


def test_what_lies_beside_its_chain_outlives_an_archive_that_refuses(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway has the broker's word for a fork and sends it once: the collector offers it to its archive until that takes it."""
    gateway = SigningGateway()
    held = gateway.run(2)
    late = gateway.seal([frame(3)], fresh=True)
    city.take(gateway, *held, gateway.gap(3, 3))
    at(gateway, 1, bytes(32))
    fork = gateway.run(3, 20)
    refuse("sync", city, monkeypatch, gateway, late, fork[0])
    refuse("sync", city, monkeypatch, gateway, fork[1])
    refuse("commit", city, monkeypatch, gateway)
    city.tick(1_000)
    city.tick(1_000)
    assert "batches_duplicate" not in city.counters(), "each is offered until it is taken, and no longer"
    city.take(gateway, fork[2])
    assert sequences(city) == [0, 1, 3, 20, 21, 22]
    city.restart()
    assert sequences(city) == [0, 1, 3, 20, 21, 22]


def test_of_what_an_archive_refuses_for_long_a_part_is_kept(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred late batches while the disk refuses: 64 are kept for it, the rest goes with a word in the log."""
    gateway = SigningGateway()
    late = [gateway.seal([frame(place)], fresh=True) for place in range(100)]
    city.take(gateway, gateway.gap(1, 100))
    for start in range(0, 100, 10):
        refuse("sync", city, monkeypatch, gateway, *late[start : start + 10])
    city.tick(1_000)
    city.tick(1_000)
    assert len(sequences(city)) == 64
    assert "batches_duplicate" not in city.counters(), "once taken they are not offered again"


def test_a_torn_end_beside_the_chain_is_a_note(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write of a late batch that takes a part and fails: it is written again in another segment, and the auditor finds all there."""
    gateway = SigningGateway()
    late = [gateway.seal([frame(place)], fresh=True) for place in range(3)]
    city.take(gateway, gateway.gap(1, 3))
    with monkeypatch.context() as patch:
        patch.setattr(archive, "SEGMENT_BYTES", 1)
        city.take(gateway, late[2], late[0])
    write = archive._Shelf._write

    def write_a_part(shelf: archive._Shelf, data: bytes) -> None:
        write(shelf, data[:50])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(archive._Shelf, "_write", write_a_part)
        with pytest.raises(Unavailable):
            city.take(gateway, late[1])
    city.tick(1_000)
    assert sequences(city) == [0, 1, 2]
    report = city.verified()
    assert report.is_intact, report.as_text()
    assert [note.kind for note in report.notes].count("abandoned") == 1


def test_what_a_failed_write_left_is_no_loss_where_a_gap_stands_for_it(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches are written and not synced, and before they come again the gateway gives them up: the signed gap accounts for them."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(2))
    lost = gateway.run(3, 2)
    refuse("sync", city, monkeypatch, gateway, *lost)
    city.take(gateway, gateway.gap(3, 5))
    city.take(gateway, gateway.seal([frame(5)], fresh=True))
    report = city.verified()
    assert report.is_intact, report.as_text()
    assert report.chains[0].gaps[0][:2] == (3, 5)


def test_a_forks_shelf_is_a_free_one_or_what_a_failed_write_left_of_it(city: City) -> None:
    """Above all that are there; an empty one, or one that begins with this very batch, is taken from the lowest that is not in use on."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(3))
    at(gateway, 1, bytes(32))
    city.take(gateway, fork := gateway.seal([frame(9)], fresh=True))
    (shelf,) = (city.folder / "archive").rglob("fork-1")
    key, digest = ChainKey(gateway.gateway_id, int(gateway.lane), gateway.instance), hashlib.sha256(fork).digest()
    shelf.rename(shelf.with_name("fork-5"))
    assert city.archive.fork_index(key, 2, b"another") == 6
    assert city.archive.fork_index(key, 2, digest) == 5
    assert city.archive.fork_index(key, 6, digest) == 6
    shelf.with_name("fork-3").mkdir()
    assert city.archive.fork_index(key, 2, b"another") == 3
    assert city.archive.fork_index(key, 4, b"another") == 6
