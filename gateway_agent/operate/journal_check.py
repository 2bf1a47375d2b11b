# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What is in a journal, and what is wrong with it: every entry is read, nothing is changed.

Judged as recovery would judge it (`plan_segment`): what it would cut, set aside or replace by a gap is damage here. Beside
that the chain of links is followed, and with the gateway's public key every signature is checked, and whether it was that key's
turn (`KeysInTurn`). Bodies and frames are not opened; `startcity verify` does that, with code of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import WireError
from gateway_agent.journal.salvage import Hole, entry_link
from gateway_agent.journal.segment import BatchEntry, GapEntry, Header, Piece
from gateway_agent.model import GatewayId, Lane
from gateway_agent.operate.journal_folder import Content, JournalFolder
from gateway_agent.operate.journal_keys import connected_keys
from gateway_agent.wire import payload
from gateway_agent.wire.batch import parse_batch
from gateway_agent.wire.cose import ContentType
from gateway_agent.wire.gap import GapReason, parse_gap
from gateway_agent.wire.key_succession import KeysInTurn, KeySuccession


class Kind(StrEnum):
    """What is wrong. `missing` counts batches, the others where they stand."""

    DAMAGED = "damaged"  # bad bytes with good entries behind
    TORN_TAIL = "torn_tail"  # bad bytes at the end of a file
    UNREADABLE = "unreadable_segment"  # a file without one good entry
    MISSING = "missing"  # numbers without a batch, and no gap stands for them
    CHAIN = "chain"  # the link is not that of the batch before
    PLACE = "place"  # what is signed says that it belongs elsewhere, or cannot be read
    SIGNATURE = "signature"
    RETIRED_KEY = "retired_key"  # signed by a key that had ended before
    EARLY_KEY = "early_key"  # signed by a key whose turn had not come
    LOST_TAIL = "lost_tail"  # the city holds more than this disk
    SNAPSHOT = "snapshot"
    RECEIPTS = "receipts"


_KIND_OF_ERROR = {
    "SignatureInvalid": Kind.SIGNATURE,
    "RetiredKey": Kind.RETIRED_KEY,
    "EarlyKey": Kind.EARLY_KEY,
}


class Problem(NamedTuple):
    """One thing that is wrong: where, and in figures (bytes; or the numbers `first` to `last`)."""

    kind: Kind
    file: str
    offset: int
    size_bytes: int = 0
    first: int = 0
    last: int = 0
    detail: str = ""
    is_mendable: bool = True  # False: nothing tells the link behind missing numbers, so no gap can be signed for them


class SignedGap(NamedTuple):
    """A hole that is accounted for."""

    instance: bytes
    first: int
    last: int
    reason: GapReason
    file: str
    offset: int


@dataclass(slots=True)
class InstanceAccount:
    """One run of numbers of a lane, as far as it is held."""

    instance: bytes
    first: int
    last: int
    batches: int = 0
    receipted: int = 0
    contradicted_sent: int | None = None  # the city holds another history; ours was sent up to here all the same
    has_unnamed_key: bool = False  # by a key whose change does not name it: older than that change, or made up since


@dataclass(slots=True)
class LaneAccount:
    """What one lane holds."""

    segments: int = 0
    size_bytes: int = 0
    batches: int = 0
    void: int = 0  # entries that were written again elsewhere, or never counted; no loss
    unfinished_bytes: int = 0  # behind the last entry while a process has the journal open
    instances: list[InstanceAccount] = field(default_factory=list)
    gaps: list[SignedGap] = field(default_factory=list)


@dataclass(slots=True)
class Account:
    """All that `check` found."""

    folder: JournalFolder
    gateway_id: GatewayId | None = None
    lanes: dict[Lane, LaneAccount] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    kept_of_damaged: dict[str, int] = field(default_factory=dict)  # batches that stay, by segment file with damage
    has_key: bool = False
    good_signatures: int = 0
    has_earlier_keys: bool = False  # the given key is not the first: those before it were taken from the journal itself

    @property
    def is_intact(self) -> bool:
        return not self.problems


