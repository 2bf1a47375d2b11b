# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import pytest

from collector.ledger import BRANCHES_MAX, ZERO_LINK, Branch, ChainKey, Ledger, Verdict
from gateway_agent.wire.node_table import NodeTable

KEY = ChainKey("gw", 1, b"instance")
H3, H4, OTHER = b"3" * 32, b"4" * 32, b"x" * 32


def ledger_at_3() -> Ledger:
    return Ledger([(KEY, Branch(0, 3, H3))])


@pytest.mark.parametrize(
    ("sentence", "number", "link", "digest", "held", "verdict"),
    [
        ("the next number with our link goes on", 4, H3, H4, set(), Verdict.NEXT),
        ("bytes that we hold are a duplicate", 3, b"2" * 32, H3, {H3}, Verdict.DUPLICATE),
        ("an older number that we hold is a duplicate", 2, b"1" * 32, b"2" * 32, {b"2" * 32}, Verdict.DUPLICATE),
        ("our number with other bytes is a fork", 3, b"2" * 32, OTHER, {H3}, Verdict.FORK),
        ("the next number with another link is a fork", 4, OTHER, H4, set(), Verdict.FORK),
        ("a number too far on is a hole", 5, H4, b"5" * 32, set(), Verdict.HOLE),
        ("a number too far on is a hole whatever its link", 9, H3, OTHER, set(), Verdict.HOLE),
        ("an old number that nobody holds comes late", 2, b"1" * 32, b"2" * 32, set(), Verdict.LATE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_verdict(sentence: str, number: int, link: bytes, digest: bytes, held: set[bytes], verdict: Verdict) -> None:
    """A batch is judged by number, link and what is held, and by nothing else."""
    assert ledger_at_3().judge(KEY, number, link, digest, held).verdict is verdict, sentence


def test_a_new_instance_begins_with_number_1_after_a_link_of_zeros() -> None:
    """An instance that nobody knows is NEXT at number 1 and a hole at any other."""
    ledger = ledger_at_3()
    fresh = ChainKey("gw", 1, b"another.")
    assert ledger.judge(fresh, 1, ZERO_LINK, OTHER, ()).verdict is Verdict.NEXT
    assert ledger.judge(fresh, 2, OTHER, H4, ()).verdict is Verdict.HOLE
    assert not ledger.knows(fresh)


def test_a_fork_grows_beside_the_first_branch() -> None:
    """What continues from a fork is the fork's next, and branch 0 goes on by itself."""
    ledger = ledger_at_3()
    verdict, branch = ledger.judge(KEY, 3, b"2" * 32, OTHER, {H3})
    assert (verdict, branch.index) == (Verdict.FORK, 1)
    ledger.advance(KEY, branch, 3, OTHER, NodeTable())
    assert ledger.judge(KEY, 4, OTHER, b"y" * 32, ()) == (Verdict.NEXT, Branch(1, 3, OTHER))
    assert ledger.judge(KEY, 4, H3, H4, ()) == (Verdict.NEXT, Branch(0, 3, H3))
    assert ledger.head(KEY).link == H3


def test_branches_are_bounded() -> None:
    """A gateway that forks without end is refused by name before it fills our memory."""
    ledger = ledger_at_3()
    for place in range(BRANCHES_MAX):
        digest = bytes([place]) * 32
        verdict, branch = ledger.judge(KEY, 3, b"2" * 32, digest, {H3})
        assert verdict is Verdict.FORK
        ledger.advance(KEY, branch, 3, digest, None)
    assert ledger.judge(KEY, 3, b"2" * 32, OTHER, {H3}).verdict is Verdict.TOO_MANY_FORKS


@pytest.mark.parametrize(
    ("sentence", "first", "last", "link", "verdict"),
    [
        ("a gap that begins at the next number goes on", 4, 9, OTHER, Verdict.NEXT),
        ("a gap that begins before it goes on too", 2, 9, OTHER, Verdict.NEXT),
        ("a gap that begins later leaves a hole", 5, 9, OTHER, Verdict.HOLE),
        ("a gap of what we hold is nothing new", 1, 2, OTHER, Verdict.DUPLICATE),
        ("a gap that ends at our head with our link is nothing new", 1, 3, H3, Verdict.DUPLICATE),
        ("a gap that ends at our head with another link is another past", 1, 3, OTHER, Verdict.FORK),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_gap_verdict(sentence: str, first: int, last: int, link: bytes, verdict: Verdict) -> None:
    """A gap counts as contiguous where it joins what we hold."""
    assert ledger_at_3().judge_gap(KEY, first, last, link).verdict is verdict, sentence
