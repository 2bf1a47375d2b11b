# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Journal, uplink and collector with every fault mixed at random: nothing acknowledged is lost without a word, nothing stands still.

A failure names the seed of its life, and prints what happened in it; STARTCITY_SEED=that lives it again first.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from pathlib import Path

import pytest

from tests.support.whole_way import travel

SHORT_LIVES = 2
LONG_LIVES = 300


def _travel_often(folder: Path, lives: int) -> Counter[str]:
    seed = int(os.environ.get("STARTCITY_SEED", secrets.randbits(32)))
    print(f"replay with STARTCITY_SEED={seed}")
    counts: Counter[str] = Counter()
    for number in range(lives):
        counts += travel(seed + number, folder / "way")
    return counts


def test_after_mixed_faults_the_account_is_whole(tmp_path: Path) -> None:
    """Power cuts, failing and full disks, restored copies on both sides, new keys, replayed receipts, bad bytes, clocks, bad lines."""
    assert _travel_often(tmp_path, SHORT_LIVES)["stored"] > 0


def test_a_seed_lives_the_same_life_each_time(tmp_path: Path) -> None:
    """A life with refused writes and a full disk in it: what happened is the same to the last receipt."""
    assert travel(1197462, tmp_path / "one") == travel(1197462, tmp_path / "other")


@pytest.mark.proof
def test_after_mixed_faults_the_account_is_whole_in_many_lives(tmp_path: Path) -> None:
    """As above; each kind of fault has happened."""
    counts = _travel_often(tmp_path, LONG_LIVES)
    wanted = {
        "drop",
        "city_restored",
        "disk",
        "cut",
        "kill",
        "rotate",
        "replay",
        "rot",
        "clock",
        "restored",
        "resends_taken",
    }
    assert not wanted - counts.keys()
    print(dict(counts))
