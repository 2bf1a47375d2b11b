# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The city's vault: the masters of all nodes, in one file of one folder, best on a machine without a network.

Theory of operation
-------------------
A node's master is 16 bytes from the kernel's generator. It is here and on the node, nowhere else. A gateway gets roots
(docs/wire.md, 1): they open and seal what nodes of one generation send, and do not lead back to a master, so a stolen
gateway costs the city one generation and not its nodes.

The folder has mode 0700, `vault.json` and `vault.key` 0600; `vault.pub` beside them is for benches and gateways. Every
change replaces a file as a whole and syncs it before anything that depends on it leaves; a lock keeps two commands from
losing one another's nodes. A vault that is lost cannot be made again: back it up like the keys of the town hall.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from gateway_agent.errors import ConfigError, Unavailable, WireError
from gateway_agent.model import NodeId
from gateway_agent.wire.commissioning import COMMISSION_NODES_MAX, Commission, CommissionedNode, seal_commission
from gateway_agent.wire.keys import derive_root
from gateway_agent.wire.sealed_master import SealedMaster, open_sealed_master, seal_master
from tools.advice import Advice
from tools.commissioning_key import GatewayPublic
from tools.masters_file import append_master
from tools.secret_files import make_private_folder, read_secret, write_secret
from tools.vault_keys import VaultKeys, VaultPublic, make_vault_keys, read_vault_keys

_FORMAT = "startcity vault 1"
_PINS_FORMAT = "startcity vault gateways 1"
_FILE, _LOCK, _PINS, _REPLACED = "vault.json", "vault.lock", "gateways.json", "replaced.cose"
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


class _Pin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gateway's commissioning key, and the serial of the last file that was made for it."""

    key: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    serial: Annotated[int, Meta(ge=1)]


class _PinsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    gateways: dict[Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,31}$")], _Pin]


