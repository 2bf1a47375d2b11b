# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Archive and database brought to one age as the collector starts, before it listens.

Theory of operation
-------------------
A group is in the archive before it is in the database, so a crash leaves the archive ahead by one group at most. A backup
may leave either of them behind by any amount. For each chain the last entry of the archive is compared with the
database's head:

  archive ahead     what the database lacks is taken in again from the archive, as if it came from the gateway; nothing is
                    archived, nothing is receipted for it alone
  database ahead    the head falls back to the archive's, so that the collector receipts no more than its archive holds and
                    asks the gateway for the rest (`Intake`, resend). What comes again is archived; its readings are stored
                    already and stay as they are. What the gateway has deleted stands in the archive as a signed gap.
  two histories     neither is touched; an error and an event say so

Beside a chain, where forks and what came late lie in any order, the end of each segment is looked for in the database; where one is
lacking, all that lies there is taken in again.

Compared are ends only: a start reads some 128 KiB a chain, and as much of each segment beside it. That something is missing inside an
archive `startcity verify` finds.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterator, Mapping
from itertools import islice

from collector.archive_reading import MAIN_SHELF, ArchiveReader
from collector.group import Event
from collector.inbox import Message
from collector.intake import Intake
from collector.ledger import ZERO_LINK, Branch, ChainKey
from collector.segments import SignedEntry
from collector.sqlite_store import Store
from gateway_agent.errors import Unavailable, WireError
from gateway_agent.model import Lane
from gateway_agent.wire.gap import parse_gap

LOG = logging.getLogger("startcity.collector")

GROUP_ENTRIES = 128


class CatchUp:
    """One comparison. `run` it once, between the start and the first message."""

    def __init__(self, store: Store, archive: ArchiveReader, intake: Intake, gateways: Collection[str]) -> None:
        """`gateways`: those that are listed; the chains of others can neither be checked nor asked for."""
        self._store = store
        self._archive = archive
        self._intake = intake
        self._gateways = gateways

    def run(self, wall_ms: int) -> Iterator[None]:
        """A step reads, or commits one group; the caller may do something else between two.

        Raises:
            Unavailable: archive or database refuse; begun anew, it goes on from where it was.
        """
        heads = {(key, branch.index): branch for key, branch in self._store.branches()}
        chains = {key for key, _ in heads} | set(self._archive.chains())
        self._say_not_listed(chains)
        for key in sorted(key for key in chains if key.gateway_id in self._gateways):
            yield
            yield from self._compare(key, self._archive.last(key), wall_ms)
            forks = {fork: head for (other, fork), head in heads.items() if other == key and fork}
            yield from self._compare_beside(key, forks, wall_ms)

    def _compare_beside(self, key: ChainKey, forks: Mapping[int, Branch], wall_ms: int) -> Iterator[None]:
        """The shelves beside the chain's own. What one of their segments ends with, and the database lacks, is most often not all that it
        lacks: then all of them are taken in again."""
        ends: dict[str, dict[bytes, int]] = {}
        for shelf in self._archive.shelves(key)[1:]:
            try:
                ends[shelf] = {_digest(end): end.number for end in self._archive.ends(key, shelf)}
            except Unavailable as error:
                detail = f"{shelf} of instance {key.instance.hex()} is left as it is: {error}"
                self._say(key, "archive_unreadable", detail, wall_ms)
                forks = {fork: head for fork, head in forks.items() if shelf != f"fork-{fork}"}
        archived = {digest: number for found in ends.values() for digest, number in found.items()}
        if not all(self._store.holds(key, number, digest) for digest, number in archived.items()):
            for shelf in ends:
                yield from self._take_again(key, shelf, 0, wall_ms)
        for fork, head in forks.items():
            if head.link not in archived:
                last = max(ends.get(f"fork-{fork}", {}).values(), default=0)
                self._say_fork(key, fork, last, head.number, wall_ms)

    def _say_not_listed(self, chains: set[ChainKey]) -> None:
        """A gateway that was taken off the list is left alone: whoever did that by mistake has to hear of it."""
        promises = self._store.promises()
        for gateway_id in sorted({key.gateway_id for key in chains | promises.keys()} - set(self._gateways)):
            missing = sum(
                max(0, number - self._intake.head(key).number)
                for key, (number, _) in promises.items()
                if key.gateway_id == gateway_id
            )
            LOG.warning(
                "%s has delivered and is not listed any more: nothing of it is checked, taken or asked for (batches that it signed"
                " for and that are not here: %d). List it again with its public key ([[gateway]] in the configuration);"
                " if it is gone for good, nothing is to be done: what came stays, and `startcity verify` still reads it",
                gateway_id,
                missing,
            )

    def _compare(self, key: ChainKey, end: SignedEntry | None, wall_ms: int) -> Iterator[None]:
        head = self._intake.head(key)
        number, link = (0, ZERO_LINK) if end is None else (end.number, _link_behind(end))
        if number > head.number:
            detail = (
                f"instance {key.instance.hex()}: the archive reaches to number {number}, the database to {head.number}: a crash"
                " between the two, or a database restored from an older copy; taken in again from the archive"
            )
            self._say(key, "archive_ahead", detail, wall_ms)
            yield from self._take_again(key, MAIN_SHELF, head.number, wall_ms)
            if self._intake.head(key).number < number:
                detail = f"of the archive's numbers up to {number} those up to {self._intake.head(key).number} could be taken"
                self._say(key, "archive_differs", detail, wall_ms)
        elif number == head.number and link == head.link:
            return
        elif number < head.number and (end is None or self._store.holds(key, number, _digest(end))):
            detail = (
                f"instance {key.instance.hex()}: the archive reaches to number {number}, the database to {head.number}: the"
                f" archive was restored from an older copy. The gateway is asked for {number + 1} to {head.number}; what it has"
                " deleted is named by a gap, and its readings stay in the database"
            )
            self._say(key, "archive_behind", detail, wall_ms)
            self._intake.fall_back(key, number, link, self._archive.newest(key))
        else:
            detail = (
                f"instance {key.instance.hex()}: archive and database hold different batches {min(number, head.number)}"
            )
            self._say(key, "archive_differs", detail, wall_ms)

    def _take_again(self, key: ChainKey, shelf: str, number: int, wall_ms: int) -> Iterator[None]:
        topic = f"sc/{key.gateway_id}/{Lane(key.lane).word}"
        entries = self._archive.behind(key, shelf, number)
        while messages := [Message(topic, entry.signed) for entry in islice(entries, GROUP_ENTRIES)]:
            self._intake.take_again(messages, wall_ms, shelf)
            yield

    def _say_fork(self, key: ChainKey, fork: int, archived: int, number: int, wall_ms: int) -> None:
        if archived < number:
            detail = f"fork {fork} of instance {key.instance.hex()}: {archived + 1} to {number} are not in the archive, and cannot be"
            self._say(key, "archive_behind", f"{detail} asked for", wall_ms)

    def _say(self, key: ChainKey, kind: str, detail: str, wall_ms: int) -> None:
        LOG.error("%s/%s: %s", key.gateway_id, Lane(key.lane).word, detail)
        self._intake.note(Event(wall_ms, key.gateway_id, key.lane, kind, detail))


def _digest(entry: SignedEntry) -> bytes:
    return hashlib.sha256(entry.signed).digest()


def _link_behind(entry: SignedEntry) -> bytes:
    """The link that the entry after this one carries."""
    if not entry.is_gap:
        return _digest(entry)
    try:
        return parse_gap(entry.signed)[1].link
    except WireError:
        return ZERO_LINK  # filed as a gap, and none: equal to no head
