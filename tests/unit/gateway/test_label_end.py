# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A label ends when nothing of its node can be waiting under its root, and not before."""

from __future__ import annotations

from pathlib import Path

from gateway_agent.admit.received import NumberTable
from gateway_agent.admit.retirement import Moved
from gateway_agent.model import Kid
from gateway_agent.operate.label_end import QUIET_MS, LabelEnds, ask_end, is_delivered

NODE = bytes.fromhex("aabbccddee01")
OLD, NEW = Kid(NODE + bytes(8)), Kid(NODE + b"\x01" * 8)


class Desk:
    """The tables of a gateway, a clock, and the errand that looks at them."""

    def __init__(self, folder: Path, *, moved: bool = True) -> None:
        self.received, self.synced = NumberTable(), NumberTable()
        self.now_ms, self.is_grace_over = 0, False
        self.moved = {NODE: Moved(1, None)} if moved else {}
        self.ends = LabelEnds(
            folder,
            self.received,
            self.synced,
            lambda kid: 1 if kid == NEW else None,
            lambda: self.moved,
            lambda _: self.is_grace_over,
            lambda: self.now_ms,
        )

    def take(self, kid: Kid, *numbers: int, sync: bool = True) -> None:
        for number in numbers:
            self.received.of(kid).add(number)
            if sync:
                self.synced.of(kid).add(number)

    def is_due_after(self, wait_ms: int) -> bool:
        self.ends.due([NODE])
        self.now_ms += wait_ms
        return self.ends.due([NODE]) == [NODE]


def test_a_request_outlives_a_restart_and_goes_when_it_is_done(tmp_path: Path) -> None:
    """Asked once or twice it is one file; other files in the folder are none of ours."""
    desk = Desk(tmp_path)
    assert desk.ends.requests() == []
    ask_end(tmp_path, NODE.hex())
    ask_end(tmp_path, NODE.hex())
    (tmp_path / "provision" / "junk.end").touch()
    (tmp_path / "provision" / f"{NODE.hex()}.json").touch()
    assert Desk(tmp_path).ends.requests() == [NODE]
    desk.ends.forget(NODE)
    desk.ends.forget(NODE)
    assert desk.ends.requests() == []


def test_it_ends_a_quiet_minute_after_everything_old_is_synced(tmp_path: Path) -> None:
    """New frames of the new epoch do not hold it up, synced or not."""
    desk = Desk(tmp_path)
    desk.take(OLD, 0, 1, 2)
    desk.take(NEW, 0, 2, sync=False)
    assert not desk.is_due_after(QUIET_MS - 1)
    assert desk.is_due_after(1)


def test_it_does_not_end_while_anything_old_may_wait(tmp_path: Path) -> None:
    """A frame that is not synced, a hole, a frame that came within the minute, a node that has not moved: each holds it."""
    unsynced = Desk(tmp_path)
    unsynced.take(OLD, 0, 1)
    unsynced.take(OLD, 2, sync=False)
    assert not unsynced.is_due_after(10 * QUIET_MS)
    unsynced.synced.of(OLD).add(2)
    assert unsynced.is_due_after(QUIET_MS)
    for numbers in ((0, 2), (1, 2)):
        hole = Desk(tmp_path)
        hole.take(OLD, *numbers)
        assert not hole.is_due_after(10 * QUIET_MS), numbers
    still = Desk(tmp_path)
    still.take(OLD, 0)
    assert not still.is_due_after(QUIET_MS - 1)
    still.take(OLD, 1)
    assert not still.is_due_after(2)
    assert not Desk(tmp_path, moved=False).is_due_after(10 * QUIET_MS)


def test_the_grace_of_old_generations_ends_it_at_the_latest(tmp_path: Path) -> None:
    """A hole that never closes, as after lost flash, keeps the label for that long and no longer."""
    desk = Desk(tmp_path)
    desk.take(OLD, 0, 5)
    assert not desk.is_due_after(10 * QUIET_MS)
    desk.is_grace_over = True
    assert desk.is_due_after(0)


def test_numbers_below_the_floor_are_no_hole() -> None:
    """What the node has given up or seen acknowledged elsewhere is not waited for."""
    table = NumberTable()
    numbers = table.of(OLD)
    numbers.add_range(4, 6)
    assert not is_delivered(numbers, numbers)
    numbers.raise_floor(4)
    assert is_delivered(numbers, numbers)
