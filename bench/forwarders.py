# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What stands between nodes and city, ours and the peers', behind one face: started, killed, started again, and asked what it cost.

Processor, disk and memory are those of everything at the gateway's place: a local broker beside the program counts with it, because
a mosquitto bridge is both in one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

from bench import stage

DEVICES = 100
ALARM_DEVICES = 100
SAVES = "autosave_on_changes true\nautosave_interval 100\n"


class Forwarder(ABC):
    """`program` is what can be killed; `local` the broker that the nodes speak to."""

    name = ""
    kind = ""
    sink_kind = "messages"

    def __init__(self, directory: Path, city_port: int) -> None:
        directory.mkdir(parents=True)
        directory.chmod(0o755)
        self.directory = directory
        self.city_port = city_port
        self._cpu_s_before = 0.0
        self._bytes_before = 0

    @property
    @abstractmethod
    def nodes_port(self) -> int: ...

    @abstractmethod
    def _pids(self) -> list[int]: ...

    @abstractmethod
    def _program(self) -> subprocess.Popen[bytes]: ...

    @abstractmethod
    def start(self, *, with_city: bool = True) -> None: ...

    @abstractmethod
    def stop(self) -> None: ...

    def kill(self) -> None:
        """SIGKILL to the program that forwards."""
        program = self._program()
        self._cpu_s_before += stage.cpu_seconds(program.pid)
        self._bytes_before += stage.bytes_written(program.pid)
        program.kill()
        program.wait()

    @property
    def cpu_s(self) -> float:
        return self._cpu_s_before + sum(map(stage.cpu_seconds, self._pids()))

    @property
    def bytes_written(self) -> int:
        return self._bytes_before + sum(map(stage.bytes_written, self._pids()))

    @property
    def pss_mib(self) -> float:
        return sum(map(stage.pss_mib, self._pids()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def sink(self, port: int, expected: int, **settings: Any) -> stage.Part:
        """At the city's broker itself."""
        what = {"kind": self.sink_kind, "port": port, "topic": "bench/node/+", "expected": expected}
        return stage.Part("bench.sink", what | settings)

    def load(self, messages: int, **settings: Any) -> stage.Part:
        what = {
            "kind": self.kind,
            "port": self.nodes_port,
            "devices": DEVICES,
            "messages": messages,
            "seed": stage.SEED,
        }
        return stage.Part("bench.load", what | settings)


class Ours(Forwarder):
    name = "startcity"
    kind = "frames"
    sink_kind = "batches"

    def __init__(self, directory: Path, city_port: int, extra: str = "") -> None:
        super().__init__(directory, city_port)
        self.keys = stage.Keys()
        self._local = stage.Broker(directory / "local")
        self._config = stage.set_up_gateway(
            directory / "gateway", self.keys, self._local.port, city_port, DEVICES + ALARM_DEVICES, extra
        )
        self._gateway: subprocess.Popen[bytes] | None = None

    @property
    def nodes_port(self) -> int:
        return self._local.port

    @property
    def gateway_pid(self) -> int:
        return self._program().pid

    def _program(self) -> subprocess.Popen[bytes]:
        assert self._gateway is not None
        return self._gateway

    def _pids(self) -> list[int]:
        return [self._local.pid, self._program().pid]

    def start(self, *, with_city: bool = True) -> None:
        if self._local.process is None:
            self._local.start()
        self._gateway = stage.start_gateway(self._config)
        stage.wait_gateway(self._config, self._gateway, without_city=not with_city)

    def stop(self) -> None:
        if self._gateway is not None:
            self._gateway.kill()
            self._gateway.wait()
        self._local.kill()

    def sink(self, port: int, expected: int, **settings: Any) -> stage.Part:
        return super().sink(port, expected, **self._city(), **settings)

    def _city(self) -> dict[str, Any]:
        return {
            "topic": f"sc/{stage.GATEWAY_ID}/+",
            "gateway_id": stage.GATEWAY_ID,
            "public": self.keys.gateway_public,
            "collector_private": self.keys.collector_private,
        }

    def load(self, messages: int, **settings: Any) -> stage.Part:
        return super().load(messages, gateway_id=stage.GATEWAY_ID, **settings)

    def alarms(self, port: int, per_second: float, alarms_max: int) -> stage.Part:
        """Nodes that raise alarms, with an ear at the city's broker on `port`."""
        return stage.Part(
            "bench.alarm_nodes",
            {"nodes_port": self.nodes_port, "city_port": port, "gateway_id": stage.GATEWAY_ID, "devices": DEVICES,
             "alarm_devices": ALARM_DEVICES, "seed": stage.SEED, "public": self.keys.gateway_public,
             "per_second": per_second, "alarms_max": alarms_max},
        )  # fmt: skip


class Bridge(Forwarder):
    """A mosquitto that bridges, with its usual in-flight limits lifted."""

    name = "mosquitto bridge, saving nothing"
    kind = "json"
    _keep = "persistence false\n"

    def __init__(self, directory: Path, city_port: int) -> None:
        super().__init__(directory, city_port)
        joined = f"connection city\naddress 127.0.0.1:{city_port}\ntopic bench/# out 1\ncleansession false\nrestart_timeout 1\n"
        store = directory / "store"
        store.mkdir()
        store.chmod(0o777)
        keep = self._keep.replace("STORE", f"{store}/")
        self._broker = stage.Broker(directory / "local", keep + joined)

    @property
    def nodes_port(self) -> int:
        return self._broker.port

    def _program(self) -> subprocess.Popen[bytes]:
        assert self._broker.process is not None
        return self._broker.process

    def _pids(self) -> list[int]:
        return [self._broker.pid]

    def start(self, *, with_city: bool = True) -> None:
        self._broker.start()
        if with_city:
            stage.wait_bridge(self._broker.port, self.city_port)

    def stop(self) -> None:
        self._broker.kill()


class SavingBridge(Bridge):
    name = "mosquitto bridge, saving every 100 changes"
    _keep = "persistence true\npersistence_location STORE\n" + SAVES


class SqliteForwarder(Forwarder):
    name = "paho + SQLite, group commit"
    kind = "json"

    def __init__(self, directory: Path, city_port: int) -> None:
        super().__init__(directory, city_port)
        self._local = stage.Broker(directory / "local")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def nodes_port(self) -> int:
        return self._local.port

    def _program(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def _pids(self) -> list[int]:
        return [self._local.pid, self._program().pid]

    def start(self, *, with_city: bool = True) -> None:
        if self._local.process is None:
            self._local.start()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.peer_sqlite"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        settings = {
            "nodes_port": self.nodes_port,
            "city_port": self.city_port,
            "path": str(self.directory / "queue.sqlite"),
            "with_city": with_city,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(settings).encode() + b"\n")
        self._process.stdin.flush()
        if self._process.stdout.readline().strip() != b"ready":
            raise stage.StageError("the peer with SQLite did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._local.kill()


ALL: tuple[type[Forwarder], ...] = (Ours, SqliteForwarder, SavingBridge, Bridge)