class Taken(NamedTuple):
    """What became of sealed masters. Lists of node ids, but for `refused`: (place in the order given, error's name)."""

    added: list[NodeId]  # new to the vault, or replaced because they were named
    known: list[NodeId]  # the vault has this very master
    conflicts: list[NodeId]  # the vault has another one
    shared: list[NodeId]  # it is the master of another node already
    refused: list[tuple[int, str]]
    superseded: int  # older ones of a node that had several


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
        vault.make_keys()
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

    def _roots(self, generations: Collection[int], only: list[NodeId] | None) -> tuple[CommissionedNode, ...]:
        """What a gateway gets: every node, or those of `only`, in the order of their ids and generations.

        Raises:
            ConfigError: a node of `only` is not in the vault.
        """
        nodes = self.nodes()
        for node_id in only or ():
            if node_id not in nodes:
                raise ConfigError(f"node {node_id.hex()} is not in the vault: add it with `startcity vault add`")
        return tuple(
            CommissionedNode(
                node_id,
                nodes[node_id].profile,
                generation,
                derive_root(bytes.fromhex(nodes[node_id].master), generation),
                nodes[node_id].name,
                nodes[node_id].place,
            )
            for node_id in sorted(only if only else nodes)
            for generation in sorted(set(generations))
        )

    def make_keys(self) -> tuple[VaultPublic, bool]:
        """The vault's public keys; made where there are none yet, which the second value says.

        Raises:
            ConfigError, Unavailable: as `make_vault_keys`.
        """
        with self._locked():
            return make_vault_keys(self._folder)

    def take(self, sealed: Iterable[bytes], replace: Collection[NodeId] = ()) -> Taken:
        """Open sealed masters and keep them, all in one synced write. Doing it again changes nothing.

        Where there are several for a node, the newest counts: a bench that was interrupted has drawn another one. A node that
        the vault has keeps its master, unless it is named in `replace`; the one that goes is sealed into `replaced.cose`.

        Raises:
            ConfigError: the vault has no keys of its own yet.
            Unavailable: the disk refuses; nothing was kept.
        """
        keys = read_vault_keys(self._folder)
        newest: dict[NodeId, tuple[SealedMaster, bytes]] = {}
        taken = Taken([], [], [], [], [], 0)
        for place, data in enumerate(sealed, 1):
            try:
                about, master = open_sealed_master(data, keys.sealing)
            except WireError as error:
                taken.refused.append((place, error.name))
                continue
            before = newest.get(about.node_id)
            taken = taken._replace(superseded=taken.superseded + (before is not None and before[1] != master))
            if before is None or before[0].made_at_ms <= about.made_at_ms:
                newest[about.node_id] = (about, master)
        with self._locked():
            nodes = self.nodes()
            owners = {entry.master: node_id for node_id, entry in nodes.items()}
            after = dict(nodes)
            for node_id, (about, master) in sorted(newest.items()):
                known = nodes.get(node_id)
                if known is not None and known.master == master.hex():
                    taken.known.append(node_id)
                elif owners.setdefault(master.hex(), node_id) != node_id:
                    taken.shared.append(node_id)
                elif known is not None and node_id not in replace:
                    taken.conflicts.append(node_id)
                else:
                    if known is not None:
                        self._keep_replaced(node_id, known, keys)
                    name, place_name = (known.name, known.place) if known is not None else ("", "")
                    after[node_id] = VaultEntry(master.hex(), about.profile, name, place_name)
                    taken.added.append(node_id)
            if after != nodes:
                self._write(after)
        return taken

    def _keep_replaced(self, node_id: NodeId, known: VaultEntry, keys: VaultKeys) -> None:
        about = SealedMaster(node_id, known.profile, time.time_ns() // 1_000_000, "vault")
        append_master(self._folder / _REPLACED, seal_master(about, bytes.fromhex(known.master), keys.public.sealing))

    def commission(
        self,
        gateway: GatewayPublic,
        generations: Collection[int],
        only: list[NodeId] | None,
        *,
        is_new_key: bool = False,
    ) -> tuple[bytes, Commission]:
        """A commissioning file for one gateway: every node, or those of `only`, at each generation. Its serial is used up, and synced.

        The first file for a gateway pins its commissioning key; another one later needs `is_new_key`.

        Raises:
            ConfigError: no keys yet, a node that is not there, another key than the pinned one, or too much for one file.
            Unavailable: the disk refuses.
        """
        keys = read_vault_keys(self._folder)
        nodes = self._roots(generations, only)
        if not nodes:
            raise Advice("The vault has no nodes yet: add them with `startcity vault add`.")
        if len(nodes) > COMMISSION_NODES_MAX:
            raise Advice("One file holds at most {most} roots: name some of the nodes.", most=COMMISSION_NODES_MAX)
        with self._locked():
            pins = self._pins()
            pin = pins.get(gateway.gateway_id)
            key = gateway.key.public_bytes_raw().hex()
            if pin is not None and pin.key != key and not is_new_key:
                raise Advice(
                    "gateway {gateway} had another commissioning key until now: compare its fingerprint {fingerprint} with "
                    "what `startcity gateway init` shows there, then say --new-key.",
                    gateway=gateway.gateway_id,
                    fingerprint=gateway.fingerprint,
                )
            serial = 1 if pin is None else pin.serial + 1
            issued_at_ms = time.time_ns() // 1_000_000
            commission = Commission(gateway.gateway_id, issued_at_ms, serial, nodes)
            try:
                data = seal_commission(commission, keys.signer, gateway.key)
            except ValueError as error:
                raise Advice("the file would not be valid: {reason}.", reason=error) from error
            self._write_pins({**pins, gateway.gateway_id: _Pin(key, serial)})
        return data, commission

    def _pins(self) -> dict[str, _Pin]:
        path = self._folder / _PINS
        if not path.exists():
            return {}
        try:
            file = msgspec.json.decode(read_secret(path), type=_PinsFile)
        except msgspec.DecodeError as error:
            raise ConfigError(f"{path} is damaged ({error}): restore it from the backup") from error
        return file.gateways

    def _write_pins(self, pins: Mapping[str, _Pin]) -> None:
        file = _PinsFile(_PINS_FORMAT, dict(sorted(pins.items())))
        write_secret(self._folder / _PINS, msgspec.json.format(msgspec.json.encode(file)) + b"\n")

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
