# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The two files that make a board a node of this city: config.json and key.bin.

`node_config` decides (pure), `write_node_files` writes. Both files have mode 0600: the configuration holds the Wi-Fi
password, the key file the master.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from device_profiles import Profile
from gateway_agent.errors import ConfigError
from gateway_agent.model import NodeId
from tools.advice import Advice
from tools.boards import board_for
from tools.secret_files import make_private_folder, read_secret, write_secret
from tools.vault import MASTER_BYTES

CONFIG_FILE, KEY_FILE = "config.json", "key.bin"
_QUEUE_BYTES = 262_144  # a tenth of the flash file system of a 4 MB board


class Wifi(NamedTuple):
    """One network. `password` None: the network is open, and the node may join it."""

    ssid: str
    password: str | None

    def __repr__(self) -> str:
        return f"Wifi(ssid={self.ssid!r}, {'open' if self.password is None else 'with a password'})"


class Broker(NamedTuple):
    """The gateway's broker, as the node reaches it."""

    host: str
    port: int
    user: str | None
    password: str | None

    def __repr__(self) -> str:
        return f"Broker(host={self.host!r}, port={self.port}, user={self.user!r})"


def node_config(
    node_id: NodeId,
    profile: Profile,
    settings: Mapping[str, object],
    wifi: Wifi,
    broker: Broker,
    generation: int,
    log: str,
    chip: str | None = None,
) -> dict[str, object]:
    """The content of config.json. `chip` chooses the board's file (tools/boards.py); None leaves the profile's.

    Raises:
        ConfigError: a network's name or password that no access point accepts.
        SettingError: a setting that the profile does not have, or a value that does not fit.
    """
    _check_wifi(wifi)
    return {
        "node": node_id.hex(),
        **profile.firmware_config(settings),
        "board": profile.board if chip is None else board_for(profile.board, chip),
        "wifi": [] if wifi.password is None else [{"ssid": wifi.ssid, "password": wifi.password}],
        "open_networks": [wifi.ssid] if wifi.password is None else [],
        "mqtt": {"host": broker.host, "port": broker.port, "user": broker.user, "password": broker.password},
        "generation": generation,
        "log": log,
        "queue_bytes": _QUEUE_BYTES,
    }


def write_node_files(folder: Path, config: Mapping[str, object], master: bytes) -> None:
    """Write both files; what was there is replaced.

    Raises:
        Unavailable: the disk refuses.
    """
    make_private_folder(folder)
    # The key first: a folder with a configuration and no key would look complete.
    write_secret(folder / KEY_FILE, master)
    write_secret(folder / CONFIG_FILE, json.dumps(config, indent=1, ensure_ascii=False).encode() + b"\n")


def check_owner(folder: Path, node_id: NodeId) -> None:
    """Refuse a folder that was made for another node: its key would become the key of both.

    Raises:
        ConfigError: config.json names another node, or is no configuration.
        Unavailable: the disk refuses.
    """
    path = folder / CONFIG_FILE
    if not path.exists():
        return
    try:
        config = json.loads(read_secret(path))
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise Advice("{file} is no node's configuration or is damaged: move it away.", file=path)
    # The entry may be missing in a file made by hand: the board then takes its own address.
    owner = config.get("node", node_id.hex())
    if owner != node_id.hex():
        raise Advice(
            "{folder} belongs to node {owner}: choose another --out folder for {node}, each node has its own key.",
            folder=folder,
            owner=owner,
            node=node_id.hex(),
        )


def read_master(folder: Path) -> bytes | None:
    """The master of an earlier run in `folder`, or None.

    Raises:
        ConfigError: others may read the file, or it has not 16 bytes.
        Unavailable: the disk refuses.
    """
    path = folder / KEY_FILE
    if not path.exists():
        return None
    master = read_secret(path)
    if len(master) != MASTER_BYTES:
        raise ConfigError(
            f"{path} has {len(master)} bytes, a node's key has {MASTER_BYTES}: it is damaged, move it away"
        )
    return master


def _check_wifi(wifi: Wifi) -> None:
    """Source: IEEE 802.11-2020, 9.4.2.2 (SSID, 32 octets) and J.4.1 (pass-phrase of 8 to 63 characters, or 64 hex digits)."""
    if not 1 <= len(wifi.ssid.encode()) <= 32:
        raise Advice("a Wi-Fi network's name has 1 to 32 bytes: write --wifi-ssid as the access point shows it.")
    if wifi.password is None:
        return
    if not wifi.password.isprintable() or not wifi.password.isascii():
        raise Advice("the Wi-Fi password has characters that no access point accepts: printable ASCII only.")
    is_key = len(wifi.password) == 64 and all(c in "0123456789abcdefABCDEF" for c in wifi.password)
    if not 8 <= len(wifi.password) <= 63 and not is_key:
        raise Advice(
            "the Wi-Fi password has {count} characters: WPA takes 8 to 63, or 64 hex digits.", count=len(wifi.password)
        )
