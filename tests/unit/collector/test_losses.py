# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a gateway gave up is counted against what arrived."""

from __future__ import annotations

from collector.losses import evicted
from gateway_agent.model import Lane, OwnReading, Received
from gateway_agent.wire.loss import LossReason, loss_records
from tests.support.signing_gateway import GATEWAY, SigningGateway, frame, kid
from tests.unit.collector.conftest import City


def losses(*ranges: tuple[int, int], node: int = 1) -> list[OwnReading]:
    return loss_records([Received(kid(node), 0, ranges)], LossReason.EVICTED, None)


def test_a_stored_reading_overrides_a_claim_of_loss(city: City) -> None:
    """Claims of two gateways count once, and what arrived by either way does not count at all."""
    one, two = SigningGateway(lane=Lane.ALARM), SigningGateway("test-only-02", Lane.ALARM)
    city.take(one, one.seal(own=losses((10, 19), (30, 30))))
    city.take(two, two.seal(own=losses((15, 24))))
    records = SigningGateway("test-only-02")
    city.take(records, records.seal([frame(12), frame(16), frame(99)]))
    room = city.room()
    assert evicted(room) == [{"node": kid()[:6].hex(), "epoch": kid()[6:].hex(), "frames": 16 - 2}]
    room.close()


def test_verify_counts_what_a_chain_names_as_given_up(city: City) -> None:
    """The frames in loss records stand in the report, beside an intact chain."""
    gateway = SigningGateway(lane=Lane.ALARM)
    city.take(gateway, gateway.seal(own=[*losses((10, 19)), *losses((1, 2), node=2)]))
    report = city.verified()
    assert report.is_intact
    assert report.as_json()["evicted_frames"] == 12
    assert "names 12 frames that were given up" in report.as_text()
    assert GATEWAY in report.as_text()
