# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Is a chain whole? Signature, place, number, link, node table and identities, entry by entry."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from collector.findings import GIVE_FIRST_KEY, ChainReport, Finding, NodeReport, Report
from collector.seen import Seen, Sight, fingerprint_of, fingerprint_of_bytes
from collector.segments import SegmentHeader, SignedEntry
from gateway_agent.errors import WireError
from gateway_agent.model import Body, Lane
from gateway_agent.wire.batch import Batch, open_batch
from gateway_agent.wire.body import NodeTable, decode_body
from gateway_agent.wire.cose import parse_sign1
from gateway_agent.wire.gap import Gap, open_gap
from gateway_agent.wire.key_succession import KeysInTurn, KeySuccession
from gateway_agent.wire.loss import read_loss

ZERO_LINK = bytes(32)
CONTENT_GAP = 65004
NODE_BYTES = 6

ChainName = tuple[str, int, bytes]
OnFrame = Callable[[str, bytes, int, int], None]  # gateway id, kid, sequence, count of readings


class Source(NamedTuple):
    """A segment file: its name, the shelf it stands on, and from which number on its entries are void (None: none)."""

    file: str
    shelf: str
    void_from: int | None


class Signers:
    """Which key speaks for which gateway: one key for one gateway id, and one gateway id by one key.

    Who names the gateway with its key has said it; for other keys it is the first that is met, in either direction.
    """

    def __init__(self, owners: Mapping[bytes, str], first_keys: Mapping[bytes, bytes] | None = None) -> None:
        """`first_keys` names the key from which a later one is proved by signed changes: both count as one."""
        self._first_keys = dict(first_keys or {})
        self._gateway_of = {self._first_keys.get(key, key): gateway_id for key, gateway_id in owners.items()}
        self._key_of = {gateway_id: key for key, gateway_id in self._gateway_of.items()}

    def objection(self, gateway_id: str, key: bytes) -> tuple[str, str] | None:
        """What is wrong with this key signing for this gateway: kind and detail; None if nothing is."""
        key = self._first_keys.get(key, key)
        owner = self._gateway_of.setdefault(key, gateway_id)
        if owner != gateway_id:
            return "key_of_another_gateway", f"signed for {gateway_id} by {key.hex()}, which is the key of {owner}"
        expected = self._key_of.setdefault(gateway_id, key)
        if expected != key:
            return "two_keys", f"signed for {gateway_id} by {key.hex()}, whose key is {expected.hex()}"
        return None


class Chain:
    """Where the check stands in one chain."""

    def __init__(self, report: ChainReport, lane: int, instance: bytes) -> None:
        self.report = report
        self.expected = 0  # 0: nothing read yet
        self.link: bytes | None = None  # None: not known, after something that is missing
        self.table: NodeTable | None = None
        self.keys = KeysInTurn(lane, instance)
        self.is_unnamed_said = False
        self.digests: dict[int, bytes] = {}
        self.gap_links: dict[int, bytes] = {}  # by a gap's last number: the hash of the batch that it stands for
        self.set_aside: list[tuple[int, bytes, Finding]] = []
        self.abandoned: list[Finding] = []
        self.late: set[bytes] = set()  # digests
        # Bodies whose table was not at hand where they stand, by digest: their number, and what to say if it is nowhere.
        self.leaning: dict[bytes, tuple[int, Finding]] = {}