def check(folder: JournalFolder, key: Ed25519PublicKey | None = None) -> Account:
    """Read everything. Without `key` no signature is checked.

    Raises:
        Unavailable: a file cannot be read.
    """
    account = Account(folder, has_key=key is not None)
    if folder.snapshot_bytes is not None and folder.snapshot is None:
        account.problems.append(Problem(Kind.SNAPSHOT, "received.snap", 0, folder.snapshot_bytes))
    if folder.receipts.damaged_bytes:
        account.problems.append(Problem(Kind.RECEIPTS, "receipts.log", 0, folder.receipts.damaged_bytes))
    keys = None
    if key is not None:
        keys, account.has_earlier_keys = connected_keys(folder.directory, key)
    for lane in Lane:
        _LaneCheck(account, lane, keys).run()
    return account


class _LaneCheck:
    def __init__(self, account: Account, lane: Lane, keys: KeySuccession | None) -> None:
        self._folder = account.folder
        self._account = account
        self._problems = account.problems
        self._lane = lane
        self._keys = keys
        self._in_turn = KeysInTurn(lane, b"")
        self._mine = account.lanes[lane] = LaneAccount()
        self._link: bytes | None = None  # that the batch `_next` carries, where it is known
        self._next = 0

    def run(self) -> None:
        for name, size_bytes in self._folder.unreadable[self._lane]:
            self._mine.segments += 1
            self._mine.size_bytes += size_bytes
            self._problems.append(Problem(Kind.UNREADABLE, name, 0, size_bytes))
        ended: tuple[str, InstanceAccount] | None = None
        for content in self._folder.contents(self._lane):
            instance = self._instance_of(content)
            if ended is not None and ended[1] is not instance:
                self._check_end(*ended, content.known.ended)
            self._take(content, instance)
            ended = content.name, instance
        if ended is not None:
            self._check_end(*ended, None)

    def _instance_of(self, content: Content) -> InstanceAccount:
        name, known = content.known.instance, content.known
        if not self._mine.instances or self._mine.instances[-1].instance != name:
            key = (self._lane, name)
            position = self._folder.receipts.positions.get(key)
            sent = self._folder.receipts.contradicted.get(key)
            self._link, self._next = None, 0
            self._in_turn = KeysInTurn(self._lane, name)
            self._mine.instances.append(
                InstanceAccount(
                    name,
                    known.first,
                    known.first - 1,
                    receipted=position.number if position else 0,
                    contradicted_sent=sent,
                )
            )
        return self._mine.instances[-1]

    def _check_end(self, name: str, instance: InstanceAccount, ended: int | None) -> None:
        """Whether an instance reaches as far as it should: to where the next one says that it ended, and to its receipt."""
        if ended is not None and max(instance.last, instance.receipted) < ended:
            first = max(instance.last, instance.receipted) + 1
            self._problems.append(Problem(Kind.MISSING, name, 0, first=first, last=ended, is_mendable=False))
        elif ended is None and instance.receipted > instance.last:
            first, last = instance.last + 1, instance.receipted
            self._problems.append(Problem(Kind.LOST_TAIL, name, 0, first=first, last=last))

    def _take(self, content: Content, instance: InstanceAccount) -> None:
        found, plan, name = content.found, content.plan, content.name
        self._mine.segments += 1
        self._mine.size_bytes += found.size
        self._mine.void += plan.void
        problems_before = len(self._problems)
        for start, end in found.damage:
            self._problems.append(Problem(Kind.DAMAGED, name, start, end - start))
        if found.tail_bytes and self._folder.is_held:
            # An append that is going on, or one that failed and was written again elsewhere; a loss shows as missing numbers.
            self._mine.unfinished_bytes += found.tail_bytes
        elif found.tail_bytes:
            self._problems.append(Problem(Kind.TORN_TAIL, name, found.good_end, found.tail_bytes))
        if found.header is not None:
            self._take_header(found.header, name)
        position, batches = 0, 0
        for part in plan.parts:
            if isinstance(part, Hole):
                missing = Problem(Kind.MISSING, name, position, first=part.first, last=part.last)
                self._problems.append(missing._replace(is_mendable=part.link is not None))
                self._link, self._next = part.link, part.last + 1
                continue
            self._take_entry(part, name, instance)
            batches += isinstance(part.entry, BatchEntry)
            position = part.end
        instance.last = max(instance.last, plan.last)
        instance.batches += batches
        self._mine.batches += batches
        if len(self._problems) > problems_before:
            self._account.kept_of_damaged[name] = batches

    def _take_header(self, header: Header, name: str) -> None:
        if self._account.gateway_id is None:
            self._account.gateway_id = header.gateway_id
        if header.gateway_id != self._account.gateway_id or header.lane is not self._lane:
            self._problems.append(Problem(Kind.PLACE, name, 0, detail=f"{header.gateway_id}, {header.lane.word}"))
        if header.first != self._next:
            self._link = None
        elif self._link is not None and header.link not in (None, self._link):
            self._problems.append(Problem(Kind.CHAIN, name, 0, first=header.first, last=header.first))
        self._link, self._next = header.link or self._link, header.first

    def _take_entry(self, piece: Piece, name: str, instance: InstanceAccount) -> None:
        entry = piece.entry
        assert not isinstance(entry, Header)
        if (entry.first if isinstance(entry, GapEntry) else entry.number) != self._next:
            self._link = None  # what is missing in between the city has, so no gap stands for it
        try:
            if isinstance(entry, GapEntry):
                self._take_gap(entry, piece.start, name, instance)
            else:
                self._take_batch(entry, piece.start, name, instance)
        except WireError as error:
            kind = _KIND_OF_ERROR.get(error.name, Kind.PLACE)
            self._problems.append(
                Problem(kind, name, piece.start, first=entry.number, last=entry.number, detail=str(error))
            )
        self._link, self._next = entry_link(entry), entry.number + 1

    def _take_batch(self, entry: BatchEntry, offset: int, name: str, instance: InstanceAccount) -> None:
        batch = parse_batch(entry.batch)
        header = batch.header
        place = (header.gateway_id, header.lane, header.instance, header.number)
        if place != (self._account.gateway_id or header.gateway_id, self._lane, instance.instance, entry.number):
            detail = f"{header.gateway_id}, {header.lane.word}, {header.instance.hex()}, {header.number}"
            self._problems.append(
                Problem(Kind.PLACE, name, offset, first=entry.number, last=entry.number, detail=detail)
            )
        if self._link is not None and header.link != self._link:
            self._problems.append(Problem(Kind.CHAIN, name, offset, first=entry.number, last=entry.number))
        if self._keys is not None:
            named = batch.signed.key_id
            payload.verify(batch.signed, ContentType.BATCH, header.gateway_id, self._keys.key_of(named))
            self._in_turn.check(self._keys, named, entry.number)
            self._account.good_signatures += 1
            instance.has_unnamed_key |= self._keys.is_unnamed(named, self._lane, instance.instance)

    def _take_gap(self, entry: GapEntry, offset: int, name: str, instance: InstanceAccount) -> None:
        signed, gap = parse_gap(entry.gap)
        place = (gap.lane, gap.instance, gap.first, gap.last, gap.link)
        if place != (self._lane, instance.instance, entry.first, entry.number, entry.link):
            detail = f"{gap.lane.word}, {gap.instance.hex()}, {gap.first} - {gap.last}"
            self._problems.append(
                Problem(Kind.PLACE, name, offset, first=entry.first, last=entry.number, detail=detail)
            )
        self._mine.gaps.append(SignedGap(instance.instance, entry.first, entry.number, gap.reason, name, offset))
        if self._keys is not None:
            payload.verify(signed, ContentType.GAP, gap.gateway_id, self._keys.key_of(signed.key_id))
            self._in_turn.check(self._keys, signed.key_id, entry.number, is_gap=True)
            self._account.good_signatures += 1
