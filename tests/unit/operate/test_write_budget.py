# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a reading costs the card, and how long card and journal last: the formula of docs/operator.md, in figures."""

from __future__ import annotations

import pytest

from gateway_agent.operate.write_budget import Card, Written, outage_s, write_budget, written_of

DAY_S = 86_400


def test_the_formula_of_the_docs() -> None:
    """A day with 8,640 syncs and 10 MB on a card of 32 GB, 1,000 cycles and blocks of 4 MiB: 883 days."""
    budget = write_budget(Written(DAY_S, 8_640, 10_000_000, 0, 1_000_000), Card())
    assert budget.bytes_per_reading == pytest.approx(10)
    assert budget.syncs_per_reading == pytest.approx(0.00864)
    assert budget.bytes_per_day == pytest.approx(1e7)
    assert budget.syncs_per_day == pytest.approx(8_640)
    assert budget.life_days == pytest.approx(32e9 * 1_000 / (8_640 * 4_194_304 + 1e7))
    assert budget.life_days == pytest.approx(882.8, abs=0.1)


@pytest.mark.parametrize("factor", [2, 3])
def test_life_goes_with_the_card_and_against_the_syncs(factor: int) -> None:
    """Twice the size or the cycles is twice the life; where syncs decide, twice as many halve it."""
    written, card = Written(DAY_S, 5_000, 0, 0, 1), Card()
    life = write_budget(written, card).life_days
    assert life is not None
    for better in (
        card._replace(size_bytes=card.size_bytes * factor),
        card._replace(erase_cycles=card.erase_cycles * factor),
        card._replace(erase_block_bytes=card.erase_block_bytes // factor),
    ):
        assert write_budget(written, better).life_days == pytest.approx(life * factor, rel=1e-6)
    worse = write_budget(written._replace(syncs=5_000 * factor), card).life_days
    assert worse == pytest.approx(life / factor)


def test_receipts_cost_at_most_a_write_back_each_half_minute() -> None:
    """A thousand receipts in an hour are 120 write-backs, ten are ten."""
    assert Written(3_600, 50, 0, 1_000, 0).flushes == 50 + 120
    assert Written(3_600, 50, 0, 10, 0).flushes == 60


def test_too_early_is_said_and_not_guessed() -> None:
    """No figure by the day in the first ten minutes, none a reading without readings, no life where nothing was written."""
    early = write_budget(Written(599, 10, 1_000, 0, 100), Card())
    assert early.bytes_per_reading == 10 and early.life_days is early.bytes_per_day is None
    idle = write_budget(Written(DAY_S, 0, 0, 0, 0), Card())
    assert idle.bytes_per_reading is None and idle.life_days is None and idle.bytes_per_day == 0


def test_an_outage_lasts_as_long_as_there_is_room() -> None:
    """Half of the journal left at 1 kB a second; never below zero; unknown at first."""
    written = Written(3_600, 1, 3_600_000, 0, 1)
    assert outage_s(256_000_000, 512_000_000, written) == pytest.approx(256_000)
    assert outage_s(600_000_000, 512_000_000, written) == 0
    assert outage_s(0, 512_000_000, written._replace(running_s=10)) is None
    assert outage_s(0, 512_000_000, written._replace(size_bytes=0)) is None


def test_the_figures_come_from_the_status() -> None:
    """Names as the gateway writes them; an older status without some of them counts them as nothing."""
    status = {
        "running_s": 5,
        "journal": {"syncs": 6, "bytes_written": 7, "receipt_writes": 8},
        "counters": {"readings": 9},
    }
    assert written_of(status) == Written(5, 6, 7, 8, 9)
    assert written_of({}) == Written(0, 0, 0, 0, 0)
