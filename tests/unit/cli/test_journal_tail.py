# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A journal that grows under who reads it: every reading once, and every byte about once."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from gateway_agent.journal.segment import BatchEntry, scan
from gateway_agent.model import Lane
from gateway_agent.operate.journal_folder import JournalFolder
from gateway_agent.operate.stored_batches import latest_batches
from startcity.journal_tail import JournalTail, Stored
from tests.support.signing_gateway import kid

SAMPLE = Path(__file__).parents[2] / "journals" / "v1" / "journal"
NODE = bytes(kid(1)[:6])
NUMBER_MAX = 1_000


def expected(journal: Path) -> set[tuple[str, bytes, int, int, str]]:
    """By the reader of whole segments: lane, instance, number, sequence and name of each reading of the node."""
    folder = JournalFolder(journal)
    return {
        (lane.word, batch.instance, batch.number, row.sequence, field.name)
        for lane in Lane
        for batch in latest_batches(folder, lane, NUMBER_MAX)
        for row in (batch.body.frames if batch.body is not None else ())
        if row.kid[:6] == NODE
        for field in row.pack.shape
    }


def told(readings: list[Stored]) -> list[tuple[str, bytes, int, int, str]]:
    return [(s.lane.word, s.instance, s.number, s.seen.sequence, s.seen.name) for s in readings]


@pytest.mark.parametrize("seed", range(8))
def test_a_journal_that_grows_by_any_bytes_is_read_once(seed: int, tmp_path: Path) -> None:
    """Cut anywhere, over segments, gaps, damage and a new instance, the readings are those of the whole-segment reader, none twice, and
    what was read before is not read again; the seed is the test's parameter."""
    chosen = random.Random(seed)
    parts = [(path, path.read_bytes()) for path in sorted(SAMPLE.glob("*/*.seg"))]
    tail = JournalTail(tmp_path, NODE, {})
    looks = 0
    for path, data in parts:
        target = tmp_path / path.relative_to(SAMPLE)
        target.parent.mkdir(exist_ok=True)
        at = 0
        while at < len(data):
            step = chosen.randint(1, 700)
            with target.open("ab") as file:
                file.write(data[at : at + step])
            at += step
            tail.readings()
            looks += 1
    found = told(tail.readings())
    assert len(found) == len(set(found)) and set(found) == expected(SAMPLE) and found, (seed, len(found))
    whole = sum(len(data) for _, data in parts)
    # Only the half entry at an end is looked at again.
    longest = max(piece.end - piece.start for _, data in parts for piece in scan(data).pieces)
    assert tail.bytes_read <= whole + (looks + len(parts)) * longest
    read = tail.bytes_read
    tail.readings()
    assert tail.bytes_read - read <= 3 * longest


def test_only_what_is_behind_a_batch_or_a_mark_counts(tmp_path: Path) -> None:
    """`since` names the last batch that does not count; a mark parts what was there from what came."""
    shutil.copytree(SAMPLE, tmp_path / "journal")
    every = told(JournalTail(tmp_path / "journal", NODE, {}).readings())
    known = JournalFolder(SAMPLE).segments(Lane.RECORD)
    instance = known[-1].instance
    since = {"record": (instance.hex(), 5)}
    found = told(JournalTail(tmp_path / "journal", NODE, since).readings())
    assert [one for one in found if one[0] == "record"] == [
        one for one in every if one[0] == "record" and one[1] == instance and one[2] > 5
    ]
    assert [one for one in found if one[0] != "record"] == [one for one in every if one[0] != "record"]
    last = sorted((tmp_path / "journal" / "trend").glob("*.seg"))[-1]
    data = last.read_bytes()
    pieces = [piece for piece in scan(data).pieces if isinstance(piece.entry, BatchEntry)]
    last.write_bytes(data[: pieces[-1].start])
    tail = JournalTail(tmp_path / "journal", NODE, {})
    mark = tail.mark()
    assert tail.readings_behind(mark) == []
    last.write_bytes(data)
    assert {stored.number for stored in tail.readings_behind(mark)} <= {pieces[-1].entry.number}  # type: ignore[union-attr]
    assert told(tail.readings()) == every


def test_a_segment_that_was_begun_again_makes_what_was_behind_it_void(tmp_path: Path) -> None:
    """An entry that could not be synced is written again in a new segment: its readings are told once."""
    folder = tmp_path / "record"
    folder.mkdir()
    source = sorted((SAMPLE / "record").glob("*.seg"))[0].read_bytes()
    pieces = scan(source).pieces
    (folder / "000000000001.seg").write_bytes(source)
    tail = JournalTail(tmp_path, NODE, {})
    every = told(tail.readings())
    assert every
    (folder / "000000000002.seg").write_bytes(
        source[: pieces[-1].start]
    )  # the same header: all of it is void in the first one
    assert told(tail.readings()) == [one for one in every if one[2] < pieces[-1].entry.number]  # type: ignore[union-attr]
