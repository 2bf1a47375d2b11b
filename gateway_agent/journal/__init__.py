# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Signed batches on disk until the city has receipted them. Start with `journal.py`; rules: docs/journal.md."""

from gateway_agent.journal.accounts import (
    JournalBusy,
    JournalCounters,
    JournalFull,
    JournalLimits,
    JournalUnavailable,
    ReceiptVerdict,
    Recovery,
    Usage,
)
from gateway_agent.journal.files import Files, OsFiles
from gateway_agent.journal.journal import Journal
from gateway_agent.journal.lane_log import StoredBatch

__all__ = [
    "Files",
    "Journal",
    "JournalBusy",
    "JournalCounters",
    "JournalFull",
    "JournalLimits",
    "JournalUnavailable",
    "OsFiles",
    "ReceiptVerdict",
    "Recovery",
    "StoredBatch",
    "Usage",
]
