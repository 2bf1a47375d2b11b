# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A collector that lost what it had receipted: the lane goes back, what is here is owed again, what is gone is named."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from gateway_agent.journal import Journal, JournalLimits, JournalUnavailable
from gateway_agent.model import ClockReading, GatewayId, Lane
from gateway_agent.uplink.pump import Pump
from gateway_agent.uplink.resends import EACH_MS, Resends
from gateway_agent.uplink.window import Position, Window
from gateway_agent.wire.batch import link_of
from gateway_agent.wire.gap import GapReason
from gateway_agent.wire.resend import Resend, sign_resend
from gateway_agent.wire.signer import Signer
from tests.support.journal_batches import GATEWAY, BatchMaker, receipt_for
from tests.unit.journal.journal_cases import LIMITS, fill, open_journal, segment_files

LANE = Lane.RECORD
T = TypeVar("T")


def test_what_is_here_is_owed_again_over_a_restart(tmp_path: Path) -> None:
    """Six are receipted; the city says that it holds two: from 3 on they are unreceipted, not deletable, and stay so."""
    maker = BatchMaker(1)
    journal = open_journal(tmp_path, maker)
    batches = fill(journal, maker, LANE, 6)
    journal.note_receipt(receipt_for(batches[5]), b"raw")
    instance = batches[0].instance
    found = journal.rewind(LANE, instance, 2, link_of(batches[1].batch))
    assert found is not None and found.first == 3
    for _ in range(2):
        assert journal.unreceipted_from(LANE) == (instance, 2)
        assert journal.usage().unreceipted_batches == 4
        journal.close()
        journal = open_journal(tmp_path, maker)
    journal.note_receipt(receipt_for(batches[5]), b"raw")
    assert journal.usage().unreceipted_batches == 0
    nothing = journal.rewind(LANE, instance, 0, bytes(32))
    assert nothing is not None and nothing.first == 1
    assert journal.receipted(LANE) == 0
    journal.close()


def test_what_was_deleted_is_named_with_the_link_that_goes_on(tmp_path: Path) -> None:
    """The first number that is here, and the link that its batch carries; a city that holds all of it gets no gap."""
    maker = BatchMaker(2)
    journal = open_journal(tmp_path, maker, limits=JournalLimits(bytes_max=16_000, segment_bytes=2_000))
    batches = []
    while not journal.counters.deleted_segments:
        batches += fill(journal, maker, LANE, 1)
        journal.note_receipt(receipt_for(batches[-1]), b"raw")
        journal.trim()
    instance = batches[0].instance
    found = journal.rewind(LANE, instance, 1, link_of(batches[0].batch))
    assert found is not None and found.first > 2
    assert found.link == link_of(batches[found.first - 2].batch)
    at_the_end = journal.rewind(LANE, instance, len(batches), link_of(batches[-1].batch))
    assert at_the_end is not None and at_the_end.first == len(batches) + 1
    journal.close()


def test_a_start_after_a_rewind_takes_nothing_for_damaged_that_was_deleted(tmp_path: Path) -> None:
    """What had been receipted and deleted before the city lost it is no damage of this disk, at no later start."""
    maker, limits = BatchMaker(2), JournalLimits(bytes_max=16_000, segment_bytes=2_000)
    journal = open_journal(tmp_path, maker, limits=limits)
    batches = []
    while not journal.counters.deleted_segments:
        batches += fill(journal, maker, LANE, 1)
        journal.note_receipt(receipt_for(batches[-1]), b"raw")
        journal.trim()
    found = journal.rewind(LANE, batches[0].instance, 1, link_of(batches[0].batch))
    assert found is not None and found.first > 2
    journal.close()
    journal = open_journal(tmp_path, maker, limits=limits, scan_all=True)
    assert journal.recovery.losses == ()
    assert journal.unreceipted_from(LANE) == (batches[0].instance, found.first - 1)
    journal.close()


def end_instances(journal: Journal, maker: BatchMaker, count: int) -> list[bytes]:
    """Fill, receipt and end the lane's instance so often; returns the last batch of each."""
    ends = []
    for _ in range(count):
        batches = fill(journal, maker, LANE, 3)
        journal.note_receipt(receipt_for(batches[2]), b"raw")
        ends.append(batches[2].batch)
        journal.new_instance(LANE)
    return ends


