# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Ours and the peers, cut from the city for half of a run and killed once, in the same way.

The first half goes as fast as it is taken, with the city there: that gives the rate, over the first four fifths of it. Then the line is
cut with the rest on its way. The second half comes at 5,000 messages a second; at its middle the forwarding program gets SIGKILL and is
started again at once. When the nodes' side has nothing left to send, the line is joined, and what is at the city in the end is compared
with what was sent. Nodes send again what they were not answered for: ours what the gateway has not acknowledged, the peers' what the
broker has not taken. Twice is what a collector would count: at the peers a message that comes again, at ours a frame in
two batches (a batch that comes again is known by its number).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bench import stage
from bench.forwarders import ALL, Forwarder, Ours
from bench.load import READINGS_PER_MESSAGE
from bench.stage import Figure
from simulators.broker import free_port

PACE = 5_000
COLUMNS = (
    ("lost", "lost"),
    ("twice", "twice"),
    ("messages_per_s", "messages/s before the cut"),
    ("bytes_up_per_reading", "bytes up a reading"),
    ("bytes_disk_per_reading", "bytes on disk a reading"),
    ("cpu_s_per_10000_readings", "CPU s per 10,000 readings"),
    ("mib_pss", "MiB PSS, half of the run waiting"),
)


def measure(kind: type[Forwarder], directory: Path, messages: int) -> dict[str, Any]:
    directory.mkdir(parents=True)
    half = messages // 2
    line_port = free_port()
    with (
        stage.mosquitto(directory / "city") as (city_port, _pid),
        stage.Part("bench.cable", {"port": line_port, "city_port": city_port}) as cable,
        kind(directory / "forwarder", line_port) as forwarder,
    ):
        cable.wait_ready()
        forwarder.start()
        with (
            forwarder.sink(city_port, messages, says_mark=half * 4 // 5, stays=True) as sink,
            forwarder.load(messages, per_second=PACE, stop_at=half, tell_at=half + half // 2) as load,
        ):
            sink.wait_ready()
            load.wait_ready()
            cpu_s, written = forwarder.cpu_s, forwarder.bytes_written
            load.go()
            sink.wait("mark")
            cable.tell("cut")
            load.wait("half")
            load.go()
            load.wait("kill")
            forwarder.kill()
            forwarder.start(with_city=False)
            nodes = load.outcome()
            mib_pss = forwarder.pss_mib
            cable.tell("join")
            joined_at = time.monotonic()
            sink.tell("end")
            city = sink.outcome()
            readings = messages * READINGS_PER_MESSAGE
            cpu_s, written = forwarder.cpu_s - cpu_s, forwarder.bytes_written - written
        cable.tell("end")
        bytes_up = cable.outcome()["bytes_up"]
    return {
        "lost": messages - city["count"],
        "twice": city["repeated"],
        "messages_per_s": round(half * 4 / 5 / (city["marked_at"] - nodes["began"])),
        "bytes_up_per_reading": round(bytes_up / readings, 2),
        "bytes_disk_per_reading": round(written / readings, 1),
        "cpu_s_per_10000_readings": round(cpu_s / readings * 10_000, 3),
        "mib_pss": round(mib_pss, 1),
        "sent_again_by_nodes": nodes["resent"],
        "caught_up_s": round(city["last"] - joined_at, 1),
    }


def run(directory: Path, messages: int) -> list[Figure]:
    """A figure for each: lost and twice together, with all columns of the table."""
    found = {kind: measure(kind, directory / kind.__name__, messages) for kind in ALL}
    own = found[Ours]
    return [
        Figure("survive", "messages lost or twice", own["lost"] + own["twice"], peer["lost"] + peer["twice"], kind.name, "less",
               "0", {"messages": messages, **{f"ours_{key}": value for key, value in own.items()}, **peer})
        for kind, peer in found.items()
    ]  # fmt: skip


def table(figures: list[Figure]) -> str:
    """The columns side by side, as the README has them."""
    rows = [f"| | {' | '.join(title for _, title in COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for figure in figures:
        rows.append(f"| {figure.peer_name} | {' | '.join(f'{figure.detail[key]:,}' for key, _ in COLUMNS)} |")
    return "\n".join(rows)
