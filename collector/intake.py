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
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from collector.archive import Archive, ArchiveItem
from collector.group import Event, GatewayState, Group, Promise, StagedBatch, StagedGap
from collector.inbox import Message
from collector.ledger import ZERO_LINK, Branch, ChainKey, Ledger, Verdict
from collector.sqlite_store import Store, Stored
from gateway_agent.errors import WireError
from gateway_agent.model import Body, FrameRow, GatewayId, Lane, Pack, Receipt
from gateway_agent.wire.batch import Batch, link_of, open_batch
from gateway_agent.wire.body import NodeTable, decode_body
from gateway_agent.wire.cose import parse_sign1
from gateway_agent.wire.gap import open_gap
from gateway_agent.wire.receipt import sign_receipt
from gateway_agent.wire.signer import Signer
from gateway_agent.wire.state import open_state

LOG = logging.getLogger("startcity.collector")

CONTENT_BATCH = 65001
CONTENT_GAP = 65004
REISSUE_MS = 1_000
PROMISE_REISSUE_MS = 5_000
# Anybody who may publish can make names up, so only so many are named, and each is written down only twice a day.
FOREIGN_NAMED_MAX = 64
FOREIGN_NOTED_MS = 12 * 3_600_000
FOREIGN_EVENT = "foreign_gateway"
# The store's integers have 64 bits; half of that leaves room for what is reckoned with a time, as a boot's offset.
STORED_MS_MAX = 1 << 62

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
    states: dict[str, bytes]
    foreign: set[str]


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
        self._gateways = gateways
        self._overdue_ms = overdue_ms
        self._ledger = Ledger(store.branches())
        self._promises = store.promises()
        self._current: dict[tuple[str, int], bytes] = {}  # the instance that each lane's last state named
        self._unmet_since_ms: dict[ChainKey, int] = {}
        self._overdue: set[ChainKey] = set()
        self._reissued_ms: dict[ChainKey, int] = {}
        self._foreign_noted_ms: dict[str, int | None] = {}  # None: named in the log, not in the store
        self.readings = 0
        self.stored = Stored(0, 0, 0, 0)

    # ------------------------------------------------------------------------------------------- groups

    def take(self, messages: Iterable[Message], monotonic_ms: int, wall_ms: int, refused: int = 0) -> list[Outgoing]:
        """Take a group in; returns the receipts that are due, after everything they speak for is durable.

        `refused` messages found no room in the inbox since the last group: counted.

        Raises:
            Unavailable: archive or store refuse. Nothing of the group counts.
        """
        taken = _Taken(Group(), [], set(), set(), {}, set())
        if refused:
            taken.group.count("inbox_full", refused)
        try:
            for message in messages:
                self._take_message(message, taken, wall_ms)
            self._note_foreign(taken, monotonic_ms, wall_ms)
            self._check_promises(taken, monotonic_ms, wall_ms)
            self._archive.append(taken.items)
            for gateway_id, state in taken.states.items():
                self._archive.keep_state(gateway_id, state)
            group = taken.group
            if (
                group.batches
                or group.gaps
                or group.branches
                or group.states
                or group.promises
                or group.events
                or group.counts
            ):
                self.stored = self._store.commit(group)
                self.readings += self.stored.readings
        except BaseException:
            self._ledger = Ledger(self._store.branches())
            self._promises = self._store.promises()
            self._foreign_noted_ms = dict.fromkeys(self._foreign_noted_ms)
            raise
        due = {
            key for key in taken.reissues
            if monotonic_ms - self._reissued_ms.get(key, -REISSUE_MS) >= REISSUE_MS
        }  # fmt: skip
        # Of a chain that we have nothing of there is nothing to say: its gateway sends again when its patience ends.
        speak = sorted(key for key in taken.receipts | due if self._ledger.head(key).number > 0)
        for key in speak:
            self._reissued_ms[key] = monotonic_ms
        return [self._receipt(key) for key in speak]

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

    # ------------------------------------------------------------------------------------------- one message

    def _take_message(self, message: Message, taken: _Taken, wall_ms: int) -> None:
        group = taken.group
        parts = message.topic.split("/")
        if len(parts) != 3 or parts[0] != "sc":
            group.count("foreign_topic")
            return
        _, gateway_id, word = parts
        public_key = self._gateways.get(gateway_id)
        if public_key is None:
            group.count("foreign_gateway")
            if _GATEWAY_ID.fullmatch(gateway_id):
                taken.foreign.add(gateway_id)
            return
        try:
            if word == "state":
                self._take_state(gateway_id, message.payload, public_key, taken)
            elif word in _LANES:
                self._take_signed(gateway_id, _LANES[word], message.payload, public_key, taken, wall_ms)
            else:
                group.count("foreign_topic")
        except WireError as error:
            group.count(error.name)
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
        self, gateway_id: str, lane: Lane, payload: bytes, public_key: Ed25519PublicKey, taken: _Taken, wall_ms: int
    ) -> None:
        content_type = parse_sign1(payload).content_type
        if content_type == CONTENT_GAP:
            self._take_gap(gateway_id, lane, payload, public_key, taken, wall_ms)
            return
        batch = open_batch(payload, public_key)
        header = batch.header
        if header.gateway_id != gateway_id or header.lane != lane:
            # Signed by the right key, but published where it does not belong.
            taken.group.count("foreign_lane")
            return
        key = ChainKey(gateway_id, int(lane), header.instance)
        digest = link_of(payload)
        held = self._held(key, header.number, taken.group)
        verdict, branch = self._ledger.judge(key, header.number, header.link, digest, held)
        taken.group.count(f"batches_{verdict.value}")
        if verdict in (Verdict.DUPLICATE, Verdict.HOLE, Verdict.TOO_MANY_FORKS):
            taken.reissues.add(key)
            if verdict is Verdict.HOLE:
                LOG.info("%s/%s: batch %d came, %d is next", gateway_id, lane.word, header.number, branch.number + 1)
            return
        if verdict is Verdict.FORK:
            detail = f"batch {header.number} of instance {header.instance.hex()} does not fit what we hold"
            taken.group.events.append(Event(wall_ms, gateway_id, int(lane), "fork", detail))
            LOG.error("%s/%s: fork: %s", gateway_id, lane.word, detail)
            taken.reissues.add(key)
        if verdict is Verdict.NEXT and not self._ledger.knows(key):
            taken.group.events.append(
                Event(wall_ms, gateway_id, int(lane), "instance", f"begins {header.instance.hex()}")
            )
        self._accept(key, batch, payload, digest, verdict, branch, taken, wall_ms)

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
        body, after, defect = _open_body(batch, table)
        if defect is not None:
            group.count(defect.split(":")[0])
            group.events.append(
                Event(wall_ms, key.gateway_id, key.lane, "unreadable", f"batch {header.number}: {defect}")
            )
        if body is not None:
            body, aside = _set_aside(body)
            self._note_aside(key, header.number, aside, group, wall_ms)
        if verdict is not Verdict.LATE:
            moved = self._ledger.advance(key, branch, header.number, digest, after)
            group.branches[key, moved.index] = moved
            if moved.index and (key, 0) not in group.branches:
                group.branches[key, 0] = self._ledger.head(key)
        shelf = "late" if verdict is Verdict.LATE else f"fork-{branch.index}" if branch.index else ""
        taken.items.append(ArchiveItem(key, shelf, header.number, payload, header.link))
        clock = header.clock
        group.batches.append(
            StagedBatch(
                key, branch.index, header.number, digest, clock.wall_ms, clock.bound_s, len(payload), body, defect
            )
        )
        if verdict is Verdict.NEXT and branch.index == 0:
            taken.receipts.add(key)

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
        return staged | self._store.digests(key, number)

    def _take_gap(
        self, gateway_id: str, lane: Lane, payload: bytes, public_key: Ed25519PublicKey, taken: _Taken, wall_ms: int
    ) -> None:
        gap = open_gap(payload, public_key)
        if gap.gateway_id != gateway_id or gap.lane != lane:
            taken.group.count("foreign_lane")
            return
        key = ChainKey(gateway_id, int(lane), gap.instance)
        verdict, head = self._ledger.judge_gap(key, gap.first, gap.last, gap.link)
        taken.group.count(f"gaps_{verdict.value}")
        if verdict is Verdict.FORK:
            detail = f"gap {gap.first} to {gap.last} goes on from another batch than the {gap.last} that we hold"
            taken.group.events.append(Event(wall_ms, gateway_id, int(lane), "fork", detail))
        if verdict is not Verdict.NEXT:
            taken.reissues.add(key)
            return
        first = max(gap.first, head.number + 1)
        detail = f"{first} to {gap.last}: {('evicted', 'damaged')[gap.reason] if gap.reason < 2 else gap.reason}"
        LOG.warning("%s/%s: gap %s", gateway_id, lane.word, detail)
        taken.group.events.append(Event(wall_ms, gateway_id, int(lane), "gap", detail))
        taken.group.gaps.append(StagedGap(key, first, gap.last, gap.reason, link_of(payload)))
        taken.items.append(ArchiveItem(key, "", gap.last, payload, gap.link, gap.first))
        # The table was built by batches that are gone: the next batch has to start it anew.
        taken.group.branches[key, 0] = self._ledger.advance(key, head, gap.last, gap.link, None)
        taken.receipts.add(key)

    # ------------------------------------------------------------------------------------------- states

    def _take_state(self, gateway_id: str, payload: bytes, public_key: Ed25519PublicKey, taken: _Taken) -> None:
        state = open_state(payload, public_key)
        if state.gateway_id != gateway_id:
            taken.group.count("foreign_lane")
            return
        clock = state.clock
        taken.group.states.append(GatewayState(gateway_id, state.online, clock.wall_ms, clock.state, clock.bound_s))
        newer = False
        for head in state.heads:
            key = ChainKey(gateway_id, int(head.lane), head.instance)
            self._current[gateway_id, key.lane] = key.instance
            known, _ = self._promises.get(key, (0, ZERO_LINK))
            if head.number > known or key not in self._promises:
                self._promises[key] = (head.number, head.link)
                taken.group.promises.append(Promise(key, head.number, head.link))
                newer = True
        if newer:
            taken.states[gateway_id] = payload

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


