# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a day of a city costs the memory card."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.day import measure


@pytest.mark.proof
def test_a_day_of_200_nodes_stays_within_10000_syncs(tmp_path: Path) -> None:
    """Real profiles, lanes, sealer and journal: at most 10,000 syncs of files and directories, and 512 MB hold 30 days."""
    day = measure(tmp_path / "day")
    assert day["nodes"] == 200
    assert day["syncs_of_batches"] <= 10_000
    assert day["days_in_512_mb"] >= 30
    assert day["bytes_disk_per_reading"] <= 12
