# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.findings import Report
from collector.segments import (
    Damage,
    RawEntry,
    SegmentHeader,
    decode_body,
    encode_batch,
    encode_entry,
    encode_header,
    scan,
)
from collector.verify import verify
from gateway_agent.errors import ConfigError
from gateway_agent.journal import Journal, JournalLimits
from gateway_agent.model import GatewayId, Lane, OpaqueRow, Receipt, Received, SealedBatch
from gateway_agent.wire import cbor
from gateway_agent.wire.batch import link_of
from gateway_agent.wire.keys import key_id
from gateway_agent.wire.receipt import sign_receipt
from tests.support.command_line import refuse, succeed
from tests.support.signing_gateway import GATEWAY, SigningGateway, frame, kid, test_only_signer
from tests.unit.collector.conftest import COLLECTOR, City

KEYS = {test_only_signer(GATEWAY).key_id: test_only_signer(GATEWAY).public_key}
CITY_KEYS = {COLLECTOR.key_id: COLLECTOR.public_key}


def segment_of(city: City) -> Path:
    (segment,) = (city.folder / "archive").rglob("*.seg")
    return segment


def entries_of(segment: Path) -> list[bytes]:
    """The framed entries of a segment, its header first."""
    found = [entry for entry in scan(segment.read_bytes()) if isinstance(entry, RawEntry)]
    return [encode_entry(entry.body) for entry in found]


def kinds(report: Report) -> set[str]:
    return {problem.kind for problem in report.problems}


@pytest.fixture
def archive(city: City) -> City:
    """Six batches of one node, and the signed state that names the sixth."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(6))
    city.take(gateway, gateway.state(), word="state")
    return city


def test_a_good_archive_is_intact_and_counted(archive: City) -> None:
    """Batches, frames and readings by lane and node, and how far a signed state confirms the end."""
    report = archive.verified()
    assert report.is_intact
    (chain,) = report.chains
    assert (chain.first, chain.last, chain.batches, chain.frames, chain.readings, chain.confirmed_to) == (
        1,
        6,
        6,
        6,
        18,
        6,
    )
    assert report.as_json()["nodes"] == {"aabbccddee01": {"epochs": 1, "frames": 6, "readings": 18}}
    assert report.as_text().endswith("INTACT")


@pytest.mark.parametrize(
    ("sentence", "change", "expected"),
    [
        ("a batch taken out", lambda entries: entries[:3] + entries[4:], {"missing", "TableMissing"}),
        (
            "two batches exchanged",
            lambda entries: [*entries[:3], entries[4], entries[3], *entries[5:]],
            {"missing", "order"},
        ),
        ("the header taken out", lambda entries: entries[1:], {"header", "tail"}),
        ("the first batch taken out", lambda entries: entries[:1] + entries[2:], {"missing", "TableMissing"}),
        ("the last batch cut off", lambda entries: entries[:-1], {"tail"}),
        ("the last batch cut in half", lambda entries: [*entries[:-1], entries[-1][:100]], {"damage", "tail"}),
        ("only the header left", lambda entries: entries[:1], {"tail"}),
        ("bytes put in between", lambda entries: [*entries[:3], b"what?", *entries[3:]], {"damage"}),
        ("a header in the middle", lambda entries: [*entries[:3], entries[0], *entries[3:]], {"EntryShape"}),
        (
            "an entry of another shape",
            lambda entries: [*entries[:3], encode_entry(b"\x80"), *entries[3:]],
            {"EntryShape"},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tampering_with_entries_is_found(
    archive: City, sentence: str, change: Callable[[list[bytes]], list[bytes]], expected: set[str]
) -> None:
    """Every way to take out, exchange, cut or put in entries is named, with file and position."""
    segment = segment_of(archive)
    segment.write_bytes(b"".join(change(entries_of(segment))))
    report = archive.verified()
    assert kinds(report) == expected, sentence
    assert all(problem.file.endswith((".seg", "state.cose")) for problem in report.problems)


def test_a_repeated_entry_is_counted_and_harmless(archive: City) -> None:
    """The same bytes twice say nothing new: counted once, and named as a repeat."""
    segment = segment_of(archive)
    segment.write_bytes(segment.read_bytes() + entries_of(segment)[-1])
    report = archive.verified()
    assert report.is_intact
    assert (report.chains[0].repeats, report.chains[0].readings) == (1, 18)


def test_each_proved_frame_is_named_once(archive: City, tmp_path: Path) -> None:
    """`--frames` writes identity and count of readings of every frame that a signed batch holds; one that comes twice is there once."""
    segment, key, frames = segment_of(archive), tmp_path / "key.pem", tmp_path / "frames.csv"
    segment.write_bytes(segment.read_bytes() + entries_of(segment)[-1])
    key.write_bytes(test_only_signer(GATEWAY).public_pem())
    succeed("verify", archive.folder / "archive", "--key", key, "--frames", frames)
    header, *rows = frames.read_text().splitlines()
    assert header == "gateway,node,epoch,sequence,readings"
    assert sorted(rows) == [f"{GATEWAY},aabbccddee01,{kid()[6:].hex()},{number},3" for number in range(6)]


def resealed(archive: City, place: int, make: Callable[[bytes, bytes], bytes]) -> Report:
    """Replace the batch at a place by `make(old batch, all entries)`, with a fitting CRC."""
    segment = segment_of(archive)
    entries = entries_of(segment)
    entry = decode_body(entries[place][12:])
    assert not isinstance(entry, SegmentHeader)
    entries[place] = encode_batch(entry.number, make(entry.signed, b""))
    segment.write_bytes(b"".join(entries))
    return archive.verified()


def test_a_changed_payload_under_a_fitting_crc_is_found(archive: City) -> None:
    """Somebody who repairs the CRC still has no signature, and the next batch names the old hash."""
    report = resealed(archive, 3, lambda old, _: old[:-70] + bytes((old[-70] ^ 1,)) + old[-69:])
    assert {"link"} < kinds(report)
    assert kinds(report) & {"SignatureInvalid", "BatchShape", "CborKeyOrder", "CborTruncated", "CborTrailing"}


def test_a_changed_signature_is_found(archive: City) -> None:
    """One bit of the signature."""
    report = resealed(archive, 6, lambda old, _: old[:-1] + bytes((old[-1] ^ 1,)))
    assert "SignatureInvalid" in kinds(report)


def test_another_batch_by_the_same_key_is_found(archive: City) -> None:
    """The gateway's owner signs another batch 3: number and signature fit, the chain does not, and batch 4 lacks what it leans on."""
    other = SigningGateway()
    other.run(2)
    report = resealed(archive, 3, lambda _old, _: other.seal([frame(2, value=1)]))
    assert kinds(report) == {"link", "TableMissing"}


