# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The demo's account of readings."""

from __future__ import annotations

from simulators.account import Identity, Stored, Tally, read_export, settle

ONE: Identity = ("aabbccddee01", "00" * 8, 1)
TWO: Identity = ("aabbccddee01", "00" * 8, 2)
LATER: Identity = ("aabbccddee01", "00" * 8, 3)
PROMISED = {ONE: 2, TWO: 1}


def stored(*identities: Identity) -> list[Stored]:
    return [Stored(identity, "temperature", "21.5", "Cel") for identity in identities]


def test_everything_stored_once_is_settled() -> None:
    """What every node promised, stored once and acknowledged, leaves nothing open; later frames do not disturb it."""
    tally = settle(PROMISED, {ONE, TWO}, stored(ONE, ONE, TWO, LATER), {ONE, TWO, LATER})
    assert tally == Tally(produced=3, acknowledged=3, verified=3, lost=0, duplicated=0, invented=0)
    assert tally.is_settled


def test_a_missing_reading_is_lost_though_another_is_there_twice() -> None:
    """A duplicate of one frame cannot make up for a reading that another frame lacks."""
    tally = settle(PROMISED, {ONE, TWO}, stored(ONE, ONE, ONE), {ONE, TWO})
    assert (tally.verified, tally.lost, tally.duplicated) == (2, 1, 1)
    assert not tally.is_settled


def test_an_unacknowledged_frame_is_not_settled() -> None:
    """Stored is not enough: the node has to know."""
    assert not settle(PROMISED, {ONE}, stored(ONE, ONE, TWO), {ONE, TWO}).is_settled


def test_a_frame_that_no_node_queued_is_named() -> None:
    """Readings of a frame that nobody made count as invented."""
    assert settle(PROMISED, {ONE, TWO}, stored(ONE, ONE, TWO, LATER), {ONE, TWO}).invented == 1


def test_a_row_of_the_export() -> None:
    """Identity, name, value and unit are taken from their columns."""
    row = "aabbccddee01,temperature,21.5,Cel,2026-01-01T00:00:00.000Z,synchronised,1,,,good,0000000000000000,1,0"
    assert read_export([row.split(",")]) == [Stored(ONE, "temperature", "21.5", "Cel")]
