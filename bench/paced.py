# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Bytes on disk for each reading at a paced 1,000 messages a second, the city reachable."""

from __future__ import annotations

from pathlib import Path

from bench import rate
from bench.stage import Figure

PACE = 1_000


def run(directory: Path, messages: int) -> list[Figure]:
    own = rate.ours(directory / "ours", messages, pace=PACE)
    peer = rate.bridge(directory / "bridge", messages, saving=True, pace=PACE)
    name = "mosquitto bridge, saving every 100 changes"
    return [
        Figure("disk", "bytes/reading", round(own["bytes_disk_per_reading"], 2), round(peer["bytes_disk_per_reading"], 2), name,
               "less", "<= 12", {"messages": messages, "per_second": PACE, "measured": "write_bytes of /proc/PID/io"}),
        Figure("upstream_paced", "bytes/reading", round(own["bytes_up_per_reading"], 2), round(peer["bytes_up_per_reading"], 2), name,
               "less", "", {"batches": own["batches"], "messages": messages}),
    ]  # fmt: skip
