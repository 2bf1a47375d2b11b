# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Archive and database restored from copies of different ages: real files, each put back at any age."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from collector.inbox import Message
from gateway_agent.model import GatewayId, Lane, LaneHead
from gateway_agent.wire.gap import GapReason
from gateway_agent.wire.key_change import sign_key_change
from gateway_agent.wire.resend import open_resend
from tests.support.signing_gateway import GATEWAY, SigningGateway, frame, test_only_signer
from tests.unit.collector.conftest import COLLECTOR, OVERDUE_MS, City

DATABASE, ARCHIVE = "collector.sqlite", "archive"


def copy(city: City, name: str) -> Path:
    """Archive and database as they are now."""
    city.stop()
    target = city.folder.parent / name
    shutil.copytree(city.folder, target)
    city.start()
    return target


def restore(city: City, *, archive: Path | None = None, database: Path | None = None) -> None:
    """A stopped collector, one or both parts of its data from a copy, and the next start."""
    city.stop()
    if archive is not None:
        shutil.rmtree(city.folder / ARCHIVE)
        shutil.copytree(archive / ARCHIVE, city.folder / ARCHIVE)
    if database is not None:
        for path in city.folder.glob(f"{DATABASE}*"):
            path.unlink()
        if (database / DATABASE).exists():
            shutil.copy(database / DATABASE, city.folder / DATABASE)
    city.start()


def contents(city: City) -> dict[str, list[Any]]:
    """What is stored, without the numbers that SQLite gives."""
    db = sqlite3.connect(city.folder / DATABASE)
    try:
        return {
            "readings": sorted(db.execute(
                "SELECT node, epoch, sequence, place, name, unit, time_ms, boot, value, quality FROM reading"
                " JOIN source ON source.id = source JOIN field ON field.id = reading.field")),
            "counts": sorted(db.execute("SELECT node, epoch, frames, readings FROM source")),
            "batches": sorted(db.execute(
                "SELECT gateway, lane, instance, number, digest, frames, readings FROM batch JOIN chain ON chain.id = chain")),
            "gaps": sorted(db.execute("SELECT first, last, reason, digest FROM gap")),
            "heads": sorted(db.execute("SELECT gateway, lane, instance, place, number, link FROM branch"
                                       " JOIN chain ON chain.id = chain")),
        }  # fmt: skip
    finally:
        db.close()


def archived(city: City) -> dict[str, bytes]:
    folder = city.folder / ARCHIVE
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def asked_for(city: City, milliseconds: int) -> list[int]:
    """The numbers behind which the gateway is asked for more, as time goes by."""
    city.now_ms += milliseconds
    outgoing = city.intake.take([], city.now_ms, 1_790_000_000_000)
    return [
        open_resend(item.payload, COLLECTOR.public_key).number for item in outgoing if item.topic.endswith("/resend")
    ]


