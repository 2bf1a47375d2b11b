# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The short form of the power-cut campaign; `make faults` runs the long one (tests/faults/campaign.py).

A failure prints the life, with the last steps before each cut; `python -m tests.faults.campaign --replay '(seed, cut_at,
with_errors)'` lives it again.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from tests.faults.campaign import PLANTED_CUTS_MAX, cuts_until_found, lives
from tests.support.gateway_process import REPO
from tests.support.journal_campaign import Life, live
from tests.support.planted_bugs import PLANTED


def test_a_cut_at_every_step_of_a_run_loses_no_acknowledged_reading(tmp_path: Path) -> None:
    """Power that goes at any one change to the disk costs nothing whose append has returned, and doubles nothing."""
    run = Life(20261125)
    steps = live(run, tmp_path / "disk").first_steps
    assert steps > 50
    for cut_at in range(1, steps + 1):
        live(run._replace(cut_at=cut_at), tmp_path / "disk")


def test_random_cuts_lose_no_acknowledged_reading(tmp_path: Path) -> None:
    """Several cuts in a row, in appends, in recovery, on a disk that also fails, cost no acknowledged reading."""
    seed = int(os.environ.get("STARTCITY_SEED", secrets.randbits(32)))
    print(f"replay with STARTCITY_SEED={seed}")
    cuts = 0
    for life in lives(seed, tmp_path / "disk", every_step_runs=0):
        cuts += live(life, tmp_path / "disk").cuts
        if cuts >= 150:
            break


@pytest.mark.parametrize("name", PLANTED)
def test_the_campaign_finds_a_planted_bug(name: str) -> None:
    """A journal that acknowledges before its sync, forgets a directory or believes a bad checksum is caught within 1,000 cuts."""
    needed = cuts_until_found(name, seed=4)
    assert needed is not None and needed <= PLANTED_CUTS_MAX


def test_a_seed_decides_every_life(tmp_path: Path) -> None:
    """The same seed gives the same lives, and a life the same account: what was printed can be replayed."""
    first, again = (list(islice(lives(7, tmp_path / "disk", every_step_runs=1), 200)) for _ in range(2))
    assert first == again
    assert live(first[-1], tmp_path / "disk") == live(first[-1], tmp_path / "other")


def test_the_program_ends_with_one_json_object() -> None:
    """Its last line says how many cuts there were, what was broken, which planted bugs were found, and the seed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.campaign", "--cuts", "20", "--seed", "11", "--workers", "1"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["cuts"] >= 20
    wanted = {"acknowledged_lost": 0, "duplicated": 0, "unreadable": 0, "planted_found": 3, "seed": 11}
    assert wanted.items() <= found.items()
