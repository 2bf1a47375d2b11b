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
from gateway_agent.registry.storage_key import StorageKey

NODE = NodeRecord(bytes.fromhex("aabbccddee01"), "parking-qmc5883l", 0, bytes(range(16)), "Stall 1", "Piazza Cavalli")
OTHER = NodeRecord(bytes.fromhex("aabbccddee00"), "strain-hx711", 0, b"\x07" * 16)


# As version 1 was made.
VERSION_1 = """
CREATE TABLE node (
    node_id    BLOB    NOT NULL CHECK (length(node_id) = 6),
    generation INTEGER NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
    profile    TEXT    NOT NULL,
    root       BLOB    NOT NULL CHECK (length(root) = 16),
    name       TEXT    NOT NULL,
    place      TEXT    NOT NULL,
    PRIMARY KEY (node_id, generation)
) STRICT, WITHOUT ROWID;
"""


def open_at(path: Path) -> Registry:
    return Registry.open(path, path.with_name("storage.key"))


def old_registry(path: Path, *nodes: NodeRecord) -> None:
    path.touch(0o600)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(VERSION_1)
    connection.execute("PRAGMA user_version = 1")
    for n in nodes:
        connection.execute(
            "INSERT INTO node VALUES (?,?,?,?,?,?)", (n.node_id, n.generation, n.profile, n.root, n.name, n.place)
        )
    connection.close()


def all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.name != "storage.key")


def test_nodes_survive_closing_in_the_order_of_their_ids(tmp_path: Path) -> None:
    """What was added is there after opening again, every field of it."""
    with open_at(tmp_path / "registry.sqlite") as registry:
        registry.add_node(NODE)
        registry.add_node(OTHER)
    with open_at(tmp_path / "registry.sqlite") as registry:
        assert registry.nodes() == [OTHER, NODE]


def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    """The database, its log and its shared memory have mode 0600 whatever the umask, while open and closed."""
    before = os.umask(0)
    try:
        with open_at(tmp_path / "registry.sqlite") as registry:
            registry.add_node(NODE)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(
        ("registry.sqlite", "registry.sqlite-wal", "registry.sqlite-shm", "storage.key"), 0o600
    )


def test_a_root_is_never_shown(tmp_path: Path) -> None:
    """Neither the record nor a refusal that is about it contains the key."""
    secret = NODE.root.hex()
    with open_at(tmp_path / "registry.sqlite") as registry:
        registry.add_node(NODE)
        with pytest.raises(ConfigError) as caught:
            registry.add_node(replace(NODE, root=b"\x01" * 16))
    for text in (repr(NODE), str(NODE), str(caught.value), repr(registry)):
        assert secret not in text
        assert repr(NODE.root) not in text
        assert "01" * 16 not in text


def test_another_root_for_a_known_node_is_refused_unless_asked_for(tmp_path: Path) -> None:
    """A wrong key is never stored by accident; its name and place may change freely."""
    with open_at(tmp_path / "registry.sqlite") as registry:
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
    with open_at(tmp_path / "registry.sqlite") as registry:
        registry.add_node(later)
        registry.add_node(NODE)
        assert registry.nodes() == [NODE, later]


def test_the_version_changes_when_another_process_writes(tmp_path: Path) -> None:
    """A running gateway notices `startcity node add` of another process, and its own reads change nothing."""
    path = tmp_path / "registry.sqlite"
    with open_at(path) as registry:
        first = registry.version()
        registry.nodes()
        assert registry.version() == first
        code = (
            "import sys; from pathlib import Path; from gateway_agent.registry import *\n"
            "Registry.open(Path(sys.argv[1]), Path(sys.argv[1]).with_name('storage.key')).add_node(NodeRecord(bytes(6), 'p', 0, bytes(16)))"
        )
        subprocess.run([sys.executable, "-c", code, str(path)], check=True)
        assert registry.version() != first
        assert [node.node_id for node in registry.nodes()] == [bytes(6)]


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """A registry with a wide mode is not used; the message has the command that mends it."""
    path = tmp_path / "registry.sqlite"
    open_at(path).close()
    path.chmod(0o640)
    with pytest.raises(ConfigError, match=r"mode 0640.*chmod 600"):
        open_at(path)


def test_a_damaged_file_and_a_newer_one_are_refused_by_name(tmp_path: Path) -> None:
    """Neither is overwritten."""
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"this is no database, but it is long enough to be one" * 40)
    damaged.chmod(0o600)
    with pytest.raises(ConfigError, match="not a registry or is damaged"):
        open_at(damaged)
    newer = tmp_path / "newer.sqlite"
    open_at(newer).close()
    connection = sqlite3.connect(newer)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(ConfigError, match="version 9, this program reads 2"):
        open_at(newer)