def test_the_ends_of_older_instances_are_those_that_the_city_has_receipted(tmp_path: Path) -> None:
    """Of each its last batch, the newest four, over a restart; none that is still owed, and not the present one's."""
    maker = BatchMaker(5)
    journal = open_journal(tmp_path, maker)
    ends = end_instances(journal, maker, 6)
    fill(journal, maker, LANE, 2)
    for _ in range(2):
        assert journal.older_ends(LANE) == ends[-4:]
        assert journal.older_ends(Lane.ALARM) == []
        journal.close()
        journal = open_journal(tmp_path, maker)
    journal.new_instance(LANE)
    assert journal.older_ends(LANE) == ends[-3:], "two batches are owed of the newest"
    journal.close()


def test_an_older_instance_whose_end_has_rotted_is_not_shown_by_another_ones_batch(tmp_path: Path) -> None:
    """Damage that is found only as the end is read: the others are told all the same, and nothing stands for the lost one."""
    maker = BatchMaker(7)
    journal = open_journal(tmp_path, maker)
    ends = end_instances(journal, maker, 2)
    fill(journal, maker, LANE, 1)
    path = segment_files(tmp_path, LANE)[0]
    data = bytearray(path.read_bytes())
    data[data.index(ends[0]) + 30] ^= 1
    path.write_bytes(data)
    assert journal.older_ends(LANE) == ends[1:]
    journal.close()


def test_a_key_does_not_change_while_an_older_instance_is_owed(tmp_path: Path) -> None:
    """A collector that has not seen an instance begin takes nothing of it from a key that has ended: so it is delivered first."""
    maker = BatchMaker(6)
    journal = open_journal(tmp_path, maker)
    older = fill(journal, maker, LANE, 2)
    journal.heads_for_key_change()
    journal.new_instance(LANE)
    fill(journal, maker, LANE, 1)
    journal.note_receipt(receipt_for(older[0]), b"raw")
    with pytest.raises(JournalUnavailable, match="the instance before the present one"):
        journal.heads_for_key_change()
    journal.note_receipt(receipt_for(older[1]), b"raw")
    assert journal.heads_for_key_change() == tuple(journal.head(lane) for lane in Lane)
    journal.close()


def test_a_contradicted_instance_whose_history_fits_after_all_is_owed_again(tmp_path: Path) -> None:
    """It was sent to its end as a history that the city would not take; a resend names a batch of it: what follows is owed, and stays."""
    maker = BatchMaker(8)
    journal = open_journal(tmp_path, maker)
    batches = fill(journal, maker, LANE, 6)
    journal.note_receipt(receipt_for(batches[5])._replace(number=10), b"raw")
    journal.note_sent(LANE, batches[0].instance, 6)
    assert journal.usage().unreceipted_batches == 0
    found = journal.rewind(LANE, batches[0].instance, 2, link_of(batches[1].batch))
    assert found is not None and found.first == 3
    for _ in range(2):
        assert journal.unreceipted_from(LANE) == (batches[0].instance, 2)
        assert journal.usage().unreceipted_batches == 4
        journal.close()
        journal = open_journal(tmp_path, maker)
    journal.close()


def test_another_history_changes_nothing(tmp_path: Path) -> None:
    """Another link, a number that never was, an instance that nobody knows: refused, and all stays receipted."""
    maker = BatchMaker(3)
    journal = open_journal(tmp_path, maker, limits=LIMITS)
    batches = fill(journal, maker, LANE, 4)
    journal.note_receipt(receipt_for(batches[3]), b"raw")
    instance = batches[0].instance
    for number, link, of in (
        (2, bytes(32), instance),
        (9, bytes(32), instance),
        (2, link_of(batches[1].batch), b"nobody.."),
    ):
        assert journal.rewind(LANE, of, number, link) is None
    assert journal.usage().unreceipted_batches == 0
    journal.close()


class Uplink:
    """The stage on a real journal."""

    def __init__(self, folder: Path) -> None:
        self.maker = BatchMaker(4)
        self.journal = open_journal(folder, self.maker, limits=JournalLimits(bytes_max=16_000, segment_bytes=2_000))
        self.collector = Signer.generate()
        self.counters = Counter[str]()
        self.published: list[tuple[Lane, bytes]] = []
        self.gaps: list[tuple[int, int]] = []
        self.now_ms = 1_000_000
        window = Window({lane: Position(*self.journal.unreceipted_from(lane)) for lane in Lane}, 20)
        self.window = window
        pump = Pump(window, self, self._read, 20, lambda: self.now_ms, asyncio.sleep)  # type: ignore[arg-type]
        self.resends = Resends(
            GATEWAY, self.collector.public_key, self.journal, pump, self._write,
            lambda: ClockReading(b"boot-id.", self.now_ms, None, 0, None), self._sign_gap, self._publish, self.counters,
        )  # fmt: skip

    async def _read(self, *_: object) -> list[object]:
        return []

    async def _write(self, errand: Callable[[], T]) -> T:
        return errand()

    def _sign_gap(self, lane: Lane, instance: bytes, first: int, last: int, link: bytes, reason: int) -> bytes:
        assert reason == GapReason.TRIMMED
        self.gaps.append((first, last))
        return b"gap"

    async def _publish(self, lane: Lane, data: bytes) -> None:
        self.published.append((lane, data))

    async def ask(self, request: int, number: int, link: bytes, instance: bytes, **changes: object) -> None:
        asked = Resend(GATEWAY, LANE, instance, number, link, b"boot-id.", request)._replace(**changes)  # type: ignore[arg-type]
        self.resends.take(sign_resend(asked, self.collector))
        while self.resends._tasks:
            await asyncio.sleep(0)


