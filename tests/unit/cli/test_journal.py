# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity journal`: what is in a journal, what is wrong with it, and the way back to one that is in order."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.verify import verify
from gateway_agent.config import load_config
from gateway_agent.journal import JournalLimits, ReceiptVerdict
from gateway_agent.journal.segment import scan
from gateway_agent.model import AdmittedFrame, Field, FrameRow, GatewayId, Kind, Lane, LaneHead, Pack, Receipt
from gateway_agent.operate.key_files import KeyFiles
from gateway_agent.wire import cbor
from gateway_agent.wire.batch import link_of
from gateway_agent.wire.signer import Signer, load_public, load_signer
from tests.support.command_line import refuse, startcity, succeed
from tests.support.signed_journal import SignedJournal
from tests.support.signing_gateway import START_MS, kid, test_only_signer

LIMITS = JournalLimits(bytes_max=1 << 20, segment_bytes=1_500)
COLLECTOR = test_only_signer("collector")
Damage = Callable[[Path], None]


@pytest.fixture
def filled(gateway: Path) -> SignedJournal:
    """The closed journal of a gateway: three lanes, segments of some four batches, the city has the first two alarms."""
    journal = fill(gateway, load_signer(gateway.with_name("gateway.pem")))
    journal.close()
    return journal


def fill(gateway: Path, signer: Signer) -> SignedJournal:
    directory = load_config(gateway).data / "journal"
    journal = SignedJournal(directory, GatewayId("piacenza-01"), signer, LIMITS)
    for number in range(14):
        journal.append(Lane.RECORD, 1 + number % 3)
        if number % 2:
            journal.append(Lane.TREND)
    for _ in range(3):
        journal.append(Lane.ALARM, 1)
    journal.receipt(Lane.ALARM, 2, COLLECTOR)
    return journal


def journal_of(gateway: Path) -> Path:
    return load_config(gateway).data / "journal"


def segments(gateway: Path, lane: Lane = Lane.RECORD) -> list[Path]:
    return sorted((journal_of(gateway) / lane.word).glob("*.seg"))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def checked(gateway: Path, *words: object) -> tuple[int, dict[str, Any]]:
    result = startcity("journal", "check", "--config", gateway, "--json", *words)
    return result.exit_code, json.loads(result.output)


def repaired(gateway: Path, *words: object) -> tuple[int, dict[str, Any]]:
    result = startcity("journal", "repair", "--config", gateway, "--json", *words)
    return result.exit_code, json.loads(result.output)


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x55
    path.write_bytes(data)


def test_an_intact_journal_is_told_whole_and_not_touched(gateway: Path, filled: SignedJournal) -> None:
    """Segments, batches, instances, receipts, snapshot and signatures as they are; exit code 0; not one byte changes."""
    before = bytes_of(journal_of(gateway))
    code, account = checked(gateway)
    assert (code, account["intact"], account["problems"], account["gateway"]) == (0, True, [], "piacenza-01")
    for lane in Lane:
        mine, batches = account["lanes"][lane.word], filled.batches[lane]
        assert (mine["segments"], mine["batches"], mine["gaps"]) == (len(segments(gateway, lane)), len(batches), [])
        assert mine["bytes"] == sum(path.stat().st_size for path in segments(gateway, lane))
        (instance,) = mine["instances"]
        assert (instance["instance"], instance["last"]) == (batches[0].instance.hex(), len(batches))
        assert instance["receipted"] == (2 if lane is Lane.ALARM else 0)
    assert account["signatures"] == {"checked": True, "good": sum(map(len, filled.batches.values())),
                                     "earlier_keys_from_journal": False}  # fmt: skip
    assert account["snapshot"]["state"] == "good" and account["receipts"]["positions"] == 1
    text = succeed("journal", "check", "--config", gateway)
    assert "Intact." in text and "alarm     segments 1, batches 3" in text
    assert "Integro." in succeed("--lang", "it", "journal", "check", "--config", gateway)
    text = succeed("journal", "check", journal_of(gateway))
    assert "were not checked" in text and text.endswith("Intact as far as checked: signatures were not.\n")
    assert "le firme no." in succeed("--lang", "it", "journal", "check", journal_of(gateway))
    assert bytes_of(journal_of(gateway)) == before


