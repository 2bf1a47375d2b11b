# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A node's id as people type it."""

from __future__ import annotations

import re

from gateway_agent.model import NodeId
from tools.advice import Advice

_TWELVE_DIGITS = re.compile(r"[0-9a-f]{12}")
_PAIRS = re.compile(r"[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}")


def parse_node_id(text: str) -> NodeId:
    """Read 12 hex digits, or six pairs with `:` or `-`, as printed on boards and by esptool.

    Raises:
        ConfigError: another form, or a group address: a board's own address is never one.
    """
    plain = text.strip().lower()
    if not _TWELVE_DIGITS.fullmatch(plain) and not _PAIRS.fullmatch(plain):
        raise Advice(
            "node id {given}: write the board's base MAC as 12 hex digits, such as aabbccddee01.", given=repr(text)
        )
    node_id = bytes.fromhex(re.sub("[:-]", "", plain))
    if node_id[0] & 1:
        raise Advice(
            "node id {given} is a group address: write the board's own base MAC, such as aabbccddee01.",
            given=repr(text),
        )
    return NodeId(node_id)
