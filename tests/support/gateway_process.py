# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The real gateway as a process of its own, on real files: started, killed, asked."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway_agent.app import run
from gateway_agent.registry import NodeRecord, Registry
from gateway_agent.wire.signer import Signer
from tests.support.profile_folder import PROFILE, write_profile
from tests.support.sealing_node import SealingNode
from tests.support.waiting import wait_until

REPO = Path(__file__).parents[2]
GATEWAY_ID = "test-01"


class GatewayProcess:
    """One gateway's folder and its process. Keys are made for the test (TEST-ONLY)."""

    def __init__(
        self,
        folder: Path,
        nodes_port: int,
        city_port: int,
        *,
        delivery: str = "receipt",
        bytes_max: int = 64 << 20,
        segment_bytes: int = 1 << 20,
        nodes_broker: str = "",
        city_broker: str = "",
        log_level: str = "info",
        trend_deadline_s: int = 300,
        gateway_id: str = GATEWAY_ID,
    ) -> None:
        """`nodes_broker` and `city_broker` are more lines of their sections; one profile, `tank-l1`, on the mains."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.data = folder / "data"
        self.config_path = folder / "gateway.toml"
        self.signer, self.collector = Signer.generate(), Signer.generate()
        self._write_private("gateway.pem", self.signer.private_pem())
        (folder / "collector.pub.pem").write_bytes(self.collector.public_pem())
        before, battery = PROFILE.split('source = "battery"\n')
        profile = f'{before}source = "mains"\n\n[calibration]{battery.split("[calibration]")[1]}'
        profile = profile.replace("deadline_s = 300", f"deadline_s = {trend_deadline_s}")
        write_profile(folder / "profiles", profile)
        self.config_path.write_text(
            f'[gateway]\nid = "{gateway_id}"\n'
            f"[nodes_broker]\nport = {nodes_port}\n{nodes_broker}\n"
            f'[city_broker]\nport = {city_port}\ncollector_key = "collector.pub.pem"\ndelivery = "{delivery}"\n'
            f"{city_broker}\n"
            f"[journal]\nbytes_max = {bytes_max}\nsegment_bytes = {segment_bytes}\n"
            '[profiles]\nfolder = "profiles"\n[clock]\ntrust = "always"\n'
            f'[log]\nlevel = "{log_level}"\n'
        )
        self.data.mkdir(mode=0o700, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._forked: Any = None
        self.log_path = folder / "log"

    def _write_private(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(0o600)

    def register(self, *nodes: SealingNode) -> None:
        """Put nodes into the registry, as `startcity node add` does."""
        with Registry.open(self.data / "registry.sqlite", self.folder / "storage.key") as registry:
            for node in nodes:
                registry.add_node(NodeRecord(node.node_id, node.profile, node.generation, node.root))

    def start_forked(self, prepare: Callable[[], None] | None = None) -> None:
        """Start it by forking a process that has imported the gateway already: for tests that start it often, or that
        `prepare` its process, such as with an end at a chosen moment."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.support.gateway_process"])
        forked = context.Process(
            target=_run_forked, args=(self.config_path, self.log_path, dict(os.environ), prepare), daemon=True
        )
        forked.start()
        self._forked = forked

    def wait_forked(self, timeout_s: float = 20.0) -> None:
        """Until the forked process has ended by itself."""
        assert self._forked is not None
        self._forked.join(timeout_s)
        assert self._forked.exitcode is not None, self.log()
        self._forked.close()
        self._forked = None

    def kill_forked(self) -> None:
        """SIGKILL."""
        assert self._forked is not None
        self._forked.kill()
        self._forked.join()
        self._forked.close()
        self._forked = None

    def start(self, *, wait: bool = True, environment: dict[str, str] | None = None) -> None:
        """Start it; with `wait`, until it is connected to the nodes' broker."""
        before = len(self.log())
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "startcity", "gateway", "run", "--config", str(self.config_path)],
                cwd=REPO,
                stdout=log,
                stderr=log,
                env=os.environ | (environment or {}),
            )
        if wait:
            wait_until(
                lambda: self._has_logged("nodes_broker: connected", before), "the gateway's link to be connected"
            )

    def _has_logged(self, words: str, behind: int) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        return words in self.log()[behind:]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        return self.log_path.read_text() if self.log_path.exists() else ""

    def status(self) -> dict[str, Any]:
        """What it last said of itself; {} while one that runs has said nothing yet, whatever the one before it said."""
        path = self.data / "status.json"
        status: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        is_running = self._process is not None and self._process.poll() is None
        return {} if is_running and status.get("pid") != self.pid else status

    def wait_status(self, condition: Callable[[dict[str, Any]], object], what: str, timeout_s: float = 20.0) -> None:
        """Wait for a status that fits."""
        try:
            wait_until(lambda: (status := self.status()) and condition(status), what, timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\nstatus: {self.status()}\nlog: {self.log()[-4000:]}") from None

    def counters(self) -> dict[str, int]:
        return dict(self.status().get("counters", {}))

    def kill(self) -> None:
        """SIGKILL, as a power cut to the process."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self, timeout_s: float = 5.0) -> int:
        """SIGTERM; returns the exit code.

        Raises:
            subprocess.TimeoutExpired: it took longer than `timeout_s`.
        """
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(timeout_s)

    def wait_exit(self, timeout_s: float = 20.0) -> int:
        """Wait for it to end by itself; returns the exit code."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> GatewayProcess:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.is_running:
            self.kill()
        if self._forked is not None:
            self.kill_forked()


def _run_forked(
    config_path: Path, log_path: Path, environment: dict[str, str], prepare: Callable[[], None] | None
) -> None:
    os.environ.update(environment)
    with log_path.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    if prepare is not None:
        prepare()
    run(config_path)
