# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Old key generations after a move: known epochs for the grace, nothing new under a stolen root, and a clock that may be missing."""

from __future__ import annotations

import pytest

from gateway_agent.admit.keyring import Keyring
from gateway_agent.admit.retirement import Moved, Retirement
from gateway_agent.control.moves import plan_moves
from gateway_agent.errors import PeerError
from gateway_agent.registry import NodeRecord
from gateway_agent.wire.frame import parse_frame
from gateway_agent.wire.keys import derive_root
from tests.support.sealing_node import SealingNode, level_pack

DAY_MS = 86_400_000


class Street:
    """One node with roots of generations 0 and 1 at one gateway."""

    def __init__(self, grace_days: int = 7, moved: dict[bytes, Moved] | None = None) -> None:
        self.wall_ms: int | None = 1_790_000_000_000
        self.received: set[bytes] = set()
        self.retirement = Retirement(
            grace_days * DAY_MS, lambda kid: bytes(kid) in self.received, lambda: self.wall_ms, moved
        )
        self.keyring = Keyring(retirement=self.retirement)
        self.node = SealingNode()
        master = self.node.master
        self.records = [NodeRecord(self.node.node_id, "tank-l1", g, derive_root(master, g)) for g in (0, 1)]
        self.keyring.replace_nodes(self.records)

    def hear(self, epoch: bytes, generation: int) -> str:
        """The outcome for one frame: its generation, or the refusal's name."""
        node = SealingNode(epoch=epoch, generation=generation)
        sealed = parse_frame(node.seal(level_pack(1)))
        try:
            _, key = self.keyring.open(sealed)
        except PeerError as error:
            return error.name
        self.received.add(bytes(sealed.kid))
        return str(key.generation)


def test_after_the_move_a_stolen_root_begins_no_epoch_and_the_backlog_counts_for_the_grace() -> None:
    """Before: both generations. After the first frame under 1: a new epoch under 0 is refused at once, the known one is
    taken for seven days and then refused."""
    street = Street()
    assert street.hear(b"epoch-01", 0) == "0"
    assert street.hear(b"epoch-02", 1) == "1"
    assert street.hear(b"epoch-99", 0) == "RetiredGeneration"
    assert street.hear(b"epoch-01", 0) == "0"
    assert street.wall_ms is not None
    street.wall_ms += 7 * DAY_MS - 1
    street.keyring.look_at_retirement()
    assert street.hear(b"epoch-01", 0) == "0"
    street.wall_ms += 1
    street.keyring.look_at_retirement()
    assert street.hear(b"epoch-01", 0) == "RetiredGeneration"
    assert street.hear(b"epoch-02", 1) == "1"


def test_no_grace_ends_the_old_generation_with_the_move() -> None:
    """`old_generation_days = 0`: known epochs are refused, too."""
    street = Street(grace_days=0)
    assert street.hear(b"epoch-01", 0) == "0"
    assert street.hear(b"epoch-02", 1) == "1"
    assert street.hear(b"epoch-01", 0) == "RetiredGeneration"


def test_a_clock_that_is_missing_ends_no_grace() -> None:
    """Heard without a clock: the grace begins with the first time that is known, and passes only while one is."""
    street = Street()
    street.wall_ms = None
    assert street.hear(b"epoch-01", 0) == "0"
    assert street.hear(b"epoch-02", 1) == "1"
    street.keyring.look_at_retirement()
    street.wall_ms = 1_790_000_000_000
    street.keyring.look_at_retirement()
    assert street.hear(b"epoch-01", 0) == "0"
    street.wall_ms += 8 * DAY_MS
    street.keyring.look_at_retirement()
    street.wall_ms = None
    assert street.hear(b"epoch-01", 0) == "0", "nobody knows what time it is"


def test_the_move_outlives_a_restart_and_goes_with_its_node() -> None:
    """What was written down counts before the node is heard again; a node that leaves the registry is forgotten."""
    moved = {SealingNode().node_id: Moved(1, 1_790_000_000_000)}
    street = Street(moved=moved)
    assert street.hear(b"epoch-99", 0) == "RetiredGeneration"
    assert street.keyring.newest_heard() == {street.node.node_id: 1}
    street.keyring.replace_nodes([])
    assert street.retirement.moved == {}


def test_nodes_with_one_generation_are_not_written_down() -> None:
    """A city that never had a theft writes no file for it."""
    street = Street()
    street.keyring.replace_nodes(street.records[1:])
    assert street.hear(b"epoch-02", 1) == "1"
    assert not street.retirement.is_changed


@pytest.mark.parametrize(
    ("generation", "heard", "expected"),
    [(1, {}, "ask"), (1, {"node": 1}, "moved"), (2, {}, "no root"), (0, {}, "moved"), (1, {"node": 2}, "moved")],
)
def test_a_move_asks_who_has_a_root_and_has_not_moved(generation: int, heard: dict[str, int], expected: str) -> None:
    """The plan of `startcity node move`."""
    street = Street()
    node = street.node.node_id
    found = plan_moves(street.records, {node: heard["node"]} if heard else {}, generation)
    assert found == {node: expected}
