# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Where `startcity provision` learns a node's root from: its label, the vault's file, the gateway's own registry."""

from __future__ import annotations

import sys
from pathlib import Path

import rich_click as click

from gateway_agent.config import Config
from gateway_agent.errors import ConfigError, WireError
from gateway_agent.model import NodeId
from gateway_agent.operate.label_end import LABEL_GENERATION
from gateway_agent.registry import NodeRecord, open_registry
from gateway_agent.wire.label import Label, parse_label
from startcity.node_import import read_file
from startcity.words import say
from tools.advice import NamedAdvice
from tools.secret_files import read_secret

BAD_LABEL = 10
_LABEL_BYTES_MAX = 1024


class Sources:
    """Where the gateway learns a node's root from: its label, the vault's file, its own registry."""

    def __init__(self, gateway: Config, label_file: Path | None, file: Path | None) -> None:
        """Raises: NamedAdvice: the label cannot be read."""
        self._gateway, self._file = gateway, file
        self.label = _read_label(label_file) if label_file is not None else None
        self._nodes: list[NodeRecord] | None = None

    def ask_label(self) -> None:
        """Scanned at the prompt; nothing is shown. Raises: NamedAdvice: it is no label."""
        self.label = _parse_label(click.prompt(say("Scan the label"), hide_input=True, err=True))

    @property
    def has_file(self) -> bool:
        return self._file is not None

    def from_file(self, node_id: NodeId) -> list[NodeRecord]:
        """Raises: NamedAdvice: the file cannot be opened here."""
        if self._nodes is None:
            self._nodes = list(read_file(self._gateway, self._file).nodes) if self._file is not None else []
        return [n for n in self._nodes if n.node_id == node_id]

    def known(self, node_id: NodeId) -> list[NodeRecord]:
        """What the registry has."""
        with open_registry(self._gateway) as registry:
            return [n for n in registry.nodes() if n.node_id == node_id]

    def generations(self) -> set[int]:
        """Every one of which a root is at hand, whosever it is."""
        self.from_file(NodeId(bytes(6)))
        with open_registry(self._gateway) as registry:
            found = {n.generation for n in registry.nodes()}
        return found | {n.generation for n in self._nodes or ()} | {LABEL_GENERATION}

    def is_known(self, node: str) -> bool:
        """Whether the file brings nothing that the gateway does not have."""
        node_id = NodeId(bytes.fromhex(node))
        known = {n.generation: n.root for n in self.known(node_id)}
        given = {n.generation: n.root for n in self.from_file(node_id)}
        is_same = all(known.get(number, root) == root for number, root in given.items())
        return is_same and max(given, default=0) <= max(known, default=-1)

    def need_root(self, node: str, generation: int) -> None:
        """Of the generation under which the board speaks: without it nothing of the node would be heard. Raises: ConfigError."""
        node_id = NodeId(bytes.fromhex(node))
        found = {n.generation for n in (*self.from_file(node_id), *self.known(node_id))}
        if self.label is not None and self.label.node_id == node_id:
            found.add(LABEL_GENERATION)
        if generation in found:
            return
        if generation != LABEL_GENERATION or not sys.stdin.isatty():
            raise ConfigError(
                say(
                    "Node {node} speaks under key generation {generation}, and nobody has given its root: give its label (generation 0), "
                    "or a file of the vault with that generation: `startcity vault commission {node} --generation {generation} ...`.",
                    node=node,
                    generation=generation,
                )
            )
        self.ask_label()

    def roots(self, node: str) -> dict[int, bytes]:
        """By generation what the board must have: of the label and the file, or else of the registry."""
        node_id = NodeId(bytes.fromhex(node))
        found = {n.generation: n.root for n in self.from_file(node_id)}
        if self.label is not None and self.label.node_id == node_id:
            found[LABEL_GENERATION] = self.label.root
        return found or {n.generation: n.root for n in self.known(node_id)}


def _read_label(path: Path) -> Label:
    if str(path) == "-":
        return _parse_label(sys.stdin.read(_LABEL_BYTES_MAX))
    if not path.exists():
        template = (
            "{file} does not exist: a label is written when the board is flashed, by `startcity flash`. If it was and is lost, leave "
            "--label-file out and give a file of the vault with --file: `startcity vault commission NODE --generation 0 ...` makes it."
        )
        raise ConfigError(say(template, file=path))
    return _parse_label(read_secret(path).decode("utf-8", "replace"))


def _parse_label(scanned: str) -> Label:
    try:
        return parse_label(scanned)
    except WireError as error:
        template = "{name}: the label cannot be read: {reason}."
        raise NamedAdvice(error.name, BAD_LABEL, template, name=error.name, reason=error.detail) from error