def _zeros(gateway: Path) -> tuple[str, int]:
    path = segments(gateway)[1]
    path.write_bytes(bytes(path.stat().st_size))
    return path.name, 0


def _torn(gateway: Path) -> tuple[str, int]:
    path = segments(gateway)[-1]
    size_bytes = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"SCe1 torn")
    return path.name, size_bytes


def _removed(gateway: Path) -> tuple[str, int]:
    first, second = segments(gateway)[:2]
    second.unlink()
    return first.name, first.stat().st_size


def _all_but_a_header(gateway: Path) -> tuple[str, int]:
    """The files before the last are gone, and of the last one only the header is whole: it says how far they went."""
    *gone, last = segments(gateway)
    for path in gone:
        path.unlink()
    data = last.read_bytes()
    last.write_bytes(data[: data.index(b"SCe1", 1)])
    return last.name, 0


def _flipped(gateway: Path) -> tuple[str, int]:
    path = segments(gateway)[1]
    data = path.read_bytes()
    second_entry = data.index(b"SCe1", data.index(b"SCe1", 1) + 1)
    flip(path, second_entry + 100)
    return path.name, second_entry


def _snapshot(gateway: Path) -> tuple[str, int]:
    flip(journal_of(gateway) / "received.snap", 20)
    return "received.snap", 0


def _receipts(gateway: Path) -> tuple[str, int]:
    flip(journal_of(gateway) / "receipts.log", 20)
    return "receipts.log", 0


def _older_copy(gateway: Path) -> tuple[str, int]:
    """As after a disk was restored: the city has more than is here."""
    path = segments(gateway, Lane.ALARM)[0]
    data = path.read_bytes()
    second_batch = data.index(b"SCe1", data.index(b"SCe1", 1) + 1)
    path.write_bytes(data[:second_batch])
    return path.name, 0


@pytest.mark.parametrize(
    ("damage", "kinds"),
    [
        (_zeros, ["unreadable_segment", "missing"]),
        (_torn, ["torn_tail"]),
        (_removed, ["missing"]),
        (_all_but_a_header, ["missing"]),
        (_flipped, ["damaged", "missing"]),
        (_snapshot, ["snapshot"]),
        (_receipts, ["receipts"]),
        (_older_copy, ["lost_tail"]),
    ],
)
def test_each_damage_is_named_with_file_and_offset(
    gateway: Path, filled: SignedJournal, damage: Callable[[Path], tuple[str, int]], kinds: list[str]
) -> None:
    """Exit code 1, the kind, where it stands; and `repair` leaves a journal that is in order."""
    file, offset = damage(gateway)
    code, account = checked(gateway)
    assert (code, account["intact"]) == (1, False)
    assert [problem["kind"] for problem in account["problems"]] == kinds
    first = account["problems"][0]
    assert (first["file"].rpartition("/")[2], first["offset"]) == (file, offset)
    for language in ("en", "it"):
        text = startcity("--lang", language, "journal", "check", "--config", gateway).output
        assert text.count("! ") == len(kinds) and f"{file}:{offset}" in text
    lossy = "missing" in kinds
    text = startcity("journal", "repair", "--config", gateway).output
    assert ("are lost" in text) == lossy
    code, account = checked(gateway)
    assert (code, account["problems"]) == (0, [])
    assert bool(account["lanes"]["record"]["gaps"]) == lossy


def test_a_forged_journal_is_found_by_its_signatures(gateway: Path) -> None:
    """Good checksums and links, another key: each batch is named; without the key nothing is noticed, and that is said."""
    forged = fill(gateway, test_only_signer("somebody else"))
    forged.close()
    code, account = checked(gateway)
    assert code == 1
    assert {problem["kind"] for problem in account["problems"]} == {"signature"}
    assert len(account["problems"]) == sum(map(len, forged.batches.values()))
    text = succeed("journal", "check", journal_of(gateway))
    assert "Signatures were not checked" in text
    code, done = repaired(gateway)
    assert (code, done["batches_lost"], len(done["unmended"])) == (1, 0, len(account["problems"]))


