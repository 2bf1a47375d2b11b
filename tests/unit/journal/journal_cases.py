# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the journal's tests share: opening on a real directory or in memory, filling, looking at files."""

from __future__ import annotations

from pathlib import Path

from gateway_agent.journal import Files, Journal, JournalLimits
from gateway_agent.model import Lane, SealedBatch
from tests.support.journal_batches import GATEWAY, BatchMaker, gap_bytes

LIMITS = JournalLimits(bytes_max=100_000, segment_bytes=2_000)


def open_journal(
    directory: Path,
    maker: BatchMaker,
    files: Files | None = None,
    limits: JournalLimits = LIMITS,
    signs: bool = True,
    scan_all: bool = False,
) -> Journal:
    return Journal.open(
        directory,
        GATEWAY,
        limits,
        files,
        sign_gap=gap_bytes if signs else None,
        draw_instance=maker.instance,
        scan_all=scan_all,
    )


def fill(journal: Journal, maker: BatchMaker, lane: Lane, count: int, body_bytes: int = 120) -> list[SealedBatch]:
    """Append `count` batches one by one."""
    batches = []
    for _ in range(count):
        group = maker.group(journal, lane, 1, body_bytes)
        journal.append(group)
        batches += group
    return batches


def segment_files(directory: Path, lane: Lane) -> list[Path]:
    return sorted((directory / lane.word).glob("*.seg"))