def test_a_database_older_than_the_archive_is_filled_from_it(city: City) -> None:
    """Three lanes, a fork, a gap, what came late, a change of the key: after any older database, or none, all is there again,
    once, the archive is as it was, and it is said once."""
    copies = [copy(city, "nothing")]
    gateway, alarm = SigningGateway(), SigningGateway(lane=Lane.ALARM, instance=b"alarmsss")
    before = SigningGateway(
        instance=b"before.."
    )  # its key is retired later on, by a change that does not name this instance
    city.take(before, *before.run(2, node=3))
    batches = gateway.run(6)
    city.take(gateway, *batches[:2])
    city.take(alarm, *alarm.run(2, node=2))
    copies.append(copy(city, "two"))
    city.take(gateway, gateway.gap(3, 6))
    city.take(gateway, gateway.seal([frame(20)], fresh=True))
    copies.append(copy(city, "gap"))
    city.take(gateway, batches[3])  # late
    restored = SigningGateway()
    restored.run(1)
    city.take(restored, restored.seal([frame(1), frame(70)], fresh=True), restored.seal([frame(71)]))
    copies.append(copy(city, "fork"))
    second = test_only_signer("second")
    heads = tuple(
        LaneHead(one.lane, one.instance, one.number, one.link)
        for one in (alarm, gateway, SigningGateway(lane=Lane.TREND))
    )
    change = sign_key_change(GatewayId(GATEWAY), gateway.clock(), heads, gateway.signer, second)
    city.intake.take([Message(f"sc/{GATEWAY}/key/{gateway.signer.key_id.hex()}", change)], city.now_ms, 0)
    gateway.signer = second
    city.take(gateway, *gateway.run(3, 30))
    whole, bytes_before, report = contents(city), archived(city), city.verified().as_text()
    assert len(whole["heads"]) == 4 and whole["gaps"]
    for older in copies:
        restore(city, database=older if older.name != "nothing" else older / "not there")
        assert contents(city) == whole, older.name
        assert archived(city) == bytes_before
        assert city.events().count("archive_ahead") >= 1
        before = city.events()
        city.restart()
        assert city.events() == before, "said once"
    assert city.verified().as_text() == report
    assert [receipt.number for receipt in city.take(gateway, *gateway.run(1, 40))] == [11]


def test_an_archive_older_than_the_database_asks_the_gateway_again(city: City) -> None:
    """The head falls back to the archive's, what lies between is asked for, archived when it comes and not stored twice; what comes
    behind leans on the right node table. A crash in the middle changes nothing."""
    gateway = SigningGateway()
    batches = gateway.run(9)
    city.take(gateway, gateway.state(), word="state")
    city.take(gateway, *batches[:4])
    older = copy(city, "older")
    city.take(gateway, *batches[4:])
    whole = contents(city)
    restore(city, archive=older)
    assert city.events().count("archive_behind") == 1
    city.take(gateway, gateway.state(), word="state")
    tenth = gateway.run(1, 9)
    assert [receipt.number for receipt in city.take(gateway, *tenth)] == [4], "no receipt for what the archive lacks"
    assert contents(city)["readings"] == whole["readings"]
    assert asked_for(city, 1_000) + asked_for(city, 20_000) == [4]
    assert [receipt.number for receipt in city.take(gateway, *batches[4:6])] == [6]
    city.restart()
    assert city.events().count("archive_behind") == 1, "archive and database are of one age again"
    assert [receipt.number for receipt in city.take(gateway, *batches[6:], *tenth)] == [10]
    after = contents(city)
    assert (len(after["readings"]), len(after["batches"])) == (30, 10)
    assert {row[:3] for row in after["readings"]} == {row[:3] for row in whole["readings"]} | {
        (frame(9).kid[:6], frame(9).kid[6:], 9)
    }
    assert city.counters()["batches_archived_again"] == 5
    assert city.counters().get("frames_repeated", 0) == 0
    report = city.verified()
    assert report.is_intact and (report.chains[0].first, report.chains[0].last, report.chains[0].repeats) == (1, 10, 0)


def test_beside_a_fork_the_head_falls_back_and_comes_again(city: City) -> None:
    """What the fork holds is not taken for the chain's own, nor the chain's own for what is held."""
    gateway, restored = SigningGateway(), SigningGateway()
    city.take(gateway, *gateway.run(3))
    restored.run(1)
    city.take(restored, restored.seal([frame(70)], fresh=True), *restored.run(6, 71))
    older = copy(city, "older")
    batches = gateway.run(3, 3)
    city.take(gateway, *batches)
    whole = contents(city)
    restore(city, archive=older)
    assert [receipt.number for receipt in city.take(gateway, *batches)] == [6]
    assert contents(city) == whole
    assert {problem.kind for problem in city.verified().problems} == {"fork"}
    assert city.verified().chains[0].last == 6