def test_a_batch_of_another_chain_is_found_by_its_link(gateway: Path, filled: SignedJournal, tmp_path: Path) -> None:
    """Same gateway, same key, same instance and numbers, another history: the link into it does not fit, and its last batch is not
    the one that the next segment goes on from: that one is missing."""
    other = SignedJournal(
        tmp_path / "other",
        filled.gateway_id,
        filled.signer,
        LIMITS,
        draw_instance=lambda: filled.batches[Lane.RECORD][0].instance,
    )
    other.next_number = 100
    for _ in range(14):
        other.append(Lane.RECORD, 1)
    other.close()
    mine = segments(gateway)[0]
    data, theirs = mine.read_bytes(), (tmp_path / "other" / "record" / mine.name).read_bytes()
    first, foreign = scan(data).pieces[1], scan(theirs).pieces[2:]
    mine.write_bytes(data[: first.end] + b"".join(theirs[piece.start : piece.end] for piece in foreign))
    _, account = checked(gateway)
    places = [(item["kind"], item["file"], item["offset"], item["first"]) for item in account["problems"]]
    following = scan(segments(gateway)[1].read_bytes()).header
    assert following is not None
    last = foreign[following.first - 3]  # the first of them is number 2
    assert places == [
        ("chain", "record/000000000001.seg", first.end, 2),
        ("missing", "record/000000000001.seg", first.end + last.start - foreign[0].start, following.first - 1),
    ]


def test_what_a_running_gateway_is_writing_is_no_damage(gateway: Path) -> None:
    """While the journal is held: its process is named, an unfinished end is no problem, repair refuses, status reads beside it."""
    journal = fill(gateway, load_signer(gateway.with_name("gateway.pem")))
    try:
        with segments(gateway)[-1].open("ab") as file:
            file.write(b"SCe1 half an entry")
        code, account = checked(gateway)
        assert (code, account["open_in_process"], account["problems"]) == (0, os.getpid(), [])
        assert account["lanes"]["record"]["unfinished_bytes"] == len(b"SCe1 half an entry")
        assert str(os.getpid()) in succeed("journal", "check", "--config", gateway)
        for words in ((), ("--dry-run",)):
            assert "in use by another process" in refuse("journal", "repair", "--config", gateway, *words)
    finally:
        journal.close()


def random_damage(source: random.Random, gateway: Path) -> str:
    """One to three things that go wrong on a disk."""
    done = []
    for _ in range(source.randint(1, 3)):
        files = [path for path in sorted(journal_of(gateway).rglob("*")) if path.is_file() and path.name != "lock"]
        path = source.choice(files)
        data = path.read_bytes()
        way = source.choice(("flip", "cut", "add", "zero", "remove"))
        if way == "flip" and data:
            flip(path, source.randrange(len(data)))
        elif way == "cut":
            path.write_bytes(data[: source.randrange(len(data) + 1)])
        elif way == "add":
            path.write_bytes(data + source.randbytes(source.randint(1, 80)))
        elif way == "zero" and data:
            start = source.randrange(len(data))
            end = min(len(data), start + source.randint(1, 400))
            path.write_bytes(data[:start] + bytes(end - start) + data[end:])
        elif way == "remove":
            path.unlink()
        done.append(f"{way} {path.name}")
    return ", ".join(done)


@pytest.mark.parametrize("rounds", [10, pytest.param(400, marks=[pytest.mark.proof, pytest.mark.timeout(900)])])
def test_check_dry_run_and_repair_agree_on_any_damage(
    gateway: Path, filled: SignedJournal, tmp_path: Path, rounds: int
) -> None:
    """Whatever goes wrong: a check finds it if recovery does, a dry run says what the real one does and changes no byte, the real
    one deletes nothing that is not in quarantine, and a second one finds nothing."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed={seed}")
    source = random.Random(seed)
    shutil.copytree(journal_of(gateway), tmp_path / "whole")
    for _ in range(rounds):
        shutil.rmtree(journal_of(gateway))
        shutil.copytree(tmp_path / "whole", journal_of(gateway))
        what = random_damage(source, gateway)
        before = bytes_of(journal_of(gateway))
        code, account = checked(gateway)
        dry_code, dry = repaired(gateway, "--dry-run")
        assert bytes_of(journal_of(gateway)) == before, what
        real_code, real = repaired(gateway)
        assert (dry_code, dry.pop("dry_run"), real.pop("dry_run")) == (real_code, True, False), what
        assert dry == real, what
        assert real["batches_held"] == sum(lane["batches"] for lane in checked(gateway)[1]["lanes"].values()), what
        assert (code == 0) == (not real["losses"]), (what, account["problems"], real["losses"])
        after = bytes_of(journal_of(gateway))
        kept = b"".join(content for name, content in after.items() if name.startswith("quarantine/"))
        for name, content in before.items():
            if name.endswith(".seg") and after.get(name) != content:
                assert content in kept or after[name] == content[: len(after[name])], (what, name)
        again_code, again = repaired(gateway)
        assert (again_code, again["losses"], again["set_aside"]) == (0 if not real["unmended"] else 1, [], []), what
        unmended = [problem["kind"] for problem in checked(gateway)[1]["problems"]]
        assert set(unmended) <= {"missing"} and len(unmended) <= len(real["unmended"]), (what, unmended)


@pytest.mark.parametrize("word", ["check", "repair", "show"])
def test_what_is_no_journal_is_said(gateway: Path, tmp_path: Path, word: str) -> None:
    """Exit code 2 and what to name, before anything is made."""
    assert "is no journal" in refuse("journal", word, "--config", gateway)
    assert list(journal_of(gateway).iterdir()) == []
    (journal_of(gateway) / "record").mkdir()
    if word == "repair":
        assert "nothing to repair" in refuse("journal", "repair", "--config", gateway)


def test_another_users_journal_is_not_repaired(
    gateway: Path, filled: SignedJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What root would write the gateway's user could not read: the command with the right user is shown."""
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert "sudo -u" in refuse("journal", "repair", "--config", gateway)


def shown(gateway: Path, *words: object) -> list[dict[str, Any]]:
    return json.loads(succeed("journal", "show", "--config", gateway, "--json", *words))  # type: ignore[no-any-return]


def test_show_lists_batches_with_what_is_in_them(gateway: Path, filled: SignedJournal) -> None:
    """Number, time, bytes, frames, readings and received ranges of each batch, of a range, of an instance."""
    rows = shown(gateway, "record")
    assert [row["number"] for row in rows] == list(range(1, 15))
    for row, batch in zip(rows, filled.batches[Lane.RECORD], strict=True):
        frames = sum(high - low + 1 for item in batch.received for low, high in item.ranges)
        assert (row["bytes"], row["frames"], row["readings"]) == (len(batch.batch), frames, 5 * frames)
        assert row["received"][0]["node"] == batch.received[0].kid[:6].hex()
    assert [row["number"] for row in shown(gateway, "record", "--from", 5, "--to", 7)] == [5, 6, 7]
    assert len(shown(gateway)) == 14 + 7 + 3
    instance = filled.batches[Lane.ALARM][0].instance.hex()
    assert [row["number"] for row in shown(gateway, "alarm", "--instance", instance, "--to", 2)] == [1, 2]
    assert "16 hex digits" in refuse("journal", "show", "alarm", "--instance", "no", "--config", gateway)
    assert "name the lane" in refuse("journal", "show", "--instance", instance, "--config", gateway)
    assert "no such batches" in refuse("journal", "show", "alarm", "--from", 99, "--config", gateway, code=1)


def test_show_prints_readings_as_people_read_them(gateway: Path, filled: SignedJournal) -> None:
    """Name, time, value and unit of every reading; the same in JSON as resolved SenML records."""
    (row,) = shown(gateway, "record", "--from", 6, "--to", 6, "--readings")
    number = row["received"][0]["ranges"][0][0]
    level = next(record for record in row["records"] if record["n"].endswith(":level"))
    assert (level["v"], level["u"]) == ((100 + number) / 100, "m")
    text = succeed("journal", "show", "record", "--from", 6, "--to", 6, "--readings", "--config", gateway)
    assert f":level = {level['v']} m" in text and f":state = state {number}" in text
    assert f"aabbccddee0{1 + number % 2}" in text


def test_show_says_what_cannot_be_read_behind_damage(gateway: Path, filled: SignedJournal) -> None:
    """A batch that leans on a damaged one is shown without its readings, and says why."""
    _flipped(gateway)
    startcity("journal", "repair", "--config", gateway)
    rows = shown(gateway, "record")
    assert [row["gap"] for row in rows].count("damaged") == 1
    problems = [row["problem"] for row in rows if row["problem"]]
    assert problems and all("TableMissing" in problem for problem in problems)
    assert "cannot be read: TableMissing" in succeed("journal", "show", "record", "--config", gateway)


def test_verify_takes_what_nobody_signs_in_the_log_of_receipts(gateway: Path) -> None:
    """A PUBACK in place of a receipt, and the mark of a contradicted instance: the gateway's own notes are no problem."""
    journal = fill(gateway, load_signer(gateway.with_name("gateway.pem")))
    batch = journal.batches[Lane.TREND][2]
    puback = Receipt(journal.gateway_id, Lane.TREND, batch.instance, batch.number, link_of(batch.batch))
    assert journal.journal.note_receipt(puback, b"") is ReceiptVerdict.OK
    assert journal.journal.note_receipt(puback._replace(number=5), b"") is ReceiptVerdict.CONTRADICTION
    journal.close()
    assert "NOT INTACT" not in succeed("verify", journal_of(gateway), "--key", gateway.with_name("gateway.pub.pem"))


def test_check_and_verify_after_a_change_of_the_key(gateway: Path, filled: SignedJournal) -> None:
    """With the first key both say intact; with the later one check does, verify does not, and both name the file to give."""
    succeed("gateway", "rotate-key", "--config", gateway)
    folder = journal_of(gateway)
    first, later = (gateway.with_name(name) for name in ("gateway.first.pub.pem", "gateway.pub.pem"))
    good = sum(map(len, filled.batches.values()))
    text = succeed("journal", "check", folder, "--key", first)
    assert f"Signatures that are good: {good}." in text and "Intact." in text and "not the first" not in text
    assert succeed("verify", folder, "--key", first).endswith("\nINTACT\n")
    text = succeed("journal", "check", folder, "--key", later)
    assert f"Signatures that are good: {good}." in text and "Intact." in text
    assert "NOT INTACT with this key; give it the first one (gateway.first.pub.pem)" in text
    assert "dargli la prima" in succeed("--lang", "it", "journal", "check", folder, "--key", later)
    assert checked(gateway)[1]["signatures"]["earlier_keys_from_journal"] is True
    assert "give the FIRST public key of this gateway (gateway.first.pub.pem)" in refuse(
        "verify", folder, "--key", later, code=1
    )


def _heads(journal: SignedJournal, further: int = 0) -> tuple[LaneHead, ...]:
    heads = {lane: journal.batches[lane][-1] for lane in Lane}
    return tuple(
        LaneHead(lane, last.instance, last.number + further, link_of(last.batch)) for lane, last in heads.items()
    )


