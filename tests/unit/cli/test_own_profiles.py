# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A city's own folder of profiles, beside the shipped ones, wherever a board becomes a node."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from device_profiles import ProfileError, load_city_profiles, load_profiles
from device_profiles.files import SHIPPED
from gateway_agent.config import load_config
from gateway_agent.errors import ConfigError
from gateway_agent.model import NodeId
from gateway_agent.registry import NodeRecord
from gateway_agent.wire.label import make_label
from gateway_agent.wire.signer import Signer
from simulators.rom.stand_in import stand_in
from startcity.node_import import register
from tests.support.command_line import refuse, succeed
from tests.support.profile_folder import write_profile
from tools.flash.application import FIRMWARE
from tools.flash.bundle import open_bundle
from tools.secret_files import write_secret

NODE = NodeId(bytes.fromhex("aabbccddee01"))
NETWORK = ("--wifi-ssid", "citta", "--open-network", "--mqtt-host", "192.0.2.10")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    write_profile(tmp_path / "own")
    return tmp_path / "own"


def use_folder(gateway: Path, own: Path) -> None:
    """Name the folder in a gateway's configuration."""
    before, _, after = gateway.read_text().partition("[profiles]\n")
    gateway.write_text(before + f'[profiles]\nfolder = "{own}"\n' + after.partition("\n")[2])


def test_the_own_ones_stand_beside_the_shipped_ones_and_an_id_in_both_is_refused(own: Path) -> None:
    """Nothing shipped is lost; the refusal names both files; the shipped folder itself may be named as the own one."""
    assert set(load_city_profiles(own)) == set(load_profiles()) | {"tank-l1"}
    assert set(load_city_profiles(SHIPPED)) == set(load_city_profiles(None)) == set(load_profiles())
    shutil.copytree(SHIPPED / "climate-sht4x", own / "climate-sht4x")
    with pytest.raises(ProfileError) as refused:
        load_city_profiles(own)
    for folder in (own, SHIPPED):
        assert str(folder / "climate-sht4x" / "profile.toml") in str(refused.value)


def test_node_add_knows_both_with_a_vault_and_with_a_gateway(
    tmp_path: Path, own: Path, vault: Path, gateway: Path
) -> None:
    """With `--profiles`, or by the folder of the gateway's configuration."""
    words = ("node", "add", "aabbccddee01", *NETWORK)
    assert "There is no profile tank-l1" in refuse(
        *words, "--profile", "tank-l1", "--vault", vault, "--out", tmp_path / "a"
    )
    succeed(*words, "--profile", "tank-l1", "--vault", vault, "--out", tmp_path / "a", "--profiles", own)
    use_folder(gateway, own)
    for number, profile in ((2, "tank-l1"), (3, "climate-sht4x")):
        words = ("node", "add", f"aabbccddee0{number}", *NETWORK, "--config", gateway)
        succeed(*words, "--profile", profile, "--out", tmp_path / profile)


def test_a_gateways_folder_counts_wherever_one_of_its_nodes_is_named(tmp_path: Path, own: Path, gateway: Path) -> None:
    """Registering, commanding and provisioning: refused before, and by its settings afterwards."""
    label = tmp_path / "label.txt"
    label.touch(0o600)
    label.write_text(make_label(NODE, "tank-l1", bytes(16)))
    shutil.copy(gateway.with_name("gateway.pub.pem"), gateway.with_name("collector.pub.pem"))
    node = NodeRecord(NODE, "tank-l1", 0, bytes(16))
    planned = ("provision", "--config", gateway, "--label-file", label, "--name", "a", "--place", "b", "--dry-run")
    with pytest.raises(ConfigError, match="no profile tank-l1 at this gateway"):
        register(load_config(gateway), [node], replace=False)
    assert "There is no profile tank-l1" in refuse(*planned)
    use_folder(gateway, own)
    register(load_config(gateway), [node], replace=False)
    succeed(*planned)
    settings = ("--set", "interval_s=3601", "--config", gateway)
    for words in (planned, ("node", "command", NODE.hex(), "configure")):
        assert "interval_s" in refuse(*words, *settings)


def test_a_board_is_flashed_with_an_own_profile(tmp_path: Path, own: Path) -> None:
    """Everything is in order but the port, which is looked for last; a bundle has its own profiles."""
    (tmp_path / "mp.bin").write_bytes(stand_in("esp32", app_bytes=0x1000))
    words = ("flash", "--dry-run", "--port", tmp_path / "none", "--profile", "tank-l1", *NETWORK)
    given = (*words, "--micropython", tmp_path / "mp.bin", "--application", FIRMWARE)
    assert "There is no profile tank-l1" in refuse(*given)
    refuse(*given, "--profiles", own, code=10)
    assert "--profiles" in refuse(*words, "--bundle", "x.scb", "--profiles", own)


def test_a_bundle_takes_own_and_shipped_profiles(tmp_path: Path, own: Path) -> None:
    """Without `--profile` all of both."""
    signer = Signer.generate()
    write_secret(tmp_path / "maker.pem", signer.private_pem())
    (tmp_path / "maker.pub.pem").write_bytes(signer.public_pem())
    (tmp_path / "mp.bin").write_bytes(stand_in("esp32", app_bytes=0x1000))
    words = ("flash", "bundle", "make", tmp_path / "city.scb", "--key", tmp_path / "maker.pem")
    succeed(*words, "--micropython", tmp_path / "mp.bin", "--application", FIRMWARE, "--profiles", own)
    opened = open_bundle(tmp_path / "city.scb", tmp_path / "maker.pub.pem")
    assert set(opened.profiles) == set(load_profiles()) | {"tank-l1"}
