# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity collector show`: nodes with their last readings, lanes with the state of their chains, and whatever is wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

from collector.config import load_config
from collector.export import iso, value_text
from collector.intake import FOREIGN_EVENT, FOREIGN_NOTED_MS
from collector.losses import evicted
from collector.ranges import Quality
from collector.reading_room import Reading, ReadingRoom
from gateway_agent.model import Lane

# What every node says of itself; shown with --all only, so that the table stays a table.
_OWN_NAMES = frozenset({"boot", "reset", "fw", "batt", "rssi", "heap", "anchor", "lost", "cmd"})
EVENTS_SHOWN = 20


def show(config_path: Path, as_json: bool, out: TextIO, all_names: bool = False) -> bool:
    """Print the collector's view; returns True if nothing is wrong.

    Raises:
        ConfigError: no configuration.
        Unavailable: nothing is stored yet.
    """
    config = load_config(config_path)
    room = ReadingRoom(config.database)
    try:
        view = collect(room, config.gateway_keys, time.time_ns() // 1_000_000)
    finally:
        room.close()
    if as_json:
        out.write(json.dumps(view, indent=2) + "\n")
    else:
        _print(view, Console(file=out), all_names)
    return bool(view["ok"])


def collect(room: ReadingRoom, listed: Collection[str], now_ms: int) -> dict[str, Any]:
    """Everything that `show` shows, ready for JSON. `listed` are the ids of the gateways that may deliver."""
    lanes = _lanes(room)
    conflicts = room.table("SELECT count(*) AS n FROM conflict")[0]["n"]
    events = room.table(
        f"SELECT at_ms, gateway, lane, kind, detail FROM event ORDER BY id DESC LIMIT {EVENTS_SHOWN}"  # noqa: S608
    )
    for event in events:
        event["at"] = iso(event.pop("at_ms"))
        event["lane"] = None if event["lane"] is None else Lane(event["lane"]).word
    foreign = [
        {"gateway": row["gateway"], "at": iso(row["at_ms"])}
        for row in room.table(
            f"SELECT gateway, max(at_ms) AS at_ms FROM event WHERE kind = '{FOREIGN_EVENT}'"  # noqa: S608
            f" AND at_ms > {now_ms - 2 * FOREIGN_NOTED_MS} GROUP BY gateway ORDER BY gateway"
        )
        if row["gateway"] not in listed
    ]
    return {
        "ok": not conflicts and not foreign and all(lane["chain"] == "intact" for lane in lanes),
        "nodes": _nodes(room),
        "lanes": lanes,
        "gateways": [
            {
                "gateway": row["id"],
                "online": bool(row["online"]),
                "state_at": iso(row["wall_ms"]),
                "clock_state": row["clock_state"],
            }
            for row in room.table("SELECT * FROM gateway ORDER BY id")
        ],
        "not_listed": foreign,
        "conflicts": conflicts,
        "evicted": evicted(room),
        "counters": {row["name"]: row["count"] for row in room.table("SELECT name, count FROM counter ORDER BY name")},
        "events": events,
    }


def _nodes(room: ReadingRoom) -> list[dict[str, Any]]:
    nodes = []
    for source in room.sources():
        latest = room.latest(source)
        nodes.append(
            {
                "node": source.node.hex(), "epoch": source.epoch.hex(), "frames": source.frames, "readings": source.readings,
                "latest": {name: _reading(reading) for name, reading in sorted(latest.items())},
            }
        )  # fmt: skip
    return nodes


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "value": value_text(reading), "unit": reading.field.unit, "time": iso(reading.time.time_ms) or None,
        "time_quality": reading.time.quality.value, "quality": reading.quality.word,
        "earliest": iso(reading.time.earliest_ms) or None, "latest": iso(reading.time.latest_ms) or None,
    }  # fmt: skip


_LANES = """
SELECT c.id, c.gateway, c.lane, c.instance, coalesce(b.number, 0) AS number,
    (SELECT count(*) FROM branch f WHERE f.chain = c.id AND f.place > 0) AS forks,
    (SELECT count(*) FROM batch x WHERE x.chain = c.id) AS batches,
    (SELECT coalesce(sum(readings), 0) FROM batch x WHERE x.chain = c.id) AS readings,
    (SELECT coalesce(sum(bytes), 0) FROM batch x WHERE x.chain = c.id) AS bytes,
    (SELECT count(*) FROM batch x WHERE x.chain = c.id AND x.defect IS NOT NULL) AS unreadable,
    coalesce(p.number, 0) AS promised, coalesce(p.number = b.number AND p.digest != b.link, 0) AS other_past
FROM chain c LEFT JOIN branch b ON b.chain = c.id AND b.place = 0
LEFT JOIN promise p ON p.chain_gateway = c.gateway AND p.lane = c.lane AND p.instance = c.instance
ORDER BY c.gateway, c.lane, c.id
"""


