# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The vault keeps masters: private, whole, never changed by accident, never shown."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

from device_profiles.files import SHIPPED
from gateway_agent.model import NodeId
from gateway_agent.wire.keys import derive_root
from tests.support.command_line import mode_of, refuse, succeed
from tests.support.profile_folder import write_profile
from tools.vault import Vault

ADD = ("--profile", "parking-qmc5883l")


def masters(vault: Path) -> dict[str, str]:
    return {node: entry["master"] for node, entry in json.loads((vault / "vault.json").read_text())["nodes"].items()}


def test_a_vault_is_private_and_its_masters_are_random(vault: Path) -> None:
    """Folder 0700, files 0600, 16 bytes each and no two alike, nothing of them on the screen or in a repr."""
    output = "".join(succeed("vault", "add", f"aabbccddee{i:02x}", "--vault", vault, *ADD) for i in range(4))
    assert mode_of(vault) == "0700"
    assert {path.name: mode_of(path) for path in vault.iterdir()} == {
        "vault.json": "0600",
        "vault.lock": "0600",
        "vault.key": "0600",
        "vault.pub": "0644",
    }
    found = masters(vault)
    assert len(set(found.values())) == 4
    assert {len(master) for master in found.values()} == {32}
    shown = output + repr(Vault.open(vault).nodes())
    assert [master for master in found.values() if master in shown] == []
    roots = [derive_root(bytes.fromhex(master), 0).hex() for master in found.values()]
    assert [root for root in roots if root in shown] == []


def test_a_second_init_keeps_the_nodes(vault: Path) -> None:
    """Doing it again changes no byte."""
    succeed("vault", "add", "aabbccddee01", "--vault", vault, *ADD)
    before = (vault / "vault.json").read_bytes()
    assert "it is kept" in succeed("vault", "init", vault)
    assert (vault / "vault.json").read_bytes() == before


def test_adding_a_node_again_keeps_its_master(vault: Path) -> None:
    """Name and place may change, and what is not said stays; the master does not change."""
    succeed("vault", "add", "aabbccddee01", "--vault", vault, *ADD, "--name", "Stall 1")
    before = masters(vault)
    succeed("vault", "add", "AA-BB-CC-DD-EE-01", "--vault", vault, *ADD, "--place", "Via Roma")
    assert masters(vault) == before
    entry = Vault.open(vault).nodes()[NodeId(bytes.fromhex("aabbccddee01"))]
    assert (entry.name, entry.place) == ("Stall 1", "Via Roma")


def test_a_key_made_elsewhere_can_be_kept_and_not_swapped(vault: Path, tmp_path: Path) -> None:
    """--key takes a node's key.bin; another key for the same node is refused."""
    key = tmp_path / "key.bin"
    key.write_bytes(bytes(range(16)))
    key.chmod(0o600)
    succeed("vault", "add", "aabbccddee01", "--vault", vault, *ADD, "--key", key)
    assert masters(vault) == {"aabbccddee01": bytes(range(16)).hex()}
    key.write_bytes(bytes(16))
    assert "the vault has another key" in refuse("vault", "add", "aabbccddee01", "--vault", vault, *ADD, "--key", key)
    key.write_bytes(bytes(15))
    assert "16 bytes, not 15" in refuse("vault", "add", "aabbccddee02", "--vault", vault, *ADD, "--key", key)
    assert masters(vault) == {"aabbccddee01": bytes(range(16)).hex()}


def test_the_vault_gives_no_root_in_clear(vault: Path) -> None:
    """There is no command that writes or prints one: roots leave in a commissioning file, sealed for one gateway."""
    succeed("vault", "add", "aabbccddee01", "--vault", vault, *ADD)
    assert "No such command" in refuse("vault", "roots", "--vault", vault)
    assert not any(name.startswith("root") for name in vars(Vault))


