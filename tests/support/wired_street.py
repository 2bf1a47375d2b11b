# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A vault, a gateway, a collector, and a flashed virtual board on a cable that nobody knows yet. Everything is the real program."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from device_profiles import load_profiles
from gateway_agent.config import load_config
from gateway_agent.model import NodeId
from gateway_agent.registry import open_registry
from gateway_agent.wire.keys import derive_root
from gateway_agent.wire.label import make_label
from gateway_agent.wire.sealed_master import SealedMaster, seal_master
from simulators.clock import VARIABLE, SimulationClock
from simulators.rom.board import VirtualBoard
from simulators.rom.stand_in import stand_in
from tests.support.board_tools import littlefs_image, nvs_image
from tests.support.collector_process import CollectorProcess
from tests.support.command_line import succeed
from tests.support.gateway_process import GATEWAY_ID, GatewayProcess
from tests.support.mosquitto import Mosquitto
from tests.support.provision_events import strange
from tools.flash.application import FIRMWARE, read_application
from tools.masters_file import append_master
from tools.node_files import Broker, Wifi, node_config
from tools.vault_keys import read_vault_public

NODE = "240ac4000077"
MASTER = bytes(range(32, 48))  # TEST-ONLY
PROFILE = "climate-sht4x"
OLD_PASSWORD, NEW_PASSWORD = "TEST-ONLY old password", "TEST-ONLY new password"
FILES_AT, FILES_BYTES, NVS_AT, NVS_BYTES = 0x200000, 0x200000, 0x9000, 0x6000
_FIRMWARE_AT, _FLASH_BYTES = 0x1000, 4 << 20
_RATE = 2  # a node obeys an answer that comes within two seconds of its time
_ENVIRONMENT = ("STARTCITY_WIFI_PASSWORD", "STARTCITY_GATEWAY_CONFIG", "STARTCITY_MQTT_PASSWORD")


class WiredStreet:
    """The board was flashed for another network and a gateway that is not there: only the cable can correct that."""

    def __init__(self, folder: Path, *, over_tcp: bool = False) -> None:
        """`over_tcp`: the cable is rfc2217://."""
        self.folder = folder
        self.clock = SimulationClock(_RATE)
        self.nodes_broker, self.city_broker = Mosquitto(folder / "nodes"), Mosquitto(folder / "city")
        self.nodes_broker.start()
        self.city_broker.start()
        self.gateway = GatewayProcess(folder / "gateway", self.nodes_broker.port, self.city_broker.port)
        self.config = self.gateway.config_path
        text = self.config.read_text().replace('[profiles]\nfolder = "profiles"\n', "")
        self.config.write_text(text + "[seal]\nwait_s_max = 10\n")
        self.collector = CollectorProcess(
            folder / "collector", self.city_broker.port, {GATEWAY_ID: self.gateway.signer}
        )
        shutil.copy(folder / "collector" / "collector.pub.pem", self.gateway.folder / "collector.pub.pem")
        self.file, self.label, self.wifi = folder / "1.cose", folder / "label.txt", folder / "wifi.txt"
        self.write_secret(self.label, make_label(NodeId(bytes.fromhex(NODE)), PROFILE, derive_root(MASTER, 0)))
        self.write_secret(self.wifi, NEW_PASSWORD + "\n")
        self._commission(folder / "vault")
        self._write_flash(folder / "board.bin")
        line: dict[str, Any] = {"rfc2217_port": 0} if over_tcp else {"link": folder / "tty"}
        self.board = VirtualBoard(folder / "board.bin", mac=NODE, **line, clock_env=self.clock.env())
        self.environment = {name: value for name, value in os.environ.items() if name not in _ENVIRONMENT}
        self.environment |= {VARIABLE: self.clock.variable(), "STARTCITY_LANG": "en"}

    def write_secret(self, path: Path, text: str) -> None:
        path.touch(0o600)
        path.write_text(text, encoding="utf-8")

    def _commission(self, vault: Path) -> None:
        succeed("vault", "init", vault)
        public = read_vault_public(vault / "vault.pub")
        about = SealedMaster(NodeId(bytes.fromhex(NODE)), PROFILE, 1, "bench-1")
        append_master(self.folder / "masters.cose", seal_master(about, MASTER, public.sealing))
        succeed("vault", "import", self.folder / "masters.cose", "--vault", vault)
        succeed("gateway", "init", "--id", GATEWAY_ID, "--config", self.config, "--vault-key", vault / "vault.pub")
        words = ("--gateway", self.gateway.folder / "commissioning.pub", "--out", self.file)
        succeed("vault", "commission", NODE, "--vault", vault, *words)

    def _write_flash(self, path: Path) -> None:
        """As `startcity flash` leaves it, without the minute that esptool takes."""
        wifi, broker = Wifi("elsewhere", OLD_PASSWORD), Broker("127.0.0.2", 9, None, None)
        config = node_config(NodeId(bytes.fromhex(NODE)), load_profiles()[PROFILE], {}, wifi, broker, 0, "info")
        files = read_application(FIRMWARE) | {"config.json": json.dumps(config).encode()}
        rows = [
            ("node", "namespace", "", ""),
            ("key", "data", "hex2bin", MASTER.hex()),
            ("id", "data", "hex2bin", NODE),
        ]
        flash = bytearray(b"\xff" * _FLASH_BYTES)
        for offset, part in (
            (_FIRMWARE_AT, stand_in("esp32", app_bytes=0x1000)),
            (NVS_AT, nvs_image(self.folder, NVS_BYTES, rows)),
            (FILES_AT, littlefs_image(FILES_BYTES, files)),
        ):
            flash[offset : offset + len(part)] = part
        path.write_bytes(flash)

    async def start(self) -> None:
        self.collector.start()
        self.gateway.start(environment={VARIABLE: self.clock.variable()})
        await self.board.start()

    async def close(self) -> None:
        await self.board.stop()
        if self.gateway.is_running:
            self.gateway.kill()
        self.collector.kill()
        self.nodes_broker.kill()
        self.city_broker.kill()

    @property
    def right(self) -> tuple[object, ...]:
        """The words that lead to the end."""
        network = ("--wifi-ssid", "startcity", "--wifi-password-file", self.wifi)
        broker = ("--mqtt-host", "127.0.0.1", "--mqtt-port", self.nodes_broker.port)
        answers = (
            "--name",
            "Aula 1",
            "--place",
            "Via Roma",
            "--set",
            "heartbeat_s=60",
            "--skip-check",
            "humidity-moves",
        )
        return ("--port", self.board.port, "--file", self.file, "--label-file", self.label, *network, *broker, *answers)

    def command(self, *words: object) -> list[str]:
        base = (sys.executable, "-m", "startcity", "provision", "--config", self.config, "--json", "--yes")
        return [str(word) for word in (*base, *words)]

    def run(self, *words: object) -> tuple[int, list[dict[str, Any]], str]:
        """Exit code, events, and all that was printed. Blocks."""
        done = subprocess.run(
            self.command(*words),
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=280, check=False,
        )  # fmt: skip
        events = [json.loads(line) for line in done.stdout.splitlines() if line[:1] == "{"]
        assert not strange(events)
        return done.returncode, events, done.stdout

    def state(self) -> dict[str, Any]:
        """What the run has noted of the node."""
        found = json.loads((self.gateway.data / "provision" / f"{NODE}.json").read_text())
        assert isinstance(found, dict)
        return found

    def generations(self) -> list[int]:
        with open_registry(load_config(self.config)) as registry:
            return [record.generation for record in registry.nodes()]
