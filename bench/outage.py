# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Bytes on disk for each reading, and memory, while the city cannot be reached, at a paced 1,000 messages a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.forwarders import ALL, Forwarder, Ours
from bench.load import READINGS_PER_MESSAGE
from bench.stage import Figure
from simulators.broker import free_port

PACE = 1_000


def measure(kind: type[Forwarder], directory: Path, messages: int) -> dict[str, Any]:
    with kind(directory, free_port()) as forwarder:
        forwarder.start(with_city=False)
        with forwarder.load(messages, per_second=PACE) as load:
            load.wait_ready()
            written, cpu_s = forwarder.bytes_written, forwarder.cpu_s
            load.go()
            load.outcome()
            readings = messages * READINGS_PER_MESSAGE
            return {
                "bytes_disk_per_reading": round((forwarder.bytes_written - written) / readings, 2),
                "mib_pss": round(forwarder.pss_mib, 1),
                "cpu_s_per_10000_readings": round((forwarder.cpu_s - cpu_s) / readings * 10_000, 3),
            }


def run(directory: Path, messages: int) -> list[Figure]:
    found = {kind: measure(kind, directory / kind.__name__, messages) for kind in ALL}
    own = found.pop(Ours)
    return [
        Figure("outage_disk", "bytes/reading", own["bytes_disk_per_reading"], peer["bytes_disk_per_reading"], kind.name, "less",
               "<= 12", {"messages": messages, "per_second": PACE, **own, **{f"peer_{key}": value for key, value in peer.items()}})
        for kind, peer in found.items()
    ]  # fmt: skip
