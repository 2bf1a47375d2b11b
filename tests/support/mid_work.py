# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A journal in which something happens while a batch of records or trends is encoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway_agent.journal import Journal
from gateway_agent.model import Lane


class MidWork:
    """`journal`, with a call of `happen` in the thread that seals, each time it has begun with a batch that is no alarm's."""

    def __init__(self, journal: Journal, happen: Callable[[], None]) -> None:
        self._journal = journal
        self._happen = happen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def is_segment_start(self, lane: Lane) -> bool:
        if lane is not Lane.ALARM:
            self._happen()
        return self._journal.is_segment_start(lane)
