# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Resolved SenML: our packs for export, and foreign packs that are wrong."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from gateway_agent.errors import WireError
from gateway_agent.model import Field, Kind, NodeId, Pack
from gateway_agent.wire.senml import pack_to_senml, resolve

NODE = NodeId(bytes.fromhex("0024be804ff1"))


def test_pack_becomes_resolved_records() -> None:
    """Names carry the node's EUI-64, numbers are the nearest float, times are absolute; json can write it."""
    shape = (
        Field("temperature", "Cel", int(Kind.NUMBER), -2),
        Field("occupied", None, int(Kind.BOOLEAN), 0),
        Field("fault", None, int(Kind.TEXT), 0),
        Field("strain", "/", int(Kind.BYTES), 0),
        Field("ratio", "/", int(Kind.FLOAT), 0),
    )
    records = pack_to_senml(
        NODE, Pack(None, 1_790_000_000_250, shape, (0, 750, 0, 0, 0), (2150, True, "", b"\xfb\xff", 0.5))
    )
    assert json.loads(json.dumps(records)) == records
    assert records[0] == {"n": "urn:dev:mac:0024befffe804ff1:temperature", "u": "Cel", "v": 21.5, "t": 1790000000.25}
    assert records[1] == {"n": "urn:dev:mac:0024befffe804ff1:occupied", "vb": True, "t": 1790000001}
    assert records[2]["vs"] == ""
    assert records[3]["vd"] == "-_8"
    assert records[4]["v"] == 0.5


def test_pack_without_the_city_time_says_so() -> None:
    """Records of a node that is not synchronised keep node time and name the boot."""
    pack = Pack(7, 2417, (Field("boot", None, int(Kind.NUMBER), 0),), (0,), (7,))
    assert pack_to_senml(NODE, pack) == [{"n": "urn:dev:mac:0024befffe804ff1:boot", "v": 7, "t": 2.417, "boot_": 7}]


def test_base_fields_last_until_they_change() -> None:
    """Base value and base sum are added, and a record of base fields alone only sets them."""
    records: list[dict[str, Any]] = [
        {"bn": "a:", "bv": Decimal("20.0"), "bs": 5},
        {"n": "x", "v": Decimal("0.5"), "s": 2},
        {"bn": "b:", "n": "y"},
    ]
    assert resolve(records) == [{"n": "a:x", "v": Decimal("20.5"), "s": 7}, {"n": "b:y", "v": Decimal("20.0"), "s": 5}]


@pytest.mark.parametrize(
    ("records", "error"),
    [
        pytest.param({}, "SenmlShape", id="no array"),
        pytest.param([5], "SenmlShape", id="a record that is a number"),
        pytest.param([{"n": "a", "v": "1"}], "SenmlShape", id="a number in text"),
        pytest.param([{"n": "a", "v": True}], "SenmlShape", id="a number that is a boolean"),
        pytest.param([{"n": "a", "vb": 1}], "SenmlShape", id="a boolean that is a number"),
        pytest.param([{"n": 5, "v": 1}], "SenmlShape", id="a name that is a number"),
        pytest.param([{"n": "a", "vd": 5}], "SenmlShape", id="data that is a number"),
        pytest.param([{"bver": 11, "n": "a", "v": 1}], "SenmlLabel", id="a later version"),
        pytest.param([{"n": "a", "v": 1, "new_": 1}], "SenmlLabel", id="an unknown label that must be understood"),
        pytest.param([{99: 1, "n": "a", "v": 1}], "SenmlLabel", id="an unknown integer label"),
        pytest.param([{0: "a", "n": "a", "v": 1}], "SenmlLabel", id="one field by both labels"),
        pytest.param([{"v": 1}], "SenmlName", id="no name"),
        pytest.param([{"n": "-a", "v": 1}], "SenmlName", id="a name that begins with a hyphen"),
        pytest.param([{"n": "a", "v": 1, "vs": "b"}], "SenmlValue", id="two values"),
        pytest.param([{"n": "a"}], "SenmlValue", id="no value"),
    ],
)
def test_wrong_foreign_pack_is_named(records: Any, error: str) -> None:
    """Each defect of somebody's SenML is refused by name."""
    with pytest.raises(WireError) as caught:
        resolve(records)
    assert caught.value.name == error
