# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A journal of any format that there ever was is read whole by the program of today, and goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from collector.verify import verify
from gateway_agent.journal.segment import FORMAT_VERSION
from gateway_agent.model import Lane
from gateway_agent.operate.journal_check import check
from gateway_agent.operate.journal_folder import JournalFolder
from gateway_agent.wire.keys import key_id
from gateway_agent.wire.signer import load_public
from tests.journals.make import COLLECTOR_KEY, GATEWAY, GATEWAY_KEY, HERE, LIMITS, read_sample
from tests.support.signed_journal import SignedJournal

SAMPLES = sorted(path.name for path in HERE.glob("v*"))


@pytest.fixture(params=SAMPLES)
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy, because a journal that is opened may be written to."""
    return Path(shutil.copytree(HERE / request.param, tmp_path / "sample"))


def expected_of(sample: Path) -> dict[str, Any]:
    return json.loads((sample / "expected.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_the_present_format_has_its_sample() -> None:
    """Who changes the format adds a journal of the new one; those of the old ones stay."""
    assert f"v{FORMAT_VERSION}" in SAMPLES
    assert "v1" in SAMPLES


def test_everything_in_it_is_read_as_it_was_then(sample: Path) -> None:
    """Every batch byte for byte, every reading, gap and received number, receipts and marks; and recovery has nothing to mend."""
    expected = expected_of(sample)
    read = read_sample(sample / "journal")
    for key in expected.keys() - {"batches"}:
        assert read[key] == expected[key], key
    for batch, then in zip(read["batches"], expected["batches"], strict=True):
        assert batch == then
    assert read["findings"] == {}
    readings = sum(batch["readings"] or 0 for batch in expected["batches"])
    assert readings > 100 and {"damaged", "evicted"} <= {batch["gap"] for batch in expected["batches"]}


def test_its_chains_and_signatures_hold(sample: Path) -> None:
    """`journal check` finds it intact with the key of its gateway; `verify` finds only the batches that lean on the damaged one."""
    key = load_public(sample / "gateway.pub.pem")
    account = check(JournalFolder(sample / "journal"), key)
    assert account.problems == []
    assert account.good_signatures == len(expected_of(sample)["sha256"])
    keys = {key_id(GATEWAY_KEY.public_bytes): key}
    report = verify(sample / "journal", keys, {key_id(COLLECTOR_KEY.public_bytes): COLLECTOR_KEY.public_key})
    unread = sum(bool(batch["problem"]) for batch in expected_of(sample)["batches"])
    assert [finding.kind for finding in report.problems] == ["TableMissing"] * unread


def test_its_lanes_go_on(sample: Path) -> None:
    """The next batch of each lane follows the last one of then, under the same instance."""
    journal = SignedJournal(sample / "journal", GATEWAY, GATEWAY_KEY, LIMITS)
    journal.next_number = 1_000
    heads = {lane: journal.journal.head(lane) for lane in Lane}
    for lane in Lane:
        journal.append(lane)
    for lane, head in heads.items():
        after = journal.journal.head(lane)
        assert (after.instance, after.number) == (head.instance, head.number + 1)
    journal.close()
    assert check(JournalFolder(sample / "journal"), GATEWAY_KEY.public_key).problems == []
