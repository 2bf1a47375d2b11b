# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The status as a tree of plain values: what it says, and nothing secret."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from gateway_agent.clock import SYNCHRONISED
from gateway_agent.journal import Journal
from gateway_agent.model import ClockReading, Lane
from gateway_agent.mqtt.staying_connected import LinkState
from gateway_agent.uplink.window import Window

_CLOCK_WORDS = ("unknown", "synchronised", "was synchronised in this boot")
_PROMISES = {
    "receipt": "kept until the collector has stored it",
    "broker": "ends at the city's broker: nobody says what reaches the collector",
}


def process_report(started_at_unix_ms: int, running_ms: int, *, stopped: bool) -> dict[str, Any]:
    """`running_ms` is of the monotonic clock: the wall clock may have been put right since the start."""
    return {
        "pid": os.getpid(),
        "running_s": running_ms // 1_000,
        "started_at_unix_ms": started_at_unix_ms,
        "written_at_unix_ms": time.time_ns() // 1_000_000,
        "stopped": stopped,
    }


def clock_report(clock: ClockReading) -> dict[str, Any]:
    return {
        "state": _CLOCK_WORDS[clock.state],
        "bound_s": clock.bound_s,
        "gives_time_to_nodes": clock.state == SYNCHRONISED,
    }


def link_report(state: LinkState) -> dict[str, Any]:
    return {
        "address": state.address,
        "is_connected": state.is_connected,
        "reason": state.reason,
        "connections": state.connections_count,
        "refusals": state.refusals_count,
    }


def city_report(state: LinkState, delivery: str, batches_sent: int, bytes_sent: int) -> dict[str, Any]:
    return link_report(state) | {
        "delivery": delivery,
        "promise": _PROMISES[delivery],
        "batches_sent": batches_sent,
        "bytes_sent": bytes_sent,
    }


def journal_report(journal: Journal, refusal: str) -> dict[str, Any]:
    usage, counters, recovery = journal.usage(), journal.counters, journal.recovery
    return {
        "refusal": refusal,
        "bytes": usage.bytes,
        "kept_bytes": usage.kept_bytes,
        "bytes_max": usage.bytes_max,
        "segments": usage.segments,
        "batches": usage.batches,
        "unreceipted_batches": usage.unreceipted_batches,
        "appends": counters.appends,
        "batches_written": counters.batches,
        "syncs": counters.syncs,
        "bytes_written": counters.bytes_written,
        "receipt_writes": counters.receipt_writes,
        "failed_appends": counters.failed_appends,
        "deleted_segments": counters.deleted_segments,
        "evicted_segments": counters.evicted_segments,
        "evicted_batches": counters.evicted_batches,
        "losses": dict(counters.losses),
        "recovery": {
            "batches": recovery.batches,
            "torn_bytes": recovery.torn_bytes,
            "damaged_batches": recovery.damaged_batches,
            "quarantined": list(recovery.quarantined),
            "reasons": dict(recovery.reasons),
        },
    }


def lanes_report(journal: Journal, window: Window) -> dict[str, Any]:
    return {
        lane.word: {
            "instance": journal.head(lane).instance.hex(),
            "number": journal.head(lane).number,
            "receipted": journal.receipted(lane),
            "sent_unreceipted": window.unreceipted_count(lane),
        }
        for lane in Lane
    }


def nodes_report(registered: int, unknown: Mapping[Any, int], frames_waiting: int) -> dict[str, Any]:
    return {
        "registered": registered,
        "frames_waiting": frames_waiting,
        "unknown": {node_id.hex(): count for node_id, count in list(unknown.items())},
    }


def counters_report(counters: Counter[str]) -> dict[str, int]:
    return dict(sorted(counters.copy().items()))
