# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity node command`: what it puts before the gateway, and what it refuses itself."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gateway_agent.control.command_files import CommandFiles
from gateway_agent.model import NodeId
from gateway_agent.wire.down import Command
from startcity.silent_node import is_in_safe_mode
from tests.support.command_line import refuse, startcity, succeed
from tests.support.sealed_starts import seal_starts

NODE = "aabbccddee01"


@pytest.fixture
def known(tmp_path: Path, gateway: Path) -> Path:
    """The configuration of a gateway that has run, and knows one node."""
    words = ["node", "add", NODE, "--profile", "parking-qmc5883l", "--out", tmp_path / "n", "--config", gateway]
    succeed(*words, "--wifi-ssid", "citta", "--open-network", "--mqtt-host", "192.0.2.10")
    CommandFiles(gateway.parent / "data" / "commands")
    return gateway


def folder(gateway: Path) -> Path:
    return gateway.parent / "data" / "commands"


def asked(gateway: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder(gateway).glob("*.json"))]


def test_a_command_becomes_one_request(known: Path) -> None:
    """The gateway finds node, command and settings with the types of TOML."""
    output = succeed("node", "command", NODE, "configure", "--set", "heartbeat_s=900", "--config", known)
    assert "configure waits for its next answer" in output
    succeed("node", "command", "AA:BB:CC:DD:EE:01", "generation", "0", "--config", known)
    assert asked(known) == [
        {"node": NODE, "command": "configure", "settings": {"heartbeat_s": 900}},
        {"node": NODE, "command": "generation", "generation": 0},
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["explode"], "'explode' is not one of"),
        (["configure"], "at least one setting"),
        (["configure", "--set", "heartbeat_s"], "write NAME=VALUE"),
        (["configure", "--set", "heartbeat_s=1"], "heartbeat_s"),
        (["configure", "--set", "heartbeat_s=x"], "whole number"),
        (["configure", "--set", "wifi=x"], "does not have it"),
        (["identify", "--set", "heartbeat_s=60"], "takes no settings"),
        (["generation"], "needs a number"),
        (["generation", "1"], "no key of generation 1"),
        (["generation", "1"], "startcity vault commission --generation 1 --out FILE"),
        (["reboot", "1"], "takes no generation"),
    ],
)
def test_a_mistake_reaches_no_gateway(known: Path, words: list[str], says: str) -> None:
    """Exit code 2, the reason, and no request."""
    assert says in refuse("node", "command", NODE, *words, "--config", known)
    assert asked(known) == []


def test_an_unknown_node_and_a_gateway_that_never_ran(tmp_path: Path, known: Path, gateway: Path) -> None:
    """A node that is not registered is a mistake; a folder that is not there yet is a matter of starting the gateway."""
    assert "does not know the node" in refuse("node", "command", "000000000001", "identify", "--config", known)
    folder(known).rmdir()
    assert "does not take a command" in refuse("node", "command", NODE, "identify", "--config", known, code=3)


@pytest.mark.parametrize(
    ("state", "result", "code", "says"),
    [
        ("done", 0, 0, "is done"),
        ("failed", 1, 1, "does not know"),
        ("failed", 2, 1, "does not take"),
        ("failed", 3, 1, "not possible now"),
        ("failed", 4, 1, "the old ones are back"),
        ("failed", 5, 1, "not proven"),
        ("failed", 6, 1, "higher numbers"),
        ("expired", None, 1, "has expired"),
        ("replaced", None, 1, "replaced by a newer"),
    ],
)
def test_the_result_is_waited_for_and_decides_the_exit_code(
    known: Path, monkeypatch: pytest.MonkeyPatch, state: str, result: int | None, code: int, says: str
) -> None:
    """What the node or the gateway has said comes out in words, as JSON and as an exit code."""
    files = CommandFiles(folder(known))

    def gateway_runs(_seconds: float) -> None:
        for number, wanted in enumerate(files.look(), files.read_last_id() + 1):
            files.take(wanted, Command(number, 5))
            files.finish(number, state, result)

    monkeypatch.setattr("time.sleep", gateway_runs)
    words = ["node", "command", NODE, "configure", "--set", "heartbeat_s=900", "--config", known, "--wait", "30"]
    said = startcity(*words)
    assert said.exit_code == code and says in said.output, said.output
    found = json.loads(startcity(*words, "--json").output.splitlines()[0])
    assert found["state"] == state and found["id"] == 2 and found.get("result") == result
    assert found["node"] == NODE and found["command"] == "configure"


def test_a_result_that_does_not_come_in_time_is_no_result(known: Path) -> None:
    """Exit code 3, and the request stays."""
    said = refuse("node", "command", NODE, "reboot", "--config", known, "--wait", "0", code=3)
    assert "goes on waiting" in said and len(asked(known)) == 1
    listed = json.loads(succeed("node", "list", "--config", known, "--json").splitlines()[0])
    assert listed[0]["command"]["state"] == "asked"


@pytest.mark.parametrize(
    ("is_running", "is_safe", "word", "says", "in_italian"),
    [
        (False, True, "reboot", "The gateway does not run", "Il gateway non è in funzione"),
        (True, True, "configure", "in safe mode", "in modalità sicura"),
        (
            True,
            False,
            "configure",
            "every 15 minutes at least, and answers when it has held",
            "almeno ogni 15 minuti",
        ),
        (True, False, "reboot", "every 15 minutes at least. Switched off and on", "almeno ogni 15 minuti"),
    ],
)
def test_who_waits_in_vain_is_told_why_and_what_to_do(
    known: Path, is_running: bool, is_safe: bool, word: str, says: str, in_italian: str
) -> None:
    """The gateway that does not run before the node's safe mode, and that before how often a node of its profile speaks."""
    data = known.parent / "data"
    (data / "status.json").write_text(json.dumps({"pid": os.getpid(), "stopped": not is_running}))
    seal_starts(data / "journal", NodeId(bytes.fromhex(NODE)), False, is_safe)
    settings = ("--set", "heartbeat_s=900") if word == "configure" else ()
    words = ("node", "command", NODE, word, *settings, "--config", known, "--wait", "0")
    said = refuse(*words, code=3)
    assert "goes on waiting" in said and says in " ".join(said.split()), said
    assert in_italian in " ".join(refuse(*words, "--lang", "it", code=3).split())


@pytest.mark.parametrize("is_one_batch", [False, True])
def test_only_the_nodes_own_last_start_says_whether_it_is_in_safe_mode(tmp_path: Path, is_one_batch: bool) -> None:
    """Of several that were sealed together the last; nothing is known of a node that has said nothing, nor without a journal."""
    node = NodeId(bytes.fromhex(NODE))
    for name, starts in (("safe", (False, True)), ("well", (True, False))):
        seal_starts(tmp_path / name / "journal", node, *starts, is_one_batch=is_one_batch)
        assert is_in_safe_mode(tmp_path / name, node) == starts[-1]
        assert not is_in_safe_mode(tmp_path / name, NodeId(b"other1"))
    assert not is_in_safe_mode(tmp_path / "none", node)
