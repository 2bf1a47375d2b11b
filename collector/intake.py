# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""One group of messages: judged, archived, stored, receipted, in this order.

    messages -> signature -> ledger's verdict -> archive (synced) -> store (committed) -> one receipt a lane

Runs in a worker thread, one group at a time. If the disk refuses, nothing of the group counts: no receipt goes out, the ledger is
read again from the store, and the gateways send once more what has no receipt.

A receipt is issued again where a gateway seems not to know where we stand: at a duplicate (ours was lost), at a hole
(a batch was lost), at a fork (we remember another past), and while its signed state promises more than we hold. At most
once a second a lane, because each makes the gateway send again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from collector.archive import Archive, ArchiveItem
from collector.archive_reading import MAIN_SHELF, fork_of
from collector.group import Event, GatewayState, Group, Promise, StagedGap
from collector.inbox import Message
from collector.ledger import ZERO_LINK, Branch, ChainKey, Ledger, Verdict
from collector.opening import open_body, set_aside, staged
from collector.refused import Refused, message_of
from collector.segments import SignedEntry
from collector.sqlite_store import Store, Stored
from gateway_agent.errors import Unavailable, WireError
from gateway_agent.model import Body, FrameRow, GatewayId, Lane, Receipt
from gateway_agent.pace import Pace
from gateway_agent.wire.answer import open_answer
from gateway_agent.wire.batch import Batch, link_of, open_batch, parse_batch
from gateway_agent.wire.body import NodeTable
from gateway_agent.wire.cose import parse_sign1
from gateway_agent.wire.gap import open_gap
from gateway_agent.wire.key_succession import KeySuccession
from gateway_agent.wire.limits import TABLE_BATCHES_MAX
from gateway_agent.wire.receipt import sign_receipt
from gateway_agent.wire.resend import Resend, sign_resend
from gateway_agent.wire.signer import Signer
from gateway_agent.wire.state import open_state

LOG = logging.getLogger("startcity.collector")

CONTENT_BATCH = 65001
CONTENT_GAP = 65004
REISSUE_MS = 1_000
PROMISE_REISSUE_MS = 5_000
# A lane that stands still so long, although the gateway has had our receipt several times, has been trimmed: see `_check_stuck`.
STUCK_MS = 20_000
RESEND_EACH_MS = 60_000
# A gateway takes one a lane in 30 s: of one lane's instances the one that has waited longest goes first.
RESEND_LANE_MS = 35_000
# For each batch of an older instance that came too early: its gateway may have lost or deleted the rest since.
OLDER_ASKS_MAX = 10
KEY_NOTED_MS = 3_600_000
ANSWERS_REMEMBERED_MAX = 1_024
_KEY_EVENTS = {"RetiredKey": "retired_key", "EarlyKey": "early_key", "KeyFork": "key_fork"}
# Anybody who may publish can make names up, so only so many are named, and each is written down only twice a day.
FOREIGN_NAMED_MAX = 64
FOREIGN_NOTED_MS = 12 * 3_600_000
FOREIGN_EVENT = "foreign_gateway"

_LANES = {lane.word: lane for lane in Lane}
_GATEWAY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class Outgoing(NamedTuple):
    """A receipt on its way to a gateway."""

    topic: str
    payload: bytes
    lane_key: str


class _Taken(NamedTuple):
    """What a group has come to before it is written."""

    group: Group
    items: list[ArchiveItem]
    receipts: set[ChainKey]
    reissues: set[ChainKey]
    resends: set[ChainKey]
    states: dict[str, bytes]
    foreign: set[str]
    beside: list[tuple[ChainKey, int]]  # what did not simply go on where its chain ended, or could not be read
    shelf: str | None = None  # of the archive that it comes from, see `take_again`

    @property
    def is_archived(self) -> bool:
        return self.shelf is not None


