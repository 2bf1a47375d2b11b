# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The registry keeps nodes and their secrets, and says so when it cannot."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gateway_agent.errors import ConfigError, Unavailable
from gateway_agent.registry import NodeRecord, Registry

NODE = NodeRecord(bytes.fromhex("aabbccddee01"), "parking-qmc5883l", 0, bytes(range(16)), "Stall 1", "Piazza Cavalli")
OTHER = NodeRecord(bytes.fromhex("aabbccddee00"), "strain-hx711", 0, b"\x07" * 16)


def test_nodes_survive_closing_in_the_order_of_their_ids(tmp_path: Path) -> None:
    """What was added is there after opening again, every field of it."""
    with Registry.open(tmp_path / "registry.sqlite") as registry:
        registry.add_node(NODE)
        registry.add_node(OTHER)
    with Registry.open(tmp_path / "registry.sqlite") as registry:
        assert registry.nodes() == [OTHER, NODE]


def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    """The database, its log and its shared memory have mode 0600 whatever the umask, while open and closed."""
    before = os.umask(0)
    try:
        with Registry.open(tmp_path / "registry.sqlite") as registry:
            registry.add_node(NODE)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("registry.sqlite", "registry.sqlite-wal", "registry.sqlite-shm"), 0o600)


def test_a_root_is_never_shown(tmp_path: Path) -> None:
    """Neither the record nor a refusal that is about it contains the key."""
    secret = NODE.root.hex()
    with Registry.open(tmp_path / "registry.sqlite") as registry:
        registry.add_node(NODE)
        with pytest.raises(ConfigError) as caught:
            registry.add_node(replace(NODE, root=b"\x01" * 16))
    for text in (repr(NODE), str(NODE), str(caught.value), repr(registry)):
        assert secret not in text
        assert repr(NODE.root) not in text
        assert "01" * 16 not in text


def test_another_root_for_a_known_node_is_refused_unless_asked_for(tmp_path: Path) -> None:
    """A wrong key is never stored by accident; its name and place may change freely."""
    with Registry.open(tmp_path / "registry.sqlite") as registry:
        registry.add_node(NODE)
        changed = replace(NODE, root=b"\x01" * 16)
        with pytest.raises(ConfigError, match="aabbccddee01 is registered with another key"):
            registry.add_node(changed)
        assert registry.nodes() == [NODE]
        moved = replace(NODE, place="Via Roma")
        registry.add_node(moved)
        assert registry.nodes() == [moved]
        registry.add_node(changed, replace_root=True)
        assert registry.nodes() == [changed]


def test_two_generations_of_a_node_stand_side_by_side(tmp_path: Path) -> None:
    """The next generation does not take away the key of a node's backlog."""
    later = replace(NODE, generation=1, root=b"\x02" * 16)
    with Registry.open(tmp_path / "registry.sqlite") as registry:
        registry.add_node(later)
        registry.add_node(NODE)
        assert registry.nodes() == [NODE, later]


def test_the_version_changes_when_another_process_writes(tmp_path: Path) -> None:
    """A running gateway notices `startcity node add` of another process, and its own reads change nothing."""
    path = tmp_path / "registry.sqlite"
    with Registry.open(path) as registry:
        first = registry.version()
        registry.nodes()
        assert registry.version() == first
        code = (
            "import sys; from pathlib import Path; from gateway_agent.registry import *\n"
            "Registry.open(Path(sys.argv[1])).add_node(NodeRecord(bytes(6), 'p', 0, bytes(16)))"
        )
        subprocess.run([sys.executable, "-c", code, str(path)], check=True)
        assert registry.version() != first
        assert [node.node_id for node in registry.nodes()] == [bytes(6)]


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """A registry with a wide mode is not used; the message has the command that mends it."""
    path = tmp_path / "registry.sqlite"
    Registry.open(path).close()
    path.chmod(0o640)
    with pytest.raises(ConfigError, match=r"mode 0640.*chmod 600"):
        Registry.open(path)


def test_a_damaged_file_and_a_newer_one_are_refused_by_name(tmp_path: Path) -> None:
    """Neither is overwritten."""
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"this is no database, but it is long enough to be one" * 40)
    damaged.chmod(0o600)
    with pytest.raises(ConfigError, match="not a registry or is damaged"):
        Registry.open(damaged)
    newer = tmp_path / "newer.sqlite"
    Registry.open(newer).close()
    connection = sqlite3.connect(newer)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(ConfigError, match="version 9, this program reads 1"):
        Registry.open(newer)


def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    """The disk's refusal arrives as our own error."""
    with pytest.raises(Unavailable, match="cannot be opened"):
        Registry.open(tmp_path / "nowhere" / "registry.sqlite")


@pytest.mark.parametrize(("node_id", "root"), [(bytes(5), bytes(16)), (bytes(6), bytes(15))])
def test_a_record_with_wrong_lengths_cannot_be_made(node_id: bytes, root: bytes) -> None:
    """Ids have 6 bytes and roots 16."""
    with pytest.raises(ValueError, match="bytes, not"):
        NodeRecord(node_id, "p", 0, root)
