# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""From the bench's sealed masters over the vault to a gateway's registry, on the command line."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from gateway_agent.config import load_config
from gateway_agent.model import NodeId
from gateway_agent.registry import NodeRecord, open_registry
from gateway_agent.wire.keys import derive_root
from gateway_agent.wire.sealed_master import SealedMaster, seal_master
from tests.support.command_line import mode_of, refuse, succeed
from tools.masters_file import append_master
from tools.vault import Vault
from tools.vault_keys import read_vault_public

NODES = [NodeId(bytes.fromhex(f"aabbccddee{place:02x}")) for place in range(1, 4)]
PROFILE = "parking-qmc5883l"


def seal_into(file: Path, vault: Path, node: NodeId, master: bytes, made_at_ms: int = 1) -> None:
    """As a bench does, which has vault.pub and nothing else."""
    public = read_vault_public(vault / "vault.pub")
    append_master(file, seal_master(SealedMaster(node, PROFILE, made_at_ms, "bench-1"), master, public.sealing))


def master_of(vault: Path, node: NodeId) -> bytes:
    return bytes.fromhex(json.loads((vault / "vault.json").read_text())["nodes"][node.hex()]["master"])


def registered(config: Path) -> list[NodeRecord]:
    with open_registry(load_config(config)) as registry:
        return registry.nodes()


@pytest.fixture
def filled(tmp_path: Path, vault: Path) -> dict[NodeId, bytes]:
    """Three nodes in the vault, from a bench; their masters."""
    masters = {node: os.urandom(16) for node in NODES}
    for node, master in masters.items():
        seal_into(tmp_path / "masters.cose", vault, node, master)
    succeed("vault", "import", tmp_path / "masters.cose", "--vault", vault)
    return masters


def commission(vault: Path, gateway: Path, out: Path, *words: object) -> str:
    public = gateway.with_name("commissioning.pub")
    return succeed("vault", "commission", *words, "--vault", vault, "--gateway", public, "--out", out)


def test_an_old_vault_gets_its_keys_when_asked_and_says_so(vault: Path) -> None:
    """Without keys import and commission say what to do; `vault key` makes them once, private ones 0600."""
    (vault / "vault.key").unlink()
    (vault / "vault.pub").unlink()
    junk = vault.parent / "junk"
    junk.write_bytes(b"junk")
    assert "startcity vault key" in refuse("vault", "import", junk, "--vault", vault)
    assert "they were made now" in succeed("vault", "key", vault)
    assert mode_of(vault / "vault.key") == "0600"
    shown = succeed("vault", "key", vault)
    assert "made now" not in shown
    found = json.loads(succeed("vault", "key", vault, "--json"))
    assert found["fingerprint"] in shown and not found["is_new"]
    (vault / "vault.key").chmod(0o640)
    assert "chmod 600" in refuse("vault", "key", vault)


def test_masters_are_taken_once_and_a_conflict_needs_the_nodes_name(
    tmp_path: Path, vault: Path, filled: dict[NodeId, bytes]
) -> None:
    """Importing again changes nothing; another master for a known node is refused by name and kept out, until it is named."""
    assert [master_of(vault, node) for node in NODES] == list(filled.values())
    before = (vault / "vault.json").read_bytes()
    again = json.loads(succeed("vault", "import", tmp_path / "masters.cose", "--vault", vault, "--json"))
    assert (again["added"], again["known"]) == ([], [node.hex() for node in NODES])
    seal_into(tmp_path / "other.cose", vault, NODES[0], b"\x07" * 16)
    assert "MasterConflict" in refuse("vault", "import", tmp_path / "other.cose", "--vault", vault, code=1)
    wrong = ("--replace", NODES[1].hex())
    refuse("vault", "import", tmp_path / "other.cose", "--vault", vault, *wrong, code=1)
    assert (vault / "vault.json").read_bytes() == before
    succeed("vault", "import", tmp_path / "other.cose", "--vault", vault, "--replace", NODES[0].hex())
    assert master_of(vault, NODES[0]) == b"\x07" * 16
    # What was replaced is not lost: it is sealed for the vault itself.
    succeed("vault", "import", vault / "replaced.cose", "--vault", vault, "--replace", NODES[0].hex())
    assert master_of(vault, NODES[0]) == filled[NODES[0]]