class Intake:
    """Everything between a group of messages and its receipts."""

    def __init__(
        self,
        store: Store,
        archive: Archive,
        signer: Signer,
        gateways: Mapping[str, Ed25519PublicKey],
        overdue_ms: int,
    ) -> None:
        self._store = store
        self._archive = archive
        self._signer = signer
        self._gateways = {name: KeySuccession(name, key) for name, key in gateways.items()}
        for name, keys in self._gateways.items():
            keys.add_all(archive.key_changes(name))
        self._overdue_ms = overdue_ms
        self._ledger = Ledger(store.branches())
        self._promises = self._listed_promises()
        self._current: dict[tuple[str, int], bytes] = {}  # the instance that each lane's last state named
        self._owing: dict[ChainKey, int] = {}  # a batch came too early: how often to ask for the rest yet
        self._unmet_since_ms: dict[ChainKey, int] = {}
        self._overdue: set[ChainKey] = set()
        self._reissued_ms: dict[ChainKey, int] = {}
        self._behind: set[ChainKey] = set()  # its gateway's state knows of less than it has sent: it is told
        self._states: dict[str, tuple[bytes, bool]] = {}  # by gateway: boot id and whether it is online
        self._answers: dict[tuple[bytes, int], None] = {}
        # What is only counted is committed once a second at most: a flood of garbage is no flood of transactions.
        self._counting, self._counts = Pace(64, 1_000), dict[str, int]()
        self._key_noted_ms: dict[tuple[str, str], int] = {}
        # The number held, and since when it is held and more is promised.
        self._stuck: dict[ChainKey, tuple[int, int]] = {}
        self._resend_ms: dict[ChainKey, int] = {}
        # When a lane's last one was asked, and its request.
        self._lane_resends: dict[tuple[str, int], tuple[int, int]] = {}
        self._foreign_noted_ms: dict[str, int | None] = {}  # None: named in the log, not in the store
        self._refused = Refused()
        # By chain the lowest and highest number that something leans on, perhaps, which came beside the chain's own end.
        self.came_beside: dict[ChainKey, tuple[int, int]] = {}
        self.readings = 0
        self.stored = Stored(0, 0, 0, 0)

    # ------------------------------------------------------------------------------------------- groups

    def take(self, messages: Iterable[Message], monotonic_ms: int, wall_ms: int, refused: int = 0) -> list[Outgoing]:
        """Take a group in; returns the receipts that are due, after everything they speak for is durable.

        `refused` messages found no room in the inbox since the last group: counted.

        Raises:
            Unavailable: archive or store refuse. Nothing of the group counts.
        """
        refusal = self._take_uncommitted(wall_ms)
        taken = _Taken(Group(), [], set(), set(), set(), {}, set(), [])
        if refused:
            taken.group.count("inbox_full", refused)
        is_archived = False
        try:
            for message in chain(messages, self._refused.unarchived):
                self._take_message(message, taken, monotonic_ms, wall_ms)
            self._note_foreign(taken, monotonic_ms, wall_ms)
            self._check_promises(taken, monotonic_ms, wall_ms)
            self._check_stuck(taken, monotonic_ms, wall_ms)
            self._archive.append(taken.items)
            is_archived = True
            if refusal is not None:
                raise refusal
            for gateway_id, state in taken.states.items():
                self._archive.keep_state(gateway_id, state)
            group = taken.group
            for name, count in self._counts.items():
                group.count(name, count)
            if (
                group.batches
                or group.gaps
                or group.branches
                or group.states
                or group.promises
                or group.events
                or (group.counts and self._counting.allow(monotonic_ms))
            ):
                self.stored = self._store.commit(group)
                self.readings += self.stored.readings
                self._counts = {}
            else:
                self._counts = group.counts
            self._note_beside(taken)
        except BaseException:
            self._refused.keep(taken.items, is_archived=is_archived)
            self._forget()
            raise
        self._refused.unarchived = []
        due = {
            key for key in taken.reissues | self._behind
            if monotonic_ms - self._reissued_ms.get(key, -REISSUE_MS) >= REISSUE_MS
        }  # fmt: skip
        # Of a chain that we have nothing of there is nothing to say: its gateway sends again when its patience ends.
        speak = sorted(key for key in taken.receipts | due if self._ledger.head(key).number > 0)
        for key in speak:
            self._reissued_ms[key] = monotonic_ms
        self._behind.difference_update(speak)
        return [self._receipt(key) for key in speak] + [self._resend(key, wall_ms) for key in sorted(taken.resends)]

    def _take_uncommitted(self, wall_ms: int) -> Unavailable | None:
        """What was archived, and refused by the store. Returns what the store says, if it refuses again."""
        try:
            while waiting := self._refused.uncommitted:
                self.take_again([message_of(waiting[0])], wall_ms, waiting[0].shelf)
                waiting.pop(0)
        except Unavailable as error:
            return error
        return None

    def _forget(self) -> None:
        """Nothing of a group counts: remember what the store does."""
        self._ledger = Ledger(self._store.branches())
        self._promises = self._listed_promises()
        self._foreign_noted_ms = dict.fromkeys(self._foreign_noted_ms)

    def _listed_promises(self) -> dict[ChainKey, tuple[int, bytes]]:
        """Of a gateway that is not listed any more nothing is awaited; `CatchUp` has said so."""
        return {key: promise for key, promise in self._store.promises().items() if key.gateway_id in self._gateways}

    # ------------------------------------------------------------------------------------------- at the start

    def head(self, key: ChainKey) -> Branch:
        """How far we hold a chain."""
        return self._ledger.head(key)

    def note(self, event: Event) -> None:
        """Keep an event now. Raises: Unavailable."""
        self._store.commit(Group(events=[event]))

    def take_again(self, messages: Iterable[Message], wall_ms: int, shelf: str = MAIN_SHELF) -> None:
        """Take in what a shelf of the archive holds and the store lacks; it is not archived again. Of the chain's own shelf it is judged
        like new.

        Raises:
            Unavailable: the store refuses. Nothing of the group counts.
        """
        taken = _Taken(Group(), [], set(), set(), set(), {}, set(), [], shelf)
        try:
            for message in messages:
                self._take_message(message, taken, 0, wall_ms)
            self.readings += self._store.commit(taken.group).readings
            self._note_beside(taken)
        except BaseException:
            self._forget()
            raise

    def fall_back(self, key: ChainKey, number: int, link: bytes, newest: Iterable[SignedEntry]) -> None:
        """Remember no more of a chain than the archive holds: `number`, behind which `link` is carried. Its batches above that stay in
        the store, and are wanted again (`_held`). `newest` are its last archived entries, from which the node table is read.

        Raises:
            Unavailable: archive or store refuse. Nothing has changed.
        """
        table: NodeTable | None = NodeTable() if number == 0 else None
        for entry in newest:
            try:
                table = None if entry.is_gap else open_body(parse_batch(entry.signed), table)[1]
            except WireError:
                table = None
        branch = Branch(0, number, link, table)
        self._store.commit(Group(branches={(key, 0): branch}))
        self._ledger = Ledger(self._store.branches())

    # ------------------------------------------------------------------------------------------- what is read again

    def _note_beside(self, taken: _Taken) -> None:
        for key, number in taken.beside:
            low, high = self.came_beside.get(key, (number, number))
            self.came_beside[key] = min(low, number), max(high, number + TABLE_BATCHES_MAX)

    def take_read(
        self, key: ChainKey, batch: Batch, digest: bytes, length_bytes: int, body: Body, table: NodeTable, wall_ms: int
    ) -> None:
        """Store what a held batch says that could not be read when it came. `table` is the node table after it.

        Raises:
            Unavailable: the store refuses. Nothing has changed.
        """
        header, group = batch.header, Group()
        body, aside = set_aside(body)
        self._note_aside(key, header.number, aside, group, wall_ms)
        group.count("batches_read_again")
        detail = f"batch {header.number}: what it leans on has come"
        group.events.append(Event(wall_ms, key.gateway_id, key.lane, "read_again", detail))
        branch = self._ledger.ending_with(key, header.number, digest)
        if branch is not None:
            group.branches[key, branch.index] = Branch(branch.index, branch.number, branch.link, table)
        group.batches.append(staged(key, 0, batch, digest, length_bytes, body, None))
        self.readings += self._store.commit(group).readings
        if branch is not None:
            self._ledger.advance(key, branch, header.number, digest, table)

    def give_up_reading(self, key: ChainKey, batch: Batch, digest: bytes, length_bytes: int, defect: str) -> None:
        """Store that a held batch cannot be read although what it leans on is there. Raises: Unavailable: the store refuses."""
        hopeless = staged(key, 0, batch, digest, length_bytes, None, defect)._replace(leans=None)
        self._store.commit(Group(batches=[hopeless]))

    def standing(self) -> list[Outgoing]:
        """The current receipt of every lane's newest instance: what a gateway should hear after we were away."""
        newest = {(key.gateway_id, key.lane): key for key in self._ledger.chains()}
        return [
            self._receipt(key)
            for key in newest.values()
            if key.gateway_id in self._gateways and self._ledger.head(key).number > 0
        ]

    def _receipt(self, key: ChainKey) -> Outgoing:
        head = self._ledger.head(key)
        receipt = Receipt(GatewayId(key.gateway_id), Lane(key.lane), key.instance, head.number, head.link)
        payload = sign_receipt(receipt, self._signer)
        return Outgoing(f"sc/{key.gateway_id}/receipt", payload, f"{key.gateway_id}/{key.lane}/{key.instance.hex()}")

    def _resend(self, key: ChainKey, wall_ms: int) -> Outgoing:
        head = self._ledger.head(key)
        boot_id = self._states[key.gateway_id][0]
        # The wall clock, so that it rises over a restart of ours too; but it may be stepped back meanwhile.
        asked_ms, last = self._lane_resends[key.gateway_id, key.lane]
        request = max(last + 1, wall_ms)
        self._lane_resends[key.gateway_id, key.lane] = asked_ms, request
        resend = Resend(
            GatewayId(key.gateway_id), Lane(key.lane), key.instance, head.number, head.link, boot_id, request
        )
        payload = sign_resend(resend, self._signer)
        return Outgoing(f"sc/{key.gateway_id}/resend", payload, f"{key.gateway_id}/{key.lane}/resend")

    # ------------------------------------------------------------------------------------------- one message

    def _take_message(self, message: Message, taken: _Taken, monotonic_ms: int, wall_ms: int) -> None:
        group = taken.group
        parts = message.topic.split("/")
        if len(parts) not in (3, 4) or parts[0] != "sc" or (len(parts) == 4 and parts[2] != "key"):
            group.count("foreign_topic")
            return
        gateway_id, word = parts[1], parts[2]
        keys = self._gateways.get(gateway_id)
        if keys is None:
            group.count("foreign_gateway")
            if _GATEWAY_ID.fullmatch(gateway_id):
                taken.foreign.add(gateway_id)
            return
        try:
            if word == "state":
                self._take_state(gateway_id, message.payload, keys, taken)
            elif word in _LANES and len(parts) == 3:
                self._take_signed(gateway_id, _LANES[word], message.payload, keys, taken, wall_ms)
            elif word == "key" and len(parts) == 4:
                self._take_key_change(gateway_id, message.payload, keys, taken, wall_ms)
            elif word == "answer":
                self._take_answer(gateway_id, message.payload, keys, taken, wall_ms)
            else:
                group.count("foreign_topic")
        except WireError as error:
            group.count(error.name)
            if error.name in _KEY_EVENTS:
                self._note_key_error(gateway_id, error, taken, monotonic_ms, wall_ms)
            LOG.warning("%s: %s", message.topic, error)

    def _note_foreign(self, taken: _Taken, monotonic_ms: int, wall_ms: int) -> None:
        """Somebody delivers whom nobody listed, most likely a gateway that was forgotten: named once in the log, and kept for `show`."""
        for gateway_id in sorted(taken.foreign):
            if gateway_id not in self._foreign_noted_ms:
                if len(self._foreign_noted_ms) >= FOREIGN_NAMED_MAX:
                    continue
                self._foreign_noted_ms[gateway_id] = None
                LOG.warning(
                    "%s delivers and is not listed: add a [[gateway]] block with its public key, or check the id",
                    gateway_id,
                )
            noted_ms = self._foreign_noted_ms[gateway_id]
            if noted_ms is None or monotonic_ms - noted_ms >= FOREIGN_NOTED_MS:
                self._foreign_noted_ms[gateway_id] = monotonic_ms
                detail = "it delivers and is not listed"
                taken.group.events.append(Event(wall_ms, gateway_id, None, FOREIGN_EVENT, detail))

    def _take_signed(
        self, gateway_id: str, lane: Lane, payload: bytes, keys: KeySuccession, taken: _Taken, wall_ms: int
    ) -> None:
        signed = parse_sign1(payload)
        if signed.content_type == CONTENT_GAP:
            self._take_gap(gateway_id, lane, payload, keys, taken, wall_ms)
            return
        batch = open_batch(payload, keys.key_of(signed.key_id))
        header = batch.header
        if header.gateway_id != gateway_id or header.lane != lane:
            # Signed by the right key, but published where it does not belong.
            taken.group.count("foreign_lane")
            return
        key = ChainKey(gateway_id, int(lane), header.instance)
        self._check_key(keys, signed.key_id, key, header.number, taken)
        digest = link_of(payload)
        held = self._held(key, header.number, taken.group)
        if taken.shelf:
            fork = fork_of(taken.shelf)
            verdict, branch = self._ledger.judge_beside(key, header.number, header.link, digest, held, fork)
        else:
            verdict, branch = self._ledger.judge(key, header.number, header.link, digest, held)
        taken.group.count(f"batches_{verdict.value}")
        if verdict in (Verdict.DUPLICATE, Verdict.HOLE, Verdict.TOO_MANY_FORKS):
            taken.reissues.add(key)
            if verdict is Verdict.HOLE:
                LOG.info("%s/%s: batch %d came, %d is next", gateway_id, lane.word, header.number, branch.number + 1)
                self._note_hole(key, header.number - 1, header.link, taken)
            return
        if verdict is Verdict.FORK:
            if not taken.is_archived:
                branch.index = self._archive.fork_index(key, branch.index, digest)
            detail = f"batch {header.number} of instance {header.instance.hex()} does not fit what we hold"
            taken.group.events.append(Event(wall_ms, gateway_id, int(lane), "fork", detail))
            LOG.error("%s/%s: fork: %s", gateway_id, lane.word, detail)
            taken.reissues.add(key)
        if verdict is Verdict.NEXT and not self._ledger.knows(key):
            taken.group.events.append(
                Event(wall_ms, gateway_id, int(lane), "instance", f"begins {header.instance.hex()}")
            )
        self._accept(key, batch, payload, digest, verdict, branch, taken, wall_ms)

    def _check_key(
        self,
        keys: KeySuccession,
        named: bytes,
        key: ChainKey,
        number: int,
        taken: _Taken,
        *,
        is_gap: bool = False,
    ) -> None:
        """Raises: WireError: `RetiredKey`, `EarlyKey`. A gateway that was restored from an older copy than its key, and writes those
        numbers anew, learns from our receipt that it was.
        """
        try:
            keys.check(named, key.lane, key.instance, number, is_gap=is_gap)
            # Whoever archived the chain saw it begin.
            if keys.is_unnamed(named, key.lane, key.instance) and not (taken.is_archived or self._ledger.knows(key)):
                raise WireError(
                    "RetiredKey", f"key {named.hex()} has ended, and cannot begin instance {key.instance.hex()}"
                )
        except WireError:
            taken.reissues.add(key)
            raise

    def _take_key_change(
        self, gateway_id: str, payload: bytes, keys: KeySuccession, taken: _Taken, wall_ms: int
    ) -> None:
        """Kept in the archive before anything that the new key has signed."""
        old = keys.current
        if not keys.add(payload):
            return
        self._archive.keep_key_change(gateway_id, parse_sign1(payload).key_id, payload)
        detail = f"{old.hex()} names {keys.current.hex()} as the next key of the gateway"
        taken.group.events.append(Event(wall_ms, gateway_id, None, "key_change", detail))
        LOG.warning("%s: %s", gateway_id, detail)

    def _take_answer(self, gateway_id: str, payload: bytes, keys: KeySuccession, taken: _Taken, wall_ms: int) -> None:
        """What a gateway did at an operator's word: kept as an event. A repeated one counts once a run."""
        answer = open_answer(payload, keys.key_of(parse_sign1(payload).key_id))
        if answer.gateway_id != gateway_id:
            taken.group.count("foreign_lane")
            return
        taken.group.count(f"answers_{answer.state.word}")
        mark = (answer.digest, int(answer.state))
        if mark in self._answers:
            return
        self._answers[mark] = None
        while len(self._answers) > ANSWERS_REMEMBERED_MAX:
            self._answers.pop(next(iter(self._answers)))
        reason = f": {answer.reason}" if answer.reason else ""
        detail = f"number {answer.number} of operator {answer.operator.hex()}: {answer.state.word}{reason}"
        taken.group.events.append(Event(wall_ms, gateway_id, None, "command", detail))

    def _note_key_error(
        self, gateway_id: str, error: WireError, taken: _Taken, monotonic_ms: int, wall_ms: int
    ) -> None:
        """A key that should not have signed: an event an hour a gateway and kind, because it may come by the thousand."""
        noted_ms = self._key_noted_ms.get((gateway_id, error.name))
        if noted_ms is not None and monotonic_ms - noted_ms < KEY_NOTED_MS:
            return
        self._key_noted_ms[gateway_id, error.name] = monotonic_ms
        taken.group.events.append(Event(wall_ms, gateway_id, None, _KEY_EVENTS[error.name], error.detail))

    def _accept(
        self,
        key: ChainKey,
        batch: Batch,
        payload: bytes,
        digest: bytes,
        verdict: Verdict,
        branch: Branch,
        taken: _Taken,
        wall_ms: int,
    ) -> None:
        """A batch that is to be kept: open its body, and put it on its shelf."""
        header = batch.header
        group = taken.group
        # What came late, or begins a branch, cannot lean on a table: it is readable if it starts one.
        table = branch.table if verdict is Verdict.NEXT else None
        body, after, defect = open_body(batch, table)
        if defect is not None:
            group.count(defect.split(":")[0])
            group.events.append(
                Event(wall_ms, key.gateway_id, key.lane, "unreadable", f"batch {header.number}: {defect}")
            )
        if body is not None:
            body, aside = set_aside(body)
            self._note_aside(key, header.number, aside, group, wall_ms)
        if verdict is not Verdict.LATE:
            moved = self._ledger.advance(key, branch, header.number, digest, after)
            group.branches[key, moved.index] = moved
            if moved.index and (key, 0) not in group.branches:
                group.branches[key, 0] = self._ledger.head(key)
            if verdict is Verdict.NEXT and branch.index == 0:
                taken.receipts.add(key)
        if verdict is not Verdict.NEXT or branch.index or defect is not None:
            taken.beside.append((key, header.number))
        shelf = "late" if verdict is Verdict.LATE else f"fork-{branch.index}" if branch.index else ""
        taken.items.append(ArchiveItem(key, shelf, header.number, payload, header.link))
        group.batches.append(staged(key, branch.index, batch, digest, len(payload), body, defect))

    @staticmethod
    def _note_aside(key: ChainKey, number: int, aside: tuple[FrameRow, ...], group: Group, wall_ms: int) -> None:
        """Frames that cannot be stored cost a count each and one event a batch, which names the first of them."""
        if not aside:
            return
        group.count("frames_set_aside", len(aside))
        kid, sequence, pack = aside[0]
        more = f" and {len(aside) - 1} more" if len(aside) > 1 else ""
        detail = (
            f"batch {number}: node {kid[:6].hex()} epoch {kid[6:].hex()} sequence {sequence}"
            f" with a time of {pack.time_ms} ms{more}: beyond what the store holds, kept in the archive"
        )
        group.events.append(Event(wall_ms, key.gateway_id, key.lane, "set_aside", detail))
        LOG.error("%s/%s: %s", key.gateway_id, Lane(key.lane).word, detail)

    def _held(self, key: ChainKey, number: int, group: Group) -> set[bytes]:
        if all(number > branch.number for branch in self._ledger.branches(key)):
            return set()
        staged = {batch.digest for batch in group.batches if batch.key == key and batch.number == number}
        # Above the head branch 0 has what the store kept as the head fell back: the archive wants it once more.
        return staged | self._store.digests(key, number, of_forks=number > self._ledger.head(key).number)

    def _take_gap(
        self, gateway_id: str, lane: Lane, payload: bytes, keys: KeySuccession, taken: _Taken, wall_ms: int
    ) -> None:
        signed = parse_sign1(payload)
        gap = open_gap(payload, keys.key_of(signed.key_id))
        if gap.gateway_id != gateway_id or gap.lane != lane:
            taken.group.count("foreign_lane")
            return
        key = ChainKey(gateway_id, int(lane), gap.instance)
        self._check_key(keys, signed.key_id, key, gap.last, taken, is_gap=True)
        verdict, head = self._ledger.judge_gap(key, gap.first, gap.last, gap.link)
        taken.group.count(f"gaps_{verdict.value}")
        if verdict is Verdict.FORK:
            detail = f"gap {gap.first} to {gap.last} goes on from another batch than the {gap.last} that we hold"
            taken.group.events.append(Event(wall_ms, gateway_id, int(lane), "fork", detail))
        if verdict is not Verdict.NEXT:
            taken.reissues.add(key)
            if verdict is Verdict.HOLE:
                self._note_hole(key, gap.last, gap.link, taken)
            return
        first = max(gap.first, head.number + 1)
        detail = f"{first} to {gap.last}: {gap.reason.words}"
        LOG.warning("%s/%s: gap %s", gateway_id, lane.word, detail)
        taken.group.events.append(Event(wall_ms, gateway_id, int(lane), "gap", detail))
        taken.group.gaps.append(StagedGap(key, first, gap.last, gap.reason, link_of(payload)))
        taken.items.append(ArchiveItem(key, "", gap.last, payload, gap.link, gap.first, first))
        # The table was built by batches that are gone: the next batch has to start it anew.
        taken.group.branches[key, 0] = self._ledger.advance(key, head, gap.last, gap.link, None)
        taken.receipts.add(key)

    # ------------------------------------------------------------------------------------------- states

    def _take_state(self, gateway_id: str, payload: bytes, keys: KeySuccession, taken: _Taken) -> None:
        named = parse_sign1(payload).key_id
        state = open_state(payload, keys.key_of(named))
        if state.gateway_id != gateway_id:
            taken.group.count("foreign_lane")
            return
        clock = state.clock
        for head in state.heads:
            # A will may have been signed before the key was changed; its numbers are lower bounds.
            keys.check(named, head.lane, head.instance, head.number, is_gap=True)
            if keys.is_unnamed(named, head.lane, head.instance):
                raise WireError("RetiredKey", f"key {named.hex()} has ended, and cannot speak of {head.instance.hex()}")
        self._states[gateway_id] = (clock.boot_id, state.online)
        taken.group.states.append(GatewayState(gateway_id, state.online, clock.wall_ms, clock.state, clock.bound_s))
        newer = False
        for head in state.heads:
            key = ChainKey(gateway_id, int(head.lane), head.instance)
            self._current[gateway_id, key.lane] = key.instance
            if state.online and head.number < self._ledger.head(key).number:
                # The gateway knows of less than it has sent: it was restored from an older copy, and learns it from our receipt.
                self._behind.add(key)
            known, _ = self._promises.get(key, (0, ZERO_LINK))
            if head.number > known or key not in self._promises:
                self._promises[key] = (head.number, head.link)
                taken.group.promises.append(Promise(key, head.number, head.link))
                newer = True
        if newer:
            taken.states[gateway_id] = payload

    def _note_hole(self, key: ChainKey, number: int, link: bytes, taken: _Taken) -> None:
        """Its gateway has signed for everything before a batch that came too early, or up to the end of such a gap, and owes that also
        where the instance is not the lane's present one any more, of which alone its state speaks."""
        self._owing[key] = OLDER_ASKS_MAX
        if number > self._promises.get(key, (0, ZERO_LINK))[0]:
            self._promises[key] = (number, link)
            taken.group.promises.append(Promise(key, number, link))

    def _check_promises(self, taken: _Taken, monotonic_ms: int, wall_ms: int) -> None:
        """A gateway's signed word against what we hold: behind for long is a cut-off tail, another digest a fork."""
        for key, (number, digest) in self._promises.items():
            head = self._ledger.head(key)
            if head.number >= number:
                if self._unmet_since_ms.pop(key, None) is not None and key in self._overdue:
                    self._overdue.discard(key)
                    taken.group.events.append(
                        Event(wall_ms, key.gateway_id, key.lane, "tail_came", f"{number} is here")
                    )
                if head.number == number and number and head.link != digest and key not in self._overdue:
                    self._overdue.add(key)
                    detail = f"the gateway's signed state names another batch {number} than the one we hold"
                    taken.group.events.append(Event(wall_ms, key.gateway_id, key.lane, "fork", detail))
                continue
            since_ms = self._unmet_since_ms.setdefault(key, monotonic_ms)
            is_current = self._current.get((key.gateway_id, key.lane), key.instance) == key.instance
            if is_current and monotonic_ms - max(since_ms, self._reissued_ms.get(key, 0)) >= PROMISE_REISSUE_MS:
                taken.reissues.add(key)
            if monotonic_ms - since_ms >= self._overdue_ms and key not in self._overdue:
                self._overdue.add(key)
                detail = f"the gateway signed for number {number}, we hold {head.number}"
                taken.group.events.append(Event(wall_ms, key.gateway_id, key.lane, "tail_missing", detail))
                LOG.error("%s/%s: %s", key.gateway_id, Lane(key.lane).word, detail)

    def _check_stuck(self, taken: _Taken, monotonic_ms: int, wall_ms: int) -> None:
        """A lane that the gateway does not fill although it is there and promises more: it believes that we have it.

        So we had it, and were restored from an older copy since: our receipts let the gateway trim. We ask for it again, by a
        message of its own, because an old receipt may be a replayed one.
        """
        due: list[ChainKey] = []
        for key, (number, _) in self._promises.items():
            head = self._ledger.head(key).number
            _, is_online = self._states.get(key.gateway_id, (b"", False))
            is_current = self._current.get((key.gateway_id, key.lane)) == key.instance
            if head >= number:
                self._owing.pop(key, None)
            if head >= number or not is_online or not (is_current or self._owing.get(key)):
                self._stuck.pop(key, None)
                continue
            stuck = self._stuck.get(key)
            if stuck is None or stuck[0] != head:
                self._stuck[key] = (head, monotonic_ms)
                continue
            last_ms = self._resend_ms.get(key, -RESEND_EACH_MS)
            if monotonic_ms - stuck[1] >= STUCK_MS and monotonic_ms - last_ms >= RESEND_EACH_MS:
                due.append(key)
        for key in sorted(due, key=lambda key: self._resend_ms.get(key, -RESEND_EACH_MS)):
            lane = (key.gateway_id, key.lane)
            asked_ms, request = self._lane_resends.get(lane, (-RESEND_LANE_MS, 0))
            if monotonic_ms - asked_ms < RESEND_LANE_MS:
                continue
            if key not in self._resend_ms:
                head, number = self._ledger.head(key).number, self._promises[key][0]
                detail = (
                    f"we hold number {head}, the gateway has {number} and does not send what is between: either it was cut off on"
                    " the way, or this collector was restored from an older copy. It asks for what the gateway still holds, and"
                    " collecting goes on; what is gone is named by a gap"
                )
                taken.group.events.append(Event(wall_ms, key.gateway_id, key.lane, "behind_receipts", detail))
                LOG.error("%s/%s: %s", key.gateway_id, Lane(key.lane).word, detail)
            self._resend_ms[key] = monotonic_ms
            self._lane_resends[lane] = monotonic_ms, request
            if self._current.get(lane) != key.instance:
                self._owing[key] -= 1
            taken.group.count("resends_asked")
            taken.resends.add(key)
