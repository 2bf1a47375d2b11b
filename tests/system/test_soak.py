# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A simulated day with random faults: memory flat, descriptors flat, everything stored once."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tests.support.fast_clock import fast_clock
from tests.support.hardship import Hardship

HOURS = 24
RATE = 240  # fifteen real seconds an hour
FRAMES_AN_HOUR = 600  # ten nodes, a reading a minute
HOUR_S = 3_600 / RATE
WARM_HOURS = 6
GROWTH_MAX_BYTES = 6 << 20


class Look(NamedTuple):
    """At the gateway's process, when nothing is under way."""

    rss: int
    descriptors: int
    threads: int


@pytest.mark.proof
@pytest.mark.timeout(1_200)
def test_a_day_of_faults_leaves_memory_and_descriptors_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty-four hours: brokers die and come back, lines go dead or slow, the process is stopped and continued. It is one process
    all day; what it holds after the day is what it held after six hours, and every reading is in the city once."""
    seed = int(os.environ.get("STARTCITY_SEED", random.SystemRandom().randrange(2**32)))
    print(f"replay with STARTCITY_SEED={seed}")
    source = random.Random(seed)
    monkeypatch.setenv("STARTCITY_CLOCK", fast_clock(RATE))
    keepalive = "keepalive_s = 5"
    looks: list[Look] = []
    counts: dict[str, int] = {}
    with Hardship(
        tmp_path,
        source,
        nodes=10,
        trend_deadline_s=300,
        bytes_max=4 << 20,
        segment_bytes=65_536,
        nodes_broker=keepalive,
        city_broker=keepalive,
    ) as town:
        town.gateway.start()
        pid = town.gateway.pid
        process = psutil.Process(pid)

        def city_gone() -> None:
            town.city_broker.kill()
            live(0.3)
            town.city_broker.start()

        def nodes_gone() -> None:
            town.local.kill()
            live(0.1)
            town.local.start()

        def stopped() -> None:
            os.kill(pid, signal.SIGSTOP)
            live(0.1)
            os.kill(pid, signal.SIGCONT)

        def dead_line() -> None:
            source.choice((town.local_line, town.city_line)).cut_silently()

        def slow_line() -> None:
            town.city_line.bytes_per_s = 3_000
            live(0.3)
            town.city_line.bytes_per_s = None

        def live(hours: float) -> None:
            end_s = time.monotonic() + hours * HOUR_S
            while time.monotonic() < end_s:
                town.produce(1)
                time.sleep(HOUR_S / FRAMES_AN_HOUR)

        faults = [city_gone, nodes_gone, stopped, dead_line, slow_line]
        for hour in range(HOURS):
            fault = source.choice(faults)
            counts[fault.__name__] = counts.get(fault.__name__, 0) + 1
            started_s = time.monotonic()
            live(source.uniform(0.05, 0.4))
            fault()
            live(max(0.0, 1 - (time.monotonic() - started_s) / HOUR_S))
            town.settle()
            with process.oneshot():
                looks.append(Look(process.memory_info().rss, process.num_fds(), process.num_threads()))
            print(f"hour {hour + 1}: {fault.__name__}, {looks[-1]}, {len(town.field.produced)} frames")
        assert town.gateway.is_running and town.gateway.pid == pid
        print(counts, town.gateway.counters())
    warm, late = looks[WARM_HOURS - 2 : WARM_HOURS + 1], looks[-3:]
    assert max(look.rss for look in late) - max(look.rss for look in warm) < GROWTH_MAX_BYTES
    assert min(look.descriptors for look in late) <= min(look.descriptors for look in warm)
    assert max(look.threads for look in late) <= max(look.threads for look in warm)
