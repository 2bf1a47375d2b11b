# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""With delivery "broker" the broker's word frees the journal; a collector that misses something may still ask for it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from gateway_agent.model import GatewayId
from gateway_agent.wire.batch import link_of, open_batch
from gateway_agent.wire.resend import Resend, sign_resend
from tests.support.fast_clock import fast_clock
from tests.support.field_and_city import City, Field
from tests.support.gateway_process import GATEWAY_ID, GatewayProcess
from tests.support.mosquitto import Mosquitto
from tests.support.sealing_node import SealingNode, open_pack
from tests.support.waiting import wait_until


def test_a_collector_asks_for_what_the_broker_has_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its lane would stand still for ever at the first batch that came while it was away. Nobody but the configured
    collector may ask, and where its key is not there the gateway runs without."""
    monkeypatch.setenv("STARTCITY_CLOCK", fast_clock(60))
    node = SealingNode()
    with (
        Mosquitto(tmp_path / "nodes") as local,
        Mosquitto(tmp_path / "city") as broker,
        GatewayProcess(tmp_path / "gateway", local.port, broker.port, delivery="broker") as gateway,
        closing(Field(local.port, node)) as field,
        closing(City(broker.port, gateway.signer, gateway.collector, receipts=False)) as city,
    ):
        gateway.register(node)
        gateway.start()
        for number in range(4):
            field.send(node, node.seal(open_pack(True)))
            wait_until(lambda number=number: len(city.batches) == number + 1, "a batch")  # type: ignore[misc]
        gateway.wait_status(lambda status: status["journal"]["unreceipted_batches"] == 0, "the broker's word")
        first = city.batches[0]
        header = open_batch(first, gateway.signer.public_key).header
        asked = Resend(
            GatewayId(GATEWAY_ID), header.lane, header.instance, 1, link_of(first), header.clock.boot_id, request=1
        )
        city.publish(f"sc/{GATEWAY_ID}/resend", sign_resend(asked, gateway.signer))
        gateway.wait_status(lambda status: status["counters"].get("resends_refused_SignatureInvalid"), "a refusal")
        assert city.repeats == 0
        city.publish(f"sc/{GATEWAY_ID}/resend", sign_resend(asked, gateway.collector))
        wait_until(lambda: city.repeats == 3, "what follows batch 1, once more")
        gateway.wait_status(lambda status: status["journal"]["unreceipted_batches"] == 0, "the broker's word again")
        assert gateway.stop() == 0
        (gateway.folder / "collector.pub.pem").unlink()
        gateway.start()
        assert all("resend" in error for error in city.errors)  # it hears what we ask, too
