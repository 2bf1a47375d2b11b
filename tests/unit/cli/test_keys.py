# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The command line of keys: operators, the gateway's own key, and the move of nodes."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from gateway_agent.admit.retirement import Moved
from gateway_agent.model import Lane
from gateway_agent.operate.moved_file import write_moved
from gateway_agent.registry import NodeRecord, Registry
from gateway_agent.wire.signer import load_signer
from tests.support.command_line import mode_of, refuse, succeed
from tests.support.journal_batches import GATEWAY, BatchMaker, receipt_for
from tests.unit.journal.journal_cases import fill, open_journal

NODES = [bytes.fromhex(f"aabbccddee0{place}") for place in range(1, 4)]


@pytest.fixture
def gateway(tmp_path: Path) -> tuple[str, str]:
    config = tmp_path / "gw" / "gateway.toml"
    succeed("gateway", "init", "--id", "gw-1", "--config", config)
    return "--config", str(config)


def test_an_operator_is_made_listed_and_revoked(tmp_path: Path, gateway: tuple[str, str]) -> None:
    """The private key is the operator's alone and is never overwritten; a revoked key stays on the list; names and keys are unique."""
    key = tmp_path / "anna.pem"
    made = json.loads(succeed("operator", "init", "--key", key, "--json"))
    assert made["is_new"] and mode_of(key) == "0600"
    assert not json.loads(succeed("operator", "init", "--key", key, "--json"))["is_new"]
    assert succeed("operator", "show", tmp_path / "anna.pub.pem").strip() == made["key_id"]
    assert succeed("gateway", "operator", "list", *gateway) == "nobody may command this gateway\n"
    succeed("gateway", "operator", "add", "anna", tmp_path / "anna.pub.pem", *gateway)
    succeed("gateway", "operator", "add", "anna", tmp_path / "anna.pub.pem", *gateway)
    assert "the key of another operator" in refuse(
        "gateway", "operator", "add", "bea", tmp_path / "anna.pub.pem", *gateway
    )
    succeed("operator", "init", "--key", tmp_path / "bea.pem")
    assert "has another key" in refuse("gateway", "operator", "add", "anna", tmp_path / "bea.pub.pem", *gateway)
    assert "write 1 to 32" in refuse("gateway", "operator", "add", "../anna", tmp_path / "bea.pub.pem", *gateway)
    assert "no operator bea" in refuse("gateway", "operator", "remove", "bea", *gateway)
    succeed("gateway", "operator", "remove", "anna", *gateway)
    listed = json.loads(succeed("gateway", "operator", "list", "--json", *gateway))
    assert listed == [{"name": "anna", "key_id": made["key_id"], "state": "revoked"}]
    succeed("gateway", "operator", "add", "anna", tmp_path / "anna.pub.pem", *gateway)
    assert json.loads(succeed("gateway", "operator", "list", "--json", *gateway))[0]["state"] == "good"
    (tmp_path / "gw" / "operators" / "junk.pub.pem").write_text("no key")
    assert "junk.pub.pem" in refuse("gateway", "operator", "list", *gateway, code=1)


def test_the_key_of_a_stopped_gateway_changes_and_the_files_stay_private(
    tmp_path: Path, gateway: tuple[str, str]
) -> None:
    """Twice: a new private key of mode 0600 each time, its public half beside it, and a statement for each old key."""
    folder = tmp_path / "gw"
    ids = [load_signer(folder / "gateway.pem").key_id.hex()]
    first = folder / "gateway.first.pub.pem"
    first_pem = (folder / "gateway.pub.pem").read_bytes()
    for _ in range(2):
        found = json.loads(succeed("gateway", "rotate-key", "--json", *gateway))
        ids.append(found["key_id"])
        assert load_signer(folder / "gateway.pem").key_id.hex() == found["key_id"]
        assert succeed("operator", "show", folder / "gateway.pub.pem").strip() == found["key_id"]
        assert (found["first_public_key"], first.read_bytes(), mode_of(first)) == (str(first), first_pem, "0644")
    assert len(set(ids)) == 3
    assert mode_of(folder / "gateway.pem") == "0600"
    statements = sorted(path.name for path in (folder / "data" / "journal" / "keys").glob("*.cose"))
    assert statements == sorted(f"{key_id}.cose" for key_id in ids[:2])
    assert not list(folder.glob("*.next*")) and not list(folder.glob("*.new"))
    assert f"FIRST public key of this gateway: {first}" in succeed("gateway", "rotate-key", *gateway).replace("\n", " ")
    assert first.read_bytes() == first_pem
    assert "does not exist" in refuse("gateway", "rotate-key", "--config", tmp_path / "none.toml")


