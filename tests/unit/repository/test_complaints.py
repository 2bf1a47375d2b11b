# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""docs/complaints.md answers every complaint that was collected, and the tests that it names are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "complaints.md"

# What users of comparable firmware reported, by repository and number, as it was collected.
COLLECTED = (
    *("esphome/feature-requests#733", "esphome/feature-requests#888", "arendst/Tasmota#8508"),
    *("home-assistant/android#5579", "home-assistant/core#90923", "home-assistant/core#84198"),
    *("esphome/feature-requests#2699", "esphome/feature-requests#3014", "esphome/issues#742", "esphome/issues#1699"),
    *("esphome/issues#1098", "esphome/issues#2455", "esphome/issues#1629", "esphome/feature-requests#302"),
    *("esphome/feature-requests#2452", "esphome/esphome#15530", "syssi/esphome-jk-bms#874"),
    *("IoTLabs-pl/wM-Bus-Gateway#51", "1technophile/OpenMQTTGateway#1278", "1technophile/OpenMQTTGateway#392"),
    *("1technophile/OpenMQTTGateway#173", "1technophile/OpenMQTTGateway#795", "arendst/Tasmota#2974"),
    *("arendst/Tasmota#3314", "umqtt.robust", "SetOption65", "esphome/esphome#17238", "micropython/micropython#8940"),
    *("micropython/micropython#14421", "micropython/micropython#6455", "micropython/micropython#7038"),
    *("micropython/micropython#18224", "micropython/micropython-lib#851", "emsesp/EMS-ESP32#2555"),
    *("letscontrolit/ESPEasy#2379", "openair#49", "WEMOS_SHT3x_Arduino_Library#2", "esphome/issues#1465"),
    *("esphome/issues#2887", "esphome/issues#6078", "esphome/issues#4263"),
    # Of gateways.
    *("eclipse/mosquitto#3472", "eclipse/mosquitto#3394", "thin-edge/thin-edge.io#3083"),
    *("edgexfoundry/app-service-configurable#318", "influxdata/telegraf#16615", "united-manufacturing-hub#152"),
    *("nanomq/nanomq#2432", "nanomq/nanomq#2423", "thin-edge/thin-edge.io#4334", "eclipse/mosquitto#2639"),
    *("eclipse/mosquitto#3160", "eclipse/mosquitto#3159", "influxdata/telegraf#18528", "eclipse-kura/kura#2169"),
    *("aws-greengrass-nucleus#933", "Azure/iotedge#2959", "thingsboard/thingsboard-gateway#2099"),
    *("influxdata/telegraf#17247", "influxdata/telegraf#16500", "Azure/iotedge#1538", "Azure/iotedge#5354"),
    *("thin-edge/thin-edge.io#3403", "thingsboard/thingsboard-gateway#2124", "thingsboard/thingsboard-gateway#2140"),
    *("brocaar/chirpstack-gateway-bridge#206", "edgexfoundry/app-service-configurable#708", "eclipse/mosquitto#2362"),
    *("thingsboard/thingsboard-gateway#877", "thingsboard/thingsboard-gateway#1445"),
    *("edgexfoundry/app-functions-sdk-go#1516", "thin-edge/thin-edge.io#4213", "thin-edge/thin-edge.io#2326"),
    *("thingsboard/thingsboard-gateway#2094", "Azure/iotedge#835", "Azure/iotedge#3981", "Azure/iotedge#1948"),
    *("eclipse/mosquitto#3695", "Azure/iotedge#1274", "pimatic/pimatic#497", "pimatic/pimatic#409"),
    *("influxdata/influxdb#23040", "openenergymonitor/oem_gateway#12", "WaziGate#20", "azure-docs#72820"),
    *("raspberrypi/linux#1751", "AMRC-FactoryPlus#167", "eclipse/mosquitto#1035", "thin-edge/thin-edge.io#2899"),
    *("esp-rainmaker-neo#1", "nanomq/nanomq#1980", "thingsboard/thingsboard-gateway#1483"),
    *("thingsboard/thingsboard-gateway#2155", "influxdata/telegraf#16314", "thin-edge/thin-edge.io#3185"),
)
WITHOUT_A_TEST = ("Not yet", "Cannot happen")


def rows() -> list[list[str]]:
    """The cells of every row of the page's tables."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [row for row in cells if row[0] != "complaint"]


@cache
def functions_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_test_that_the_page_names_is_there() -> None:
    """Who follows a name on the page finds that function in that file."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)", PAGE.read_text(encoding="utf-8"))
    assert len(named) >= 20
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or name not in functions_of(ROOT / path)
    ]
    assert missing == []


def test_every_collected_complaint_is_answered() -> None:
    """None is left out, and each row has a test or says plainly that it has none, and why."""
    complaints = " ".join(row[0] for row in rows())
    assert [one for one in COLLECTED if not re.search(rf"{re.escape(one)}(?!\d)", complaints)] == []
    assert [row[0] for row in rows() if len(row) != 3 or not all(row)] == []
    bare = [row[0] for row in rows() if "`tests/" not in row[2] and not row[2].startswith(WITHOUT_A_TEST)]
    assert bare == []
