# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The pins of firmware/boards against what each chip has, and which board a chip gets."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from device_profiles import load_profiles
from tools.boards import GENERIC, board_for, obstacle

FIRMWARE = Path(__file__).resolve().parents[3] / "firmware"


class Pads(NamedTuple):
    """Sources: Espressif's datasheets; ESP-IDF's documentation, "GPIO & RTC GPIO" and "Sleep Modes", of each chip."""

    exist: frozenset[int]
    forbidden: frozenset[int]  # flash, PSRAM, USB, console, strapping
    tolerated: dict[str, int]  # roles on a strapping pin, which the board's file explains
    input_only: frozenset[int]
    adc1: frozenset[int]
    wake: frozenset[int]


def numbers(*parts: int | range) -> frozenset[int]:
    return frozenset(one for part in parts for one in ([part] if isinstance(part, int) else part))


PADS = {
    "esp32": Pads(
        numbers(range(20), range(21, 24), range(25, 28), range(32, 40)),
        numbers(range(6, 12), 1, 3, 0, 2, 5, 12, 15),
        {"led": 2, "spi_cs": 5, "presence_switch": 15},
        numbers(range(34, 40)),
        numbers(range(32, 40)),
        numbers(0, 2, 4, range(12, 16), range(25, 28), range(32, 40)),
    ),
    "esp32s3": Pads(
        numbers(range(22), range(26, 49)),
        numbers(range(26, 38), 19, 20, 43, 44, 0, 3, 45, 46),
        {},
        numbers(),
        numbers(range(1, 11)),
        numbers(range(22)),
    ),
    "esp32c3": Pads(
        numbers(range(22)),
        numbers(range(11, 18), 18, 19, 20, 21, 2, 8, 9),
        {"led": 8},
        numbers(),
        numbers(range(5)),
        numbers(range(6)),
    ),
}
WAKING = ("sensor_int", "pulse", "tamper")  # what applications of sleeping nodes wait for
ANALOGUE = ("status_light", "status_light_red", "battery_sense", "cabinet_power")
I2C, SPI = ("i2c_scl", "i2c_sda"), ("spi_sck", "spi_miso", "spi_mosi")
RS485 = ("rs485_tx", "rs485_rx", "rs485_de")
# Roles that one node uses together, by profile family; the last three are two converters and the meter on a bus.
TOGETHER = {
    "climate": (*I2C, "battery_sense", "led"),
    "dae": (
        *(*I2C, "door", "presence_switch", "tamper", "hx711_dout", "hx711_sck"),
        *("cabinet_power", "battery_sense", "status_light", "status_light_red", "led"),
    ),
    "parking": (*I2C, "sensor_int", "battery_sense", "led"),
    "water": ("pulse", "tamper", "battery_sense", "led"),
    "energy_pulse": ("pulse", "tamper", "led"),
    "energy_modbus": (*RS485, "led"),
    "strain hx711": (*I2C, "hx711_dout", "hx711_sck", "led"),
    "strain ads1220": (*I2C, *SPI, "spi_cs", "spi_ready", "led"),
}


def pins_of(board: str) -> dict[str, tuple[int, str]]:
    """Role -> (number, mode), from the class attribute `pins`."""
    tree = ast.parse((FIRMWARE / "boards" / f"{board}.py").read_text(encoding="utf-8"))
    texts = [
        ast.literal_eval(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "pins"
    ]
    assert len(texts) == 1 and texts[0].startswith(" ") and texts[0].endswith(" ")
    found = {}
    for word in texts[0].split():
        role, _, pin = word.partition("=")
        assert role not in found
        found[role] = (int(pin[:-1]), pin[-1])
    return found


@pytest.mark.parametrize("chip", PADS)
def test_every_pin_exists_on_the_chip_and_is_free(chip: str) -> None:
    """No role is on a pad of flash, PSRAM, USB, console or strapping, but for the named harmless ones; outputs can drive, analogue inputs
    are on ADC 1, and what wakes a node is on a pad that works in deep sleep."""
    pads = PADS[chip]
    for role, (number, mode) in pins_of(GENERIC[chip]).items():
        assert number in pads.exist, role
        assert number not in pads.forbidden or pads.tolerated.get(role) == number, role
        assert mode in "iuoh" and not (mode != "i" and number in pads.input_only), role
        assert role not in ANALOGUE or number in pads.adc1, role
        assert role not in WAKING or number in pads.wake, role


@pytest.mark.parametrize("chip", PADS)
def test_no_two_roles_of_one_node_share_a_pin_and_what_a_board_lacks_is_refused(chip: str) -> None:
    """For every application: either its roles are all there, on pins of their own, or `obstacle` says that the board cannot do it."""
    pins = pins_of(GENERIC[chip])
    for kind, roles in TOGETHER.items():
        app = kind.split()[0]
        if obstacle({"board": GENERIC[chip], "app": app}, "1.29.0") == "pins":
            assert any(role not in pins for role in roles), kind
            continue
        used = [pins[role][0] for role in roles]
        assert len(set(used)) == len(used), (kind, used)


def test_the_table_above_names_every_role_that_an_application_asks_for() -> None:
    """Each role in the firmware's sources is in TOGETHER, and each application of a profile is."""
    asked = set()
    for path in FIRMWARE.rglob("*.py"):
        asked |= set(re.findall(r"board\.(?:pin|adc)\(\"(\w+)\"\)", path.read_text(encoding="utf-8")))
    known = {role for roles in TOGETHER.values() for role in roles}
    assert asked and asked <= known
    apps = {profile.app for profile in load_profiles().values()}
    assert apps <= {kind.split()[0] for kind in TOGETHER}


def test_the_chip_chooses_among_generic_boards_and_another_board_stays() -> None:
    """A generic board is exchanged for that of the chip; a board of somebody's own is not."""
    for chip, board in GENERIC.items():
        assert (FIRMWARE / "boards" / f"{board}.py").is_file()
        assert board_for("esp32_generic", chip) == board and board_for("street_lamp_v2", chip) == "street_lamp_v2"
    assert all(profile.board in GENERIC.values() for profile in load_profiles().values())


@pytest.mark.parametrize(
    ("board", "app", "sleeps", "version", "found"),
    [
        ("esp32c3_generic", "water", True, "1.26.1", "wake"),
        ("esp32c3_generic", "water", True, "1.27.0", None),
        ("esp32c3_generic", "water", True, "", None),
        ("esp32c3_generic", "water", False, "1.26.1", None),
        ("esp32c3_generic", "parking", True, "1.26.1", None),
        ("esp32s3_generic", "water", True, "1.26.1", None),
        ("esp32c3_generic", "dae", False, "1.29.0", "pins"),
        ("esp32_generic", "dae", False, "1.26.0", None),
    ],
)
def test_what_a_board_cannot_do_is_known_before_it_is_written(
    board: str, app: str, sleeps: bool, version: str, found: str | None
) -> None:
    """A C3 has too few pins for a cabinet, and no pin wakes it before MicroPython 1.27."""
    config = {"board": board, "app": app, **({"sleeps": True} if sleeps else {})}
    assert obstacle(config, version) == found
