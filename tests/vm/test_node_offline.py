# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Days without the network, and the day after: what is given up, what is kept, and in which order it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from gateway_agent.wire import cbor
from simulators.vm import Queued
from tests.support.bench_node import BenchNode
from tests.support.vm_run import run_script

QUEUE_BYTES = 32_768
GROWTH_BYTES_MAX = 4_096  # of the 64-bit interpreter, from the second day on; fragments of lists, not frames


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[BenchNode]:
    found = BenchNode(tmp_path)
    try:
        yield found
    finally:
        await found.close()


def spread(pairs: Iterable[Iterable[int]]) -> set[int]:
    return {number for first, last in pairs for number in range(first, last + 1)}


@pytest.mark.timeout(360)
@pytest.mark.parametrize("days", [2, pytest.param(7, marks=pytest.mark.proof)])
async def test_days_offline_are_drained_in_order_and_what_was_dropped_is_named(bench: BenchNode, days: int) -> None:
    """With the queue full for days, trends go before records, the oldest first, and no alarm; memory does not grow. Then everything that
    was kept arrives: alarms first, what is new next, and the backlog of records in the order of its numbers. The loss record names
    every number that went, and nothing else is missing."""
    bench.write_config(queue_bytes=QUEUE_BYTES, diagnostics_s=900)
    output = await asyncio.to_thread(
        run_script, "tests/vm/scripts/week_offline.py", str(bench.folder), str(days), board=True, timeout_s=300
    )
    queued: dict[int, Queued] = {}
    dropped: list[int] = []
    heaps: list[int] = []
    for words in map(str.split, output.splitlines()):
        if words[0] == "queued":
            queued[int(words[2])] = Queued(words[1], int(words[2]), int(words[3]), words[4])
        elif words[0] == "lost":
            assert words[3] == "full"
            dropped += sorted(spread([map(int, words[2].split("-"))]))
        elif words[0] == "heap":
            heaps.append(int(words[2]))
    assert len(heaps) == days and max(heaps[1:]) - heaps[1] < GROWTH_BYTES_MAX, heaps
    by_lane = {
        lane: [number for number in dropped if queued[number].lane == lane] for lane in ("alarm", "record", "trend")
    }
    assert by_lane["alarm"] == [] and by_lane["record"] and by_lane["trend"], "the queue was not full"
    assert by_lane["record"] == sorted(by_lane["record"]), "the oldest first"
    records = [number for number, frame in queued.items() if frame.lane == "record"]
    assert by_lane["record"] == records[: len(by_lane["record"])], "a younger record went before an older one"
    first_record_gone = dropped.index(by_lane["record"][0])
    on_flash = [
        number for number in queued if queued[number].lane == "trend" and number < max(dropped[:first_record_gone])
    ]
    assert set(on_flash) <= set(dropped), "a record went while older trends were there"

    node, gateway = bench.node, bench.gateway

    def named() -> set[int]:
        """The numbers in the loss records so far."""
        values = [value for value in gateway.readings("lost") if isinstance(value, bytes)]
        return set().union(*(spread(cbor.decode(value[:-1])) for value in values))

    await node.start()
    await gateway.until(lambda found: found.readings("lost"), "the loss record")

    def kept() -> set[int]:
        """The full queue goes on giving up records for what is new, until the first acknowledgements come."""
        lost = [line.split() for line in node.lines if line.startswith("lost") and line.endswith("full")]
        gone = spread(map(int, words[2].split("-")) for words in lost) | set(dropped)
        return {number for number in queued if number not in gone and queued[number].lane != "trend"}

    await gateway.until(lambda found: kept() <= {item.sequence for item in found.heard}, "the backlog")
    await gateway.until(lambda found: set(dropped) <= named(), "every number that went")
    order: dict[int, None] = {}
    for item in gateway.heard:
        order.setdefault(item.sequence)
    arrived = list(order)
    missing = set(queued) - set(arrived)
    assert missing <= named(), "silence about a number"
    assert not set(arrived) & set(dropped)
    safe = kept()
    backlog = [number for number in arrived if number in safe and queued[number].lane == "record"]
    assert backlog == sorted(backlog) and len(backlog) > 50
    last_alarm = max(arrived.index(number) for number in safe if queued[number].lane == "alarm")
    loss = next(arrived.index(item.sequence) for item in gateway.heard if item.value("lost") is not None)
    behind = arrived.index(backlog[len(backlog) // 4])
    assert last_alarm < behind and loss < behind, "an alarm waited for the backlog"
