# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Old key generations, once a node has moved on: what of them still counts. Pure: times and knowledge are arguments.

Theory of operation
-------------------
A gateway was stolen, and with it the roots of generation g. A node that has been heard under a higher one has moved for
good: it seals nothing new under g any more. What may still come under g is its backlog, and that lies under *epochs that
were heard before*. So from the move on

* a frame under an older generation with an epoch that was never received here is refused at once (`RetiredGeneration`):
  who holds the stolen root cannot begin one;
* a frame under an older generation with a known epoch counts for the grace, because a node's backlog may be behind an
  outage of days, and is refused after it.

The grace is counted by the wall clock, and only while that is synchronised: a clock that is wrong ends no grace. A move
that is heard without a clock begins its grace with the first time that is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from gateway_agent.model import Kid


class Moved(NamedTuple):
    """A node was heard under this key generation, first at this time (None: no clock yet)."""

    generation: int
    at_ms: int | None


class Retirement:
    """One entry a node that has moved: bounded by the registry's nodes."""

    def __init__(
        self,
        grace_ms: int,
        is_known_epoch: Callable[[Kid], bool],
        wall_ms: Callable[[], int | None],
        moved: Mapping[bytes, Moved] | None = None,
    ) -> None:
        """`wall_ms` is None while the clock is not synchronised; `moved` is what was known when we ended."""
        self._grace_ms = grace_ms
        self._is_known_epoch = is_known_epoch
        self._wall_ms = wall_ms
        self.moved: dict[bytes, Moved] = dict(moved or {})
        self.is_changed = False  # since somebody wrote it down

    def note_heard(self, node_id: bytes, generation: int) -> bool:
        """The node has sealed under this generation, and there are roots of other ones. Whether that is news."""
        known = self.moved.get(node_id)
        if generation == 0 or (known is not None and generation <= known.generation):
            return False
        self.moved[node_id] = Moved(generation, self._wall_ms())
        self.is_changed = True
        return True

    def refuses(self, kid: Kid, generation: int) -> bool:
        """Whether an authentic frame under this generation comes too late."""
        known = self.moved.get(kid[:6])
        if known is None or generation >= known.generation:
            return False
        if self._grace_ms <= 0 or not self._is_known_epoch(kid):
            return True
        return self.is_over(known)

    def look(self) -> list[bytes]:
        """Begin what waited for a clock. The nodes whose grace is over: what was derived from their old roots can go."""
        wall_ms = self._wall_ms()
        if wall_ms is None:
            return []
        for node_id, known in self.moved.items():
            if known.at_ms is None:
                self.moved[node_id] = known._replace(at_ms=wall_ms)
                self.is_changed = True
        return [node_id for node_id, known in self.moved.items() if self.is_over(known)]

    def keep(self, node_ids: Mapping[bytes, object]) -> None:
        """Forget the nodes that the registry has not (any more)."""
        gone = [node_id for node_id in self.moved if node_id not in node_ids]
        for node_id in gone:
            del self.moved[node_id]
            self.is_changed = True

    def is_over(self, known: Moved) -> bool:
        """Whether the grace of what is older than this generation has ended."""
        wall_ms = self._wall_ms()
        return wall_ms is not None and known.at_ms is not None and wall_ms - known.at_ms >= self._grace_ms
