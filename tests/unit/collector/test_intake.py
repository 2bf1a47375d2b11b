# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.inbox import Inbox, Message
from collector.ranges import Quality, Ranges
from collector.schema import TABLES, UNREAD, VERSION
from collector.sqlite_store import Store
from collector.times import TimeQuality
from gateway_agent.errors import Unavailable
from gateway_agent.model import FrameRow, Lane, OpaqueRow, OwnReading
from gateway_agent.wire.senml import encode_pack
from tests.support.signing_gateway import START_MS, SigningGateway, anchor, frame, kid, pack, test_only_signer
from tests.unit.collector.conftest import City


def test_a_group_ends_in_one_receipt_a_lane(city: City) -> None:
    """Ten batches in one group give one receipt, for the last of them, with its hash."""
    gateway = SigningGateway()
    (receipt,) = city.take(gateway, *gateway.run(10))
    assert (receipt.lane, receipt.instance, receipt.number, receipt.link) == (
        Lane.RECORD,
        b"instance",
        10,
        gateway.link,
    )
    assert len(city.readings()) == 30
    assert city.verified().is_intact


def test_values_come_out_as_they_went_in(city: City) -> None:
    """Mantissas, units, kinds, times and identities of a frame survive body, store and reader."""
    gateway = SigningGateway()
    city.take(gateway, gateway.seal([frame(5)]))
    first, second, third = city.readings()
    assert (first.node, first.epoch, first.sequence, first.place) == (kid()[:6], kid()[6:], 5, 0)
    assert (first.field.name, first.field.unit, first.field.exponent, first.value) == ("temperature", "Cel", -2, 2005)
    assert (second.value, third.value) == (455, False)
    assert first.time.quality is TimeQuality.SYNCHRONISED
    assert (first.time.time_ms, second.time.time_ms) == (START_MS + 300_000, START_MS + 301_000)


def test_duplicates_cost_nothing_and_repeat_the_receipt(city: City) -> None:
    """A batch that comes again is not stored again; its gateway, which seems not to know, hears the receipt again, once a second."""
    gateway = SigningGateway()
    batches = gateway.run(3)
    city.take(gateway, *batches)
    written = city.archive.bytes_written
    city.now_ms += 1000
    (receipt,) = city.take(gateway, *batches)
    assert receipt.number == 3
    assert city.take(gateway, *batches) == []
    assert len(city.readings()) == 9
    assert city.archive.bytes_written == written
    assert city.counters()["batches_duplicate"] == 6


def test_a_hole_is_not_stored_and_the_current_receipt_goes_out_again(city: City) -> None:
    """Batch 4 before batch 3 is left to be sent again: nothing of it counts until 3 is there."""
    gateway = SigningGateway()
    one, two, three, four = gateway.run(4)
    city.take(gateway, one, two)
    city.now_ms += 1000
    (receipt,) = city.take(gateway, four)
    assert receipt.number == 2
    (receipt,) = city.take(gateway, three, four)
    assert receipt.number == 4
    assert len(city.readings()) == 12
    assert city.verified().is_intact


def test_a_restart_in_the_middle_goes_on(city: City) -> None:
    """After a restart the chain, and the node table that it leans on, are where they were."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(5), gateway.seal([frame(0, node=2)]))
    city.restart()
    (receipt,) = city.take(gateway, gateway.seal([frame(5), frame(1, node=2)]))
    assert receipt.number == 7
    assert len(city.readings()) == 24
    assert city.verified().is_intact


def test_values_after_a_restart_are_read_from_what_was_remembered(city: City) -> None:
    """A node's row is the difference from its last one, which an earlier process read: in another batch of the same group, or before."""
    gateway = SigningGateway()
    frames = [frame(number, node=node, value=1000 * node + number) for number in range(6) for node in (1, 2)]
    for start in range(0, 12, 4):
        city.take(gateway, gateway.seal(frames[start : start + 2]), gateway.seal(frames[start + 2 : start + 4]))
        city.restart()
    values = [reading.value for reading in city.readings() if reading.place == 0]
    assert values == [1000 * node + number for node in (1, 2) for number in range(6)]
    assert [reading.time.time_ms for reading in city.readings() if reading.place == 0] == [
        START_MS + number * 60_000 for _ in (1, 2) for number in range(6)
    ]


