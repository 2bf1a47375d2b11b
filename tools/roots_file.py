# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the vault hands to a gateway: nodes with their roots of one generation, never a master.

A JSON file of mode 0600. Its reader is as strict as a wire format's: it comes from outside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway_agent.errors import ConfigError
from tools.secret_files import read_secret, write_secret

_FORMAT = "startcity roots 1"
_Hex6 = Annotated[str, Meta(pattern="^[0-9a-f]{12}$")]
_Hex16 = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]


class RootEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One node; `root` is secret and not shown."""

    node: _Hex6
    profile: str
    root: _Hex16
    name: str = ""
    place: str = ""

    def __repr__(self) -> str:
        return f"RootEntry(node={self.node!r}, profile={self.profile!r})"


class RootsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All nodes of one hand-over."""

    format: str
    generation: Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
    nodes: list[RootEntry]


def write_roots(path: Path, generation: int, nodes: list[RootEntry]) -> None:
    """Write a hand-over, mode 0600.

    Raises:
        Unavailable: the disk refuses.
    """
    content = msgspec.json.format(msgspec.json.encode(RootsFile(_FORMAT, generation, nodes)))
    write_secret(path, content + b"\n")


def read_roots(path: Path) -> RootsFile:
    """Read a hand-over.

    Raises:
        ConfigError: no such file, others may read it, or it is something else.
        Unavailable: the disk refuses.
    """
    content = read_secret(path)
    try:
        roots = msgspec.json.decode(content, type=RootsFile)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path} is not a file of `startcity vault roots`: {error}") from error
    if roots.format != _FORMAT:
        raise ConfigError(f"{path} has the format {roots.format!r}, this program reads {_FORMAT!r}")
    return roots
