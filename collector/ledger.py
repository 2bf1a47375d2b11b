# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a batch is to us: the next one, one we have, a fork, or one too far on. Pure: facts in, a verdict out.

Theory of operation
-------------------
A **chain** is one lane of one gateway in one instance. Its head is the highest number up to which we hold everything, and
the hash of that batch, which the next batch must carry as its link. A chain normally has one branch. When a
gateway signs another batch under a number that we hold, or a batch that continues from another past, the chain has
forked: the other branch is followed beside the first, with its own head and node table, and both are kept. Receipts speak
for branch 0 only, the one we saw first: its link tells the gateway that it and we remember different pasts.

Cases, in the order in which they are judged (number n, link l, hash h; head N with hash H):
  1  we hold (n, h) already                                -> DUPLICATE
  2  n = N + 1 and l = H on a branch                       -> NEXT on that branch
  3  n <= N of branch 0, and n is inside a gap             -> LATE: what the gateway gave up came after all
  4  n <= N of branch 0, and we hold n with other bytes    -> FORK: same number, two meanings
  5  n = N + 1 of branch 0 but l is not H                  -> FORK: same past, two memories of it
  6  n > N + 1                                             -> HOLE

A new instance starts at number 1 with a link of zeros; a first batch with a higher number is a HOLE from 1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from gateway_agent.wire.node_table import NodeTable

ZERO_LINK = bytes(32)
# A gateway whose card is restored each day would make a branch a day; more than this is an attack or a broken card.
BRANCHES_MAX = 16


class Verdict(Enum):
    """What to do with a batch or gap whose signature fits."""

    NEXT = "next"
    DUPLICATE = "duplicate"
    FORK = "fork"
    HOLE = "hole"
    LATE = "late"
    TOO_MANY_FORKS = "too_many_forks"


class ChainKey(NamedTuple):
    """Names a chain."""

    gateway_id: str
    lane: int
    instance: bytes


@dataclass(slots=True)
class Branch:
    """One line of a chain. `table` is the node table after `number`, None while it is not known; batches move it on in place."""

    index: int
    number: int
    link: bytes
    table: NodeTable | None = field(default_factory=NodeTable, compare=False)


class Judgement(NamedTuple):
    """A verdict, and the branch it is about: the one that grows for NEXT, a new one for FORK, else the first."""

    verdict: Verdict
    branch: Branch


class Ledger:
    """The heads of all chains. Holds no bytes and does no I/O; the store remembers it across restarts."""

    def __init__(self, branches: Iterable[tuple[ChainKey, Branch]] = ()) -> None:
        self._chains: dict[ChainKey, list[Branch]] = {}
        for key, branch in sorted(branches, key=lambda item: item[1].index):
            self._chains.setdefault(key, []).append(branch)

    def chains(self) -> list[ChainKey]:
        """All chains, in the order in which they were met."""
        return list(self._chains)

    def knows(self, key: ChainKey) -> bool:
        """True once anything of the chain was accepted."""
        return key in self._chains

    def head(self, key: ChainKey) -> Branch:
        """Branch 0; at number 0 with a link of zeros for a chain that we have nothing of."""
        branches = self._chains.get(key)
        return branches[0] if branches else Branch(0, 0, ZERO_LINK)

    def branches(self, key: ChainKey) -> list[Branch]:
        """All branches, the one that receipts speak for first."""
        return list(self._chains.get(key, ()))

    def ending_with(self, key: ChainKey, number: int, digest: bytes) -> Branch | None:
        """The branch that a batch is the end of."""
        ends = (branch for branch in self.branches(key) if (branch.number, branch.link) == (number, digest))
        return next(ends, None)

    def judge(self, key: ChainKey, number: int, link: bytes, digest: bytes, held: Collection[bytes]) -> Judgement:
        """Decide about a batch. Changes nothing.

        Args:
            key: from the signed payload.
            number: from the signed payload, 1 and up.
            link: from the signed payload, the hash of its predecessor.
            digest: SHA-256 of its exact bytes.
            held: the digests of all batches that we hold under this number of this chain.
        """
        branches = self._chains.get(key) or [Branch(0, 0, ZERO_LINK)]
        first = branches[0]
        if digest in held:
            return Judgement(Verdict.DUPLICATE, first)
        for branch in branches:
            if number == branch.number + 1 and link == branch.link:
                return Judgement(Verdict.NEXT, branch)
        if number > first.number + 1:
            return Judgement(Verdict.HOLE, first)
        if number <= first.number and not held:
            return Judgement(Verdict.LATE, first)
        if len(branches) > BRANCHES_MAX:
            return Judgement(Verdict.TOO_MANY_FORKS, first)
        highest = max(branch.index for branch in branches)
        return Judgement(Verdict.FORK, Branch(highest + 1, number - 1, link, None))

    def judge_beside(
        self, key: ChainKey, number: int, link: bytes, digest: bytes, held: Collection[bytes], fork: int | None
    ) -> Judgement:
        """Decide about a batch that the archive holds beside its chain, in a fork's shelf (`fork`) or among the late ones (None).

        It was taken once, so there is a place for it, whatever came before it this time: on its branch if it fits there, else on none.
        Branch 0 does not go on with it.
        """
        branches = self._chains.get(key) or [Branch(0, 0, ZERO_LINK)]
        if digest in held:
            return Judgement(Verdict.DUPLICATE, branches[0])
        for branch in branches[1:]:
            if fork is not None and number == branch.number + 1 and link == branch.link:
                return Judgement(Verdict.NEXT, branch)
        kept = Branch(fork or 0, number - 1, link, None)
        is_new = fork is not None and all(branch.index != fork for branch in branches)
        return Judgement(Verdict.FORK if is_new and len(branches) <= BRANCHES_MAX else Verdict.LATE, kept)

    def judge_gap(self, key: ChainKey, first_missing: int, last_missing: int, link: bytes) -> Judgement:
        """Decide about a signed gap `first_missing` to `last_missing`; `link` is what the next batch carries."""
        head = self.head(key)
        if first_missing > head.number + 1:
            return Judgement(Verdict.HOLE, head)
        if last_missing > head.number:
            return Judgement(Verdict.NEXT, head)
        if last_missing == head.number and link != head.link:
            return Judgement(Verdict.FORK, head)
        return Judgement(Verdict.DUPLICATE, head)

    def advance(self, key: ChainKey, branch: Branch, number: int, digest: bytes, table: NodeTable | None) -> Branch:
        """Move a branch on; it may be a new one. Returns the branch as it now is."""
        branches = self._chains.setdefault(key, [])
        moved = Branch(branch.index, number, digest, table)
        for place, known in enumerate(branches):
            if known.index == branch.index:
                branches[place] = moved
                return moved
        if branch.index and not branches:
            branches.append(Branch(0, 0, ZERO_LINK))
        branches.append(moved)
        return moved
