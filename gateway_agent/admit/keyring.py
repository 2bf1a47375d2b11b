# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Whose frames we can open: from registry roots to one key per node and epoch. Pure, but for the derivation of keys.

A key is derived once per (node, epoch) and kept; only an epoch that has authenticated is kept, so nobody without a
key can fill the memory. Which unknown nodes knock is noted for the installer, at most 64 of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from gateway_agent.admit.retirement import Retirement
from gateway_agent.errors import PeerError, WireError
from gateway_agent.model import Kid, NodeId
from gateway_agent.wire.frame import KID_AT, KID_END, OpenedFrame, SealedFrame, open_frame, open_usual, parse_frame
from gateway_agent.wire.keys import UpKey, derive_up

KEYS_MAX = 4_096
UNKNOWN_NODES_MAX = 64


class NodeEntry(Protocol):
    """What the registry tells of a node at one key generation."""

    @property
    def node_id(self) -> bytes: ...
    @property
    def profile(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def root(self) -> bytes: ...


class NodeKey(NamedTuple):
    """An authenticated node and epoch. Holds a secret: `repr` shows none."""

    up_key: UpKey
    root: bytes
    profile_id: str
    generation: int

    def __repr__(self) -> str:
        return f"NodeKey({self.up_key!r}, profile_id={self.profile_id!r})"


class Keyring:
    """Opens frames of the nodes that the registry names."""

    def __init__(self, keys_max: int = KEYS_MAX, retirement: Retirement | None = None) -> None:
        """`retirement` refuses old generations of nodes that have moved; without it all that are registered count."""
        self._roots: Mapping[bytes, tuple[tuple[int, bytes, str], ...]] = {}
        moved = {} if retirement is None else retirement.moved
        # By node: the highest generation that it has sealed with.
        self._newest_heard = {node_id: found.generation for node_id, found in moved.items()}
        self._retirement = retirement
        self._keys: OrderedDict[Kid, NodeKey] = OrderedDict()
        self._keys_max = keys_max
        self.unknown_nodes: OrderedDict[NodeId, int] = OrderedDict()

    def replace_nodes(self, entries: Iterable[NodeEntry]) -> None:
        """Take over the registry's nodes. The newest generation is tried first; the newest profile counts for all."""
        roots: dict[bytes, tuple[tuple[int, bytes, str], ...]] = {}
        for entry in sorted(entries, key=lambda entry: (entry.node_id, -entry.generation)):
            known = roots.get(entry.node_id, ())
            profile = known[0][2] if known else entry.profile
            roots[entry.node_id] = (*known, (entry.generation, entry.root, profile))
        self._roots = roots
        self._newest_heard = {node: heard for node, heard in self._newest_heard.items() if node in roots}
        if self._retirement is not None:
            self._retirement.keep(roots)
        self._keys.clear()
        for node_id in [node_id for node_id in self.unknown_nodes if node_id in roots]:
            del self.unknown_nodes[node_id]

    def __len__(self) -> int:
        return len(self._roots)

    def open_data(self, data: bytes) -> tuple[OpenedFrame, NodeKey]:
        """`open` of `parse_frame`, by the short way where the key is known.

        Raises:
            PeerError, WireError: as both.
        """
        known = self._keys.get(data[KID_AT:KID_END])  # type: ignore[call-overload]
        if known is not None:
            opened = open_usual(data, known[0])
            if opened is not None:
                return opened, known
        return self.open(parse_frame(data))

    def open(self, sealed: SealedFrame) -> tuple[OpenedFrame, NodeKey]:
        """Prove a frame authentic.

        Raises:
            PeerError: `UnknownNode`: the registry has no such node; `RetiredGeneration`: see `Retirement`.
            WireError: `FrameTag` where no generation's key fits, and what `open_frame` raises.
        """
        kid = sealed.kid
        known = self._keys.get(kid)
        if known is not None:
            return open_frame(sealed, known.up_key), known
        candidates = self._roots.get(kid[:6])
        if candidates is None:
            self._note_unknown(NodeId(kid[:6]))
            raise PeerError("UnknownNode", kid[:6].hex())
        for generation, root, profile_id in candidates:
            key = NodeKey(derive_up(root, kid), root, profile_id, generation)
            try:
                opened = open_frame(sealed, key.up_key)
            except WireError as error:
                if error.name != "FrameTag":
                    raise
                continue
            if self._retirement is not None and len(candidates) > 1:
                if self._retirement.refuses(kid, generation):
                    raise PeerError("RetiredGeneration", f"{kid.hex()}, generation {generation}")
                if self._retirement.note_heard(kid[:6], generation):
                    self.forget_older(kid[:6], generation)
            self._keys[kid] = key
            self._newest_heard[kid[:6]] = max(generation, self._newest_heard.get(kid[:6], 0))
            if len(self._keys) > self._keys_max:
                self._keys.popitem(last=False)
            return opened, key
        raise WireError("FrameTag", kid.hex())

    def forget_older(self, node_id: bytes, generation: int) -> None:
        """Keys of older generations are derived, and judged, anew with the node's next frame under one of them."""
        for kid in [kid for kid, key in self._keys.items() if kid[:6] == node_id and key.generation < generation]:
            del self._keys[kid]

    def look_at_retirement(self) -> None:
        """From time to time: the grace of old generations may be over."""
        if self._retirement is not None:
            for node_id in self._retirement.look():
                self.forget_older(node_id, self._retirement.moved[node_id].generation)

    def newest_heard(self) -> dict[bytes, int]:
        """By node: the highest key generation that it was heard under."""
        return dict(self._newest_heard)

    def find(self, kid: Kid) -> NodeKey | None:
        """The key of a kid that has authenticated lately."""
        return self._keys.get(kid)

    def generation_of(self, kid: Kid) -> int | None:
        """The key generation of a kid that has authenticated lately; None for another."""
        key = self._keys.get(kid)
        return None if key is None else key.generation

    def profile_of(self, node_id: bytes) -> str | None:
        """The profile id of a registered node."""
        known = self._roots.get(node_id)
        return known[0][2] if known else None

    def generations_of(self, node_id: bytes) -> tuple[int, ...]:
        """The key generations of a node that the registry holds, the newest first."""
        return tuple(generation for generation, _, _ in self._roots.get(node_id, ()))

    def roots_of(self, kid: Kid) -> tuple[bytes, ...]:
        """The roots that a kid's frames may be sealed with: the one that has authenticated, else all of its node, the newest first."""
        known = self.answer_root(kid)
        return (known,) if known is not None else tuple(root for _, root, _ in self._roots.get(kid[:6], ()))

    def answer_root(self, kid: Kid, generation: int | None = None) -> bytes | None:
        """The root to seal an answer to this kid with: that of `generation`, else the newest with which the node was heard.

        A node that has moved on takes nothing under an older key, not even for frames that it sealed with that.
        """
        key = self._keys.get(kid)
        if key is None:
            return None
        if generation is None:
            generation = max(key.generation, self._newest_heard.get(kid[:6], 0))
        for known, root, _ in self._roots.get(kid[:6], ()):
            if known == generation:
                return root
        return None

    def _note_unknown(self, node_id: NodeId) -> None:
        self.unknown_nodes[node_id] = self.unknown_nodes.pop(node_id, 0) + 1
        if len(self.unknown_nodes) > UNKNOWN_NODES_MAX:
            self.unknown_nodes.popitem(last=False)
