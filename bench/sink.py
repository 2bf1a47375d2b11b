# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The city's side of a benchmark, a process of its own: `python -m bench.sink` (settings as one JSON object on standard input).

For `batches` it verifies each signature, opens each body, counts every (node, epoch, sequence) once and answers with receipts, as a
collector would, but stores nothing. For `messages` it counts what a bridge brings. It ends when the expected count is there.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bench.mqtt_raw import RawConnection, publish_packet, split_publish
from gateway_agent.model import GatewayId, Lane, Receipt
from gateway_agent.wire.batch import open_batch
from gateway_agent.wire.body import NodeTable, decode_body
from gateway_agent.wire.receipt import sign_receipt
from gateway_agent.wire.signer import Signer


class BatchSink:
    """Verified frames of one gateway; `receipts` waits to be sent."""

    def __init__(self, gateway_id: str, gateway_public: bytes, collector_private: bytes) -> None:
        self._gateway_id = GatewayId(gateway_id)
        self._public = Ed25519PublicKey.from_public_bytes(gateway_public)
        self._signer = Signer(Ed25519PrivateKey.from_private_bytes(collector_private))
        self._tables: dict[tuple[Lane, bytes], NodeTable] = {}
        self._numbers: dict[tuple[Lane, bytes], int] = {}
        self._seen: set[tuple[bytes, int]] = set()
        self.batches = self.readings = self.repeated = 0
        self.receipts: dict[Lane, Receipt] = {}

    @property
    def count(self) -> int:
        return len(self._seen)

    def take(self, data: bytes) -> None:
        batch = open_batch(data, self._public)
        chain = (batch.header.lane, batch.header.instance)
        if batch.header.number != self._numbers.get(chain, 0) + 1:
            return
        self._numbers[chain] = batch.header.number
        table = self._tables.setdefault(chain, NodeTable())
        for row in decode_body(batch.opened_body(), table).frames:
            identity = (row.kid, row.sequence)
            if identity in self._seen:
                self.repeated += 1
            else:
                self._seen.add(identity)
                self.readings += len(row.pack.values)
        self.batches += 1
        self.receipts[batch.header.lane] = Receipt(
            self._gateway_id,
            batch.header.lane,
            batch.header.instance,
            batch.header.number,
            hashlib.sha256(data).digest(),
        )

    def signed_receipts(self) -> list[bytes]:
        out = [sign_receipt(receipt, self._signer) for receipt in self.receipts.values()]
        self.receipts.clear()
        return out


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    connection = RawConnection(settings["port"], f"bench-sink-{settings['port']}")
    connection.subscribe(settings["topic"], 0)
    sink = None
    if settings["kind"] == "batches":
        sink = BatchSink(
            settings["gateway_id"], bytes.fromhex(settings["public"]), bytes.fromhex(settings["collector_private"])
        )
    print("ready", flush=True)
    connection.socket.settimeout(0.5)
    expected, deadline = settings["expected"], time.monotonic() + settings.get("timeout_s", 120)
    count = payload_bytes = packet_bytes = 0
    last = time.monotonic()
    while count < expected and time.monotonic() < deadline:
        for kind, flags, body in connection.packets():
            if kind != 0x30:
                continue
            topic, _packet_id, payload = split_publish(flags, body)
            if topic.endswith(("/state", "/receipt")):
                continue
            payload_bytes += len(payload)
            # As a QoS 1 PUBLISH on the uplink: fixed header, topic, packet id, payload.
            packet_bytes += len(publish_packet(topic, bytes(payload), 1)) if sink is not None else len(body) + 4
            if sink is None:
                count += 1
            else:
                sink.take(bytes(payload))
                count = sink.count
            last = time.monotonic()
        if sink is not None:
            for receipt in sink.signed_receipts():
                connection.socket.sendall(publish_packet(f"sc/{settings['gateway_id']}/receipt", receipt, 0))
    outcome = {
        "count": count,
        "last": last,
        "payload_bytes": payload_bytes,
        "packet_bytes": packet_bytes,
        "cpu_s": round(time.process_time(), 3),
    }
    if sink is not None:
        outcome |= {"batches": sink.batches, "readings": sink.readings, "repeated": sink.repeated}
    print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
