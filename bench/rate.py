# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Frames a second through the gateway, durable and signed, against a mosquitto bridge that does neither.

Both get the same 3 readings a message from 100 devices at QoS 1 on this machine. Ours ends when the last frame is acknowledged at the
nodes' side *and* verified at the city's; the bridge's ends when the last message has reached the city.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import stage
from bench.load import READINGS_PER_MESSAGE
from bench.stage import Figure

DEVICES = 100


def ours(directory: Path, messages: int, pace: int = 0) -> dict[str, Any]:
    """One run of our gateway. Returns rate, CPU and bytes."""
    directory.mkdir(parents=True)
    keys = stage.Keys()
    with (
        stage.mosquitto(directory / "local") as (nodes_port, nodes_pid),
        stage.mosquitto(directory / "city") as (city_port, _city_pid),
    ):
        config = stage.set_up_gateway(directory / "gateway", keys, nodes_port, city_port, DEVICES)
        sink = stage.Part(
            "bench.sink",
            {"kind": "batches", "port": city_port, "topic": f"sc/{stage.GATEWAY_ID}/+", "gateway_id": stage.GATEWAY_ID,
             "public": keys.gateway_public, "collector_private": keys.collector_private, "expected": messages, "later": True},
        )  # fmt: skip
        load = stage.Part(
            "bench.load",
            {"kind": "frames", "port": nodes_port, "gateway_id": stage.GATEWAY_ID, "devices": DEVICES, "messages": messages,
             "seed": stage.SEED, "per_second": pace},
        )  # fmt: skip
        with stage.gateway(config) as process:
            sink.wait_ready()
            load.wait_ready()
            stage.wait_gateway(config, process)
            cpu_before, broker_before = stage.cpu_seconds(process.pid), stage.cpu_seconds(nodes_pid)
            written_before = stage.bytes_written(process.pid)
            load.go()
            nodes, city = load.outcome(), sink.outcome()
            end = max(nodes["last_ack"], city["last"])
            readings = messages * READINGS_PER_MESSAGE
            return {
                "rate": messages / (end - nodes["began"]),
                "missing_acknowledgements": nodes["missing_acknowledgements"],
                "verified": city["count"],
                "batches": city["batches"],
                "bytes_up_per_reading": city["packet_bytes"] / max(1, city["readings"]),
                "bytes_disk_per_reading": (stage.bytes_written(process.pid) - written_before) / readings,
                "gateway_mib_pss": round(stage.pss_mib(process.pid), 1),
                "gateway_cpu_s": round(stage.cpu_seconds(process.pid) - cpu_before, 2),
                "broker_cpu_s": round(stage.cpu_seconds(nodes_pid) - broker_before, 2),
                "load_cpu_make_s": nodes["cpu_make_s"],
                "load_cpu_send_s": nodes["cpu_send_s"],
                "sink_cpu_s": city["cpu_s"],
            }


def bridge(directory: Path, messages: int, *, saving: bool, pace: int = 0) -> dict[str, Any]:
    """One run of a mosquitto bridge."""
    directory.mkdir(parents=True)
    with stage.mosquitto(directory / "city") as (city_port, _city_pid):
        keep = f"persistence {'true' if saving else 'false'}\n"
        if saving:
            (directory / "store").mkdir()
            (directory / "store").chmod(0o777)
            keep += f"persistence_location {directory / 'store'}/\nautosave_on_changes true\nautosave_interval 100\n"
        joined = f"connection city\naddress 127.0.0.1:{city_port}\ntopic bench/# out 1\ncleansession false\nrestart_timeout 1\n"
        with stage.mosquitto(directory / "local", keep + joined) as (nodes_port, nodes_pid):
            sink = stage.Part(
                "bench.sink", {"kind": "messages", "port": city_port, "topic": "bench/node/+", "expected": messages}
            )
            load = stage.Part(
                "bench.load",
                {
                    "kind": "json",
                    "port": nodes_port,
                    "devices": DEVICES,
                    "messages": messages,
                    "seed": stage.SEED,
                    "per_second": pace,
                },
            )
            sink.wait_ready()
            load.wait_ready()
            stage.wait_bridge(nodes_port, city_port)
            before, written = stage.cpu_seconds(nodes_pid), stage.bytes_written(nodes_pid)
            load.go()
            nodes, city = load.outcome(), sink.outcome()
            return {
                "rate": messages / (max(city["last"], nodes["last_puback"]) - nodes["began"]),
                "arrived": city["count"],
                "bytes_up_per_reading": city["packet_bytes"] / (messages * READINGS_PER_MESSAGE),
                "bytes_disk_per_reading": (stage.bytes_written(nodes_pid) - written)
                / (messages * READINGS_PER_MESSAGE),
                "bridge_cpu_s": round(stage.cpu_seconds(nodes_pid) - before, 2),
            }


def run(directory: Path, messages: int) -> list[Figure]:
    saving = bridge(directory / "bridge-saving", messages // 5, saving=True)
    plain = bridge(directory / "bridge-plain", messages, saving=False)
    own = ours(directory / "ours", messages)
    detail = {key: value for key, value in own.items() if key != "rate"}
    name = "mosquitto bridge, saving every 100 changes"
    return [
        Figure("rate", "messages/s", round(own["rate"]), round(saving["rate"]), name, "more", ">= 20,000/s", detail),
        Figure(
            "rate_unsaved",
            "messages/s",
            round(own["rate"]),
            round(plain["rate"]),
            "mosquitto bridge, saving nothing",
            "more",
            "> peer",
            plain,
        ),
    ]
