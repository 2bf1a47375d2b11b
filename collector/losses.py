# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What gateways say that they had to give up, less what came all the same: by another gateway, or from before the cut."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from collector.reading_room import ReadingRoom
from gateway_agent.model import Kid, OwnReading
from gateway_agent.wire.keys import NODE_ID_BYTES
from gateway_agent.wire.loss import NAME, read_loss

_HELD = """
SELECT count(*) AS n FROM (
    SELECT r.sequence FROM reading r JOIN source s ON r.source = s.id
        WHERE s.node = x'{node}' AND s.epoch = x'{epoch}' AND r.sequence BETWEEN {low} AND {high}
    UNION SELECT o.sequence FROM opaque o JOIN source s ON o.source = s.id
        WHERE s.node = x'{node}' AND s.epoch = x'{epoch}' AND o.sequence BETWEEN {low} AND {high})
"""


def evicted(room: ReadingRoom) -> list[dict[str, Any]]:
    """One entry a node and epoch with frames that were evicted and are not stored: node, epoch, frames."""
    claimed: defaultdict[Kid, set[tuple[int, int]]] = defaultdict(set)
    for row in room.table(f"SELECT name, value FROM own WHERE name = '{NAME}'"):  # noqa: S608
        loss = read_loss(OwnReading(row["name"], None, row["value"]))
        if loss is not None:
            claimed[loss.kid].update(loss.ranges)
    found = []
    for kid, ranges in sorted(claimed.items()):
        node, epoch = kid[:NODE_ID_BYTES].hex(), kid[NODE_ID_BYTES:].hex()
        frames = 0
        for low, high in _disjoint(ranges):
            held = room.table(_HELD.format(node=node, epoch=epoch, low=low, high=high))[0]["n"]
            frames += high - low + 1 - held
        if frames:
            found.append({"node": node, "epoch": epoch, "frames": frames})
    return found


def _disjoint(ranges: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Two gateways may have given up the same frames."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined
