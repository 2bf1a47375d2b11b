# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Of groups that archive or store refused, what lies beside its chain: forks, and what came late. No gateway sends that again, because the
broker has taken it. Everything else has no receipt, and comes again by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TypeVar

from collector.archive import ArchiveItem
from collector.inbox import Message
from gateway_agent.model import Lane

LOG = logging.getLogger("startcity.collector")
T = TypeVar("T")

UNARCHIVED_MAX = 64  # batches, of 64 KiB at most
UNCOMMITTED_MAX = 512


class Refused:
    """What waits: in `uncommitted` what the archive holds and the store lacks, in `unarchived` what neither has."""

    def __init__(self) -> None:
        self.uncommitted: list[ArchiveItem] = []
        self.unarchived: list[Message] = []

    def keep(self, items: Iterable[ArchiveItem], *, is_archived: bool) -> None:
        """Of a group that was refused just now; what was `unarchived` before it is among its items."""
        beside = [item for item in items if item.shelf]
        if is_archived:
            self.uncommitted = _at_most(UNCOMMITTED_MAX, self.uncommitted + beside, "taken at the next start only")
            self.unarchived = []
        else:
            self.unarchived = _at_most(UNARCHIVED_MAX, [message_of(item) for item in beside], "dropped")


def message_of(item: ArchiveItem) -> Message:
    """As it came."""
    return Message(f"sc/{item.key.gateway_id}/{Lane(item.key.lane).word}", item.signed)


def _at_most(count_max: int, beside: list[T], otherwise: str) -> list[T]:
    if len(beside) > count_max:
        LOG.error("%d batches beside their chain are %s: the disk refuses", len(beside) - count_max, otherwise)
    return beside[:count_max]