def test_damage_other_vaults_and_shared_masters_are_named_and_the_rest_is_taken(tmp_path: Path, vault: Path) -> None:
    """Every whole entry of this vault goes in; the newest of a node counts; each refusal has its place and its name."""
    file = tmp_path / "masters.cose"
    succeed("vault", "init", tmp_path / "stranger")
    seal_into(file, vault, NODES[0], b"\x01" * 16, made_at_ms=5)
    seal_into(file, tmp_path / "stranger", NODES[1], b"\x02" * 16)
    size = file.stat().st_size
    seal_into(file, vault, NODES[1], b"\x09" * 16)
    with file.open("r+b") as torn:
        torn.truncate(size + 60)
    seal_into(file, vault, NODES[0], b"\x03" * 16, made_at_ms=6)
    seal_into(file, vault, NODES[2], b"\x03" * 16)
    found = json.loads(refuse("vault", "import", file, "--vault", vault, "--json", code=1))
    assert (found["added"], found["shared"], found["superseded"]) == ([NODES[0].hex()], [NODES[2].hex()], 1)
    assert [(item["entry"], item["error"]) for item in found["refused"]] == [
        (2, "SealedRecipient"),
        (3, "CborTruncated"),
    ]
    assert master_of(vault, NODES[0]) == b"\x03" * 16


def test_a_gateway_learns_its_vault_once_and_takes_its_files(
    tmp_path: Path, vault: Path, gateway: Path, filled: dict[NodeId, bytes]
) -> None:
    """Without a pinned vault, or without a confirmation, nothing is taken; then files bring roots, again and in any order."""
    first, second = tmp_path / "1.cose", tmp_path / "2.cose"
    assert "file 1 for gateway piacenza-01" in commission(vault, gateway, first, "--all", "--generation", 1)
    commission(vault, gateway, second, NODES[0].hex(), "--generation", 2)
    assert "exists already" in refuse(
        "vault",
        "commission",
        "--all",
        "--vault",
        vault,
        "--gateway",
        gateway.with_name("commissioning.pub"),
        "--out",
        first,
    )
    take = ("node", "import", first, "--config", gateway)
    assert "trusts no vault yet" in refuse(*take)
    assert "say --yes" in refuse(*take, "--vault-key", vault / "vault.pub")
    found = json.loads(succeed(*take, "--vault-key", vault / "vault.pub", "--yes", "--json"))
    assert (found["v"], found["serial"], len(found["nodes"])) == (1, 1, 3)
    roots = {(n.node_id, n.generation): n.root for n in registered(gateway)}
    assert roots == {(bytes(node), 1): derive_root(master, 1) for node, master in filled.items()}
    succeed("node", "import", second, "--config", gateway)
    after = registered(gateway)
    assert len(after) == 4
    succeed(*take)
    assert registered(gateway) == after


def test_a_file_for_another_gateway_a_changed_one_and_another_vaults_have_their_own_exit_codes(
    tmp_path: Path, vault: Path, gateway: Path, filled: dict[NodeId, bytes]
) -> None:
    """20, 21 and 22, each with its name; the registry stays empty."""
    other = tmp_path / "other" / "gateway.toml"
    succeed("gateway", "init", "--id", "other", "--config", other, "--vault-key", vault / "vault.pub")
    succeed("gateway", "init", "--id", "piacenza-01", "--config", gateway, "--vault-key", vault / "vault.pub")
    file = tmp_path / "1.cose"
    commission(vault, gateway, file, "--all")
    assert "SealedRecipient" in refuse("node", "import", file, "--config", other, code=20)
    data = bytearray(file.read_bytes())
    data[-100] ^= 1
    changed = tmp_path / "changed.cose"
    changed.write_bytes(data)
    assert json.loads(refuse("node", "import", changed, "--config", gateway, "--json", code=21))["v"] == 1
    changed.write_bytes(file.read_bytes()[:-1])
    assert "CborTruncated" in refuse("node", "import", changed, "--config", gateway, code=21)
    stranger = tmp_path / "stranger"
    succeed("vault", "init", stranger)
    succeed("vault", "add", NODES[0].hex(), "--vault", stranger, "--profile", PROFILE)
    strange = tmp_path / "strange.cose"
    commission(stranger, gateway, strange, "--all")
    assert "SignatureInvalid" in refuse("node", "import", strange, "--config", gateway, code=22)
    again = ("node", "import", strange, "--config", gateway, "--vault-key", stranger / "vault.pub", "--yes")
    assert "VaultChanged" in refuse(*again, code=22)
    # The right commissioning key under another gateway's name: the name inside does not fit.
    renamed = tmp_path / "renamed.pub"
    renamed.write_text(gateway.with_name("commissioning.pub").read_text().replace("piacenza-01", "piacenza-02"))
    succeed("vault", "commission", "--all", "--vault", vault, "--gateway", renamed, "--out", tmp_path / "r.cose")
    assert "CommissionGateway" in refuse("node", "import", tmp_path / "r.cose", "--config", gateway, code=20)
    assert registered(gateway) == registered(other) == []