def test_a_batch_filed_under_another_number_is_found(archive: City) -> None:
    """The number outside must be the signed one."""
    segment = segment_of(archive)
    entries = entries_of(segment)
    sixth = decode_body(entries[6][12:])
    assert not isinstance(sixth, SegmentHeader)
    entries.append(encode_batch(7, sixth.signed))
    segment.write_bytes(b"".join(entries))
    assert kinds(archive.verified()) == {"misplaced"}


def test_a_whole_new_history_by_another_key_is_found(archive: City) -> None:
    """Everything made anew, with fitting hashes, by somebody who has another key."""
    gateway = SigningGateway(signer=test_only_signer("forger"))
    header = encode_header(SegmentHeader(GATEWAY, 1, b"instance", 1, bytes(32)))
    entries = [encode_batch(number, batch) for number, batch in enumerate(gateway.run(6), 1)]
    segment_of(archive).write_bytes(header + b"".join(entries))
    report = archive.verified()
    assert kinds(report) == {"unknown_key", "fork"}
    assert report.as_json()["readings"] == 0


def test_one_identity_in_two_batches_is_found(city: City) -> None:
    """The collector stores it once; the auditor says that the gateway signed it twice."""
    gateway = SigningGateway()
    city.take(gateway, gateway.seal([frame(1)]), gateway.seal([frame(1)]))
    report = city.verified()
    assert kinds(report) == {"identity_twice"}
    assert report.as_json()["readings"] == 3
    assert len(city.readings()) == 3


def test_a_lane_taken_out_whole_shows_against_the_state(archive: City) -> None:
    """Not one file of the lane is left, but the gateway's signed state names it."""
    gateway = SigningGateway(lane=Lane.ALARM)
    archive.take(gateway, *gateway.run(1, 100))
    segments = sorted((archive.folder / "archive").rglob("*.seg"))
    segments[1].unlink()
    assert kinds(archive.verified()) == {"tail"}