@pytest.mark.parametrize("damage", [b"", b"\x80", bytes(28)])
def test_a_damaged_table_is_made_anew_from_the_archive(city: City, damage: bytes) -> None:
    """What leans on a table that the store has lost is archived, counted and receipted, and then read with what it leans on."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(3))
    city.stop()
    with sqlite3.connect(city.folder / "collector.sqlite") as db:
        db.execute("UPDATE branch SET node_table = ?", (damage,))
    db.close()
    city.start()
    (receipt,) = city.take(gateway, gateway.seal([frame(3)]), gateway.seal([frame(4)], fresh=True))
    assert receipt.number == 5
    assert [reading.sequence for reading in city.readings() if reading.place == 0] == [0, 1, 2, 3, 4]
    assert city.counters()["TableMissing"] == 1
    assert city.verified().is_intact


def test_a_crash_between_archive_and_store_leaves_one_copy_of_each(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the archive has and the store has not comes again, is stored, and stands in the archive once."""
    gateway = SigningGateway()
    batches = gateway.run(3)

    def refuse(_group: object) -> None:
        raise Unavailable("disk full")

    monkeypatch.setattr(city.store, "commit", refuse)
    with pytest.raises(Unavailable):
        city.take(gateway, *batches)
    city.restart()
    (receipt,) = city.take(gateway, *batches)
    assert receipt.number == 3
    report = city.verified()
    assert report.is_intact
    assert (report.chains[0].batches, report.chains[0].repeats) == (3, 0)