@pytest.mark.parametrize(
    ("signs_on", "further", "is_new_instance", "kinds"),
    [
        (["new"], 0, False, []),
        (["old"], 0, False, ["retired_key"]),
        (["new"], 3, False, ["early_key"]),
        (["old", "new"], 3, False, ["early_key"]),
        (["old"], 0, True, []),  # older than the change, or made up since: who only reads cannot know
        (["old", "new"], 0, True, ["retired_key"]),
    ],
)
def test_check_judges_the_turn_of_each_key_as_verify_does(
    gateway: Path, filled: SignedJournal, signs_on: list[str], further: int, is_new_instance: bool, kinds: list[str]
) -> None:
    """Batches by a key after its end, or before its turn, have good signatures and are problems: of `check` with either key, and of
    `verify`; an instance that the change does not name is noted by both."""
    directory, old = journal_of(gateway), filled.signer
    files = KeyFiles(gateway.with_name("gateway.pem"), directory)
    new, _ = files.rotate(filled.gateway_id, filled.clock(), _heads(filled, further), old)
    for place, word in enumerate(signs_on):
        journal = SignedJournal(directory, filled.gateway_id, {"old": old, "new": new}[word], LIMITS)
        journal.next_number = 100 * (place + 1)
        if is_new_instance and not place:
            journal.journal.new_instance(Lane.RECORD)
        journal.append(Lane.RECORD, 1)
        journal.close()
    (gateway.with_name("new.pub.pem")).write_bytes(new.public_pem())
    first = gateway.with_name("gateway.first.pub.pem")
    for key in (first, gateway.with_name("new.pub.pem")):
        result = startcity("journal", "check", directory, "--key", key, "--json")
        account = json.loads(result.output)
        assert (result.exit_code, [problem["kind"] for problem in account["problems"]]) == (bool(kinds), kinds)
        assert account["signatures"]["good"] == sum(map(len, filled.batches.values())) + len(signs_on) - len(kinds)
        unnamed = [item["unnamed_key"] for item in account["lanes"]["record"]["instances"]]
        assert unnamed == [False, True][: 1 + is_new_instance]
    public = load_public(first)
    report = verify(directory, {old.key_id: public}, owners={old.key_id: filled.gateway_id})
    assert [problem.kind for problem in report.problems] == [word.title().replace("_", "") for word in kinds]
    assert ("retired_key" in [note.kind for note in report.notes]) == is_new_instance
    words = {"retired_key": "signed by a key that had been changed", "early_key": "signed by a later key"}
    text = startcity("journal", "check", directory, "--key", first).output
    assert [word for word in words.values() if word in text] == [words[kind] for kind in kinds]
    assert ("by a key that was changed without naming it" in text) == is_new_instance


@pytest.fixture(autouse=True)
def _no_configuration_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("STARTCITY_GATEWAY_CONFIG", raising=False)
    yield


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (cbor.encode([[3, 5], [9, 9]]) + cbor.encode(0), "numbers 3-5, 9 given up: its queue was full"),
        (cbor.encode([[1, 2]]) + cbor.encode(1), "numbers 1-2 given up: damaged on its flash"),
        (cbor.encode([[1, 2]]) + cbor.encode(2), "numbers 1-2 given up: it lost power"),
        (cbor.encode([[1, 2]]) + cbor.encode(7), "numbers 1-2 given up: reason 7"),
        (b"\xff", ":lost = _w"),
        (cbor.encode(5) + cbor.encode(0), ":lost = BQA"),
    ],
)
def test_show_says_lost_numbers_in_words(gateway: Path, content: bytes, says: str) -> None:
    """Epoch, numbers and reason of `lost` (docs/wire.md, 3); bytes that are no such thing stay as they are, as in JSON."""
    journal = SignedJournal(
        journal_of(gateway), GatewayId("piacenza-01"), load_signer(gateway.with_name("gateway.pem")), LIMITS
    )
    pack = Pack(None, START_MS, (Field("lost", None, int(Kind.BYTES), 0),), (0,), (content,))
    journal.append_frames(Lane.ALARM, [AdmittedFrame(FrameRow(kid(1), 7, pack), 0, Lane.ALARM, 0, 60)])
    journal.close()
    text = succeed("journal", "show", "alarm", "--readings", "--config", gateway)
    assert says in text
    if "given up" in says:
        assert f":lost = epoch {kid(1)[6:].hex()}: {says}" in text
        assert "ha rinunciato ai numeri" in succeed(
            "--lang", "it", "journal", "show", "--readings", "--config", gateway
        )
    (row,) = shown(gateway, "alarm", "--readings")
    assert row["records"][0]["vd"] == base64.urlsafe_b64encode(content).rstrip(b"=").decode()
