# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity collector export`: all stored readings as CSV or SenML JSON, with what is known of their times.

CSV says everything. SenML (RFC 8428) has no word for a time that lies in an interval, so such a record carries
`interval_`, and by the rule for labels that end in `_` a reader that does not know it must refuse the record: better than a wrong time.
"""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from collector.config import load_config
from collector.ranges import Quality
from collector.reading_room import Reading, ReadingRoom, TimeQuality
from gateway_agent.model import Kind, NodeId
from gateway_agent.wire.senml_resolve import urn_of

CSV_COLUMNS = (
    "node", "name", "value", "unit", "time", "time_quality", "time_bound_ms", "earliest", "latest", "quality",
    "epoch", "sequence", "index",
)  # fmt: skip


def export(config_path: Path, form: str, out: TextIO, node: bytes | None = None) -> int:
    """Write all readings, or one node's; returns how many.

    Args:
        form: "csv" or "senml".

    Raises:
        ConfigError: no configuration.
        Unavailable: nothing is stored yet.
    """
    room = ReadingRoom(load_config(config_path).database)
    try:
        readings = (reading for source in room.sources(node) for reading in room.readings(source))
        return write_csv(readings, out) if form == "csv" else write_senml(readings, out)
    finally:
        room.close()


def write_csv(readings: Iterator[Reading], out: TextIO) -> int:
    """One row a reading; times in ISO 8601 UTC with milliseconds, empty where nothing is known."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    count = 0
    for reading in readings:
        time = reading.time
        writer.writerow(
            (
                reading.node.hex(), reading.field.name, value_text(reading), reading.field.unit or "",
                iso(time.time_ms), time.quality.value, "" if time.bound_ms is None else time.bound_ms,
                iso(time.earliest_ms), iso(time.latest_ms), reading.quality.word,
                reading.epoch.hex(), reading.sequence, reading.place,
            )
        )  # fmt: skip
        count += 1
    return count


def write_senml(readings: Iterator[Reading], out: TextIO) -> int:
    """A JSON array of resolved records, one a line."""
    count = 0
    for reading in readings:
        out.write(("[\n" if not count else ",\n") + json.dumps(senml_record(reading), separators=(",", ":")))
        count += 1
    out.write("\n]\n" if count else "[]\n")
    return count


def senml_record(reading: Reading) -> dict[str, Any]:
    """One resolved record."""
    record: dict[str, Any] = {"n": f"{urn_of(NodeId(reading.node))}:{reading.field.name}"}
    if reading.field.unit is not None:
        record["u"] = reading.field.unit
    value = reading.value
    if isinstance(value, bytes):
        record["vd"] = base64.urlsafe_b64encode(value).rstrip(b"=").decode()
    elif reading.field.exponent:
        record["v"] = float(Decimal(value).scaleb(reading.field.exponent))
    else:
        record[{Kind.BOOLEAN: "vb", Kind.TEXT: "vs"}.get(Kind(reading.field.kind), "v")] = value
    time = reading.time
    if time.time_ms is not None:
        record["t"] = _seconds(time.time_ms)
    else:
        record["interval_"] = [_seconds(time.earliest_ms), _seconds(time.latest_ms)]
    if time.quality is TimeQuality.RESOLVED and time.bound_ms is not None:
        record["time_bound"] = time.bound_ms / 1000
    if reading.quality is not Quality.OK:
        record["quality"] = reading.quality.word
    return record


def value_text(reading: Reading) -> str:
    """The value with exactly the digits that were measured."""
    value = reading.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, int) and reading.field.kind == Kind.NUMBER:
        return format(Decimal(value).scaleb(reading.field.exponent), "f")
    return str(value)


def iso(time_ms: int | None) -> str:
    """ISO 8601 in UTC; empty for None, and the bare number for a time no calendar has."""
    if time_ms is None:
        return ""
    try:
        moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return str(time_ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"


def _seconds(time_ms: int | None) -> float | int | None:
    if time_ms is None:
        return None
    return time_ms / 1000 if time_ms % 1000 else time_ms // 1000
