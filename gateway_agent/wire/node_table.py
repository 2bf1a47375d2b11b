# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Short names for nodes, built up by the batches of one lane (docs/wire.md, 6)."""

from __future__ import annotations

from collections.abc import Sequence

from gateway_agent.model import Kid


class NodeTable:
    """Kids in the order in which the lane's batches first named them.

    The sealer makes a new one to start anew; a reader keeps one for each lane and instance, and
    `decode_body` empties it where the sealer did.
    """

    __slots__ = ("_indexes", "_kids")

    def __init__(self, kids: Sequence[Kid] = ()) -> None:
        self._kids = list(kids)
        self._indexes = {kid: index for index, kid in enumerate(kids)}

    def __len__(self) -> int:
        return len(self._kids)

    def __contains__(self, kid: object) -> bool:
        return kid in self._indexes

    def index_of(self, kid: Kid) -> int:
        """The kid's index; a kid that is new gets the next one."""
        index = self._indexes.get(kid)
        if index is None:
            index = self._indexes[kid] = len(self._kids)
            self._kids.append(kid)
        return index

    def since(self, base: int) -> list[Kid]:
        """The kids from an index on."""
        return self._kids[base:]

    def replace(self, kids: Sequence[Kid]) -> None:
        """Hold these kids and no others."""
        self._kids = list(kids)
        self._indexes = {kid: index for index, kid in enumerate(kids)}
