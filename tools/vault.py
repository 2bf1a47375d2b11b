# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The city's vault: the masters of all nodes, in one file of one folder, best on a machine without a network.

Theory of operation
-------------------
A node's master is 16 bytes from the kernel's generator. It is here and on the node, nowhere else. A gateway gets roots
(docs/wire.md, 1): they open and seal what nodes of one generation send, and do not lead back to a master, so a stolen
gateway costs the city one generation and not its nodes.

The folder has mode 0700, `vault.json` 0600. Every change replaces the file as a whole and syncs it before anything that
depends on it leaves; a lock keeps two commands from losing one another's nodes. A vault that is lost cannot be made
again: back it up like the keys of the town hall.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway_agent.errors import ConfigError, Unavailable
from gateway_agent.model import NodeId
from gateway_agent.wire.keys import derive_root
from tools.advice import Advice
from tools.roots_file import RootEntry
from tools.secret_files import make_private_folder, read_secret, write_secret

_FORMAT = "startcity vault 1"
_FILE, _LOCK = "vault.json", "vault.lock"
MASTER_BYTES = 16


class VaultEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One node; `master` is secret and not shown."""

    master: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    profile: str
    name: str = ""
    place: str = ""

    def __repr__(self) -> str:
        return f"VaultEntry(profile={self.profile!r}, name={self.name!r}, place={self.place!r})"


class _VaultFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    nodes: dict[Annotated[str, Meta(pattern="^[0-9a-f]{12}$")], VaultEntry]

    def __repr__(self) -> str:
        return f"_VaultFile({len(self.nodes)} nodes)"


class Vault:
    """An open vault. Each call reads the file anew, so two commands see one another's nodes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def init(cls, folder: Path) -> tuple[Vault, bool]:
        """Make a vault; one that is there is left as it is. Returns the vault and whether it is new.

        Raises:
            ConfigError: what is there is not a vault, or others may read it.
            Unavailable: the disk refuses.
        """
        make_private_folder(folder)
        _check_folder(folder)
        vault = cls(folder)
        with vault._locked():
            is_new = not (folder / _FILE).exists()
            if is_new:
                vault._write({})
        vault.nodes()
        return vault, is_new

    @classmethod
    def open(cls, folder: Path) -> Vault:
        """Open a vault.

        Raises:
            ConfigError: there is none, it is something else, or others may read it.
            Unavailable: the disk refuses.
        """
        if not (folder / _FILE).exists():
            raise Advice("{folder} is not a vault: make one with `startcity vault init {folder}`.", folder=folder)
        _check_folder(folder)
        vault = cls(folder)
        vault.nodes()
        return vault

    def nodes(self) -> dict[NodeId, VaultEntry]:
        """Every node, by id."""
        path = self._folder / _FILE
        try:
            file = msgspec.json.decode(read_secret(path), type=_VaultFile)
        except msgspec.DecodeError as error:
            raise ConfigError(f"{path} is not a vault or is damaged ({error}): restore it from the backup") from error
        if file.format != _FORMAT:
            raise ConfigError(f"{path} has the format {file.format!r}, this program reads {_FORMAT!r}")
        return {NodeId(bytes.fromhex(node)): entry for node, entry in file.nodes.items()}

    def add(
        self, node_id: NodeId, *, profile: str, name: str | None, place: str | None, master: bytes | None = None
    ) -> tuple[bytes, bool]:
        """Keep a node: make its master, or take the one given. A node that is there keeps its master.

        `name` and `place` None leave what is there. Returns the master and whether the node is new. It is synced.

        Raises:
            ConfigError: the vault has another master for this node, or another node with this master.
            Unavailable: the disk refuses.
        """
        if master is not None and len(master) != MASTER_BYTES:
            raise ConfigError(f"a node's key has {MASTER_BYTES} bytes, not {len(master)}")
        with self._locked():
            nodes = self.nodes()
            known = nodes.get(node_id)
            if known is not None and master is not None and bytes.fromhex(known.master) != master:
                raise Advice(
                    "the vault has another key for node {node}: use the vault's (`startcity node add` with --vault and a "
                    "new --out folder) and copy that one to the board.",
                    node=node_id.hex(),
                )
            # Two boards with one master would use the same nonces: each could be read and imitated.
            for other, entry in nodes.items():
                if master is not None and other != node_id and bytes.fromhex(entry.master) == master:
                    raise Advice(
                        "the vault has this key for node {other} already: each node needs its own, so give {node} a new "
                        "--out folder, or no --key.",
                        other=other.hex(),
                        node=node_id.hex(),
                    )
            given = os.urandom(MASTER_BYTES) if master is None else master
            kept = given if known is None else bytes.fromhex(known.master)
            entry = VaultEntry(
                master=kept.hex(),
                profile=profile,
                name=name if name is not None else (known.name if known else ""),
                place=place if place is not None else (known.place if known else ""),
            )
            if entry != known:
                self._write({**nodes, node_id: entry})
        return kept, known is None

    def roots(self, generation: int, only: list[NodeId] | None = None) -> list[RootEntry]:
        """What a gateway gets for `generation`: every node, or those of `only`, in the order of their ids.

        Raises:
            ConfigError: a node of `only` is not in the vault.
        """
        nodes = self.nodes()
        for node_id in only or ():
            if node_id not in nodes:
                raise ConfigError(f"node {node_id.hex()} is not in the vault: add it with `startcity vault add`")
        chosen = sorted(only if only else nodes)
        return [
            RootEntry(
                node=node_id.hex(),
                profile=nodes[node_id].profile,
                root=derive_root(bytes.fromhex(nodes[node_id].master), generation).hex(),
                name=nodes[node_id].name,
                place=nodes[node_id].place,
            )
            for node_id in chosen
        ]

    def _write(self, nodes: Mapping[NodeId, VaultEntry]) -> None:
        file = _VaultFile(_FORMAT, {node_id.hex(): nodes[node_id] for node_id in sorted(nodes)})
        write_secret(self._folder / _FILE, msgspec.json.format(msgspec.json.encode(file)) + b"\n")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Unavailable(f"the vault {self._folder} cannot be locked: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _check_folder(folder: Path) -> None:
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(f"the vault's folder {folder} is open to others (mode {mode:04o}): run `chmod 700 {folder}`")