def _open_body(batch: Batch, table: NodeTable | None) -> tuple[Body | None, NodeTable | None, str | None]:
    """(body, node table after it, None), or (None, None, what is wrong). `table` is moved on in place.

    A body that its gateway signed and nobody can read is no reason to stop the lane: the bytes are archived, the
    defect is stored and shown, and the next batch that starts its table is readable again. A body that can be read
    always moves the table on, whatever is in its rows: up to 63 batches after it lean on it.
    """
    after = NodeTable() if table is None else table
    try:
        body = decode_body(batch.opened_body(), after)
    except WireError as error:
        return None, None, str(error)
    return body, after, None


def _set_aside(body: Body) -> tuple[Body, tuple[FrameRow, ...]]:
    """(what the store can hold of a body, the frames that it cannot hold: those stay in the archive alone)."""
    aside = tuple(frame for frame in body.frames if not _is_storable(frame.pack))
    if not aside:
        return body, ()
    return body._replace(frames=tuple(frame for frame in body.frames if _is_storable(frame.pack))), aside


def _is_storable(pack: Pack) -> bool:
    """True if all times of a frame fit the store. Times and offsets of a body have 64 bits each, their sums have more."""
    first_ms, last_ms = min(pack.offsets_ms), max(pack.offsets_ms)
    return pack.time_ms + first_ms >= -STORED_MS_MAX and pack.time_ms + last_ms <= STORED_MS_MAX
