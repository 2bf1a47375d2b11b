# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import pytest

from collector.segments import RawEntry, SignedEntry, encode_batch, encode_entry, scan_entries
from tests.support.signing_gateway import SigningGateway
from tests.unit.collector.conftest import City


@pytest.mark.parametrize(
    ("left", "names"),
    [
        (b"", ["000000000001.seg"]),
        (bytes(73), ["000000000001.seg"]),
        (b"SCe1\0\0", ["000000000001.seg", "000000000004.seg.torn"]),
    ],
    ids=["empty", "zeros", "torn"],
)
def test_a_power_cut_as_a_segment_begins_leaves_an_archive_that_verifies(
    city: City, left: bytes, names: list[str]
) -> None:
    """A last segment without one entry goes when its lane is opened again, and bytes that say something stay beside."""
    gateway = SigningGateway()
    city.take(gateway, *gateway.run(3))
    city.stop()
    (segment,) = (city.folder / "archive").rglob("*.seg")
    (segment.parent / "000000000004.seg").write_bytes(left)
    city.start()
    assert [receipt.number for receipt in city.take(gateway, *gateway.run(3, 3))] == [6]
    assert sorted(path.name for path in segment.parent.iterdir()) == names
    report = city.verified()
    assert report.is_intact, report.as_text()
    assert report.notes == []
    assert report.as_json()["readings"] == 18


def test_a_body_that_nobody_can_read_is_no_end_of_the_archive() -> None:
    """Its checksum is good, so it is no damage: it stays for the auditor to name, and what stands behind it is read."""
    batch = SigningGateway().run(1)[0]
    data = encode_entry(b"\xff") + encode_batch(1, batch)
    (unread, nothing), (_, entry) = scan_entries(data)
    assert isinstance(unread, RawEntry) and nothing is None
    assert isinstance(entry, SignedEntry) and entry.signed == batch
