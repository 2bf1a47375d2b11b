# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""One sleeping node, a real broker and a small gateway, on a clock that runs ahead while the node is in deep sleep."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from device_profiles import load_profiles
from simulators.clock import SimulationClock
from simulators.vm import SimulatedNode
from tests.support.mosquitto import Mosquitto
from tests.support.small_gateway import MASTER, SmallGateway

NODE = "aabbccddeeff"

# What the probe of `PROBE` may report: an ordinary reading, one that changes a state, an alarm.
PROBE_MEASUREMENTS = {
    "count": [None, "n", 0, "trend", 300],
    "state": [None, "n", 0, "record", 5],
    "alert": [None, "b", 0, "alarm", 0],
}


class SleepingStreet:
    """Files in `folder`. The node's truth is its console; what it cost is in `runs`."""

    def __init__(self, folder: Path, firmware: Path, rate: int = 5) -> None:
        """`firmware`: compiled, so that a wake does not take the host a second."""
        self.folder = folder / "node"
        self.clock = SimulationClock(rate)
        self.clock.skips(self.folder)
        self.broker = Mosquitto(folder / "broker")
        self.broker.start()
        self.gateway = SmallGateway(self.broker.port, self.clock)
        self.gateway.down_qos = 1
        self.node: SimulatedNode | None = None
        self._firmware = firmware
        self._own_firmware = folder / "firmware"

    def install(
        self,
        config: Mapping[str, object],
        *,
        settings: Mapping[str, object] | None = None,
        world: Sequence[tuple[int, Mapping[str, object]]] = (),
        hardware: Mapping[str, object] | None = None,
        app: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> SimulatedNode:
        """A board with its files, not yet switched on.

        Args:
            config: of a profile.
            settings: overrides, also of those that a profile does not name.
            world: (seconds from now, values) that come to pass.
            hardware: for hardware.json; without any an own application has no chips, which would only cost time.
            app: source of an application `probe`, beside the others.
        """
        files = self.folder / "files"
        files.mkdir(parents=True, exist_ok=True)
        chosen = dict(config)
        own = chosen["settings"]
        assert isinstance(own, dict)
        chosen["settings"] = {**own, **(settings or {})}
        chosen |= {
            "node": NODE,
            "wifi": [{"ssid": "startcity", "password": "secret12"}],
            "open_networks": [],
            "mqtt": {"host": "127.0.0.1", "port": self.broker.port, "user": None, "password": None},
            "log": "debug",
        }
        (files / "config.json").write_text(json.dumps(chosen), encoding="utf-8")
        (files / "key.bin").write_bytes(MASTER)
        now_ms = self.clock.now_ms()
        lines = [json.dumps({"at_ms": now_ms + at_s * 1000, "set": dict(values)}) for at_s, values in world]
        (self.folder / "world.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        soldered: dict[str, object] = {"chips": []} if app is not None else {}
        (self.folder / "hardware.json").write_text(json.dumps({**soldered, **(hardware or {})}), encoding="utf-8")
        firmware = self._firmware
        if app is not None:
            firmware = self._with_app(app)
        self.node = SimulatedNode(
            self.folder,
            clock_env=self.clock.env(),
            firmware=firmware,
            env={"STARTCITY_SIM": f"file:{self.folder / 'world.jsonl'}", **(env or {})},
        )
        return self.node

    def _with_app(self, source: str) -> Path:
        """The firmware with one more application."""
        if self._own_firmware.exists():
            shutil.rmtree(self._own_firmware)
        shutil.copytree(self._firmware, self._own_firmware)
        (self._own_firmware / "apps" / "probe.py").write_text(source, encoding="utf-8")
        return self._own_firmware

    async def close(self) -> None:
        if self.node is not None:
            await self.node.stop()
        self.gateway.close()
        self.broker.kill()


def profile_config(profile: str) -> dict[str, object]:
    return load_profiles()[profile].firmware_config({})


def probe_config(**settings: object) -> dict[str, object]:
    return {
        "profile": "probe",
        "profile_version": 1,
        "app": "probe",
        "board": "esp32_generic",
        "settings": settings,
        "measurements": PROBE_MEASUREMENTS,
        "sleeps": True,
    }
