# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the city says that it holds, judged by what is here: receipts, contradictions, and word that it has lost something."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gateway_agent.journal.accounts import JournalCounters, ReceiptVerdict, Rewound, unavailable
from gateway_agent.journal.lane_log import LaneLog, held_instances
from gateway_agent.journal.reading import Reading
from gateway_agent.journal.receipts import Key, Position, ReceiptLog
from gateway_agent.model import GatewayId, Lane, Receipt

OLDER_MAX = 4


class CityWord:
    """The caller holds the journal's lock, but for `older_ends` and `unreceipted_from`, which only look."""

    def __init__(
        self,
        directory: Path,
        gateway_id: GatewayId,
        logs: Mapping[Lane, LaneLog],
        receipts: ReceiptLog,
        reading: Reading,
        counters: JournalCounters,
    ) -> None:
        self._directory = directory
        self._gateway_id = gateway_id
        self._logs = logs
        self._receipts = receipts
        self._reading = reading
        self._counters = counters

    def note_receipt(self, receipt: Receipt, raw: bytes) -> ReceiptVerdict:
        """See `Journal.note_receipt`."""
        verdict = self._judge(receipt, raw)
        if verdict is ReceiptVerdict.CONTRADICTION:
            self._receipts.note_contradicted((receipt.lane, receipt.instance), 0, held_instances(self._logs))
        return verdict

    def _judge(self, receipt: Receipt, raw: bytes) -> ReceiptVerdict:
        key: Key = (receipt.lane, receipt.instance)
        known = self._receipts.positions.get(key)
        if receipt.gateway_id != self._gateway_id:
            return ReceiptVerdict.STALE
        if known is not None and receipt.number == known.number and receipt.link != known.link:
            return ReceiptVerdict.CONTRADICTION
        if receipt.number <= (known.number if known else 0):
            return ReceiptVerdict.STALE
        segments = self._logs[receipt.lane].segments
        lasts = [segment.last for segment in segments if segment.instance == receipt.instance]
        if not lasts:
            return ReceiptVerdict.STALE
        if receipt.number > max(lasts):
            return ReceiptVerdict.CONTRADICTION
        link = self._reading.link_behind(receipt.lane, receipt.instance, receipt.number)
        if link is not None and link != receipt.link:
            return ReceiptVerdict.CONTRADICTION
        self._receipts.note(key, Position(receipt.number, receipt.link, raw), held_instances(self._logs))
        self._counters.receipt_writes += 1
        return ReceiptVerdict.OK

    def note_sent(self, lane: Lane, instance: bytes, number: int) -> None:
        """See `Journal.note_sent`."""
        if (lane, instance) in self._receipts.contradicted:
            self._receipts.note_contradicted((lane, instance), number, held_instances(self._logs))

    def rewind(self, lane: Lane, instance: bytes, number: int, link: bytes) -> Rewound | None:
        """See `Journal.rewind`."""
        log = self._logs[lane]
        held = [segment for segment in log.segments if segment.instance == instance]
        is_present = instance == log.head.instance
        last = log.head.number if is_present else max((segment.last for segment in held), default=0)
        if not held or number > last:
            return None
        known = self._reading.link_behind(lane, instance, number) if number else None
        if known is not None and known != link:
            return None
        found = self._reading.first_behind(lane, instance, number, last)
        if found is None:
            return None
        # What was deleted can be owed by nobody: a start would take it for damage.
        behind = (
            Position(number, link, b"") if found.first == number + 1 else Position(found.first - 1, found.link, b"")
        )
        if self._receipts.settled((lane, instance)) > behind.number:
            try:
                self._receipts.take_back((lane, instance), behind, held_instances(self._logs))
            except OSError as error:
                raise unavailable(error, self._directory) from error
        return found

    def older_ends(self, lane: Lane) -> list[bytes]:
        """See `Journal.older_ends`."""
        log = self._logs[lane]
        ends = {
            segment.instance: segment.last
            for segment in log.segments
            if segment.instance != log.head.instance and segment.last >= segment.first
        }
        batches = []
        for instance, last in list(ends.items())[-OLDER_MAX:]:
            if last <= self._receipts.receipted((lane, instance)):
                found = self._reading.read_after(lane, instance, last - 1, 1, 1)
                batches += [item.batch for item in found if item.instance == instance and not item.is_gap]
        return batches

    def unreceipted_from(self, lane: Lane) -> tuple[bytes, int]:
        """See `Journal.unreceipted_from`."""
        log = self._logs[lane]
        for segment in log.segments:
            settled = self._receipts.settled((lane, segment.instance))
            if segment.last > settled:
                return segment.instance, settled
        return log.head.instance, log.head.number
