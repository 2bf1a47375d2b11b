# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The unmodified journal on a disk that loses power (tests/support/power_cut_files.py states what such a disk may do).

A failure prints the seed, the step and the last steps of each start; `run(seed, cut_at, with_errors=...)` replays it.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway_agent.journal import lane_log, segment
from tests.support.journal_campaign import BrokenPromiseError, run
from tests.support.power_cut_files import PowerCutFiles

_STEPS_MAX = 150


def _campaign(cuts_wanted: int, seed: int) -> int:
    """Random lives, half of them on a disk that also refuses now and then, until enough cuts were made."""
    rng = random.Random(seed)
    cuts = 0
    while cuts < cuts_wanted:
        cuts += run(rng.getrandbits(32), rng.randrange(1, _STEPS_MAX), with_errors=rng.random() < 0.5)[0]
    return cuts


def test_a_cut_at_every_step_of_a_run_loses_no_acknowledged_batch() -> None:
    """Power that goes at any one change to the disk costs no batch whose append has returned, and doubles none."""
    seed = 20261122
    _, steps = run(seed)
    assert steps > 50
    for cut_at in range(1, steps + 1):
        run(seed, cut_at)


def test_random_cuts_lose_no_acknowledged_batch() -> None:
    """Several cuts in a row, in appends, in recovery, on a disk that also fails, cost no acknowledged batch."""
    seed = secrets.randbits(32)
    print(f"seed={seed}")
    assert _campaign(250, seed) >= 250


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_twenty_thousand_cuts_lose_no_acknowledged_batch() -> None:
    """The long form of the campaign. Each life asserts the promises; what is printed is only what was counted."""
    seed = secrets.randbits(32)
    print(f"seed={seed}")
    cuts = _campaign(20_000, seed)
    assert cuts >= 20_000
    print(f"cuts={cuts}")


class _NoDirectorySync(PowerCutFiles):
    """Plants a bug: the names of segments are not made durable."""

    def sync_directory(self, path: Path) -> None:
        if path.name not in ("alarm", "record", "trend"):
            super().sync_directory(path)


class _NoSync(PowerCutFiles):
    """Plants a bug: an append returns before its bytes are synced."""

    def sync(self, handle: int) -> None:
        _, path = self._handles[handle]
        if path.suffix != ".seg":
            super().sync(handle)


@pytest.mark.parametrize("files", [_NoDirectorySync, _NoSync])
def test_the_campaign_finds_a_forgotten_sync(files: Callable[[int], PowerCutFiles]) -> None:
    """A journal that forgets to sync a file or a directory is caught within 1,000 cuts."""
    assert _cuts_until_found(files) <= 1_000


def test_the_campaign_finds_an_ignored_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that believes entries without looking at their checksum is caught within 1,000 cuts."""

    def believe(data: bytes, start: int, body_bytes_max: int = segment.BODY_BYTES_MAX) -> bytes | None:
        length = segment.peek_length(data, start)
        end = start + segment.HEAD_BYTES + (length or 0)
        return None if length is None or end > len(data) else data[start + segment.HEAD_BYTES : end]

    monkeypatch.setattr(segment, "body_at", believe)
    monkeypatch.setattr(lane_log, "body_at", believe)
    assert _cuts_until_found(PowerCutFiles) <= 1_000


def _cuts_until_found(files: Callable[[int], PowerCutFiles]) -> int:
    rng = random.Random(4)
    cuts = 0
    while cuts <= 1_000:
        try:
            cuts += run(rng.getrandbits(32), rng.randrange(1, _STEPS_MAX), files)[0]
        except BrokenPromiseError:
            return cuts + 1
    return cuts