def _lanes(room: ReadingRoom) -> list[dict[str, Any]]:
    """One entry a chain. `chain` is intact, behind (the gateway signed for more), gap, unreadable or forked: the worst that is true."""
    lanes = []
    for row in room.table(_LANES):
        gaps = room.table(f"SELECT first, last, reason FROM gap WHERE chain = {int(row['id'])} ORDER BY first")  # noqa: S608
        behind = max(0, row["promised"] - row["number"])
        if row["forks"] or row["other_past"]:
            chain = "forked"
        elif row["unreadable"]:
            chain = "unreadable"
        elif gaps:
            chain = "gap"
        else:
            chain = "behind" if behind else "intact"
        lanes.append(
            {
                "gateway": row["gateway"], "lane": Lane(row["lane"]).word, "instance": row["instance"].hex(),
                "number": row["number"], "chain": chain, "behind": behind, "forks": row["forks"],
                "gaps": [{"first": gap["first"], "last": gap["last"], "reason": gap["reason"]} for gap in gaps],
                "batches": row["batches"], "readings": row["readings"], "bytes": row["bytes"],
            }
        )  # fmt: skip
    return lanes


def _print(view: dict[str, Any], console: Console, all_names: bool) -> None:
    nodes = Table(title="Nodes", title_justify="left")
    for column in ("node", "epoch", "frames", "readings", "last readings"):
        nodes.add_column(column, justify="right" if column in ("frames", "readings") else "left")
    for node in view["nodes"]:
        last = "  ".join(
            _cell(name, reading) for name, reading in node["latest"].items() if all_names or name not in _OWN_NAMES
        )
        nodes.add_row(node["node"], node["epoch"][:8], str(node["frames"]), str(node["readings"]), last)
    console.print(nodes)
    lanes = Table(title="Lanes", title_justify="left")
    for column in ("gateway", "lane", "instance", "up to", "readings", "bytes", "chain"):
        lanes.add_column(column, justify="right" if column in ("up to", "readings", "bytes") else "left")
    for lane in view["lanes"]:
        colour = {"intact": "green", "behind": "yellow"}.get(lane["chain"], "red")
        notes = [lane["chain"]]
        if lane["behind"]:
            notes.append(f"{lane['behind']} batches to come")
        notes += [f"gap {gap['first']} to {gap['last']}" for gap in lane["gaps"]]
        if lane["forks"]:
            notes.append(f"{lane['forks']} other branches")
        lanes.add_row(
            lane["gateway"], lane["lane"], lane["instance"][:8], str(lane["number"]), str(lane["readings"]), str(lane["bytes"]),
            f"[{colour}]{', '.join(notes)}[/]",
        )  # fmt: skip
    console.print(lanes)
    if view["not_listed"]:
        console.print("Not listed", style="italic")
        for row in view["not_listed"]:
            console.print(
                f"{row['gateway']} delivers and is not listed: add a [[gateway]] block with its public key, or check the id"
                f" (noted {row['at']})",
                style="red", markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip
    if view["conflicts"]:
        console.print(f"[red]{view['conflicts']} conflicts: one identity came twice with other contents[/]")
    for row in view["evicted"]:
        console.print(
            f"[red]node {row['node']}, epoch {row['epoch'][:8]}: {row['frames']} frames were given up by a full gateway[/]"
        )
    for event in view["events"]:
        console.print(
            f"{event['at']}  {event['gateway']}/{event['lane'] or '-'}  {event['kind']}: {event['detail']}",
            markup=False,
        )


def _cell(name: str, reading: dict[str, Any]) -> str:
    mark = "" if reading["quality"] == Quality.OK.word else " (!)"
    unit = f" {reading['unit']}" if reading["unit"] else ""
    value = reading["value"]
    return f"{name} {value if len(value) <= 24 else value[:21] + '...'}{unit}{mark}"
