# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A bench for the tests of `startcity flash`: virtual boards on pseudo-terminals, stand-in images, a vault, a job."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from device_profiles import load_profiles
from gateway_agent.model import NodeId
from simulators.rom.board import VirtualBoard
from simulators.rom.faults import Faults
from simulators.rom.stand_in import stand_in
from tools.flash.application import FIRMWARE, read_application
from tools.flash.chips import CHIPS
from tools.flash.flash_board import Event, Job
from tools.flash.micropython_image import read_image
from tools.node_files import Broker, Wifi, node_config

WIFI_PASSWORD = "TEST-ONLY wifi password"


class Bench:
    """Everything below one folder. `boards` by name; `events` of all runs."""

    def __init__(self, folder: Path, profile: str = "climate-sht4x") -> None:
        self.folder = folder
        self.vault = X25519PrivateKey.generate()
        self.events: list[Event] = []
        self.boards: dict[str, VirtualBoard] = {}
        self._profile = load_profiles()[profile]
        self._stack = AsyncExitStack()
        self._program = read_application(FIRMWARE)  # as source: the virtual machine compiles it quickly

    async def __aenter__(self) -> Bench:
        return self

    async def __aexit__(self, *about: Any) -> None:
        await self._stack.aclose()

    async def plug_in(
        self, name: str, number: int, chip: str = "esp32", faults: Faults | None = None, size_mb: int = 4
    ) -> VirtualBoard:
        """A blank board with address 240ac40000<number>; its port is `<folder>/<name>`."""
        made = VirtualBoard(
            self.folder / f"{name}.bin",
            chip=chip,
            size_mb=size_mb,
            mac=f"240ac40000{number:02x}",
            link=self.folder / name,
            faults=faults,
        )
        self.boards[name] = await self._stack.enter_async_context(made)
        return made

    async def plug_in_socket(self, name: str, number: int, chip: str = "esp32") -> VirtualBoard:
        """The same on a plain TCP connection; the boot button was held."""
        made = VirtualBoard(self.folder / f"{name}.bin", chip=chip, mac=f"240ac40000{number:02x}", socket_port=0)
        self.boards[name] = await self._stack.enter_async_context(made)
        made.reset(download=True)
        return made

    def configure(self, node_id: NodeId, chip: str) -> dict[str, object]:
        wifi, broker = Wifi("citta", WIFI_PASSWORD), Broker("127.0.0.1", 1883, None, None)
        return node_config(node_id, self._profile, {}, wifi, broker, 0, "info", chip)

    def job(self, **changed: Any) -> Job:
        """What all boards get; `changed` are fields of it."""
        values: dict[str, Any] = {
            "images": [read_image(stand_in(chip, app_bytes=0x1000)) for chip in CHIPS],
            "applications": {chip.architecture: self._program for chip in CHIPS.values()},
            "configure": self.configure,
            "profile": self._profile.id,
            "vault": self.vault.public_key(),
            "masters": self.folder / "masters.cose",
            "bench_id": "bench-1",
            "journal": self.folder / "journal",
            "labels": self.folder / "labels",
        }
        return Job(**{**values, **changed})

    def seen(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]
