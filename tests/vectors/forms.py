# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How the vector files write what JSON cannot: see README.md in this folder."""

from __future__ import annotations

import struct
from typing import Any

from gateway_agent.model import Body, Pack
from gateway_agent.wire.cbor import Tag
from gateway_agent.wire.node_table import NodeTable

JSON_SAFE = (1 << 53) - 1


def form(value: Any) -> Any:
    """A CBOR value in JSON."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= JSON_SAFE else {"int": str(value)}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, float):
        return {"float64": struct.pack(">d", value).hex()}
    if isinstance(value, Tag):
        return {"tag": [value.number, form(value.value)]}
    if isinstance(value, dict):
        return {"map": [[form(key), form(item)] for key, item in value.items()]}
    return [form(item) for item in value]


def pack_form(pack: Pack) -> dict[str, Any]:
    """A pack in JSON."""
    return {
        "boot": pack.boot,
        "time_ms": form(pack.time_ms),
        "records": [
            {
                "name": field.name,
                "unit": field.unit,
                "kind": int(field.kind),
                "exponent": field.exponent,
                "offset_ms": form(offset_ms),
                "value": form(value),
            }
            for field, offset_ms, value in zip(pack.shape, pack.offsets_ms, pack.values, strict=True)
        ],
    }


def body_form(body: Body) -> dict[str, Any]:
    """A body in JSON."""
    return {
        "frames": [
            {"kid": row.kid.hex(), "sequence": row.sequence, "pack": pack_form(row.pack)} for row in body.frames
        ],
        "opaque": [
            {"kid": row.kid.hex(), "sequence": row.sequence, "reason": row.reason, "pack": row.pack_bytes.hex()}
            for row in body.opaque
        ],
        "own": [
            {
                "name": row.name,
                "time_ms": row.time_ms,
                "value": {"fraction": list(map(form, row.value))} if isinstance(row.value, tuple) else form(row.value),
            }
            for row in body.own
        ],
    }


def table_form(table: NodeTable) -> dict[str, Any]:
    """A node table in JSON: groups in the order in which they were first met, their rows by node index."""
    return {
        "age": table.age,
        "kids": [kid.hex() for kid in table.kids],
        "groups": [
            {
                "fields": [[field.name, field.unit, int(field.kind), field.exponent] for field in shape],
                "timed": int(timed),
                "rows": [[node, *map(form, rows[node])] for node in sorted(rows)],
            }
            for (shape, timed), rows in table.groups.items()
        ],
    }
