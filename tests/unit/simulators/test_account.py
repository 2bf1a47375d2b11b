# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The demo's account of readings."""

from __future__ import annotations

from simulators.account import Identity, Stored, Tally, read_export, read_frames, settle

ONE: Identity = ("aabbccddee01", "00" * 8, 1)
TWO: Identity = ("aabbccddee01", "00" * 8, 2)
LATER: Identity = ("aabbccddee01", "00" * 8, 3)
PROMISED = {ONE: 2, TWO: 1}


def stored(*identities: Identity) -> list[Stored]:
    return [Stored(identity, "temperature", "21.5", "Cel") for identity in identities]


def test_everything_stored_once_is_settled() -> None:
    """What every node promised, proved and stored once and acknowledged, leaves nothing open."""
    tally = settle(PROMISED, {ONE, TWO}, PROMISED, stored(ONE, ONE, TWO))
    assert tally == Tally(produced=3, acknowledged=3, verified=3, lost=0, duplicated=0, invented=0)
    assert tally.is_settled


def test_a_missing_reading_is_lost_though_another_is_there_twice() -> None:
    """A duplicate of one frame cannot make up for a reading that another frame lacks, neither in the archive nor in the database."""
    tally = settle(PROMISED, {ONE, TWO}, {ONE: 2}, stored(ONE, ONE, ONE))
    assert (tally.verified, tally.lost, tally.duplicated) == (2, 1, 1)
    assert not tally.is_settled


def test_what_only_the_database_lacks_is_lost() -> None:
    """Proved in the archive is not enough: the city has to be able to read it."""
    tally = settle(PROMISED, {ONE, TWO}, PROMISED, stored(ONE, TWO))
    assert (tally.verified, tally.lost) == (3, 1)
    assert not tally.is_settled


def test_what_only_the_database_has_is_not_verified() -> None:
    """Stored is not enough: a signed batch of the archive has to hold it."""
    tally = settle(PROMISED, {ONE, TWO}, {ONE: 2}, stored(ONE, ONE, TWO))
    assert (tally.verified, tally.lost) == (2, 1)


def test_an_unacknowledged_frame_is_not_settled() -> None:
    """The node has to know, too."""
    assert not settle(PROMISED, {ONE}, PROMISED, stored(ONE, ONE, TWO)).is_settled


def test_a_frame_that_no_node_queued_is_named() -> None:
    """Readings of a frame that nobody made count as invented."""
    assert settle(PROMISED, {ONE, TWO}, {**PROMISED, LATER: 1}, stored(ONE, ONE, TWO)).invented == 1


def test_a_row_of_the_verifier() -> None:
    """Identity and count are taken from their columns."""
    assert read_frames([["demo-01", "aabbccddee01", "0" * 16, "1", "4"]]) == {ONE: 4}


def test_a_row_of_the_export() -> None:
    """Identity, name, value and unit are taken from their columns."""
    row = "aabbccddee01,temperature,21.5,Cel,2026-01-01T00:00:00.000Z,synchronised,1,,,good,0000000000000000,1,0"
    assert read_export([row.split(",")]) == [Stored(ONE, "temperature", "21.5", "Cel")]
