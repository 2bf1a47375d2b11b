# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Which nodes are to be asked to move to another key generation. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol


class GenerationRecord(Protocol):
    """What the registry tells of a node at one key generation."""

    @property
    def node_id(self) -> bytes: ...
    @property
    def generation(self) -> int: ...


def plan_moves(
    records: Iterable[GenerationRecord],
    heard: Mapping[bytes, int],
    generation: int,
    only: Collection[bytes] | None = None,
) -> dict[bytes, str]:
    """What to do about each node: `ask`, `moved` (it was heard under this generation or a higher one), or `no root`.

    Args:
        records: the registry's, one a node and generation.
        heard: by node, the highest generation that it was heard under; a node that never moved is missing.
        generation: where they are to go.
        only: these nodes; None for all.
    """
    roots: dict[bytes, set[int]] = {}
    for record in records:
        if only is None or record.node_id in only:
            roots.setdefault(record.node_id, set()).add(record.generation)
    plan: dict[bytes, str] = {}
    for node_id, generations in sorted(roots.items()):
        if heard.get(node_id, min(generations)) >= generation:
            plan[node_id] = "moved"
        else:
            plan[node_id] = "ask" if generation in generations else "no root"
    return plan