def test_a_refused_commit_is_forgotten_whole(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `Unavailable` the same process takes the same batches again as if they had never come."""
    gateway = SigningGateway()
    batches = gateway.run(3)
    monkeypatch.setattr(city.store, "commit", lambda _group: (_ for _ in ()).throw(Unavailable("disk full")))
    with pytest.raises(Unavailable):
        city.take(gateway, *batches)
    monkeypatch.undo()
    (receipt,) = city.take(gateway, *batches)
    assert receipt.number == 3
    assert len(city.readings()) == 9


def test_a_failed_sync_of_the_archive_leaves_a_whole_chain(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed sync nobody knows what a segment holds: its batches are written again in another, and the auditor sees why."""
    gateway = SigningGateway()
    batches = gateway.run(5)
    city.take(gateway, *batches[:2])

    def refuse(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("collector.archive.os.fdatasync", refuse)
    with pytest.raises(Unavailable, match="Input/output error"):
        city.take(gateway, *batches[2:4])
    monkeypatch.undo()
    (receipt,) = city.take(gateway, *batches[2:])
    assert receipt.number == 5
    abandoned = min((city.folder / "archive").rglob("*.seg"))
    abandoned.write_bytes(abandoned.read_bytes()[:-9])  # what a power cut makes of bytes that were never synced
    report = city.verified()
    assert report.is_intact, report.as_text()
    assert {note.kind for note in report.notes} == {"abandoned"}
    assert (report.chains[0].batches, report.chains[0].repeats) == (5, 1)


def test_a_sync_that_fails_at_the_first_batch_is_survived_too(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both segments would have the same name: the abandoned one stays, and is read first."""
    gateway = SigningGateway()
    batches = gateway.run(3)
    monkeypatch.setattr(
        "collector.archive.os.fdatasync", lambda _descriptor: (_ for _ in ()).throw(OSError(28, "No space left"))
    )
    with pytest.raises(Unavailable):
        city.take(gateway, *batches)
    monkeypatch.undo()
    torn = next((city.folder / "archive").rglob("*.seg"))
    torn.write_bytes(torn.read_bytes()[:-9])
    city.take(gateway, *batches)
    city.restart()
    (receipt,) = city.take(gateway, *gateway.run(1, 3))
    assert receipt.number == 4
    report = city.verified()
    assert report.is_intact, report.as_text()
    assert report.chains[0].batches == 4


async def test_a_full_inbox_refuses_and_says_how_often() -> None:
    """Bounded in bytes; what is refused is counted once, and groups come out in order."""
    inbox = Inbox(bytes_max=10)
    for number in range(5):
        inbox.put(Message("t", bytes([number]) * 3))
    assert inbox.take_refused() == 2
    assert inbox.take_refused() == 0
    assert [message.payload[0] for message in await inbox.take(1)] == [0, 1, 2]
    assert inbox.length_bytes == 0
    assert await inbox.take(0) == []


def test_a_database_that_refuses_midway_changes_nothing(city: City) -> None:
    """An error inside the transaction rolls everything back, numbers given out included."""
    gateway = SigningGateway()
    city.store._db.execute("CREATE TRIGGER no BEFORE INSERT ON branch BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(Unavailable, match="full"):
        city.take(gateway, *gateway.run(2))
    assert city.readings() == []
    city.store._db.execute("DROP TRIGGER no")
    again = SigningGateway()
    (receipt,) = city.take(again, *again.run(2))
    assert receipt.number == 2
    assert len(city.readings()) == 6


def test_a_reading_cannot_be_stored_twice_even_by_hand(city: City) -> None:
    """The identity is the primary key, whatever the callers do."""
    gateway = SigningGateway()
    city.take(gateway, gateway.seal([frame(1)]))
    with pytest.raises(sqlite3.IntegrityError):
        city.store._db.execute("INSERT INTO reading SELECT * FROM reading")


def test_two_gateways_hear_one_node_and_it_is_stored_once(city: City) -> None:
    """The same frames by another gateway are repeats, in the same group and in a later one."""
    first, second = SigningGateway(), SigningGateway("test-only-02")
    frames = [frame(n) for n in range(4)]
    city.intake.take([Message(first.topic, first.seal(frames)), Message(second.topic, second.seal(frames[:2]))], 0, 0)
    (receipt,) = city.take(second, second.seal([*frames[2:], frame(9)]))
    assert receipt.number == 2
    assert len(city.readings()) == 15
    assert city.counters()["frames_repeated"] == 4
    assert "conflicts" not in city.counters()
    report = city.verified("test-only-01", "test-only-02")
    assert report.is_intact
    assert report.heard_twice == 4
    assert report.as_json()["readings"] == 15


def test_one_identity_with_two_contents_is_a_conflict(city: City) -> None:
    """The first contents stay, the second are recorded and flagged, and the receipt is given: nothing is lost."""
    first, second = SigningGateway(), SigningGateway("test-only-02")
    city.take(first, first.seal([frame(1, value=2000)]))
    (receipt,) = city.take(second, second.seal([frame(1, value=2001), frame(2)]))
    assert receipt.number == 1
    assert [reading.value for reading in city.readings() if reading.sequence == 1] == [2000, 455, True]
    assert city.counters()["conflicts"] == 1
    assert "conflict" in city.events()
    room = city.room()
    assert "2001" in room.table("SELECT contents FROM conflict")[0]["contents"]
    room.close()
    report = city.verified("test-only-01", "test-only-02")
    assert [problem.kind for problem in report.problems] == ["conflict"]


def test_a_conflict_with_fewer_records_is_one_too(city: City) -> None:
    """A frame that repeats only some of its records with the same values is not the same frame."""
    first, second = SigningGateway(), SigningGateway("test-only-02")
    whole = frame(1)
    part = whole.pack._replace(shape=whole.pack.shape[:2], offsets_ms=(0, 1000), values=whole.pack.values[:2])
    city.take(first, first.seal([whole]))
    city.take(second, second.seal([FrameRow(whole.kid, 1, part)]))
    assert city.counters()["conflicts"] == 1
    assert len(city.readings()) == 3


def test_an_opaque_frame_gives_way_to_its_readings(city: City) -> None:
    """A frame that one gateway could not use and another could ends as readings, once, whoever comes first."""
    first, second = SigningGateway(), SigningGateway("test-only-02")
    known, other = frame(1), frame(2)
    first_batch = first.seal([other], [OpaqueRow(known.kid, 1, 0, encode_pack(known.pack))])
    city.take(first, first_batch)
    city.take(second, second.seal([known], [OpaqueRow(other.kid, 2, 0, encode_pack(other.pack))]))
    assert len(city.readings()) == 6
    room = city.room()
    assert room.table("SELECT count(*) AS n FROM opaque")[0]["n"] == 0
    (source,) = room.sources()
    assert (source.frames, source.readings) == (2, 6)
    room.close()
    assert "conflicts" not in city.counters()


def test_an_opaque_frame_is_kept_whole(city: City) -> None:
    """Bytes that nobody understands are stored as they are."""
    gateway = SigningGateway()
    city.take(gateway, gateway.seal([], [OpaqueRow(kid(), 3, 3, b"\xff\x00")]))
    room = city.room()
    assert room.table("SELECT sequence, reason, pack FROM opaque") == [
        {"sequence": 3, "reason": 3, "pack": b"\xff\x00"}
    ]
    room.close()


def test_the_gateways_own_readings_are_stored(city: City) -> None:
    """A gateway's readings are named by batch and place; each kind of value survives."""
    gateway = SigningGateway()
    own = [
        OwnReading("cpu", START_MS, (-1, 415)),
        OwnReading("disk_ok", None, True),
        OwnReading("version", START_MS, "0.1.0"),
    ]
    city.take(gateway, gateway.seal([], [], own))
    room = city.room()
    rows = room.table("SELECT place, name, time_ms, exponent, value FROM own ORDER BY place")
    room.close()
    assert [tuple(row.values()) for row in rows] == [
        (0, "cpu", START_MS, -1, 415), (1, "disk_ok", None, None, 1), (2, "version", START_MS, None, "0.1.0")
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------ forks and gaps


def test_a_fork_is_kept_beside_and_its_readings_are_stored_once(city: City) -> None:
    """A card restored from a backup: other batches under old numbers are archived, flagged, and their new readings kept."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(3))
    restored = SigningGateway()
    restored.run(2)
    fork = [restored.seal([frame(2), frame(70)], fresh=True), restored.seal([frame(71)])]
    city.now_ms += 1000
    (receipt,) = city.take(restored, *fork)
    assert (receipt.number, receipt.link) == (3, gateway.link)  # branch 0 as before: its link is what tells the gateway
    assert sorted(reading.sequence for reading in city.readings()) == sorted([0, 1, 2, 70, 71] * 3)
    assert city.events().count("fork") == 1
    (receipt,) = city.take(gateway, *gateway.run(1, 3))
    assert receipt.number == 4
    city.restart()
    city.take(restored, restored.seal([frame(72)]))
    assert len(city.readings()) == 21
    report = city.verified()
    assert not report.is_intact
    assert {problem.kind for problem in report.problems} == {"fork"}


def test_a_batch_with_another_link_is_a_fork(city: City) -> None:
    """The next number over another past is not taken as the next."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(2))
    gateway.link = b"x" * 32
    gateway.table = type(gateway.table)()
    city.now_ms += 1000
    (receipt,) = city.take(gateway, gateway.seal([frame(9)]))
    assert receipt.number == 2
    assert city.events()[-1] == "fork"


def test_a_gap_counts_as_contiguous(city: City) -> None:
    """Evicted batches are accounted for by a signed gap; the chain goes on behind it, with a table of its own."""
    gateway = SigningGateway()
    batches = gateway.run(6)
    gap_source = SigningGateway()
    gap_source.run(5)
    gap = gap_source.gap(3, 5)
    city.take(gateway, *batches[:2])
    gateway_after = SigningGateway()
    gateway_after.run(5)
    six = gateway_after.seal([frame(50)], fresh=True)
    (receipt,) = city.take(gateway, gap, six)
    assert (receipt.number, receipt.link) == (6, gateway_after.link)
    assert city.events() == ["instance", "gap"]
    report = city.verified()
    assert report.is_intact
    assert report.chains[0].gaps == [(3, 5, 0)]
    city.restart()
    (receipt,) = city.take(gateway_after, *gateway_after.run(1, 51))
    assert receipt.number == 7


def test_what_was_given_up_and_comes_after_all_is_kept(city: City) -> None:
    """A batch inside a gap is stored where it can be read, on a shelf of its own, and never moves the head back."""
    gateway = SigningGateway()
    one = gateway.seal([frame(0)])
    two = gateway.seal([frame(1)], fresh=True)
    city.take(gateway, one, gateway.gap(2, 2))
    city.take(gateway, two)
    assert [reading.sequence for reading in city.readings()] == [0] * 3 + [1] * 3
    assert city.counters()["batches_late"] == 1
    report = city.verified()
    assert report.is_intact
    assert [note.kind for note in report.notes] == ["late"]


def test_a_body_that_nobody_can_read_does_not_stop_the_lane(city: City) -> None:
    """A signed body of garbage is archived and flagged; the next table makes the lane readable again."""
    gateway = SigningGateway()
    city.take(gateway, gateway.seal([frame(0)]))
    broken, leaning = gateway.seal_plain(b"\xa0"), gateway.seal([frame(1)])
    whole = gateway.seal([frame(2)], fresh=True)
    (receipt,) = city.take(gateway, broken, leaning, whole)
    assert receipt.number == 4
    assert [reading.sequence for reading in city.readings()] == [0] * 3 + [2] * 3
    assert city.counters()["BodyShape"] == 1
    assert city.counters()["TableMissing"] == 1


@pytest.mark.parametrize(
    ("time_ms", "offset_ms", "boot"),
    [
        ((1 << 63) - 1, 0, None),
        ((1 << 63) - 1, (1 << 63) - 1, None),
        (-(1 << 63), -(1 << 63), None),
        (-(1 << 63), 1000, 7),
        (1 << 62, 1, None),
    ],
)
def test_a_time_that_the_store_cannot_hold_costs_its_frame_alone(
    city: City, time_ms: int, offset_ms: int, boot: int | None
) -> None:
    """A frame with a time no node can have sent is set aside and named; frames beside it and batches that lean on its batch are stored."""
    gateway = SigningGateway()
    absurd = FrameRow(kid(), 2, pack(time_ms=time_ms, boot=boot)._replace(offsets_ms=(0, offset_ms, 0)))
    batches = [gateway.seal([frame(1), absurd, frame(3)]), *gateway.run(63, first_sequence=4)]
    (receipt,) = city.take(gateway, *batches)
    assert receipt.number == 64
    assert sorted({reading.sequence for reading in city.readings()}) == [1, *range(3, 67)]
    assert city.counters() == {"batches_next": 64, "frames_set_aside": 1}
    assert city.events() == ["instance", "set_aside"]
    assert city.verified().is_intact


@pytest.mark.parametrize(
    ("time_ms", "offset_ms", "boot"),
    [
        (1 << 54, 0, None),
        ((1 << 53) - 1, (1 << 53) - 1, None),
        ((1 << 62) - 1, 1, None),
        (-(1 << 62) + 1, -1, 7),
        ((1 << 62) - 1, 1, 7),
    ],
)
def test_an_absurd_time_is_stored_as_it_was_signed(city: City, time_ms: int, offset_ms: int, boot: int | None) -> None:
    """What fits the store's integers is a reading like any other, also where it is later than a node may write."""
    gateway = SigningGateway()
    absurd = FrameRow(kid(), 1, pack(time_ms=time_ms, boot=boot)._replace(offsets_ms=(0, offset_ms, 0)))
    (receipt,) = city.take(gateway, gateway.seal([absurd]), gateway.seal([frame(2)]))
    assert receipt.number == 2
    assert [reading.sequence for reading in city.readings()] == [1, 1, 1, 2, 2, 2]
    room = city.room()
    stored = [row["time_ms"] for row in room.table("SELECT time_ms FROM reading WHERE sequence = 1 ORDER BY place")]
    room.close()
    assert stored == [time_ms, time_ms + offset_ms, time_ms]
    assert city.events() == ["instance"]


def test_an_absurd_time_is_a_defect_and_not_a_crash(city: City) -> None:
    """A gateway that signs times no node can have sent gets its receipt, and what is beside them is stored."""
    gateway = SigningGateway()
    absurd = [FrameRow(kid(), sequence, pack(time_ms=(1 << 63) - 1)) for sequence in (1, 5)]
    silly_anchor = FrameRow(kid(), 2, anchor((1 << 64) - 1, 1, START_MS, 1))
    (receipt,) = city.take(gateway, gateway.seal(absurd), gateway.seal([silly_anchor, frame(3)]))
    assert receipt.number == 2
    assert sorted({reading.sequence for reading in city.readings()}) == [2, 3]
    assert city.counters()["frames_set_aside"] == 2
    assert city.events().count("set_aside") == 1


# ------------------------------------------------------------------------------------------------ strangers


@pytest.mark.parametrize(
    ("word", "counter"),
    [
        ("record", "SignatureInvalid"),
        ("state", "SignatureInvalid"),
        ("trend", "foreign_lane"),
        ("else", "foreign_topic"),
    ],
)
def test_strangers_are_counted_by_name(city: City, word: str, counter: str) -> None:
    """A wrong key, a wrong lane and a wrong topic leave nothing but a count."""
    gateway = SigningGateway(signer=None if word == "trend" else test_only_signer("somebody else"))
    payload = gateway.state() if word == "state" else gateway.seal([frame(1)])
    assert city.take(gateway, payload, word=word) == []
    assert city.counters() == {counter: 1}
    assert city.readings() == []


def test_an_unknown_gateway_and_garbage_are_counted(city: City) -> None:
    """Nobody's gateway and bytes that are nothing cost a count each, and the good batch beside them goes through."""
    gateway, stranger = SigningGateway(), SigningGateway("nobody")
    outgoing = city.intake.take(
        [
            Message(stranger.topic, stranger.seal([frame(1)])),
            Message(gateway.topic, b"\x00\x01"),
            Message(gateway.topic, b""),
            Message("sc/a/b/c", b""),
            Message(gateway.topic, gateway.seal([frame(1)])),
        ],
        0,
        0,
    )
    assert len(outgoing) == 1
    counters = city.counters()
    assert counters["foreign_gateway"] == counters["foreign_topic"] == 1
    assert counters["batches_next"] == 1
    assert sum(count for name, count in counters.items() if name.startswith(("Cbor", "Cose"))) == 2


# ------------------------------------------------------------------------------------------------ states


def test_a_cut_off_tail_is_seen_against_the_signed_state(city: City) -> None:
    """The gateway signed for 5 and we hold 3: the receipt is repeated, and after a minute it shows; when the rest comes it heals."""
    gateway = SigningGateway()
    batches = gateway.run(5)
    city.take(gateway, *batches[:3])
    city.take(gateway, gateway.state(), word="state")
    assert city.tick(4_000) == []
    (receipt,) = city.tick(2_000)
    assert receipt.number == 3
    city.tick(OVERDUE := 60_000)
    assert city.events()[-2:] == ["tail_missing", "behind_receipts"]  # and it has asked the gateway again
    assert [problem.kind for problem in city.verified().problems] == ["tail"]
    city.tick(OVERDUE)
    assert city.events().count("tail_missing") == 1
    city.take(gateway, *batches[3:])
    assert city.events()[-1] == "tail_came"
    report = city.verified()
    assert report.is_intact
    assert report.chains[0].confirmed_to == 5


def test_a_gateway_whose_state_is_behind_is_told_within_a_second(city: City) -> None:
    """A gateway restored from an older copy says its state once: the receipt it has to learn from may be put off, never left out."""
    gateway, restored = SigningGateway(), SigningGateway()
    restored.run(1)
    assert city.take(gateway, *gateway.run(3))
    assert city.take(restored, restored.state(), word="state") == []  # one went out a moment ago
    assert [receipt.number for receipt in city.tick(1000)] == [3]
    assert city.tick(5000) == []


def test_a_state_that_names_another_batch_is_a_fork(city: City) -> None:
    """The same number with another hash in the signed state: one of the two pasts is not ours."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(2))
    gateway.link = b"x" * 32
    city.take(gateway, gateway.state(), word="state")
    assert city.events()[-1] == "fork"
    assert [problem.kind for problem in city.verified().problems] == ["fork"]


def test_an_older_state_takes_nothing_back(city: City) -> None:
    """A will from the connection's start names lower numbers: the higher promise stands."""
    gateway = SigningGateway()
    early = gateway.state(online=False)
    gateway.run(3)
    city.take(gateway, gateway.state(), word="state")
    city.take(gateway, early, word="state")
    city.restart()
    assert [number for number, _ in city.store.promises().values()] == [3]


# ------------------------------------------------------------------------------------------------ times and ranges


def test_an_anchor_that_comes_later_resolves_what_is_stored(city: City) -> None:
    """Boot-relative readings are unknown within an interval until an anchor of their boot arrives."""
    gateway = SigningGateway()
    before = FrameRow(kid(), 1, pack(time_ms=START_MS - 500_000))
    lost = FrameRow(kid(), 2, pack(time_ms=30_000, boot=4))
    city.take(gateway, gateway.seal([before, lost]))
    wall_ms = gateway.wall_ms
    unknown = next(reading for reading in city.readings() if reading.sequence == 2).time
    assert (unknown.quality, unknown.time_ms) == (TimeQuality.UNKNOWN, None)
    assert unknown.earliest_ms == START_MS - 499_000 + 30_000 - 3
    # The row's last record is a second younger, and the gateway's clock is good to one second.
    assert unknown.latest_ms == wall_ms + 1000 - 31_000 + 30_000 + 3
    city.take(gateway, gateway.seal([FrameRow(kid(), 3, anchor(4, 90_000, START_MS + 90_000, 40))]))
    known = next(reading for reading in city.readings() if reading.sequence == 2).time
    assert known.quality is TimeQuality.RESOLVED
    assert known.time_ms == START_MS + 30_000
    assert known.bound_ms == 20 + 1000 + 6


def test_the_drift_that_a_sleeping_node_states_widens_the_bound(city: City) -> None:
    """Five per cent of the minute between anchor and reading; an anchor with an absurd drift anchors nothing."""
    gateway = SigningGateway()
    slept = FrameRow(kid(), 2, pack(time_ms=30_000, boot=4))
    absurd = FrameRow(kid(), 3, anchor(4, 30_000, START_MS, 40, 2_000_000))
    city.take(gateway, gateway.seal([slept, absurd]))
    assert next(reading for reading in city.readings() if reading.sequence == 2).time.time_ms is None
    city.take(gateway, gateway.seal([FrameRow(kid(), 4, anchor(4, 90_000, START_MS + 90_000, 40, 50_000))]))
    known = next(reading for reading in city.readings() if reading.sequence == 2).time
    assert (known.time_ms, known.bound_ms) == (START_MS + 30_000, 20 + 1000 + 3000)


@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_database_of_a_version_before_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    """Its anchors are those of nodes that stay awake, and what its batches lean on is not known; the tables are today's."""
    path = tmp_path / "collector.sqlite"
    tables = TABLES.replace(" link BLOB, leans INTEGER,", "").replace(UNREAD, "")
    if version == 1:
        tables = tables.replace("\n    drift_ppm INTEGER NOT NULL DEFAULT 100,", "")
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.executescript(
            f"{tables}PRAGMA user_version={version};INSERT INTO anchor (source, boot, node_ms, city_ms, bound_ms) VALUES (1, 2, 3, 4, 5);"
            "INSERT INTO batch VALUES (1, 1, 7, x'aa', 0, null, null, 0, 0, 9, 'TableMissing: leans on 3 batches, we know 0');"
        )
    store = Store(path, Ranges({}))
    assert store.unread_ranges() == {}
    store.close()
    Store(tmp_path / "new.sqlite", Ranges({})).close()
    with (
        contextlib.closing(sqlite3.connect(path)) as brought,
        contextlib.closing(sqlite3.connect(tmp_path / "new.sqlite")) as new,
    ):
        assert brought.execute("SELECT bound_ms, drift_ppm FROM anchor").fetchall() == [(5, 100)]
        assert brought.execute("SELECT number, link, leans FROM batch").fetchall() == [(7, None, None)]
        assert brought.execute("PRAGMA user_version").fetchone() == (VERSION,)
        for table in ("anchor", "batch"):
            named = f"SELECT name, type FROM pragma_table_info('{table}') ORDER BY name"
            assert brought.execute(named).fetchall() == new.execute(named).fetchall()
        indexes = "SELECT name FROM sqlite_schema WHERE type = 'index' ORDER BY name"
        assert brought.execute(indexes).fetchall() == new.execute(indexes).fetchall()


def test_out_of_range_readings_are_kept_and_marked(make_city: Callable[..., City]) -> None:
    """A value outside every profile that knows the measurement is stored with its quality."""

    class Limits:
        unit: str | None = "Cel"
        minimum: float = -40
        maximum: float = 85

    class Wider(Limits):
        maximum = 200.5

    class Profile:
        def __init__(self, limits: type[Limits]) -> None:
            self.measurements = {"temperature": limits()}

    profiles = {"indoor": Profile(Limits), "oven": Profile(Wider)}
    city = make_city(ranges=Ranges(profiles, {kid(2)[:6]: "indoor"}))
    gateway = SigningGateway()
    city.take(
        gateway,
        gateway.seal(
            [frame(1, value=9000), frame(2, value=20_051), frame(1, node=2, value=8501), frame(2, node=2, value=8500)]
        ),
    )
    marks = {(reading.node[5], reading.sequence): reading.quality for reading in city.readings() if reading.place == 0}
    assert marks == {(1, 1): Quality.OK, (1, 2): Quality.OUT_OF_RANGE, (2, 1): Quality.OUT_OF_RANGE, (2, 2): Quality.OK}
