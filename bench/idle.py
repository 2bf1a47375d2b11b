# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""From start to the first acknowledged frame, and the memory of an idle gateway with 100 nodes."""

from __future__ import annotations

import time
from pathlib import Path

from bench import stage
from bench.mqtt_raw import RawConnection, publish_packet
from bench.rate import DEVICES
from bench.stage import Figure


def _peer_start_s(directory: Path) -> float:
    """From exec to the PUBACK of the first message, for a mosquitto with persistence."""
    directory.mkdir(parents=True)
    directory.chmod(0o777)
    began = time.monotonic()
    with stage.mosquitto(directory / "broker", f"persistence true\npersistence_location {directory}/\n") as (
        port,
        _pid,
    ):
        connection = RawConnection(port, "bench-start")
        connection.socket.sendall(publish_packet("bench/start", b"?", 1))
        while not any(kind == 0x40 for kind, _flags, _body in connection.packets()):
            pass
        return time.monotonic() - began


def run(directory: Path) -> list[Figure]:
    directory.mkdir(parents=True)
    keys = stage.Keys()
    with (
        stage.mosquitto(directory / "local") as (nodes_port, nodes_pid),
        stage.mosquitto(directory / "city") as (city_port, _pid),
    ):
        # What is measured is the start, not the profile's deadline: everything is sealed at once.
        at_once = "[seal]\nwait_s_max = 0\n"
        config = stage.set_up_gateway(directory / "gateway", keys, nodes_port, city_port, DEVICES, at_once)
        # One frame of each node, sent again every 50 ms until it is acknowledged: the time from exec to the first acknowledgement.
        load = stage.Part(
            "bench.first",
            {"port": nodes_port, "gateway_id": stage.GATEWAY_ID, "devices": DEVICES, "seed": stage.SEED},
        )
        load.wait_ready()
        began = time.monotonic()
        load.go()
        with stage.gateway(config) as process:
            outcome = load.outcome()
            stage.wait_gateway(config, process)
            time.sleep(5)  # what is measured here is rest
            memory, peer = stage.pss_mib(process.pid), stage.pss_mib(nodes_pid)
    return [
        Figure(
            "start",
            "s",
            round(outcome["first_ack"] - began, 2),
            round(_peer_start_s(directory / "peer"), 2),
            "mosquitto with persistence, to its first PUBACK",
            "less",
            "<= 1.5",
            {"until_all_acknowledged_s": round(outcome["last_ack"] - began, 2)},
        ),
        Figure(
            "memory",
            "MiB PSS",
            round(memory, 1),
            round(peer, 1),
            "mosquitto with the same 100 topics",
            "less",
            "<= 60",
            {"nodes": DEVICES},
        ),
    ]