def test_a_segment_taken_out_of_the_middle_is_found(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments are small here; without the second the numbers do not go on."""
    monkeypatch.setattr("collector.archive.SEGMENT_BYTES", 500)
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(6))
    segments = sorted((city.folder / "archive").rglob("*.seg"))
    assert len(segments) > 2
    assert city.verified().is_intact
    segments[1].unlink()
    assert "missing" in kinds(city.verified())


def test_every_flipped_byte_is_found(city: City) -> None:
    """Each byte of a small archive, flipped, leaves it not intact: the CRC, the header and the signature leave no place."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(2))
    city.take(gateway, gateway.state(), word="state")
    segment = segment_of(city)
    good = segment.read_bytes()
    assert city.verified().is_intact
    for position in range(len(good)):
        segment.write_bytes(good[:position] + bytes((good[position] ^ 0x10,)) + good[position + 1 :])
        assert not city.verified().is_intact, f"byte {position} of {len(good)}"


def test_every_truncation_is_found(city: City) -> None:
    """Cut anywhere: inside an entry it is damage, between entries the signed state names a later number."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(2))
    city.take(gateway, gateway.state(), word="state")
    segment = segment_of(city)
    good = segment.read_bytes()
    for length in range(len(good)):
        segment.write_bytes(good[:length])
        assert not city.verified().is_intact, f"{length} of {len(good)} bytes"


def test_without_a_state_a_cut_between_entries_cannot_be_seen_and_that_is_said(archive: City) -> None:
    """The limit of the proof is part of the output."""
    segment = segment_of(archive)
    segment.write_bytes(b"".join(entries_of(segment)[:-1]))
    (archive.folder / "archive" / GATEWAY / "state.cose").unlink()
    report = archive.verified()
    assert report.is_intact
    assert "its end is not confirmed" in report.as_text()


def test_a_damaged_place_does_not_hide_what_is_behind() -> None:
    """Scanning goes on behind damage, at the next entry whose CRC fits."""
    entries = [encode_entry(bytes([place]) * 20) for place in range(3)]
    data = entries[0] + b"SCe1" + entries[1][:-1] + entries[2]
    found = list(scan(data))
    assert [type(item) for item in found] == [RawEntry, Damage, RawEntry]
    assert list(scan(entries[0] + b"SCe")) == [RawEntry(0, bytes(20)), Damage(32, 3, True)]


# ------------------------------------------------------------------------------------------------ journals


def journal_with(directory: Path, gateway: SigningGateway, count: int) -> Journal:
    """The gateway's own journal with batches of one frame each."""
    journal = Journal.open(directory, GatewayId(GATEWAY), JournalLimits(bytes_max=1 << 20, segment_bytes=1000))
    gateway.instance = journal.head(gateway.lane).instance
    for number in range(1, count + 1):
        row = frame(number)
        batch = gateway.seal([row], fresh=journal.is_segment_start(gateway.lane))
        received = (Received(row.kid, 0, ((number, number),)),)
        journal.append([SealedBatch(gateway.lane, gateway.instance, number, batch, received)])
    return journal


def test_a_gateways_journal_is_checked_the_same_way(tmp_path: Path) -> None:
    """Segments as the journal writes them: batches, links, tables, received numbers, and receipts where the collector's key is given."""
    gateway = SigningGateway()
    journal = journal_with(tmp_path / "journal", gateway, 9)
    receipt = Receipt(GatewayId(GATEWAY), Lane.RECORD, gateway.instance, 9, gateway.link)
    journal.note_receipt(receipt, sign_receipt(receipt, COLLECTOR))
    journal.close()
    report = verify(tmp_path / "journal", KEYS, CITY_KEYS)
    assert report.is_intact, report.as_text()
    assert (report.kind, report.as_json()["readings"]) == ("journal", 27)
    (record,) = [chain for chain in report.chains if chain.lane == "record"]
    assert (record.batches, record.confirmed_to) == (9, 9)


def test_a_journal_whose_receipted_begin_was_deleted_is_intact_and_says_so(tmp_path: Path) -> None:
    """What the city has receipted may go; the rest must still be a chain."""
    gateway = SigningGateway()
    journal_with(tmp_path / "journal", gateway, 14).close()
    segments = sorted((tmp_path / "journal" / "record").glob("*.seg"))
    for segment in segments[:2]:  # the first holds nothing but the beginning of the instance
        segment.unlink()
    report = verify(tmp_path / "journal", KEYS)
    assert report.is_intact, report.as_text()
    assert "trimmed" in {note.kind for note in report.notes}
    segments[3].unlink()
    assert "missing" in kinds(verify(tmp_path / "journal", KEYS))


def test_a_journal_that_acknowledged_what_it_does_not_hold_is_found(tmp_path: Path) -> None:
    """The received numbers of an entry must be those of the frames in its batch."""
    gateway = SigningGateway()
    journal = journal_with(tmp_path / "journal", gateway, 1)
    batch = gateway.seal([frame(2)])
    received = (Received(frame(2).kid, 0, ((2, 3),)),)
    journal.append([SealedBatch(gateway.lane, gateway.instance, 2, batch, received)])
    journal.close()
    assert kinds(verify(tmp_path / "journal", KEYS)) == {"received"}


def test_a_receipt_beyond_the_journals_end_is_found(tmp_path: Path) -> None:
    """The city holds more than the journal: its end was cut off or its card restored."""
    gateway = SigningGateway()
    journal_with(tmp_path / "journal", gateway, 2).close()
    receipt = sign_receipt(Receipt(GatewayId(GATEWAY), Lane.RECORD, gateway.instance, 5, b"x" * 32), COLLECTOR)
    (tmp_path / "receipt.cose").write_bytes(receipt)
    report = verify(tmp_path / "journal", KEYS, CITY_KEYS, [tmp_path / "receipt.cose"])
    assert kinds(report) == {"tail"}


# ------------------------------------------------------------------------------------------------ the command


def test_the_command_ends_with_0_1_or_2(archive: City, tmp_path: Path) -> None:
    """0 intact, 1 not intact with the problem named, 2 something to put right; JSON on request."""
    key = tmp_path / "gw.pub.pem"
    key.write_bytes(test_only_signer(GATEWAY).public_pem())
    archive_path = archive.folder / "archive"
    assert succeed("verify", archive_path, "--key", key).splitlines()[-1] == "INTACT"
    segment = segment_of(archive)
    segment.write_bytes(segment.read_bytes()[:-1])
    assert '"intact": false' in refuse("verify", archive_path, "--key", key, "--json", code=1)
    assert f"{segment.relative_to(archive_path)}:" in refuse("verify", archive_path, "--key", key, code=1)
    assert "not a public key" in refuse("verify", archive_path, "--key", segment)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no segments"):
        verify(tmp_path / "empty", KEYS)


def test_links_are_hashes_of_exact_bytes() -> None:
    """The helper of these tests and the format agree on what a link is."""
    gateway = SigningGateway()
    first = gateway.seal([frame(1)])
    assert gateway.link == link_of(first)
    assert key_id(test_only_signer(GATEWAY).public_bytes) in KEYS


def test_an_archive_without_any_segment_is_cut_off(archive: City, tmp_path: Path) -> None:
    """Who deletes every segment and leaves the signed state is told on by it: the `tail` problem and exit code 1."""
    segment_of(archive).unlink()
    report = archive.verified()
    assert kinds(report) == {"tail"}
    assert "names number 6, what is here ends with 0" in str(report.problems[0])
    key = tmp_path / "gw.pub.pem"
    key.write_bytes(test_only_signer(GATEWAY).public_pem())
    assert "tail" in refuse("verify", archive.folder / "archive", "--key", key, code=1)
    other = {COLLECTOR.key_id: COLLECTOR.public_key}
    assert kinds(verify(archive.folder / "archive", other)) == {"tail"}  # a key that checks nothing proves nothing


def test_receipts_tell_on_an_emptied_archive_or_journal(archive: City, tmp_path: Path) -> None:
    """The same with a receipt: brought as evidence to an empty folder, or in the log of a journal whose segments are gone."""
    receipt = sign_receipt(Receipt(GatewayId(GATEWAY), Lane.RECORD, b"instance", 6, bytes(32)), COLLECTOR)
    (tmp_path / "receipt").write_bytes(receipt)
    (tmp_path / "emptied").mkdir()
    assert kinds(verify(tmp_path / "emptied", KEYS, CITY_KEYS, [tmp_path / "receipt"])) == {"tail"}
    entry = encode_entry(cbor.encode([1, b"instance", 6, bytes(32), receipt]))
    (tmp_path / "emptied" / "receipts.log").write_bytes(entry)
    report = verify(tmp_path / "emptied", KEYS, CITY_KEYS)
    assert (report.kind, kinds(report)) == ("journal", {"tail"})
    assert kinds(verify(tmp_path / "emptied", KEYS)) == {"tail"}


def test_what_is_nothing_of_ours_is_refused_in_words(archive: City, tmp_path: Path) -> None:
    """A path that is no segment, and evidence that is no signed thing, are exit code 2 and a plain sentence."""
    key, letter = tmp_path / "gw.pub.pem", tmp_path / "letter.txt"
    key.write_bytes(test_only_signer(GATEWAY).public_pem())
    letter.write_text("Dear auditor,")
    state = archive.folder / "archive" / GATEWAY / "state.cose"
    assert "neither a segment nor a folder" in refuse("verify", letter, "--key", key)
    assert "neither a segment nor a folder" in refuse("verify", state, "--key", key)
    path = archive.folder / "archive"
    assert "neither a signed state nor a receipt" in refuse("verify", path, "--key", key, "--evidence", letter)
    assert "Is a directory" in refuse("verify", path, "--key", key, "--evidence", tmp_path)
    succeed("verify", path, "--key", key, "--evidence", state)
    succeed("verify", segment_of(archive), "--key", key)


def test_an_empty_lane_and_opaque_frames_are_said_in_words(city: City) -> None:
    """A lane with nothing in it is called empty, not "1 to 0"; frames that nobody could read are named where they are."""
    gateway = SigningGateway()
    opaque = OpaqueRow(kid(), 5, 0, b"what?")
    city.take(gateway, gateway.seal([frame(1)], opaque=[opaque]))
    assert "2 frames (1 opaque: kept as they came, not read)" in city.verified().as_text()
    segment = segment_of(city)
    segment.write_bytes(entries_of(segment)[0])
    text = city.verified().as_text()
    assert "1 to 0" not in text
    assert ": empty, 0 batches" in text


# ------------------------------------------------------------------------------------------------ whose key it is

SECOND = "test-only-02"
BOTH = KEYS | {test_only_signer(SECOND).key_id: test_only_signer(SECOND).public_key}
OWNERS = {test_only_signer(name).key_id: name for name in (GATEWAY, SECOND)}


def forged(city: City, signer_of: str) -> None:
    """Replace the first gateway's history by one that another gateway's key has signed, state and all."""
    gateway = SigningGateway(signer=test_only_signer(signer_of))
    header = encode_header(SegmentHeader(GATEWAY, 1, b"instance", 1, bytes(32)))
    batches = [encode_batch(number, batch) for number, batch in enumerate(gateway.run(6), 1)]
    (segment,) = (city.folder / "archive" / GATEWAY).rglob("*.seg")
    segment.write_bytes(header + b"".join(batches))
    (city.folder / "archive" / GATEWAY / "state.cose").write_bytes(gateway.state())


def test_another_gateways_key_does_not_speak_for_this_one(archive: City, tmp_path: Path) -> None:
    """A history forged with the key of another gateway is found where the key's owner is said, by the library and by the command."""
    folder = archive.folder / "archive"
    assert verify(folder, BOTH, owners=OWNERS).is_intact
    forged(archive, SECOND)
    report = verify(folder, BOTH, owners=OWNERS)
    assert "key_of_another_gateway" in kinds(report)
    assert report.as_json()["readings"] == 0
    assert {problem.file for problem in report.problems if problem.kind == "key_of_another_gateway"} > {
        f"{GATEWAY}/state.cose"
    }
    assert "key_not_bound" in {note.kind for note in verify(folder, BOTH).notes}
    options = []
    for name in (GATEWAY, SECOND):
        (tmp_path / name).write_bytes(test_only_signer(name).public_pem())
        options += ["--key", f"{name}={tmp_path / name}"]
    assert "key_of_another_gateway" in refuse("verify", folder, *options, code=1)
    assert "one key for each gateway" in refuse("verify", folder, *options, "--key", f"{SECOND}={tmp_path / GATEWAY}")
    assert "cannot read the public key" in refuse("verify", folder, "--key", f"{GATEWAY}={tmp_path / 'none'}")


def test_one_key_for_two_gateways_is_found_without_owners(archive: City) -> None:
    """The forger's own archive stands beside: neither lane that the key signed is called intact, and the key is named."""
    other = SigningGateway(SECOND)
    archive.take(other, *other.run(2, node=2))
    assert verify(archive.folder / "archive", BOTH).is_intact
    forged(archive, SECOND)
    report = verify(archive.folder / "archive", BOTH)
    assert "key_of_another_gateway" in kinds(report)
    assert [chain.is_intact for chain in report.chains] == [False, False]
    assert f"signed by key {test_only_signer(SECOND).key_id.hex()}" in report.as_text()


def test_a_state_by_another_gateways_key_is_found(archive: City) -> None:
    """The state is compared as the batches are: it would confirm an end for which the gateway never spoke."""
    gateway = SigningGateway()
    gateway.run(6)
    gateway.signer = test_only_signer(SECOND)
    (archive.folder / "archive" / GATEWAY / "state.cose").write_bytes(gateway.state())
    report = verify(archive.folder / "archive", BOTH)
    assert kinds(report) == {"two_keys"}
    assert report.chains[0].confirmed_to == 0


# ------------------------------------------------------------------------------------------------ what a power cut leaves


@pytest.mark.parametrize("left", [b"", bytes(73), b"SCe1\0\0"], ids=["empty", "zeros", "torn"])
def test_a_headerless_segment_is_a_note_once_its_number_stands_in_a_later_one(archive: City, left: bytes) -> None:
    """A segment that a power cut left without an entry is abandoned, not damage; with nothing behind it, it is a problem."""
    gateway = SigningGateway()
    gateway.run(6)
    folder = segment_of(archive).parent
    (folder / "000000000007.seg").write_bytes(left)
    assert "header" in kinds(archive.verified())
    link = gateway.link
    header = encode_header(SegmentHeader(GATEWAY, 1, b"instance", 7, link))
    (folder / "000000000007_1.seg").write_bytes(header + encode_batch(7, gateway.seal([frame(7)])))
    report = archive.verified()
    assert report.is_intact, report.as_text()
    assert [note.kind for note in report.notes] == ["abandoned"]
    (folder / "000000000007.seg").write_bytes(encode_batch(7, gateway.seal([frame(8)])))
    assert "header" in kinds(archive.verified())


def test_an_unsigned_header_alone_takes_nothing_out_of_an_archive(archive: City) -> None:
    """A header that claims numbers 5 on, with no entry behind it, makes the true 5 and 6 void: that is a problem."""
    header = encode_header(SegmentHeader(GATEWAY, 1, b"instance", 5, None))
    (segment_of(archive).parent / "000000000100.seg").write_bytes(header)
    (archive.folder / "archive" / GATEWAY / "state.cose").unlink()
    assert kinds(archive.verified()) == {"void"}


# ------------------------------------------------------------------------------------------------ no tracebacks, no holes


def test_a_journals_lane_taken_out_whole_shows_against_the_state(tmp_path: Path) -> None:
    """Another lane is left, but none of the lane that the state names; an older instance of a lane that is here is no problem."""
    record, trend = SigningGateway(), SigningGateway(lane=Lane.TREND)
    journal_with(tmp_path / "journal", record, 2).close()
    trend.instance = b"trendtre"
    trend.run(2)
    (tmp_path / "state").write_bytes(trend.state())
    assert verify(tmp_path / "journal", KEYS, {}, [tmp_path / "state"]).is_intact
    shutil.rmtree(tmp_path / "journal" / "trend")
    assert kinds(verify(tmp_path / "journal", KEYS, {}, [tmp_path / "state"])) == {"tail"}


def test_what_is_only_named_like_a_segment_is_a_problem(archive: City) -> None:
    """A folder and a dangling link called *.seg are named, and the rest is checked."""
    folder = archive.folder / "archive"
    (folder / "x.seg").mkdir()
    (folder / "y.seg").symlink_to("/nonexistent")
    report = archive.verified()
    assert [(problem.kind, problem.file) for problem in report.problems] == [
        ("not_a_file", "x.seg"),
        ("not_a_file", "y.seg"),
    ]
    assert report.as_json()["readings"] == 18


def test_a_receipts_log_of_anything_is_a_problem(archive: City, tmp_path: Path) -> None:
    """Framed bodies that are no CBOR, or no receipt, are named with their place."""
    for body, kind in ((b"\xff", "CborReserved"), (b"\x00", "EntryShape")):
        (tmp_path / "log").write_bytes(encode_entry(body))
        assert kinds(verify(archive.folder / "archive", KEYS, CITY_KEYS, [tmp_path / "log"])) == {kind}