async def test_a_resend_is_followed_once_and_a_gap_goes_before_what_is_left(tmp_path: Path) -> None:
    """The gap names what was trimmed, the window begins again behind it; repeated, foreign, too frequent and forged ones are
    counted by their reason and change nothing."""
    uplink = Uplink(tmp_path)
    batches = []
    while not uplink.journal.counters.deleted_segments:
        batches += fill(uplink.journal, uplink.maker, LANE, 1)
        uplink.journal.note_receipt(receipt_for(batches[-1]), b"raw")
        uplink.journal.trim()
    instance, link = batches[0].instance, link_of(batches[0].batch)
    await uplink.ask(5, 1, link, instance)
    ((first, last),) = uplink.gaps
    assert first == 2
    assert uplink.published == [(LANE, b"gap")]
    assert uplink.window.cursor(LANE) == Position(instance, last)
    assert uplink.journal.usage().unreceipted_batches == len(batches) - last

    await uplink.ask(6, 1, link, instance)
    uplink.now_ms += EACH_MS
    await uplink.ask(5, 1, link, instance)
    await uplink.ask(7, 1, link, instance, boot_id=bytes(8))
    await uplink.ask(7, 1, link, instance, gateway_id=GatewayId("other"))
    await uplink.ask(7, 1, bytes(32), b"nobody..")
    stranger = Resend(GATEWAY, LANE, instance, 1, link, b"boot-id.", 9)
    uplink.resends.take(sign_resend(stranger, Signer.generate()))
    names = ("TooOften", "Repeated", "OtherBoot", "OtherGateway", "NotHeld", "SignatureInvalid")
    assert {name: uplink.counters[f"resends_refused_{name}"] for name in names} == dict.fromkeys(names, 1)
    assert len(uplink.published) == 1


async def test_a_resend_brings_the_lane_back_to_what_an_older_instance_owes(tmp_path: Path) -> None:
    """The lane begins again at the older one's rest, which nothing else would send: nothing behind it could ever be deleted."""
    uplink = Uplink(tmp_path)
    journal = uplink.journal
    older = fill(journal, uplink.maker, LANE, 4)
    journal.note_receipt(receipt_for(older[1]), b"raw")
    journal.new_instance(LANE)
    newer = fill(journal, uplink.maker, LANE, 3)
    journal.note_receipt(receipt_for(newer[2]), b"raw")
    uplink.window.note_receipt(LANE, Position(newer[2].instance, 3))
    await uplink.ask(1, 1, link_of(newer[0].batch), newer[0].instance)
    assert uplink.counters["resends_taken"] == 1
    assert uplink.window.cursor(LANE) == Position(older[0].instance, 2)
    journal.close()


@pytest.mark.parametrize("count", [5_000])
async def test_a_flood_of_resends_costs_no_write(tmp_path: Path, count: int) -> None:
    """One genuine resend, thousands of copies: the receipts' log is written once."""
    uplink = Uplink(tmp_path)
    batches = fill(uplink.journal, uplink.maker, LANE, 3)
    uplink.journal.note_receipt(receipt_for(batches[2]), b"raw")
    raw = sign_resend(
        Resend(GATEWAY, LANE, batches[0].instance, 1, link_of(batches[0].batch), b"boot-id.", 1), uplink.collector
    )
    uplink.resends.take(raw)
    while uplink.resends._tasks:
        await asyncio.sleep(0)
    at = (tmp_path / "receipts.log").stat().st_mtime_ns
    for _ in range(count):
        uplink.resends.take(raw)
        uplink.now_ms += EACH_MS
    assert uplink.counters["resends_refused_Repeated"] == count
    assert (tmp_path / "receipts.log").stat().st_mtime_ns == at
