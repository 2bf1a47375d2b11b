# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A node on the workbench: the whole firmware with an application of the tests, which fails in the way that a setting says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from gateway_agent.wire import cbor
from gateway_agent.wire.down import Command
from simulators.clock import SimulationClock
from simulators.vm import FIRMWARE, SimulatedNode
from tests.support.mosquitto import Mosquitto
from tests.support.small_gateway import GATEWAY, MASTER, SmallGateway
from tests.support.vm_run import run_script

RATE = 20
NODE = "aabbccddee77"
SETTINGS = {"mode": "well", "each_s": 5, "gain": 1.5, "inverted": False, "diagnostics_s": 20, "watchdog_s": 120}

APP = """\
import asyncio


class App:
    def __init__(self, board, settings, clock):
        self._settings, self._clock = settings, clock
        self._asked = asyncio.Event()
        if settings["mode"] == "constructor":
            raise OSError(19)

    def sample_now(self):
        if self._settings["mode"] == "refuse":
            raise OSError(5)
        print("app samples now")
        return True

    def rezero(self):
        return False

    async def _fail_later(self):
        await asyncio.sleep(3)
        {}["nobody waits for this task"]

    async def run(self, report, fault):
        mode = self._settings["mode"]
        print("app runs", mode, self._settings["each_s"])
        if mode == "once":
            try:
                open("crashed").close()
            except OSError:
                open("crashed", "w").close()
                mode = "task"
        if mode == "task":
            asyncio.create_task(self._fail_later())
        if mode == "silent":
            await asyncio.Event().wait()
        level = 0
        while True:
            await self._clock.sleep_ms(self._settings["each_s"] * 1000)
            if mode == "raise":
                raise ValueError("the application has failed")
            level += 1
            report([("level", level)])
"""


class BenchNode:
    """One node, one broker, one small gateway, on one clock. `files/` may be changed before `start`."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.clock = SimulationClock(RATE)
        self.broker = Mosquitto(folder / "broker")
        self.broker.start()
        self.gateway = SmallGateway(self.broker.port, self.clock)
        self.folder = folder / "node"
        self.files = self.folder / "files"
        self.files.mkdir(parents=True)
        self.firmware = folder / "firmware"
        self._link_firmware()
        (self.files / "key.bin").write_bytes(MASTER)
        self.write_config()
        self.hardware: dict[str, object] = {"chips": [], "mac": NODE}
        self.node = SimulatedNode(
            self.folder, clock_env=self.clock.env(), firmware=self.firmware, hardware=self.hardware, env=env
        )

    def _link_firmware(self) -> None:
        """The firmware as it is, but for its applications."""
        self.firmware.mkdir()
        for path in FIRMWARE.iterdir():
            if path.name != "apps" and (path.is_dir() or path.suffix == ".py"):
                (self.firmware / path.name).symlink_to(path)
        apps = self.firmware / "apps"
        apps.mkdir()
        (apps / "bench.py").write_text(APP, encoding="utf-8")
        (apps / "broken.py").write_text("import a_module_that_is_not_there\n", encoding="utf-8")

    def write_config(
        self, *, app: str = "bench", board: str = "esp32_generic", queue_bytes: int = 262_144, **settings: object
    ) -> None:
        """What an installer copies onto the board."""
        config = {
            "profile": "bench",
            "app": app,
            "board": board,
            "settings": SETTINGS | settings,
            "measurements": {
                "level": ["m", "n", -2, "record", 5],
                "tilt": [None, "n", 0, "trend", 300],
                "taken": [None, "b", 0, "alarm", 0],
            },
            "node": NODE,
            "wifi": [{"ssid": "startcity", "password": "secret"}],
            "mqtt": {"host": "127.0.0.1", "port": self.broker.port, "user": None, "password": None},
            "generation": 0,
            "log": "debug",
            "queue_bytes": queue_bytes,
        }
        (self.files / "config.json").write_text(json.dumps(config), encoding="utf-8")

    def use_hardware(self, **hardware: object) -> None:
        """Change the board, such as `mem_backup=False` for a MicroPython before 1.29."""
        self.hardware |= hardware
        (self.folder / "hardware.json").write_text(json.dumps(self.hardware), encoding="utf-8")

    def configure(self, command_id: int, **settings: object) -> Command:
        """The command that asks for these settings."""
        return Command(command_id, 5, cbor.encode(dict(settings)))

    def results(self) -> list[tuple[int, int]]:
        """(command id, result) that the node has reported to us, each report once, in the order of their numbers."""
        found = []
        for value in self.gateway.readings("cmd"):
            assert isinstance(value, bytes)
            gateway_id, command_id, result = cbor.decode(value)
            assert gateway_id == GATEWAY
            found.append((command_id, result))
        return found

    async def until_results(self, *expected: tuple[int, int], timeout_s: float = 60) -> None:
        """Wait until exactly these results have come."""
        await self.gateway.until(lambda _: len(self.results()) >= len(expected), f"results {expected}", timeout_s)
        assert self.results() == list(expected), (self.results(), list(self.node.lines)[-40:])

    def on_flash(self, *words: str) -> str:
        """Look at the file system of a node that is off, or change it: see tests/vm/scripts/on_flash.py."""
        return run_script("tests/vm/scripts/on_flash.py", str(self.folder / "flash.bin"), *words, board=True)

    def nvs(self) -> dict[str, object]:
        """What the board's non-volatile storage holds; nothing before the first start."""
        try:
            found = json.loads((self.folder / "nvs.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        assert isinstance(found, dict)
        return found

    async def close(self) -> None:
        await self.node.stop()
        self.gateway.close()
        self.broker.kill()
