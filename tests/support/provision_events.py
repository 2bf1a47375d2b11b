# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The events of `startcity provision --json`, version 1: what scripts may rely on (docs/flashing.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

FIELDS: dict[str, frozenset[str]] = {
    "plan": frozenset({"step", "done", "node"}),
    "plan_check": frozenset({"check", "done"}),
    "board": frozenset({"node", "profile", "firmware", "port", "networks", "mqtt_host", "mqtt_port"}),
    "configuration": frozenset({"state"}),
    "console": frozenset({"means", "text"}),
    "step": frozenset({"step", "state", "node"}),
    "check": frozenset({"check", "state"}),
    "waiting": frozenset({"waits_for", "until_ms", "node"}),
    "verified": frozenset({"measurement", "epoch", "sequence", "lane", "number", "proof"}),
    "label": frozenset({"state"}),
    "end": frozenset({"node", "exit_code", "proof", "already"}),
    "error": frozenset({"error", "message", "exit_code"}),
}
MAY = {"check": frozenset({"text", "within_s"})}  # where it is begun


def strange(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of another form."""

    def is_right(event: Mapping[str, Any]) -> bool:
        name = event.get("event", "")
        must = FIELDS.get(name, frozenset()) | {"v", "event"}
        return event.get("v") == 1 and name in FIELDS and must <= event.keys() <= must | MAY.get(name, frozenset())

    return [event for event in events if not is_right(event)]
