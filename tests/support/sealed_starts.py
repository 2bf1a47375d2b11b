# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A journal that holds what a node has said at its starts."""

from __future__ import annotations

from pathlib import Path

from gateway_agent.journal.segment import BatchEntry, Header, encode_batch, encode_header
from gateway_agent.model import Field, FrameRow, Kid, Kind, NodeId, Pack
from tests.support.signing_gateway import START_MS, SigningGateway


def seal_starts(journal: Path, node_id: NodeId, *is_safe: bool, is_one_batch: bool = False) -> None:
    """Whether each of its starts was in safe mode, as a gateway seals it: an epoch each, and a batch each, or one for all."""
    (journal / "record").mkdir(parents=True)
    gateway = SigningGateway("piacenza-01")
    shape = (Field("safe", None, int(Kind.BOOLEAN), 0),)
    rows = [
        FrameRow(Kid(node_id + bytes(7) + bytes([place])), 1, Pack(None, START_MS, shape, (0,), (value,)))
        for place, value in enumerate(is_safe)
    ]
    header = encode_header(Header(gateway.gateway_id, gateway.lane, gateway.instance, 1, bytes(32)))
    groups = [rows] if is_one_batch else [[row] for row in rows]
    (journal / "record" / "000000000001.seg").write_bytes(
        header + b"".join(encode_batch(BatchEntry(at, (), gateway.seal(group))) for at, group in enumerate(groups, 1))
    )
