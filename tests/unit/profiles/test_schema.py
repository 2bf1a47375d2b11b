# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The JSON Schema that editors use."""

from __future__ import annotations

import json

from device_profiles.schema import SCHEMA_PATH, profile_schema, schema_text


def test_the_exported_schema_is_current() -> None:
    """profile.schema.json is what the structures say now; `make schema` writes it anew."""
    assert SCHEMA_PATH.read_text(encoding="utf-8") == schema_text()


def test_the_schema_offers_units_kinds_and_lanes() -> None:
    """An editor can complete the words that have a closed list."""
    fields = profile_schema()["$defs"]["MeasurementTable"]["properties"]
    assert {"Cel", "J", "%RH"} <= set(fields["unit"]["enum"])
    assert "kWh" not in fields["unit"]["enum"]
    assert fields["lane"]["enum"] == ["alarm", "record", "trend"]
    assert json.loads(schema_text())["$defs"]["ProfileFile"]["additionalProperties"] is False