def test_a_file_with_two_generations_stands_in_for_the_label(
    tmp_path: Path, vault: Path, gateway: Path, filled: dict[NodeId, bytes]
) -> None:
    """Roots of 0 and 1 in one file; what the gateway calls the node stays, and in Italian it is said, too."""
    file = tmp_path / "1.cose"
    commission(vault, gateway, file, "--all", "--generation", 1, "--generation", 0, "--generation", 1)
    succeed("node", "import", file, "--config", gateway, "--vault-key", vault / "vault.pub", "--yes")
    found = {(n.node_id, n.generation): n.root for n in registered(gateway)}
    assert found == {(bytes(n), g): derive_root(m, g) for n, m in filled.items() for g in (0, 1)}
    with open_registry(load_config(gateway)) as registry:
        registry.add_node(replace(registry.nodes()[0], name="Aula 1", place="Via Roma"))
    said = succeed("node", "import", file, "--config", gateway, "--lang", "it")
    assert "Nodi registrati" in said
    assert (registered(gateway)[0].name, len(registered(gateway))) == ("Aula 1", 6)


def test_the_vault_notices_another_commissioning_key(
    tmp_path: Path, vault: Path, gateway: Path, filled: object
) -> None:
    """A key that was exchanged on the way is refused, until somebody says that it was compared."""
    commission(vault, gateway, tmp_path / "1.cose", "--all")
    gateway.with_name("commissioning.key").unlink()
    succeed("gateway", "init", "--id", "piacenza-01", "--config", gateway)
    public = gateway.with_name("commissioning.pub")
    words = ("vault", "commission", "--all", "--vault", vault, "--gateway", public, "--out", tmp_path / "2.cose")
    assert "had another commissioning key" in refuse(*words)
    assert "file 2 for" in succeed(*words, "--new-key")


def test_no_secret_is_printed_or_left_readable(
    tmp_path: Path, vault: Path, gateway: Path, filled: dict[NodeId, bytes]
) -> None:
    """Masters, roots and private keys are in no output, in no file that others may read, and in none in clear but the vault's own."""
    file = tmp_path / "1.cose"
    said = commission(vault, gateway, file, "--all")
    said += succeed("node", "import", file, "--config", gateway, "--vault-key", vault / "vault.pub", "--yes")
    said += succeed("vault", "import", tmp_path / "masters.cose", "--vault", vault, "--json") + succeed(
        "vault", "key", vault
    )
    secrets = [*filled.values(), *(derive_root(master, 1) for master in filled.values())]
    assert [secret for secret in secrets if secret.hex() in said] == []
    private = {vault / "vault.json", vault / "vault.key"}
    for path in tmp_path.rglob("*"):
        if path.is_file() and path not in private:
            content = path.read_bytes()
            assert not any(secret in content or secret.hex().encode() in content for secret in secrets), path
    for name in ("commissioning.key", "storage.key"):
        assert mode_of(gateway.with_name(name)) == "0600"
    assert mode_of(vault / "gateways.json") == "0600"


def test_a_node_with_a_profile_that_the_gateway_lacks_is_named(tmp_path: Path, gateway: Path, vault: Path) -> None:
    """One of two nodes has it: that one is named with the way out, nothing is registered; corrected, the next file is taken."""
    Vault.open(vault).add(NODES[0], profile=PROFILE, name=None, place=None)
    Vault.open(vault).add(NODES[1], profile="nix", name=None, place=None)
    commission(vault, gateway, tmp_path / "one.cose", "--all")
    words = ("--config", gateway, "--vault-key", vault / "vault.pub", "--yes")
    output = refuse("node", "import", tmp_path / "one.cose", *words)
    assert f"Node {NODES[1].hex()}: there is no profile nix" in output and NODES[0].hex() not in output
    assert f"Nodo {NODES[1].hex()}" in refuse("node", "import", tmp_path / "one.cose", *words, "--lang", "it")
    assert registered(gateway) == []
    succeed("vault", "add", NODES[1].hex(), "--vault", vault, "--profile", PROFILE)
    commission(vault, gateway, tmp_path / "two.cose", "--all")
    succeed("node", "import", tmp_path / "two.cose", *words)
    assert len(registered(gateway)) == 2
