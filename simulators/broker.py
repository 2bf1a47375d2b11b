# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A real MQTT broker for a simulation: mosquitto where it is installed, else the embedded amqtt.

Nothing may rest on the broker's memory, so both run without persistence, and a simulation may kill them.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

_MOSQUITTO_CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 10000
max_inflight_messages 200
log_dest stderr
"""


class BrokerError(Exception):
    """The broker did not start; the text says where its log is."""


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


def find_mosquitto() -> str | None:
    """Path of the mosquitto program; Debian puts it where a user's PATH does not look."""
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


class Broker:
    """One broker process on a port of its own."""

    def __init__(self, directory: Path, kind: Literal["mosquitto", "amqtt"] | None = None) -> None:
        self.directory = directory
        self.port = free_port()
        self.kind = kind or ("mosquitto" if find_mosquitto() else "amqtt")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, timeout_s: float = 20.0) -> None:
        """Return when the port answers.

        Raises:
            BrokerError: the process ended, or nothing answered within `timeout_s`.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.kind == "mosquitto":
            config = self.directory / "mosquitto.conf"
            config.write_text(_MOSQUITTO_CONFIG.format(port=self.port))
            command = [find_mosquitto() or "mosquitto", "-c", str(config)]
        else:
            command = [sys.executable, "-m", "simulators.embedded_broker", str(self.port)]
        with (self.directory / "console.log").open("ab") as console:
            self._process = subprocess.Popen(command, stdout=console, stderr=console)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise BrokerError(f"{self.kind} ended at once; see {self.directory}")
            with socket.socket() as probe:
                probe.settimeout(0.5)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise BrokerError(f"{self.kind} does not answer on port {self.port}; see {self.directory}")

    def stop(self) -> None:
        """Kill it: a broker that says goodbye nicely would test nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