def test_what_is_not_there_is_named(vault: Path, gateway: Path, tmp_path: Path) -> None:
    """No vault, no nodes, an unknown node."""
    to = ("--gateway", gateway.with_name("commissioning.pub"), "--out", tmp_path / "r.cose")
    assert "startcity vault init" in refuse("vault", "commission", "--all", "--vault", tmp_path / "none", *to)
    assert "no nodes yet" in refuse("vault", "commission", "--all", "--vault", vault, *to)
    assert "is not in the vault" in refuse("vault", "commission", "aabbccddee09", "--vault", vault, *to)
    assert not (tmp_path / "r.cose").exists()


def test_a_vault_that_others_may_read_or_that_is_damaged_is_refused(vault: Path) -> None:
    """Each refusal says what to do, and the file stays as it is."""
    vault.chmod(0o750)
    assert f"chmod 700 {vault}" in refuse("vault", "add", "aabbccddee01", "--vault", vault, *ADD)
    vault.chmod(0o700)
    (vault / "vault.json").chmod(0o644)
    assert "chmod 600" in refuse("vault", "add", "aabbccddee01", "--vault", vault, *ADD)
    (vault / "vault.json").chmod(0o600)
    (vault / "vault.json").write_text('{"format": "startcity vault 1", "nodes": {"aabb')
    assert "restore it from the backup" in refuse("vault", "add", "aabbccddee01", "--vault", vault, *ADD)
    assert (vault / "vault.json").read_text().endswith("aabb")


def test_the_keys_are_shown_for_the_folder_as_a_word_or_as_the_option(vault: Path) -> None:
    """`--vault` as the other commands have it; neither or both are refused."""
    assert json.loads(succeed("vault", "key", vault, "--json")) == json.loads(
        succeed("vault", "key", "--vault", vault, "--json")
    )
    refuse("vault", "key")
    refuse("vault", "key", vault, "--vault", vault)


def test_two_writers_lose_nothing_of_one_another(vault: Path) -> None:
    """Forty nodes added from four threads, each with its own open vault, are all there."""

    def add_ten(first: int) -> None:
        for i in range(first, first + 10):
            Vault.open(vault).add(NodeId(bytes((2, 0, 0, 0, 0, i))), profile="p", name=None, place=None)

    threads = [threading.Thread(target=add_ten, args=(first,)) for first in (0, 10, 20, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Vault.open(vault).nodes()) == 40


def test_a_master_of_another_node_is_refused(vault: Path, tmp_path: Path) -> None:
    """Two nodes with one master would share their nonces."""
    key = tmp_path / "key.bin"
    key.write_bytes(bytes(range(16)))
    key.chmod(0o600)
    succeed("vault", "add", "aabbccddee01", "--vault", vault, *ADD, "--key", key)
    output = refuse("vault", "add", "aabbccddee02", "--vault", vault, *ADD, "--key", key)
    assert "this key for node aabbccddee01 already" in output
    assert list(masters(vault)) == ["aabbccddee01"]


def test_a_profile_that_nobody_has_is_refused_before_the_node_is_kept(vault: Path, tmp_path: Path) -> None:
    """As `node add` does: the known ones are listed, nothing is kept; a city's own folder counts beside the shipped ones."""
    words = ("vault", "add", "aabbccddee01", "--vault", vault, "--profile")
    output = refuse(*words, "nix")
    assert "There is no profile nix. Known: " in output and "parking-qmc5883l" in output
    assert "Non c'è un profilo nix" in refuse(*words, "nix", "--lang", "it")
    assert masters(vault) == {}
    own = tmp_path / "profiles"
    write_profile(own)
    succeed(*words, "tank-l1", "--profiles", own)
    assert list(masters(vault)) == ["aabbccddee01"]
    shutil.copytree(SHIPPED / "parking-qmc5883l", own / "parking-qmc5883l")
    output = refuse(*words, "strain-hx711", "--profiles", own)
    assert str(own / "parking-qmc5883l") in output and str(SHIPPED / "parking-qmc5883l" / "profile.toml") in output
