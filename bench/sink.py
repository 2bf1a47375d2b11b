# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The city's side of a benchmark, a process of its own: `python -m bench.sink` (settings as one JSON object on standard input).

For `batches` it verifies signature and number of each batch as it comes and answers with receipts, as a collector would, but stores
nothing; it opens the bodies and counts every (node, epoch, sequence) once, with `later` in the pauses and at the end, so that it does
not take the processor from what is measured. For `messages` it counts what a bridge brings, each `n` once. Frames of the alarm lane
are counted apart. It ends when the expected count is there, or some seconds after it is told so; with `stays` it waits a moment for
what comes twice. With `says_mark` it says "mark" at that count.
"""

from __future__ import annotations

import hashlib
import json
import select
import sys
import time
from collections import deque
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bench.mqtt_raw import RawConnection, publish_packet, split_publish
from gateway_agent.model import GatewayId, Lane, Receipt
from gateway_agent.wire.batch import Batch, open_batch
from gateway_agent.wire.body import NodeTable, decode_body
from gateway_agent.wire.receipt import sign_receipt
from gateway_agent.wire.signer import Signer

_PAUSE_S = 0.2
_QUIET_S = 6.0  # after the end was announced and something came, nothing more will
_LATE_S = 1.5  # with `stays`: what comes twice may come late


class MessageSink:
    """Messages of a bridge, by the number that each carries."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self.repeated = self.packet_bytes = 0
        self.first = self.last = 0.0

    @property
    def count(self) -> int:
        return len(self._seen)

    def take(self, topic: str, payload: bytes) -> None:
        number = int(payload[payload.rindex(b":") + 1 : -1])
        self.first = self.first or time.monotonic()
        if number in self._seen:
            self.repeated += 1
        else:
            self._seen.add(number)
            self.last = time.monotonic()
        self.packet_bytes += len(publish_packet(topic, payload, 1))

    def settle_one(self) -> bool:
        """Nothing waits."""
        return False

    def receipts(self) -> list[bytes]:
        return []

    def outcome(self) -> dict[str, float]:
        return {}


class BatchSink:
    """Verified frames of one gateway."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._gateway_id = GatewayId(settings["gateway_id"])
        self._public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(settings["public"]))
        self._signer = Signer(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(settings["collector_private"])))
        self._is_later = bool(settings.get("later"))
        self._tables: dict[tuple[Lane, bytes], NodeTable] = {}
        self._numbers: dict[tuple[Lane, bytes], int] = {}
        self._seen: set[tuple[bytes, int]] = set()
        self._to_open: deque[tuple[float, Batch]] = deque()
        self._receipts: dict[Lane, Receipt] = {}
        self.batches = self.batches_repeated = self.readings = self.repeated = self.alarms = self.packet_bytes = 0
        self.first = self.last = 0.0

    @property
    def count(self) -> int:
        return len(self._seen)

    def take(self, topic: str, payload: bytes) -> None:
        batch = open_batch(payload, self._public)
        lane, instance, number = batch.header.lane, batch.header.instance, batch.header.number
        self.packet_bytes += len(publish_packet(topic, payload, 1))
        if number != self._numbers.get((lane, instance), 0) + 1:
            self.batches_repeated += 1
            return
        self._numbers[lane, instance] = number
        self.batches += 1
        self.first = self.first or time.monotonic()
        self._receipts[lane] = Receipt(self._gateway_id, lane, instance, number, hashlib.sha256(payload).digest())
        self._to_open.append((time.monotonic(), batch))
        if not self._is_later:
            self.settle_one()

    def settle_one(self) -> bool:
        """Open the oldest batch that waits for it. False where none does."""
        if not self._to_open:
            return False
        at_s, batch = self._to_open.popleft()
        chain = (batch.header.lane, batch.header.instance)
        rows = decode_body(batch.opened_body(), self._tables.setdefault(chain, NodeTable())).frames
        if batch.header.lane is Lane.ALARM:
            self.alarms += len(rows)
            return True
        before = len(self._seen)
        self._seen.update([(row.kid, row.sequence) for row in rows])
        self.repeated += len(rows) - (len(self._seen) - before)
        self.readings += sum([len(row.pack.values) for row in rows])
        self.last = at_s if self._is_later else time.monotonic()
        return True

    def receipts(self) -> list[bytes]:
        """For what came since the last call."""
        out = [sign_receipt(receipt, self._signer) for receipt in self._receipts.values()]
        self._receipts.clear()
        return out

    def outcome(self) -> dict[str, float]:
        return {
            "batches": self.batches,
            "batches_repeated": self.batches_repeated,
            "readings": self.readings,
            "alarms": self.alarms,
        }


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    connection = RawConnection(settings["port"], f"bench-sink-{settings['port']}")
    connection.subscribe(settings["topic"], 0)
    sink: MessageSink | BatchSink = BatchSink(settings) if settings["kind"] == "batches" else MessageSink()
    print("ready", flush=True)
    connection.socket.settimeout(_PAUSE_S)
    mark = int(settings.get("says_mark", 0))
    stays = bool(settings.get("stays"))
    expected, deadline = settings["expected"], time.monotonic() + settings.get("timeout_s", 180)
    marked_at = told_at = heard_at = 0.0
    is_settling = False  # a body at a time: what comes meanwhile has come when it came
    while time.monotonic() < deadline:
        readable, _, _ = select.select([connection.socket, sys.stdin], [], [], 0 if is_settling else _PAUSE_S)
        if sys.stdin in readable:
            sys.stdin.readline()
            told_at = time.monotonic()
        is_settling = not readable and sink.settle_one()
        if connection.socket in readable:
            for kind, flags, body in connection.packets():
                if kind == 0x30:
                    topic, _packet_id, payload = split_publish(flags, body)
                    if not topic.endswith(("/state", "/receipt")):
                        sink.take(topic, bytes(payload))
                        heard_at = time.monotonic()
            for receipt in sink.receipts():
                connection.socket.sendall(publish_packet(f"sc/{settings['gateway_id']}/receipt", receipt, 0))
        now = time.monotonic()
        if mark and sink.count >= mark:
            mark, marked_at = 0, now
            print("mark", flush=True)
        if sink.count >= expected and (not stays or now - heard_at > _LATE_S):
            break
        if told_at and heard_at > told_at and now - heard_at > _QUIET_S:
            break
    outcome = {
        "count": sink.count,
        "first": sink.first,
        "marked_at": marked_at,
        "last": sink.last,
        "packet_bytes": sink.packet_bytes,
        "repeated": sink.repeated,
        "cpu_s": round(time.process_time(), 3),
        **sink.outcome(),
    }
    print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