def test_what_the_gateway_has_deleted_is_a_gap_in_the_archive_and_stays_stored(city: City) -> None:
    """The archive is lost whole, and the gateway has trimmed the first batches: the gap is archived, the readings stay."""
    gateway = SigningGateway()
    batches = gateway.run(3)
    trimmed = gateway.gap(1, 3, GapReason.TRIMMED)
    batches += [gateway.seal([frame(3)], fresh=True), *gateway.run(1, 4)]  # a gateway's next segment begins a table
    nothing = copy(city, "nothing")
    city.take(gateway, *batches)
    whole = contents(city)
    restore(city, archive=nothing)
    city.take(gateway, gateway.state(), word="state")
    assert asked_for(city, 1_000) + asked_for(city, 20_000) == [0]
    city.take(gateway, trimmed, *batches[3:])
    after = contents(city)
    assert (after["readings"], after["batches"]) == (whole["readings"], whole["batches"])
    report = city.verified()
    assert report.is_intact and report.chains[0].gaps == [(1, 3, 2)] and report.chains[0].last == 5


def test_two_histories_are_left_as_they_are_and_said(city: City) -> None:
    """An archive whose end the database has never seen: nothing falls back, nothing is written, an event says so."""
    gateway, other = SigningGateway(), SigningGateway()
    before = copy(city, "before")
    other.wall_ms += 5
    city.take(other, *other.run(3))
    theirs = copy(city, "theirs")
    restore(city, archive=before, database=before / "not there")
    city.take(gateway, *gateway.run(5))
    whole = contents(city)
    restore(city, archive=theirs)
    assert city.events()[-1] == "archive_differs"
    assert contents(city) == whole
    assert [receipt.number for receipt in city.take(gateway, *gateway.run(1, 9))] == [6]


def older_instance(city: City) -> tuple[SigningGateway, list[bytes]]:
    """A lane's instance before the present one, of which the city holds two batches of six."""
    older, present = SigningGateway(), SigningGateway(instance=b"present.")
    batches = older.run(6)
    city.take(older, *batches[:2])
    city.take(present, *present.run(1, 100))
    city.take(present, present.state(), word="state")
    return older, batches


def test_a_hole_in_an_older_instance_is_asked_for(city: City) -> None:
    """The gateway's state speaks of its present instance alone; a batch of an older one that comes too early says that the rest is
    owed. Nobody asks for an older instance of which nothing comes, nor for ever for one of which no more comes."""
    older, batches = older_instance(city)
    assert asked_for(city, 1_000) + asked_for(city, 21_000) == []
    city.take(older, batches[5])
    assert asked_for(city, 1_000) + asked_for(city, 20_000) == [2]
    assert asked_for(city, 59_000) == [] and asked_for(city, 2_000) == [2], "once a minute"
    assert [asked_for(city, 61_000) for _ in range(9)] == [[2]] * 8 + [[]], "ten times in all"
    city.take(older, batches[4])
    assert asked_for(city, 1_000) + asked_for(city, 61_000) == [2], "and again when there is word of it"
    city.take(older, *batches[2:])
    assert asked_for(city, 200_000) == []
    assert city.verified().is_intact


def test_a_gap_of_an_older_instance_that_comes_too_early_is_word_of_it(city: City) -> None:
    """All that its gateway still has of an older instance is a gap: what comes before it is asked for, or the lane stands still."""
    older, batches = older_instance(city)
    city.take(older, older.gap(5, 6))
    assert asked_for(city, 1_000) + asked_for(city, 21_000) == [2]
    city.take(older, *batches[2:4], older.gap(5, 6))
    assert asked_for(city, 200_000) == []
    assert city.verified().is_intact


def test_what_an_older_instance_owes_is_missed_after_a_restart_too(city: City) -> None:
    """Nobody sends that batch again for hours, and the state never speaks of its instance: what is missing is kept with the store."""
    older, batches = older_instance(city)
    city.take(older, batches[5])
    city.restart()
    city.tick(1_000)
    city.tick(OVERDUE_MS)
    assert city.events().count("tail_missing") == 1
    city.take(older, *batches[2:])
    assert city.events()[-1] == "tail_came" and city.verified().is_intact


