# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Batches that could not be read as they came, because what they lean on came later: read once it is there.

Beside the taking of groups, a small step after each: a step reads one segment of the archive, or one body. Which ranges of numbers
are to be looked at is remembered in memory, one range a chain, and found again in the database at a start.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from collector.archive_reading import ArchiveReader
from collector.intake import Intake
from collector.ledger import ChainKey
from collector.line import LineReader, reading_order
from collector.sqlite_store import Store
from gateway_agent.errors import Unavailable, WireError
from gateway_agent.wire.batch import parse_batch
from gateway_agent.wire.body import NodeTable
from gateway_agent.wire.limits import TABLE_BATCHES_MAX

LOG = logging.getLogger("startcity.collector")

# So much is planned at once: what lies in memory then is bounded by it.
UNREAD_MAX = 64
NUMBERS_MAX = 128
RETRY_MS = 60_000
AT_HAND_MAX = 16


class ReadAgain:
    """What is to be read again, and one step of it at a time."""

    def __init__(self, store: Store, archive: ArchiveReader, intake: Intake) -> None:
        """Raises: Unavailable: the database refuses."""
        self._store = store
        self._archive = archive
        self._intake = intake
        self._ranges = store.unread_ranges()
        self._current: tuple[ChainKey, int, int] | None = None
        self._steps: Iterator[None] = iter(())
        # By chain the table after the last one read: what was given up comes late, one after the other.
        self._at_hand: dict[ChainKey, dict[bytes, NodeTable]] = {}
        self._not_before_ms: int | None = None

    def is_due(self, monotonic_ms: int) -> bool:
        """Whether there is something to do now."""
        if self._not_before_ms is not None and monotonic_ms < self._not_before_ms:
            return False
        return self._current is not None or bool(self._ranges or self._intake.came_beside)

    def step(self, monotonic_ms: int, wall_ms: int) -> None:
        """Do a little of it. A disk that refuses is tried again later; it keeps nobody from taking groups."""
        self._not_before_ms = None
        for key, (low, high) in self._intake.came_beside.items():
            self._add(key, low, high)
        self._intake.came_beside.clear()
        if self._current is None:
            if not self._ranges:
                return
            key = next(iter(self._ranges))
            low, high = self._ranges.pop(key)
            self._current = key, low, high
            self._steps = self._read(key, low, high, wall_ms)
        try:
            if next(self._steps, self) is self:
                self._current = None
        except Unavailable as error:
            LOG.error("%s; what came out of its order is read later", error)
            if self._current is not None:
                self._add(*self._current)
            self._current, self._not_before_ms = None, monotonic_ms + RETRY_MS

    def _add(self, key: ChainKey, low: int, high: int) -> None:
        known = self._ranges.get(key, (low, high))
        self._ranges[key] = min(low, known[0]), max(high, known[1])

    def _read(self, key: ChainKey, low: int, high: int, wall_ms: int) -> Iterator[None]:
        unread = self._store.unread(key, low, high, UNREAD_MAX)
        if not unread:
            return
        first, last = unread[0][0], unread[-1][0]
        if len(unread) == UNREAD_MAX and last > first:
            last -= 1  # of its batches some may not be among these
        last = min(last, first + NUMBERS_MAX)
        if last < high:
            self._add(key, last + 1, high)
        wanted = {digest for number, digest in unread if number <= last}
        held = self._store.held(key, first - TABLE_BATCHES_MAX + 1, last)
        at_hand = self._at_hand.get(key, {})
        order = reading_order(held, wanted, at_hand)
        if not order:
            return
        signed: dict[bytes, bytes] = {}
        for found in self._archive.find(key, {digest: held[digest].number for digest in order}):
            signed |= found
            yield
        reader = LineReader(at_hand)
        for digest in filter(signed.__contains__, order):
            batch = parse_batch(signed[digest])
            if not reader.is_ready(batch):
                continue
            try:
                body, table = reader.read(batch, digest)
            except WireError as error:
                if digest in wanted:
                    self._intake.give_up_reading(key, batch, digest, len(signed[digest]), str(error))
            else:
                self._at_hand.pop(key, None)
                self._at_hand[key] = {digest: table.copy()}
                if len(self._at_hand) > AT_HAND_MAX:
                    self._at_hand.pop(next(iter(self._at_hand)))
                if digest in wanted:
                    self._intake.take_read(key, batch, digest, len(signed[digest]), body, table, wall_ms)
            yield
