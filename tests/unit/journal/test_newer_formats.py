# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A journal that a newer program has written to, opened by this one after a downgrade: refused by name, and left as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_agent.errors import ConfigError
from gateway_agent.journal.segment import HEAD_BYTES, body_at, frame
from gateway_agent.model import Lane
from gateway_agent.operate.journal_folder import JournalFolder
from gateway_agent.wire import cbor
from tests.support.journal_batches import BatchMaker, receipt_for
from tests.unit.journal.journal_cases import fill, open_journal, segment_files


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Three lanes of several segments, receipts and a snapshot; the alarms end torn, which a start would mend."""
    maker = BatchMaker(1)
    opened = open_journal(tmp_path, maker)
    for lane in Lane:
        batches = fill(opened, maker, lane, 30)
        opened.note_receipt(receipt_for(batches[3]), b"raw")
    opened.close()
    with segment_files(tmp_path, Lane.ALARM)[-1].open("ab") as file:
        file.write(b"torn")
    for name in ("receipts.new", "received.new", "alarm/000000000001.new"):
        (tmp_path / name).write_bytes(b"unfinished")
    return tmp_path


def check_refused(journal: Path, name: str) -> None:
    before = contents(journal)
    for scan_all in (False, True):
        with pytest.raises(ConfigError, match=f"{name} was written by a newer program"):
            open_journal(journal, BatchMaker(2), scan_all=scan_all)
    with pytest.raises(ConfigError, match=f"{name} was written by a newer program"):
        JournalFolder(journal)
    assert contents(journal) == before


@pytest.mark.parametrize("lane", list(Lane))
@pytest.mark.parametrize("place", [0, -1])
def test_a_segment_of_a_newer_format_stops_the_start_before_any_lane_is_mended(
    journal: Path, lane: Lane, place: int
) -> None:
    """In any lane, first or last, longer than the header of today: no torn end is cut elsewhere, no instance begun, nothing removed."""
    path = segment_files(journal, lane)[place]
    data = path.read_bytes()
    body = body_at(data, 0)
    assert body is not None
    newer = [2, *cbor.decode(body)[1:], "x" * 300]  # type: ignore[index, misc]
    path.write_bytes(frame(cbor.encode(newer)) + data[HEAD_BYTES + len(body) :])
    check_refused(journal, path.name)


def test_a_snapshot_of_a_newer_format_is_no_damage(journal: Path) -> None:
    """It says which frames had arrived, of segments that are gone: it is neither set aside nor begun anew."""
    path = journal / "received.snap"
    body = body_at(path.read_bytes(), 0)
    assert body is not None
    path.write_bytes(frame(cbor.encode([2, *cbor.decode(body)[1:], []])))  # type: ignore[index, misc]
    check_refused(journal, path.name)
