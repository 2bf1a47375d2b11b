# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a benchmark plays on: brokers, the gateway process, the load and the sink, each a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.load import make_devices
from bench.mqtt_raw import RawConnection, publish_packet
from gateway_agent.registry.sqlite_registry import NodeRecord, Registry
from simulators.broker import find_mosquitto, free_port

GATEWAY_ID = "bench-01"
SEED = 20260315


class StageError(Exception):
    """A part did not start or ended early."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the outcome. `ratio` is ours / peer; `better` says which way is good."""

    bench: str
    unit: str
    ours: float
    peer: float | None
    peer_name: str
    better: str
    budget: str
    detail: dict[str, Any]

    def line(self) -> str:
        ratio = round(self.ours / self.peer, 3) if self.peer else None
        return json.dumps(
            {"bench": self.bench, "unit": self.unit, "ours": self.ours, "peer": self.peer, "peer_name": self.peer_name,
             "ratio": ratio, "better": self.better, "budget": self.budget, **self.detail}
        )  # fmt: skip


class Broker:
    """A mosquitto with no limits on queues, persistence off unless `extra` says so; it can be killed and started again."""

    def __init__(self, directory: Path, extra: str = "") -> None:
        directory.mkdir(parents=True)
        directory.chmod(0o777)
        self.port = free_port()
        self._config = directory / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 0\nlog_type error\n{extra}"
        )
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Return when it listens. Raises: StageError."""
        program = find_mosquitto()
        if program is None:
            raise StageError("mosquitto is not installed: apt-get install mosquitto")
        self.process = subprocess.Popen(
            [program, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _wait_port(self.port, self.process)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def mosquitto(directory: Path, extra: str = "") -> Iterator[tuple[int, int]]:
    """A `Broker` that runs. Yields (port, process id)."""
    broker = Broker(directory, extra)
    try:
        broker.start()
        yield broker.port, broker.pid
    finally:
        broker.kill()


def _wait_port(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise StageError("the broker ended at once")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise StageError("the broker does not answer")


class Keys:
    """TEST-ONLY keys of gateway and collector."""

    def __init__(self) -> None:
        self.gateway = Ed25519PrivateKey.from_private_bytes(b"TEST-ONLY bench gateway key 0001")
        self.collector = Ed25519PrivateKey.from_private_bytes(b"TEST-ONLY bench collector key 01")

    def write(self, directory: Path) -> None:
        path = directory / "gateway.pem"
        path.touch(mode=0o600)
        path.write_bytes(
            self.gateway.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (directory / "collector.pub.pem").write_bytes(
            self.collector.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

    @property
    def gateway_public(self) -> str:
        return self.gateway.public_key().public_bytes_raw().hex()

    @property
    def collector_private(self) -> str:
        return self.collector.private_bytes_raw().hex()


def set_up_gateway(directory: Path, keys: Keys, nodes_port: int, city_port: int, devices: int, extra: str = "") -> Path:
    """Configuration, keys and registry. Returns the configuration's path."""
    data = directory / "data"
    data.mkdir(parents=True)
    keys.write(directory)
    with contextlib.closing(Registry.open(data / "registry.sqlite", directory / "storage.key")) as registry:
        for device in make_devices(devices, SEED):
            registry.add_node(NodeRecord(device.node_id, "bench-city", 0, device.root, "", ""))
    config = directory / "gateway.toml"
    config.write_text(
        f'[gateway]\nid = "{GATEWAY_ID}"\nkey = "gateway.pem"\ndata = "data"\n'
        f'[nodes_broker]\nhost = "127.0.0.1"\nport = {nodes_port}\n'
        f'[city_broker]\nhost = "127.0.0.1"\nport = {city_port}\ncollector_key = "collector.pub.pem"\n'
        f'[profiles]\nfolder = "{Path(__file__).parent / "profiles"}"\n{extra}'
    )
    return config


def start_gateway(config: Path) -> subprocess.Popen[bytes]:
    with (config.parent / "gateway.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "startcity", "gateway", "run", "--config", str(config)], stdout=log, stderr=log
        )


@contextlib.contextmanager
def gateway(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = start_gateway(config)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Part:
    """A load, a sink or a cable: settings in, `ready`, words in and out, one JSON object at the end. `with` ends it in any case."""

    def __init__(self, module: str, settings: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.tell(json.dumps(settings))

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.kill()
        self._process.wait()

    def tell(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise StageError(f"{self._process.args!r} ended with {self._process.wait()}")
        return line

    def wait(self, word: str) -> None:
        if (said := self._read().strip()) != word:
            raise StageError(f"a part said {said[:200]!r} where {word!r} was expected")

    def wait_ready(self) -> None:
        self.wait("ready")

    def go(self) -> None:
        self.tell("go")

    def outcome(self) -> dict[str, Any]:
        result = json.loads(self._read())
        self._process.wait()
        assert isinstance(result, dict)
        return result


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_mib(pid: int) -> float:
    """Memory of a process, its share of what it has in common with others."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise StageError("no Pss in smaps_rollup")


def bytes_written(pid: int) -> int:
    """Bytes that a process has sent towards the disk (/proc/PID/io, write_bytes)."""
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    return 0


def wait_gateway(
    config: Path, process: subprocess.Popen[bytes], timeout_s: float = 20, *, without_city: bool = False
) -> None:
    """Return when the gateway says that it runs, both brokers connected (or the nodes' only).

    Raises:
        StageError: it ended, or did not say so in time.
    """
    status = config.parent / "data" / "status.json"
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StageError((config.parent / "gateway.log").read_text()[-2000:])
        with contextlib.suppress(OSError, ValueError, KeyError):
            said = json.loads(status.read_text())
            if (
                said["pid"] == process.pid
                and said["nodes_broker"]["is_connected"]
                and (without_city or said["city_broker"]["is_connected"])
            ):
                return
        time.sleep(0.05)
    raise StageError("the gateway does not say that it runs")


def wait_bridge(nodes_port: int, city_port: int) -> None:
    """Return when a message goes through the bridge.

    Raises:
        StageError: none did within 20 s.
    """
    far, near = RawConnection(city_port, "bench-probe-far"), RawConnection(nodes_port, "bench-probe-near")
    far.subscribe("bench/probe", 0)
    far.socket.settimeout(0.2)
    for _ in range(100):
        near.socket.sendall(publish_packet("bench/probe", b"?", 0))
        if any(kind == 0x30 for kind, _flags, _body in far.packets()):
            return
    raise StageError("the bridge does not connect")