def test_the_key_of_a_stopped_gateway_stays_while_its_journal_owes_an_older_instance(tmp_path: Path) -> None:
    """Exit code 3, and what to do; the key file is as it was. When the city holds that instance, the key changes."""
    config, maker = tmp_path / "gw" / "gateway.toml", BatchMaker(1)
    succeed("gateway", "init", "--id", GATEWAY, "--config", config)
    key = (tmp_path / "gw" / "gateway.pem").read_bytes()
    words, journal = ("gateway", "rotate-key", "--config", config), tmp_path / "gw" / "data" / "journal"
    with closing(open_journal(journal, maker)) as opened:
        older = fill(opened, maker, Lane.RECORD, 2)
        opened.new_instance(Lane.RECORD)
        fill(opened, maker, Lane.RECORD, 1)
    assert "the instance before the present one" in refuse(*words, code=3)
    assert (tmp_path / "gw" / "gateway.pem").read_bytes() == key
    with closing(open_journal(journal, maker)) as opened:
        opened.note_receipt(receipt_for(older[1]), b"raw")
    succeed(*words)
    assert (tmp_path / "gw" / "gateway.pem").read_bytes() != key


def test_a_move_asks_says_who_has_not_moved_and_ends_with_all(tmp_path: Path, gateway: tuple[str, str]) -> None:
    """Three nodes: one has moved, one is asked, one has no root. A dry run asks nobody. In Italian, too."""
    data = tmp_path / "gw" / "data"
    with Registry.open(data / "registry.sqlite", tmp_path / "gw" / "storage.key") as registry:
        for node in NODES:
            registry.add_node(NodeRecord(node, "parking-qmc5883l", 0, bytes(16)))
        for node in NODES[:2]:
            registry.add_node(NodeRecord(node, "parking-qmc5883l", 1, bytes(15) + b"1"))
    write_moved(data, {NODES[0]: Moved(1, None)})
    (data / "commands").mkdir()
    assert "non ancora passato" in refuse("node", "move", "1", "--dry-run", "--lang", "it", *gateway, code=1)
    assert list((data / "commands").iterdir()) == []
    found = json.loads(refuse("node", "move", "1", "--json", *gateway, code=1))
    assert found == {
        "generation": 1,
        "asked": [NODES[1].hex()],
        "moved": [NODES[0].hex()],
        "no_root": [NODES[2].hex()],
        "dry_run": False,
    }
    (asked,) = (data / "commands").glob("*.json")
    assert json.loads(asked.read_text()) == {"node": NODES[1].hex(), "command": "generation", "generation": 1}
    succeed("node", "move", "1", NODES[0].hex(), *gateway)
    assert "does not know" in refuse("node", "move", "1", "aabbccddee99", *gateway)


def test_a_command_without_a_listed_gateway_or_with_wrong_words_is_refused(tmp_path: Path) -> None:
    """Before anything is connected: what a person has to change is said, with exit code 2."""
    succeed("operator", "init", "--key", tmp_path / "anna.pem")
    succeed("gateway", "init", "--id", "gw-1", "--config", tmp_path / "gw" / "gateway.toml")
    succeed(
        "collector",
        "init",
        "--dir",
        tmp_path,
        "--port",
        "1",
        "--gateway",
        f"gw-1={tmp_path / 'gw' / 'gateway.pub.pem'}",
    )
    rest = ("--operator", tmp_path / "anna.pem", "--config", tmp_path / "collector.toml")
    assert "not listed" in refuse("collector", "command", "gw-2", "status", *rest)
    assert "needs a node" in refuse("collector", "command", "gw-1", "identify", *rest)
    assert "needs --set" in refuse("collector", "command", "gw-1", "configure", NODES[0].hex(), *rest)
    assert "number of a key generation" in refuse("collector", "command", "gw-1", "move-nodes", *rest)
    assert "names no node" in refuse("collector", "command", "gw-1", "status", NODES[0].hex(), *rest)
    unreachable = refuse("collector", "command", "gw-1", "status", *rest, code=3)
    assert "cannot reach" in unreachable and ":1: " in unreachable, "nobody listens on port 1"
    assert "check `host` and `port` in [broker]" in unreachable
