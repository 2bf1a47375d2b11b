# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A backlog that waits in the journal, and the city comes back: readings a second until the last is verified there.

Counted from the first batch that arrives: how long a gateway waits before it tries to connect again is printed beside it. Alarms are
raised meanwhile. The peer is a mosquitto bridge with the same count.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bench import stage
from bench.forwarders import Bridge, Forwarder, Ours
from bench.load import READINGS_PER_MESSAGE
from bench.stage import Figure
from simulators.broker import free_port

ALARMS_PER_S = 40


def measure(kind: type[Forwarder], directory: Path, messages: int) -> dict[str, Any]:
    """Fill up with the line cut, join it, and wait until all is there."""
    directory.mkdir(parents=True)
    line_port = free_port()
    with (
        stage.mosquitto(directory / "city") as (city_port, _pid),
        stage.Part("bench.cable", {"port": line_port, "city_port": city_port}) as cable,
        kind(directory / "forwarder", line_port) as forwarder,
    ):
        cable.wait_ready()
        cable.tell("cut")
        forwarder.start(with_city=False)
        with (
            forwarder.sink(city_port, messages, says_mark=1) as sink,
            forwarder.load(messages) as load,
        ):
            sink.wait_ready()
            load.wait_ready()
            load.go()
            nodes = load.outcome()
            waiting_mib = forwarder.pss_mib
            latency: dict[str, Any] = {}
            if isinstance(forwarder, Ours):
                with forwarder.alarms(city_port, ALARMS_PER_S, 4_000) as alarms:
                    alarms.wait_ready()
                    joined_at = time.monotonic()
                    cable.tell("join")
                    sink.wait("mark")
                    alarms.go()
                    city = sink.outcome()
                    alarms.go()
                    latency = {f"alarm_{key}": value for key, value in alarms.outcome().items()}
            else:
                joined_at = time.monotonic()
                cable.tell("join")
                sink.wait("mark")
                city = sink.outcome()
    spent_s = city["last"] - city["first"]
    return {
        "rate": city["count"] * READINGS_PER_MESSAGE / spent_s,
        "drain_s": round(spent_s, 2),
        "until_reconnected_s": round(city["first"] - joined_at, 1),
        "messages": city["count"],
        "missing_acknowledgements": nodes["missing_acknowledgements"],
        "waiting_mib_pss": round(waiting_mib, 1),
        **latency,
    }


def run(directory: Path, messages: int) -> list[Figure]:
    own = measure(Ours, directory / "ours", messages)
    peer = measure(Bridge, directory / "bridge", messages)
    detail = {key: value for key, value in own.items() if key != "rate"}
    return [
        Figure("drain", "readings/s", round(own["rate"]), round(peer["rate"]), Bridge.name, "more", ">= 50,000/s",
               detail | {f"peer_{key}": value for key, value in peer.items()})
    ]  # fmt: skip
