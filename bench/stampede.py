# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""500 gateways whose city comes back at once: the most connections and bytes in any second.

The gateways' own back-off, window and drain pace on a simulated clock. The broker is a model: it takes every connection, takes
1 Gbit/s of all together in the order of their coming, and answers 40 ms after a batch is through; a receipt comes with the PUBACK.
Each gateway has more backlog than it can send here, in batches of 60 kB.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from typing import NamedTuple

from bench.stage import SEED, Figure
from gateway_agent.config import CityBrokerSection
from gateway_agent.model import Lane
from gateway_agent.uplink.drain_pace import DrainPace
from gateway_agent.uplink.mqtt_uplink import city_backoff
from gateway_agent.uplink.window import Position, Window

GATEWAYS = 500
BATCH_BYTES = 61_440
ROUND_TRIP_MS = 40
BROKER_BYTES_PER_MS = 125_000
FOLLOWED_MS = 3_000  # after the last is back
OUTAGES_S = (0, 5, 3_600)
_INSTANCE = b"instance"


class Peak(NamedTuple):
    """Of one outage."""

    outage_s: int
    connections_per_s: int
    attempts_per_s: int  # while it is away, too
    bytes_per_s: int
    broker_queue_bytes: int
    all_back_s: float


class _Gateway:
    def __init__(self, seed: int, city: CityBrokerSection) -> None:
        source = random.Random(seed)
        self.backoff = city_backoff(source)
        self.pace = DrainPace(city.drain_bytes_per_s, source)
        self.window = Window({lane: Position(_INSTANCE, 0) for lane in Lane}, city.in_flight)
        for lane in (Lane.ALARM, Lane.RECORD):
            self.window.note_empty(lane)
        self.number = 0
        self.wakes_at_ms: int | None = None


def _most_in_a_second(times_ms: list[tuple[int, int]]) -> int:
    """The greatest sum of weights in any window of a second, by tenths of seconds."""
    tenths = Counter[int]()
    for at_ms, weight in times_ms:
        tenths[at_ms // 100] += weight
    return max((sum(tenths[start + step] for step in range(10)) for start in tenths), default=0)


def simulate(outage_s: int, gateways: int = GATEWAYS, seed: int = SEED) -> Peak:
    """All lose the city at 0 and get it back at `outage_s`."""
    city, back_ms = CityBrokerSection(), outage_s * 1_000
    parts = [_Gateway(seed * 1_000 + index, city) for index in range(gateways)]
    # (time, tie, gateway, what): "try" to connect, "go" on sending, "puback"
    events: list[tuple[int, int, int, str]] = []
    tie = 0

    def at(at_ms: int, index: int, what: str) -> None:
        nonlocal tie
        tie += 1
        heapq.heappush(events, (at_ms, tie, index, what))

    for index, part in enumerate(parts):
        at(part.backoff.next_ms(), index, "try")
    attempts: list[tuple[int, int]] = []
    connections: list[tuple[int, int]] = []
    sent: list[tuple[int, int]] = []
    broker_free_ms, queue_bytes = 0.0, 0
    while events:
        now_ms, _, index, what = heapq.heappop(events)
        if len(connections) == gateways and now_ms > connections[-1][0] + FOLLOWED_MS:
            break
        part = parts[index]
        if what == "try":
            attempts.append((now_ms, 1))
            if now_ms < back_ms:
                at(now_ms + part.backoff.next_ms(), index, "try")
                continue
            connections.append((now_ms, 1))
        elif what == "puback":
            part.window.note_puback(Lane.TREND, Position(_INSTANCE, part.window.receipted(Lane.TREND).number + 1))
            part.window.note_receipt(Lane.TREND, Position(_INSTANCE, part.window.receipted(Lane.TREND).number + 1))
        else:
            part.wakes_at_ms = None
        while part.window.next_lane() is Lane.TREND:
            if wait_ms := part.pace.wait_ms(now_ms):
                if part.wakes_at_ms is None:
                    part.wakes_at_ms = now_ms + wait_ms
                    at(part.wakes_at_ms, index, "go")
                break
            part.number += 1
            part.window.note_sent(Lane.TREND, Position(_INSTANCE, part.number), now_ms)
            part.pace.spend(BATCH_BYTES, now_ms)
            sent.append((now_ms, BATCH_BYTES))
            broker_free_ms = max(broker_free_ms, now_ms) + BATCH_BYTES / BROKER_BYTES_PER_MS
            queue_bytes = max(queue_bytes, int((broker_free_ms - now_ms) * BROKER_BYTES_PER_MS))
            at(int(broker_free_ms) + ROUND_TRIP_MS, index, "puback")
    return Peak(
        outage_s,
        _most_in_a_second(connections),
        _most_in_a_second(attempts),
        _most_in_a_second(sent),
        queue_bytes,
        (max(at_ms for at_ms, _ in connections) - back_ms) / 1_000,
    )


def run() -> list[Figure]:
    peaks = [simulate(outage_s) for outage_s in OUTAGES_S]
    worst = max(peaks, key=lambda peak: peak.connections_per_s)
    detail = {
        "gateways": GATEWAYS,
        "mbytes_per_s": round(max(peak.bytes_per_s for peak in peaks) / 1e6, 1),
        "broker_queue_mbytes": round(max(peak.broker_queue_bytes for peak in peaks) / 1e6, 1),
        "by_outage": [peak._asdict() for peak in peaks],
    }
    return [
        Figure(
            "stampede",
            "connections/s, peak",
            worst.connections_per_s,
            GATEWAYS,
            "all at once",
            "less",
            "<= 200",
            detail,
        )
    ]
