# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Nodes that keep each frame until it is acknowledged and send it again until then, as the firmware does."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from gateway_agent.model import Pack
from tests.support.field_and_city import Field, Identity
from tests.support.sealing_node import SealingNode

AGAIN_AFTER_S = (
    0.7  # doubled at each try, as the firmware does: on a starved machine a fixed pause is a storm that feeds itself
)
AGAIN_AFTER_S_MAX = 5.6
WINDOW = 200


@dataclass
class _Kept:
    frame: bytes
    sent_at_s: float = field(default=-1e9)
    again_after_s: float = AGAIN_AFTER_S


class PatientField(Field):
    """`produce` queues a reading; a thread sends, and repeats what is not acknowledged."""

    def __init__(self, port: int, *nodes: SealingNode) -> None:
        self._kept: dict[bytes, dict[int, _Kept]] = {node.node_id: {} for node in nodes}
        self.produced: set[Identity] = set()
        self.acknowledged: set[Identity] = set()
        self.false_acknowledgements: set[Identity] = set()
        self._is_over = threading.Event()
        super().__init__(port, *nodes)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def produce(self, node: SealingNode, content: Pack) -> bytes:
        """Give the reading the node's next number and keep it until it is acknowledged; returns the frame."""
        with self.lock:
            kept = self._kept[node.node_id]
            sequence = node.next_sequence
            node.next_sequence += 1
            node.floor = min(kept, default=sequence)
            kept[sequence] = _Kept(node.seal(content, sequence))
            self.produced.add((node.kid, sequence))
            return kept[sequence].frame

    def kept_count(self) -> int:
        with self.lock:
            return sum(map(len, self._kept.values()))

    def _take(self, topic: str, payload: bytes) -> None:
        node_id = bytes.fromhex(topic.split("/")[2])
        with self.lock:
            node, kept = self.nodes[node_id], self._kept[node_id]
            for low, high in node.hear(payload).acknowledged:
                for sequence in range(low, high + 1):
                    identity = (node.kid, sequence)
                    (self.acknowledged if identity in self.produced else self.false_acknowledgements).add(identity)
                    kept.pop(sequence, None)

    def _run(self) -> None:
        while not self._is_over.wait(0.02):
            now_s = time.monotonic()
            with self.lock:
                due = [
                    (self.nodes[node_id], kept)
                    for node_id, of_node in self._kept.items()
                    for kept in list(of_node.values())[:WINDOW]
                    if now_s - kept.sent_at_s > kept.again_after_s
                ]
                for _, kept in due:
                    kept.again_after_s = (
                        min(2 * kept.again_after_s, AGAIN_AFTER_S_MAX) if kept.sent_at_s > 0 else AGAIN_AFTER_S
                    )
                    kept.sent_at_s = now_s
            for node, kept in due:
                self.send(node, kept.frame)

    def close(self) -> None:
        self._is_over.set()
        self._thread.join()
        super().close()