def test_a_gateway_that_was_taken_off_the_list_is_named_at_the_start_and_waited_for_no_more(
    city: City, caplog: pytest.LogCaptureFixture
) -> None:
    """Once a start, with what it owes; no alarm and no receipt for it afterwards; listed again it goes on as if nothing had been."""
    gateway = SigningGateway()
    batches = gateway.run(3)
    city.take(gateway, *batches[:2])
    city.take(gateway, gateway.state(), word="state")
    listed = dict(city.gateways)
    del city.gateways[GATEWAY]
    before = contents(city)
    caplog.clear()
    city.restart()
    said = [record.getMessage() for record in caplog.records if "not listed any more" in record.getMessage()]
    assert len(said) == 1 and said[0].startswith(GATEWAY) and "not here: 1)" in said[0], said
    assert city.tick(10_000) == [] and city.tick(10 * OVERDUE_MS) == []
    assert "tail_missing" not in city.events() and contents(city) == before
    city.gateways.update(listed)
    caplog.clear()
    city.restart()
    assert not any("not listed any more" in record.getMessage() for record in caplog.records)
    assert [receipt.number for receipt in city.take(gateway, batches[2])] == [3]


@pytest.mark.parametrize("rounds", [8, pytest.param(150, marks=[pytest.mark.proof, pytest.mark.timeout(600)])])
def test_copies_of_any_two_ages_come_together(tmp_path: Path, rounds: int) -> None:
    """A random history with gaps, restarts and late batches; archive and database put back at any two ages; a gateway that answers
    what it is asked. In the end every reading is stored once and the archive is intact."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed={seed}")
    source = random.Random(seed)
    for round_ in range(rounds):
        city = City(tmp_path / f"round{round_}" / "city")
        gateway = SigningGateway()
        sent: list[bytes] = []
        late: list[bytes] = []
        ages = [copy(city, "age0")]
        for age in range(1, 6):
            group = gateway.run(source.randint(1, 6), 100 * age)
            if source.random() < 0.4:
                lost = [gateway.seal([frame(100 * age + 50 + place)], fresh=True) for place in range(2)]
                group.append(gateway.gap(gateway.number - 1, gateway.number))
                late.append(lost[0])
                group.append(gateway.seal([frame(100 * age + 60)], fresh=True))
            sent += group
            city.take(gateway, *group)
            if late and source.random() < 0.4:
                city.take(gateway, late.pop())
            ages.append(copy(city, f"age{age}"))
        wanted = {row[:3] for row in contents(city)["readings"]}
        archive, database = source.choice(ages), source.choice(ages)
        restore(city, archive=archive, database=database)
        what = f"seed {seed}, round {round_}: archive {archive.name}, database {database.name}"
        city.take(gateway, gateway.state(), word="state")
        for _ in range(8):
            asked = asked_for(city, 21_000)
            if source.random() < 0.3:
                city.restart()
                city.take(gateway, gateway.state(), word="state")
            if asked:
                city.take(gateway, *sent[: source.randint(1, len(sent))], *sent)
        after = contents(city)
        newest = max(archive.name, database.name)
        present = {row[:3] for row in after["readings"]}
        assert present <= wanted and len(after["readings"]) == 3 * len(present), what
        assert not [row for row in wanted - present if not 50 <= row[2] % 100 < 60], (what, newest)
        assert city.intake.head(next(iter(city.intake._ledger.chains()))).number == gateway.number, what
        report = city.verified()
        assert report.is_intact and report.chains[0].last == gateway.number, (what, report.problems)
        assert not report.chains[0].repeats, what
        city.stop()
        shutil.rmtree(tmp_path / f"round{round_}")