def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    """The disk's refusal arrives as our own error."""
    with pytest.raises(Unavailable, match="cannot be opened"):
        open_at(tmp_path / "nowhere" / "registry.sqlite")


@pytest.mark.parametrize(("node_id", "root"), [(bytes(5), bytes(16)), (bytes(6), bytes(15))])
def test_a_record_with_wrong_lengths_cannot_be_made(node_id: bytes, root: bytes) -> None:
    """Ids have 6 bytes and roots 16."""
    with pytest.raises(ValueError, match="bytes, not"):
        NodeRecord(node_id, "p", 0, root)


def test_a_root_is_on_the_disk_only_sealed(tmp_path: Path) -> None:
    """No byte of it is in any file of the registry, while open and closed; the key is a private file of its own."""
    with open_at(tmp_path / "registry.sqlite") as registry:
        registry.add_node(NODE)
        assert NODE.root not in all_bytes(tmp_path)
    assert NODE.root not in all_bytes(tmp_path)
    assert stat.S_IMODE((tmp_path / "storage.key").stat().st_mode) == 0o600
    assert len((tmp_path / "storage.key").read_bytes()) == 32


def test_an_old_registry_is_taken_over_and_its_roots_are_overwritten(tmp_path: Path) -> None:
    """Version 1 becomes version 2 with the same nodes; what it held in clear is nowhere in the folder any more."""
    path = tmp_path / "registry.sqlite"
    many = [replace(NODE, node_id=bytes([2, 0, 0, 0, 0, place]), root=bytes([place]) * 16) for place in range(1, 200)]
    old_registry(path, NODE, OTHER, *many)
    assert NODE.root in all_bytes(tmp_path)
    with open_at(path) as registry:
        assert registry.nodes() == [*many, OTHER, NODE]
        stored = all_bytes(tmp_path)
        assert [node for node in (NODE, OTHER, *many) if node.root in stored] == []
    with open_at(path) as registry:
        assert registry.nodes() == [*many, OTHER, NODE]


def test_a_cut_while_an_old_registry_is_taken_over_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An end in the middle leaves version 1 with all its nodes; the next opening takes it over."""
    path = tmp_path / "registry.sqlite"
    old_registry(path, NODE, OTHER)

    def cut(*_: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(StorageKey, "seal_root", cut)
        open_at(path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert connection.execute("SELECT count(*) FROM node").fetchone() == (2,)
    connection.close()
    with open_at(path) as registry:
        assert registry.nodes() == [OTHER, NODE]


def test_a_registry_without_its_key_or_with_another_is_refused_by_name(tmp_path: Path) -> None:
    """Nothing is made anew over a registry whose key is lost, and a wrong key is told from damage."""
    path, key = tmp_path / "registry.sqlite", tmp_path / "storage.key"
    with open_at(path) as registry:
        registry.add_node(NODE)
    right = key.read_bytes()
    key.unlink()
    with pytest.raises(ConfigError, match=r"StorageKeyMissing.*storage\.key"):
        open_at(path)
    assert not key.exists()
    key.write_bytes(bytes(32))
    key.chmod(0o600)
    with pytest.raises(ConfigError, match="StorageKeyWrong"):
        open_at(path)
    key.write_bytes(right)
    key.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        open_at(path)
    key.chmod(0o600)
    with open_at(path) as registry:
        assert registry.nodes() == [NODE]


def test_a_root_that_was_put_at_another_node_or_generation_is_refused(tmp_path: Path) -> None:
    """Each sealed root is bound to its place: who can write the file cannot give one node another's key."""
    path = tmp_path / "registry.sqlite"
    for change in ("node_id = x'aabbccddee02'", "generation = 3"):
        with open_at(path) as registry:
            registry.add_node(NODE)
        connection = sqlite3.connect(path)
        connection.execute(f"UPDATE node SET {change}")
        connection.commit()
        connection.close()
        with open_at(path) as registry, pytest.raises(ConfigError, match="was changed or is damaged"):
            registry.nodes()
        connection = sqlite3.connect(path)
        connection.execute("DELETE FROM node")
        connection.commit()
        connection.close()


def test_an_old_generation_is_forgotten_and_the_last_root_stays(tmp_path: Path) -> None:
    """A label's root goes once there is a newer one; a node never loses its only root."""
    later = replace(NODE, generation=1, root=b"\x02" * 16)
    with open_at(tmp_path / "registry.sqlite") as registry:
        registry.add_node(NODE)
        assert not registry.remove_generation(NODE.node_id, 0)
        registry.add_node(later)
        assert registry.remove_generation(NODE.node_id, 0)
        assert not registry.remove_generation(NODE.node_id, 0)
        assert not registry.remove_generation(NODE.node_id, 1)
        assert registry.nodes() == [later]
