# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Resolved SenML (RFC 8428, 4.6): of anybody's packs in JSON or CBOR, and of our own for export.

A foreign pack comes here already parsed (json, or cbor2 for CBOR: its floats and indefinite lengths are allowed
there). Our own nodes' packs are read by `senml`, which is strict.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from gateway_agent.errors import WireError
from gateway_agent.model import NodeId, Pack

# RFC 8428, table 4: labels of CBOR to those of JSON.
_JSON_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
_TEXT_LABELS = frozenset({"bn", "bu", "n", "u", "vs"})
_NUMBER_LABELS = frozenset({"bver", "bt", "bv", "bs", "v", "s", "t", "ut"})
_VALUES = ("v", "vs", "vb", "vd")
_VERSION = 10  # later versions must be refused (RFC 8428, 4.4)
_RELATIVE_BELOW_S = 1 << 28
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")

_Number = int | float | Decimal


def resolve(records: Sequence[Mapping[Any, Any]], now_s: _Number | None = None) -> list[dict[str, Any]]:
    """Resolve base fields and relative times; returns records with JSON labels, ordered by time.

    Args:
        records: parsed SenML; labels may be those of JSON or those of CBOR.
        now_s: what times below 2^28 are relative to; without it they are left as they are.

    Raises:
        WireError: `SenmlShape`, `SenmlLabel`, `SenmlName` or `SenmlValue`.
    """
    if not isinstance(records, Sequence) or isinstance(records, str | bytes):
        raise WireError("SenmlShape", "a pack is an array of maps")
    base: dict[str, Any] = {}
    resolved = []
    for record in records:
        if not isinstance(record, Mapping):
            raise WireError("SenmlShape", "a pack is an array of maps")
        fields = _labelled(record)
        for label in ("bn", "bt", "bu", "bv", "bs", "bver"):
            if label in fields:
                base[label] = fields.pop(label)
        if base.get("bver", _VERSION) > _VERSION:
            raise WireError("SenmlLabel", f"version {base['bver']}")
        if fields:  # a record of base fields alone only sets them
            resolved.append(_resolve_record(fields, base, now_s))
    resolved.sort(key=lambda item: item.get("t", 0))
    return resolved


def _labelled(record: Mapping[Any, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for label, value in record.items():
        name = _JSON_LABELS.get(label) if type(label) is int else label
        if not isinstance(name, str) or name in fields:
            raise WireError("SenmlLabel", repr(label))
        if name not in _JSON_LABELS.values() and name.endswith("_"):
            raise WireError("SenmlLabel", f"{name} must be understood")
        if name in _TEXT_LABELS and not isinstance(value, str):
            raise WireError("SenmlShape", f"{name} is text")
        if name in _NUMBER_LABELS and (isinstance(value, bool) or not isinstance(value, int | float | Decimal)):
            raise WireError("SenmlShape", f"{name} is a number")
        if name == "vb" and not isinstance(value, bool):
            raise WireError("SenmlShape", "vb is a boolean")
        if name == "vd" and not isinstance(value, str | bytes):
            raise WireError("SenmlShape", "vd is bytes, or base64url text in JSON")
        fields[name] = value
    return fields


def _resolve_record(fields: dict[str, Any], base: dict[str, Any], now_s: _Number | None) -> dict[str, Any]:
    name = base.get("bn", "") + fields.get("n", "")
    if not _NAME.fullmatch(name):
        raise WireError("SenmlName", name)
    present = [label for label in _VALUES if label in fields]
    if len(present) > 1 or (not present and "s" not in fields and "bv" not in base and "bs" not in base):
        raise WireError("SenmlValue", f"{name} has {len(present)} values")
    out: dict[str, Any] = {"n": name}
    unit = fields.get("u", base.get("bu"))
    if unit is not None:
        out["u"] = unit
    if present and present[0] != "v":
        out[present[0]] = fields[present[0]]
    elif present or "bv" in base:
        out["v"] = _sum(base.get("bv", 0), fields.get("v", 0))
    if "s" in fields or "bs" in base:
        out["s"] = _sum(base.get("bs", 0), fields.get("s", 0))
    time_s = _sum(base.get("bt", 0), fields.get("t", 0))
    if now_s is not None and time_s < _RELATIVE_BELOW_S:
        time_s = _sum(now_s, time_s)
    if time_s:
        out["t"] = time_s
    if "ut" in fields:
        out["ut"] = fields["ut"]
    return out


def _sum(left: _Number, right: _Number) -> _Number:
    """Exact where both sides are decimals or integers; a float makes it a float."""
    if isinstance(left, float) or isinstance(right, float):
        return float(left) + float(right)
    return left + right


def urn_of(node_id: NodeId) -> str:
    """`urn:dev:mac:` with the EUI-64 that stands for a 6-byte MAC (RFC 9039, 4.1)."""
    return f"urn:dev:mac:{node_id[:3].hex()}fffe{node_id[3:].hex()}"


def pack_to_senml(node_id: NodeId, pack: Pack) -> list[dict[str, Any]]:
    """Resolved records of one of our packs, ready for JSON.

    Numbers with an exponent become the nearest float, bytes base64url. Times of a pack that is not synchronised stay
    node time, and each record says so by `boot_` = boot number. For a form without loss use `encode_pack`.
    """
    prefix = urn_of(node_id)
    records = []
    for field, offset_ms, value in zip(pack.shape, pack.offsets_ms, pack.values, strict=True):
        record: dict[str, Any] = {"n": f"{prefix}:{field.name}"}
        if field.unit is not None:
            record["u"] = field.unit
        if field.exponent and isinstance(value, int):
            record["v"] = float(Decimal(value).scaleb(field.exponent))
        elif isinstance(value, bytes):
            record["vd"] = base64.urlsafe_b64encode(value).rstrip(b"=").decode()
        else:
            record[("v", "vb", "vs", "v")[field.kind]] = value
        time_ms = pack.time_ms + offset_ms
        record["t"] = time_ms / 1000 if time_ms % 1000 else time_ms // 1000
        if pack.boot is not None:
            record["boot_"] = pack.boot
        records.append(record)
    return records
