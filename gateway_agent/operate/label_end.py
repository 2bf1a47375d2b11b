# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The end of a node's label: its root, that of generation 0, leaves the registry once nothing can be waiting under it.

`startcity provision` asks, by an empty file `data/provision/{node}.end`. The node has moved by then; what it had queued before
stays sealed under the old root until it is acknowledged, so the root goes only when every frame of the old epochs has
arrived, without a hole, is synced, and none more has come for a minute; at the latest with the grace of old generations.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from gateway_agent.admit.received import Numbers
from gateway_agent.admit.retirement import Moved
from gateway_agent.errors import Unavailable
from gateway_agent.model import Kid

log = logging.getLogger(__name__)

FOLDER, SUFFIX = "provision", ".end"
LABEL_GENERATION = 0
QUIET_MS = 60_000
_NAME = re.compile(r"[0-9a-f]{12}\.end")


class NumbersOf(Protocol):
    """`NumberTable`."""

    def kids(self) -> list[Kid]: ...
    @property
    def find(self) -> Callable[[Kid], Numbers | None]: ...


def ask_end(data: Path, node: str) -> None:
    """Ask the gateway to end a label, now or whenever it next runs. Raises: Unavailable."""
    path = data / FOLDER / f"{node}{SUFFIX}"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise Unavailable(f"{path} cannot be made: {error.strerror}") from error


def is_delivered(received: Numbers | None, synced: Numbers | None) -> bool:
    """Whether of an epoch all that was received is synced, and nothing between its numbers is missing."""
    if received is None:
        return True
    if synced is None or received.ranges != synced.ranges:
        return False
    return received.ranges == () or (len(received.ranges) == 1 and received.lows[0] <= received.floor)


class LabelEnds:
    """Looks at the requests; at most one file a node."""

    def __init__(
        self,
        data: Path,
        received: NumbersOf,
        synced: NumbersOf,
        generation_of: Callable[[Kid], int | None],
        moved: Callable[[], Mapping[bytes, Moved]],
        grace_over: Callable[[Moved], bool],
        monotonic_ms: Callable[[], int],
    ) -> None:
        """`generation_of` is None for a kid that has not been heard in this run."""
        self._folder = data / FOLDER
        self._received, self._synced = received, synced
        self._generation_of, self._moved, self._grace_over = generation_of, moved, grace_over
        self._monotonic_ms = monotonic_ms
        self._quiet: dict[bytes, tuple[int, int]] = {}  # by node: frames received under old epochs, since when no more

    def requests(self) -> list[bytes]:
        """The nodes whose labels are to end. Raises: Unavailable."""
        try:
            names = [path.name for path in self._folder.iterdir()] if self._folder.is_dir() else []
        except OSError as error:
            raise Unavailable(f"{self._folder} cannot be read: {error.strerror}") from error
        return sorted(bytes.fromhex(name[:12]) for name in names if _NAME.fullmatch(name))

    def due(self, nodes: Iterable[bytes]) -> list[bytes]:
        """Those of `nodes` whose label can end now."""
        return [node_id for node_id in nodes if self._is_due(node_id)]

    def forget(self, node_id: bytes) -> None:
        """The label has ended. Raises: Unavailable."""
        self._quiet.pop(node_id, None)
        path = self._folder / f"{node_id.hex()}{SUFFIX}"
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"{path} cannot be removed: {error.strerror}") from error
        log.info("the label of node %s has ended", node_id.hex())

    def _is_due(self, node_id: bytes) -> bool:
        moved = self._moved().get(node_id)
        if moved is None or moved.generation <= LABEL_GENERATION:
            return False
        if self._grace_over(moved):
            return True
        old = [
            kid
            for kid in self._received.kids()
            if kid[:6] == node_id and (self._generation_of(kid) or LABEL_GENERATION) < moved.generation
        ]
        numbers = [found for found in map(self._received.find, old) if found is not None]
        count = sum(high - low + 1 for found in numbers for low, high in found.ranges)
        now_ms = self._monotonic_ms()
        known = self._quiet.get(node_id)
        if known is None or known[0] != count:
            self._quiet[node_id] = known = (count, now_ms)
        is_quiet = now_ms - known[1] >= QUIET_MS
        return is_quiet and all(is_delivered(self._received.find(kid), self._synced.find(kid)) for kid in old)