class ChainChecker:
    """Takes segments in order; puts what it finds into the report."""

    def __init__(
        self,
        report: Report,
        keys: Mapping[bytes, Ed25519PublicKey],
        owners: Mapping[bytes, str] | None = None,
        on_frame: OnFrame | None = None,
        successions: Mapping[bytes, KeySuccession] | None = None,
        earlier: frozenset[bytes] = frozenset(),
    ) -> None:
        """`successions` by the id of each key in them; `earlier`: ids of keys that name a given one as a later one of theirs."""
        self.report = report
        self.chains: dict[ChainName, Chain] = {}
        self._keys = keys
        self._on_frame = on_frame
        self._successions = dict(successions or {})
        self._earlier = earlier
        self._signers = Signers(
            owners or {}, {key: next(iter(found.keys())) for key, found in self._successions.items()}
        )
        self._seen = Seen()

    def _chain(self, header: SegmentHeader) -> Chain:
        name = (header.gateway_id, header.lane, header.instance)
        if name not in self.chains:
            report = ChainReport(header.gateway_id, Lane(header.lane).word, header.instance.hex())
            self.report.chains.append(report)
            self.chains[name] = Chain(report, header.lane, header.instance)
        return self.chains[name]

    def problem(self, chain: Chain, finding: Finding) -> None:
        """Something is wrong with a chain."""
        chain.report.is_intact = False
        self.report.problem(finding)

    def objection(self, gateway_id: str, key: bytes) -> tuple[str, str] | None:
        """Is this not the gateway's key? Kind and detail; then no lane that the key signed counts as intact."""
        objection = self._signers.objection(gateway_id, key)
        if objection is not None:
            for chain in self.chains.values():
                if key.hex() in chain.report.key_ids:
                    chain.report.is_intact = False
        return objection

    # ------------------------------------------------------------------------------------------- segments

    def damage(self, header: SegmentHeader | None, finding: Finding, is_abandoned: bool) -> None:
        """Bytes that are no entry. At the end of a segment that another one replaces they may be harmless: see `close`."""
        if header is None:
            self.report.problem(finding)
        elif is_abandoned:
            self._chain(header).abandoned.append(finding)
        else:
            self.problem(self._chain(header), finding)

    def begin(self, header: SegmentHeader, source: Source) -> None:
        """A segment's header: it says where the segment goes on."""
        chain = self._chain(header)
        if source.shelf:
            return
        if chain.expected == 0:
            chain.expected, chain.link = header.first, ZERO_LINK if header.first == 1 else header.link
            chain.report.first, chain.report.last = header.first, header.first - 1
            chain.report.last_digest = header.link or b""
            if header.first == 1 and header.link not in (None, ZERO_LINK):
                self.problem(chain, Finding("link", source.file, 0, "number 1 must follow a link of zeros"))
            elif header.first > 1 and self.report.kind == "archive":
                self.problem(chain, Finding("missing", source.file, 0, f"numbers 1 to {header.first - 1}"))
            elif header.first > 1:
                self.report.note(
                    Finding(
                        "trimmed", source.file, 0, f"begins with number {header.first}; what came before was deleted"
                    )
                )
        elif header.first > chain.expected:
            self._missing(chain, header.first - 1, source, 0)
            chain.link = header.link
        elif header.first == chain.expected and None not in (header.link, chain.link) and header.link != chain.link:
            self.problem(
                chain, Finding("link", source.file, 0, f"the segment goes on from another number {header.first - 1}")
            )

    def _missing(self, chain: Chain, last: int, source: Source, offset: int) -> None:
        detail = f"numbers {chain.expected} to {last}" if last > chain.expected else f"number {last}"
        self.problem(chain, Finding("missing", source.file, offset, detail))
        chain.expected, chain.link, chain.table = last + 1, None, None

    def close(self) -> None:
        """After the last segment: what was set aside must have come again, and what leans on a batch have been read with it."""
        for chain in self.chains.values():
            for _, finding in chain.leaning.values():
                chain.report.unreadable += 1
                self.problem(chain, finding)
            for number, digest, finding in chain.set_aside:
                known = chain.digests.get(number)
                if known == digest:
                    chain.report.repeats += 1
                elif chain.gap_links.get(number) == digest:
                    self.report.note(finding)  # a gap stands for it, and was signed for just this one
                elif known is not None and self.report.kind == "archive":
                    self.problem(
                        chain, finding._replace(kind="fork", detail=f"two different batches have number {number}")
                    )
                elif known is None and self.report.kind == "archive" and not _is_in(number, chain.report.gaps):
                    # Only an unsigned header says so, and an archive writes again all that it gave up.
                    detail = f"a later segment begins at or before number {number}, and does not hold it"
                    self.problem(chain, finding._replace(detail=detail))
                else:
                    self.report.note(finding)
            for finding in chain.abandoned:
                # After a failed sync a segment is left as it is and its batches are written again in the next one. If
                # everything is there without it, it is that; else it counts.
                if chain.report.is_intact:
                    self.report.note(finding._replace(kind="abandoned"))
                else:
                    self.problem(chain, finding)

    # ------------------------------------------------------------------------------------------- entries

    def entry(self, header: SegmentHeader, entry: SignedEntry, source: Source, offset: int) -> None:
        """One signed thing in its place."""
        chain = self._chain(header)
        place = Finding("", source.file, offset, "")
        digest = hashlib.sha256(entry.signed).digest()
        opened = self._open(chain, header, entry, place)
        if source.shelf:
            self._on_shelf(chain, entry, digest, opened, source, place)
            return
        if source.void_from is not None and entry.number >= source.void_from:
            detail = f"number {entry.number} was written, and written again in a later segment"
            chain.set_aside.append((entry.number, digest, place._replace(kind="void", detail=detail)))
            return
        if entry.number in chain.digests:
            if chain.digests[entry.number] == digest:
                chain.report.repeats += 1
            else:
                detail = f"two different batches have number {entry.number}"
                self.problem(chain, place._replace(kind="fork", detail=detail))
            return
        if entry.number < chain.expected:
            detail = f"number {entry.number} stands after {chain.expected - 1}"
            self.problem(chain, place._replace(kind="order", detail=detail))
            return
        if entry.first > chain.expected:
            self._missing(chain, entry.first - 1, source, offset)
        if isinstance(opened, Batch) and chain.link is not None and opened.header.link != chain.link:
            detail = f"number {entry.number} does not name the hash of what stands before it"
            self.problem(chain, place._replace(kind="link", detail=detail))
            chain.table = None  # built by other batches than this one's past
        chain.digests[entry.number] = digest
        if isinstance(opened, Gap):
            chain.gap_links[entry.number] = opened.link
        chain.expected = entry.number + 1
        chain.link = opened.link if isinstance(opened, Gap) else None if entry.is_gap else digest
        chain.report.last, chain.report.last_digest = entry.number, chain.link or b""
        self._contents(chain, entry, digest, opened, place)

    def read(self, chain: Chain, entry: SignedEntry, digest: bytes, body: Body) -> None:
        """One of the chain's `leaning` bodies, read after all (collector/read_leaning.py)."""
        _, finding = chain.leaning.pop(digest)
        self._identities(chain, entry, body, finding)

    def _open(self, chain: Chain, header: SegmentHeader, entry: SignedEntry, place: Finding) -> Batch | Gap | None:
        """Check the signature, and that the signed payload says what the place says. None if either does not hold."""
        try:
            sign1 = parse_sign1(entry.signed)
            public_key = self._keys.get(sign1.key_id)
            if public_key is None:
                detail = f"number {entry.number} is signed by {sign1.key_id.hex()}, whose public key was not given"
                if sign1.key_id in self._earlier:
                    detail += f"; the key given is a later one: {GIVE_FIRST_KEY}"
                self.problem(chain, place._replace(kind="unknown_key", detail=detail))
                return None
            opened: Batch | Gap
            if sign1.content_type == CONTENT_GAP:
                opened = open_gap(entry.signed, public_key)
                says = (opened.gateway_id, opened.lane, opened.instance, opened.last, opened.first, True)
            else:
                opened = open_batch(entry.signed, public_key)
                signed = opened.header
                says = (signed.gateway_id, signed.lane, signed.instance, signed.number, signed.number, False)
        except WireError as error:
            self.problem(
                chain, place._replace(kind=error.name, detail=f"number {entry.number} {error.detail}".rstrip())
            )
            return None
        if says != (header.gateway_id, header.lane, header.instance, entry.number, entry.first, entry.is_gap):
            detail = f"filed as number {entry.number}, signed as {says[0]} {Lane(says[1]).word} {says[2].hex()} number {says[3]}"
            self.problem(chain, place._replace(kind="misplaced", detail=detail))
            return None
        if sign1.key_id.hex() not in chain.report.key_ids:
            chain.report.key_ids.append(sign1.key_id.hex())
        objection = self.objection(header.gateway_id, sign1.key_id)
        if objection is not None:
            kind, detail = objection
            self.problem(chain, place._replace(kind=kind, detail=f"number {entry.number} is {detail}"))
            return None
        try:
            self._succession(chain, header, entry, sign1.key_id, place)
        except WireError as error:
            self.problem(chain, place._replace(kind=error.name, detail=error.detail))
            return None
        return opened

    def _succession(self, chain: Chain, header: SegmentHeader, entry: SignedEntry, key: bytes, place: Finding) -> None:
        """Was it this key's turn? Raises: WireError: `RetiredKey`, `EarlyKey`."""
        succession = self._successions.get(key)
        if succession is None:
            return
        chain.keys.check(succession, key, entry.number, is_gap=entry.is_gap)
        if not entry.is_gap and succession.is_unnamed(key, header.lane, header.instance):
            if not chain.is_unnamed_said:
                detail = f"all of it is by key {key.hex()}, whose change does not name it: older than that change, or made up since"
                self.report.note(place._replace(kind="retired_key", detail=detail))
            chain.is_unnamed_said = True

    def _on_shelf(
        self,
        chain: Chain,
        entry: SignedEntry,
        digest: bytes,
        opened: Batch | Gap | None,
        source: Source,
        place: Finding,
    ) -> None:
        if source.shelf == "late":
            if digest in chain.late or chain.digests.get(entry.number) == digest:
                chain.report.repeats += 1
                return
            chain.late.add(digest)
            self.report.note(place._replace(kind="late", detail=f"number {entry.number} came after it was given up"))
            if isinstance(opened, Batch):
                self._body(chain, entry, digest, opened, NodeTable(), place)
            return
        detail = (
            f"the gateway signed another number {entry.number}" if opened else f"number {entry.number}, not even signed"
        )
        self.problem(chain, place._replace(kind="fork", detail=detail))

    def _contents(
        self, chain: Chain, entry: SignedEntry, digest: bytes, opened: Batch | Gap | None, place: Finding
    ) -> None:
        report = chain.report
        report.bytes += len(entry.signed)
        if entry.is_gap:
            if isinstance(opened, Gap):
                report.gaps.append((opened.first, opened.last, opened.reason))
            chain.table = None  # built by batches that are gone
            return
        report.batches += 1
        if not isinstance(opened, Batch):
            report.unreadable += 1
            chain.table = None
            return
        table = chain.table if chain.table is not None else NodeTable()
        chain.table = table if self._body(chain, entry, digest, opened, table, place) else None

    def _body(
        self, chain: Chain, entry: SignedEntry, digest: bytes, batch: Batch, table: NodeTable, place: Finding
    ) -> bool:
        try:
            body = decode_body(batch.opened_body(), table)
        except WireError as error:
            finding = place._replace(kind=error.name, detail=f"number {entry.number} {error.detail}".rstrip())
            if error.name == "TableMissing":
                chain.leaning[digest] = entry.number, finding
                return False
            chain.report.unreadable += 1
            self.problem(chain, finding)
            return False
        self._identities(chain, entry, body, place)
        return True

    def _identities(self, chain: Chain, entry: SignedEntry, body: Body, place: Finding) -> None:
        report = chain.report
        report.own_readings += len(body.own)
        for loss in filter(None, map(read_loss, body.own)):
            report.evicted_frames += sum(high - low + 1 for low, high in loss.ranges)
        report.opaque_frames += len(body.opaque)
        for kid, sequence, fingerprint, readings in _frames(body):
            sight = self._seen.meet(report.gateway, kid, sequence, fingerprint)
            report.frames += 1
            report.readings += readings
            if sight is Sight.NEW:
                node = self.report.nodes.setdefault(kid[:NODE_BYTES].hex(), NodeReport())
                node.epochs.add(kid[NODE_BYTES:])
                node.frames += 1
                node.readings += readings
                if self._on_frame is not None:
                    self._on_frame(report.gateway, kid, sequence, readings)
            elif sight is Sight.HEARD_TWICE:
                self.report.heard_twice += 1
            else:
                name = f"node {kid[:NODE_BYTES].hex()} epoch {kid[NODE_BYTES:].hex()} sequence {sequence}"
                kind = "identity_twice" if sight is Sight.SAME_GATEWAY else "conflict"
                self.problem(chain, place._replace(kind=kind, detail=f"{name}, again in number {entry.number}"))
        if self.report.kind == "journal":
            named = {(kid, n) for kid, _, flat in entry.received for n in _numbers(flat)}
            held = {(kid, sequence) for kid, sequence, _, _ in _frames(body)}
            if named != held:
                detail = f"number {entry.number} names {len(named)} received frames and holds {len(held)}, {len(named ^ held)} differ"
                self.problem(chain, place._replace(kind="received", detail=detail))


def _is_in(number: int, gaps: list[tuple[int, int, int]]) -> bool:
    return any(first <= number <= last for first, last, _ in gaps)


def _frames(body: Body) -> Iterator[tuple[bytes, int, int, int]]:
    for frame in body.frames:
        yield frame.kid, frame.sequence, fingerprint_of(frame.pack), len(frame.pack.values)
    for opaque in body.opaque:
        yield opaque.kid, opaque.sequence, fingerprint_of_bytes(opaque.pack_bytes), 0


def _numbers(flat: tuple[int, ...]) -> Iterator[int]:
    for low, high in zip(flat[0::2], flat[1::2], strict=True):
        yield from range(low, min(high, low + (1 << 20)) + 1)
