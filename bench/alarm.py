# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How long an alarm takes from its arrival (the nodes' broker has handed it on) to a listener at the city's broker: signed and synced on
the way. `published_...` is from the node's PUBLISH, with what it waits in the nodes' broker, which keeps the order of all frames.

Under 1,000 frames a second, and under full load: 20,000/s, or nine tenths of what the same path took a moment before, where that is
less. A load above what the path takes would only measure the broker's queue. `disk_...` is what a bare sync took meanwhile.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import rate, stage
from bench.forwarders import Ours
from bench.stage import Figure
from bench.sync_probe import SyncProbe

ALARMS_PER_S = 40
FULL_PER_S = 20_000
_SECONDS = 30


def measure(directory: Path, pace: int, messages: int) -> dict[str, Any]:
    """One paced run with alarms among the frames."""
    directory.mkdir(parents=True)
    with stage.mosquitto(directory / "city") as (city_port, _pid), Ours(directory / "ours", city_port) as ours:
        ours.start()
        with (
            ours.sink(city_port, messages, later=True) as sink,
            ours.load(messages, per_second=pace) as load,
            ours.alarms(city_port, ALARMS_PER_S, 10_000) as alarms,
            SyncProbe(directory / "probe") as disk,
        ):
            for part in (sink, load, alarms):
                part.wait_ready()
            load.go()
            alarms.go()
            nodes = load.outcome()
            alarms.go()
            latency, city = alarms.outcome(), sink.outcome()
    behind_s = city["last"] - nodes["began"] - messages / pace
    return {
        **latency,
        **disk.outcome(),
        "per_second": pace,
        "frames": city["count"],
        "city_behind_s": round(behind_s, 1),
    }


def run(directory: Path, seconds: int = _SECONDS) -> list[Figure]:
    fastest = rate.ours(directory / "rate", 60_000)["rate"]
    figures = []
    for pace in (1_000, min(FULL_PER_S, int(fastest * 0.9) // 100 * 100)):
        own = measure(directory / str(pace), pace, pace * seconds)
        figures.append(
            Figure(
                "alarm" if pace != 1_000 else "alarm_1000",
                "ms p99",
                own["p99_ms"],
                None,
                "",
                "less",
                "<= 50",
                own | {"rate_before": round(fastest)},
            )
        )
    return figures
