# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The JSON Schema that editors use."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import msgspec
import pytest

from device_profiles.files import SHIPPED
from device_profiles.schema import SCHEMA_PATH, ProfileFile, profile_schema, schema_text
from tests.support.json_schema import faults_of
from tests.support.profile_folder import PROFILE

SHIPPED_PROFILES = sorted(SHIPPED.glob("*/profile.toml"))


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


@pytest.mark.parametrize("path", SHIPPED_PROFILES, ids=lambda path: path.parent.name)
def test_the_exported_schema_accepts_every_shipped_profile(path: Path) -> None:
    """An editor underlines nothing in what the check accepts, and nothing is lost on the way through JSON."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    schema = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    assert list(faults_of(data, schema, schema)) == []
    table = msgspec.convert(data, ProfileFile)
    assert msgspec.json.decode(msgspec.json.encode(table), type=ProfileFile) == table


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("capacity_mah = 19000", 'capacity_mah = "19 Ah"', "$.power.capacity_mah: none of the allowed forms"),
        ("within_s = 60\n", "", "$.commissioning[1].within_s: missing"),
        ("within_s = 60\n", "within_s = 0\n", "$.commissioning[1].within_s: 0 against 1"),
        ('kind = "type"', 'kind = "mine"', "$.calibration: none of the allowed forms"),
        ("uncertainty = 0.03", "uncertain = 0.03", "$.measurement[0].uncertain: unknown"),
        ('id = "fills"', 'id = "Fills!"', "$.commissioning[0].id: 'Fills!' against"),
        ('severity = "critical"', 'severity = "grave"', "$.measurement[0].alarm_when: none of the allowed forms"),
        ('unit = "m"\nexponent = -2', 'unit = "cm"\nexponent = -2', "$.measurement[0].unit: "),
    ],
)
def test_the_exported_schema_refuses_what_the_check_refuses(before: str, after: str, fault: str) -> None:
    """An editor underlines the place that the check would name."""
    assert PROFILE.count(before) == 1
    schema = profile_schema()
    (found,) = faults_of(tomllib.loads(PROFILE.replace(before, after)), schema, schema)
    assert found.startswith(fault)
