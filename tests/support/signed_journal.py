# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A real journal of really signed batches, filled by the gateway's own sealer; every reading can be told from the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gateway_agent.journal import Files, Journal, JournalLimits
from gateway_agent.model import (
    AdmittedFrame,
    ClockReading,
    Field,
    FrameRow,
    GatewayId,
    Kid,
    Kind,
    Lane,
    OpaqueRow,
    OwnReading,
    Pack,
    Receipt,
    SealedBatch,
)
from gateway_agent.seal.sealer import Sealer
from gateway_agent.wire.batch import link_of
from gateway_agent.wire.gap import Gap, GapReason, sign_gap
from gateway_agent.wire.receipt import sign_receipt
from gateway_agent.wire.signer import Signer
from tests.support.signing_gateway import START_MS, kid

SHAPE = (
    Field("level", "m", int(Kind.NUMBER), -2),
    Field("open", None, int(Kind.BOOLEAN), 0),
    Field("state", None, int(Kind.TEXT), 0),
    Field("ratio", "/", int(Kind.FLOAT), 0),
    Field("raw", None, int(Kind.BYTES), 0),
)


def frame(lane: Lane, number: int, node: int = 1, boot: int | None = None) -> AdmittedFrame:
    """Five readings, one of each kind, that `number` decides."""
    values = (100 + number, number % 2 == 0, f"state {number}", number / 8, number.to_bytes(2, "big"))
    time_ms = 5_000 + number if boot is not None else START_MS + 60_000 * number
    pack = Pack(boot, time_ms, SHAPE, (0, 0, 1_000, 1_000, 1_500), values)
    return AdmittedFrame(FrameRow(kid(node), number, pack), max(0, number - 40), lane, 0, 60)


class SignedJournal:
    """`journal` is open until `close`; `batches` are all that were appended, by lane."""

    def __init__(
        self,
        directory: Path,
        gateway_id: GatewayId,
        signer: Signer,
        limits: JournalLimits,
        files: Files | None = None,
        draw_instance: Callable[[], bytes] | None = None,
        *,
        scan_all: bool = False,
    ) -> None:
        self.gateway_id, self.signer = gateway_id, signer
        self._sealer = Sealer(gateway_id, signer)
        self._wall_ms = START_MS
        self.next_number = 0
        self.batches: dict[Lane, list[SealedBatch]] = {lane: [] for lane in Lane}
        self.journal = Journal.open(
            directory,
            gateway_id,
            limits,
            files,
            sign_gap=self.sign_gap,
            draw_instance=draw_instance,
            scan_all=scan_all,
        )

    def sign_gap(self, lane: Lane, instance: bytes, first: int, last: int, link: bytes, reason: int) -> bytes:
        return sign_gap(Gap(self.gateway_id, lane, instance, first, last, link, GapReason(reason)), self.signer)

    def clock(self) -> ClockReading:
        self._wall_ms += 1_000
        return ClockReading(b"boot-id.", self._wall_ms - START_MS, self._wall_ms, 1, 2)

    def append(self, lane: Lane, frames_count: int = 2, boot: int | None = None) -> None:
        """One batch with frames of two nodes, synced."""
        frames = []
        for _ in range(frames_count):
            frames.append(frame(lane, self.next_number, 1 + self.next_number % 2, boot))
            self.next_number += 1
        self.append_frames(lane, frames)

    def append_frames(self, lane: Lane, frames: list[AdmittedFrame]) -> None:
        head = self.journal.head(lane)
        sealed = self._sealer.seal(head, self.journal.is_segment_start(lane), frames, self.clock())
        self.journal.append(sealed)
        self.batches[lane] += sealed

    def append_opaque(self, lane: Lane, content: bytes) -> None:
        """One frame that nobody can read."""
        row = OpaqueRow(Kid(bytes(kid(1))), self.next_number, 3, content)
        self.next_number += 1
        self.append_frames(lane, [AdmittedFrame(row, 0, lane, 0, len(content))])

    def append_own(self, lane: Lane, *readings: OwnReading) -> None:
        """Readings of the gateway itself."""
        head = self.journal.head(lane)
        sealed = self._sealer.seal_own(head, self.journal.is_segment_start(lane), readings, self.clock())
        self.journal.append(sealed)
        self.batches[lane] += sealed

    def receipt(self, lane: Lane, number: int, collector: Signer) -> None:
        """The city's signed word for everything of the present instance up to `number`."""
        instance = self.journal.head(lane).instance
        batch = next(one for one in self.batches[lane] if (one.instance, one.number) == (instance, number))
        receipt = Receipt(self.gateway_id, lane, instance, number, link_of(batch.batch))
        self.journal.note_receipt(receipt, sign_receipt(receipt, collector))

    def evict_oldest(self) -> None:
        """Give up what is given up first."""
        eviction = self.journal.next_eviction()
        assert eviction is not None
        self.journal.evict(eviction)

    def close(self) -> None:
        self.journal.close()
