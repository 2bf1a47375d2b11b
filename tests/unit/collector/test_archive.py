# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import pytest

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
