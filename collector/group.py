# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What one transaction of the store holds. Plain values: whoever fills a group has decided everything already."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from collector.ledger import Branch, ChainKey
from gateway_agent.model import Body


class StagedBatch(NamedTuple):
    """A verified batch on its way into the store. `body` is None where it could not be opened, and `defect` says why.

    `leans`: whether its body leans on the batch before it, whose digest is `link`; None where nothing will make it readable.
    """

    key: ChainKey
    branch: int
    number: int
    digest: bytes
    link: bytes
    leans: bool | None
    wall_ms: int | None
    bound_s: int | None
    length_bytes: int
    body: Body | None
    defect: str | None


class StagedGap(NamedTuple):
    """A verified gap: the gateway's word that it no longer has these numbers."""

    key: ChainKey
    first: int
    last: int
    reason: int
    digest: bytes


class GatewayState(NamedTuple):
    """What a gateway last said of itself."""

    gateway_id: str
    online: bool
    wall_ms: int | None
    clock_state: int
    bound_s: int | None


class Promise(NamedTuple):
    """A gateway's signed word that a chain reaches at least this number."""

    key: ChainKey
    number: int
    digest: bytes


class Event(NamedTuple):
    """Something that a person should see: a fork, a gap, a conflict, a cut-off tail."""

    at_ms: int
    gateway_id: str
    lane: int | None
    kind: str
    detail: str


@dataclass(slots=True)
class Group:
    """Everything that commits together."""

    batches: list[StagedBatch] = field(default_factory=list)
    gaps: list[StagedGap] = field(default_factory=list)
    branches: dict[tuple[ChainKey, int], Branch] = field(default_factory=dict)
    states: list[GatewayState] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter by its name."""
        self.counts[name] = self.counts.get(name, 0) + by
