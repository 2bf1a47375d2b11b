# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A good profile, and what a node and a gateway get from it."""

from __future__ import annotations

import ast
import json
import re
from datetime import date
from pathlib import Path

import pytest

from device_profiles import Profile, SettingError, find_mistakes, load_captures, load_profiles
from device_profiles.profile import KIND_LETTERS, Value, mantissa_of
from tests.support.profile_folder import PROFILE, write_profile

OWN_NAMES = {"boot", "reset", "fw", "batt", "rssi", "heap", "fault", "crash", "safe", "anchor", "lost", "cmd"}


@pytest.fixture
def tank(tmp_path: Path) -> Profile:
    write_profile(tmp_path)
    return load_profiles(tmp_path)["tank-l1"]


def test_every_shipped_profile_and_capture_is_without_a_mistake() -> None:
    """The profiles in this repository pass their own check, and each has captures."""
    profiles, captures_count, mistakes = find_mistakes()
    assert [str(mistake) for mistake in mistakes] == []
    assert captures_count >= len(profiles)


def test_a_profile_has_its_own_measurements_and_those_of_every_node(tank: Profile) -> None:
    """The names of docs/wire.md section 3 are in every profile, with the lanes that stand there."""
    assert set(tank.measurements) == {"level", "wave", "open"} | OWN_NAMES
    lanes = {name: tank.measurements[name].lane for name in OWN_NAMES}
    assert lanes == {
        **dict.fromkeys(("boot", "reset", "fw", "batt", "rssi", "heap", "anchor"), "trend"),
        **dict.fromkeys(("fault", "crash", "safe", "cmd"), "record"),
        "lost": "alarm",
    }
    units = {name: m.unit for name, m in tank.measurements.items() if m.is_own and m.unit}
    assert units == {"batt": "%EL", "rssi": "dBW", "heap": "B"}


def test_bounds_are_exact_mantissas(tank: Profile) -> None:
    """A bound in the unit becomes a whole number of steps, although -0.15 is no binary fraction."""
    level = tank.measurements["level"]
    assert (level.minimum, level.minimum_mantissa, level.maximum_mantissa) == (-0.15, -15, 1200)
    assert [level.is_in_range(value) for value in (-16, -15, 1200, 1201)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("value", "exponent", "mantissa"),
    [(85.0, -2, 8500), (85, 0, 85), (0.1, -1, 1), (0.15, -1, None), (1e-9, -9, 1), (36000, 3, 36), (36500, 3, None)],
)
def test_a_value_is_a_whole_number_of_steps_or_none(value: float, exponent: int, mantissa: int | None) -> None:
    """What an author writes as decimal text is taken as that decimal, not as its nearest double."""
    assert mantissa_of(value, exponent) == mantissa


def test_an_alarm_rule_moves_a_reading_into_the_alarm_lane(tank: Profile) -> None:
    """`above` compares mantissas and is exclusive; `equals` compares value and type; `lost` is always an alarm."""
    level, opened, lost = (tank.measurements[name] for name in ("level", "open", "lost"))
    assert [level.is_alarm(value) for value in (1150, 1151)] == [False, True]
    assert [opened.is_alarm(value) for value in (True, False, 1)] == [True, False, False]
    assert lost.is_alarm(b"")


def test_a_wire_kind_and_exponent_are_those_of_a_body(tank: Profile) -> None:
    """A waveform travels as bytes with exponent 0, whatever the resolution of its samples."""
    found = {
        name: (tank.measurements[name].wire_kind, tank.measurements[name].wire_exponent)
        for name in ("level", "wave", "open")
    }
    assert found == {"level": (0, -2), "wave": (4, 0), "open": (1, 0)}


def test_the_node_gets_settings_and_its_measurements(tank: Profile) -> None:
    """firmware_config is JSON, with defaults overridden, and rows of exactly the five parts that the firmware checks."""
    config = tank.firmware_config({"interval_s": 30})
    assert json.loads(json.dumps(config)) == config
    assert config == {
        "profile": "tank-l1",
        "profile_version": 3,
        "app": "tank",
        "board": "esp32_generic",
        "settings": {"interval_s": 30, "gain": 1.5, "inverted": False},
        "measurements": {
            "level": ["m", "n", -2, "trend", 300],
            "wave": ["m", "d", -3, "trend", 600],
            "open": [None, "b", 0, "record", 5],
        },
        "sleeps": True,
    }


def test_the_firmware_says_of_itself_what_own_toml_says(tank: Profile) -> None:
    """The firmware's own table of own records has the units, kinds, lanes and deadlines of own.toml."""
    source = Path(__file__).parents[3] / "firmware" / "node_core" / "configuration.py"
    (table,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(source.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "OWN"
    )
    rows = {name: tank.measurements[name] for name in table}
    assert table == {name: [m.unit, KIND_LETTERS[m.kind], m.exponent, m.lane, m.deadline_s] for name, m in rows.items()}
    assert all(measurement.is_own for measurement in rows.values())


def test_a_node_with_a_socket_never_sleeps(tmp_path: Path) -> None:
    """Only a battery's node is told that it sleeps; the gateway asks the profile the same question."""
    cell = PROFILE[PROFILE.index('cell = "') : PROFILE.index("[calibration]")]
    write_profile(tmp_path, PROFILE.replace(cell, "").replace('source = "battery"', 'source = "poe"'))
    profile = load_profiles(tmp_path)["tank-l1"]
    assert "sleeps" not in profile.firmware_config()
    assert (profile.power_source, profile.power.sleeps, profile.power.cell) == ("poe", False, None)


def test_the_energy_account_has_the_cell(tank: Profile) -> None:
    """What the account of a battery node needs is in the profile, as the data sheet says it."""
    power = tank.power
    assert (power.cell, power.capacity_mah, power.volts) == ("Li-SOCl2 D, 3.6 V", 19000, 3.6)
    assert (power.usable_pct, power.self_discharge_pct_year, power.sleep_ua) == (85, 1, 25)


def test_an_alarm_has_its_gravity_and_its_text(tank: Profile) -> None:
    """What stands in alarm_when is kept; a rule without a gravity is a warning, and speaks with the label."""
    level, opened = tank.measurements["level"].alarm_when, tank.measurements["open"].alarm_when
    assert level is not None and opened is not None
    assert (level.severity, dict(level.texts)) == ("critical", {"it": "Trabocca", "en": "It overflows"})
    assert (opened.severity, dict(opened.texts)) == ("warning", {})


def test_uncertainty_and_calibration_are_kept(tank: Profile) -> None:
    """How well a value is known, and since when, belongs to the reading's evidence."""
    assert (tank.measurements["level"].uncertainty, tank.measurements["wave"].uncertainty) == (0.03, None)
    calibration = tank.calibration
    assert calibration is not None
    assert (calibration.kind, calibration.date, calibration.valid_months) == ("type", date(2026, 3, 1), 24)


@pytest.mark.parametrize(
    ("check", "value", "before", "passes"),
    [
        ("fills", 51, 40, True),
        ("fills", 50, 40, False),  # above is exclusive
        ("fills", 1100, 40, False),  # below is, too
        ("fills", 60, 60, False),  # it must change
        ("fills", 60, None, True),  # nothing was heard before the instruction
        ("fills", True, None, False),
        ("fills", "60", None, False),
        ("lid-open", True, True, True),
        ("lid-open", False, True, False),
        ("lid-open", 1, None, False),
    ],
)
def test_a_commissioning_check_asks_for_all_its_conditions(
    tank: Profile, check: str, value: Value, before: Value | None, passes: bool
) -> None:
    """Bounds are steps like the values that arrive, and every condition must hold for one value."""
    rules = {rule.id: rule for rule in tank.commissioning}
    assert list(rules) == ["fills", "lid-open"]
    assert rules[check].fits(value, before) is passes


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"interval": 30}, "does not have it; it has: gain, interval_s, inverted"),
        ({"interval_s": 0}, "write 1 s or more"),
        ({"interval_s": 4000}, "write 3600 s or less"),
        ({"interval_s": 1.5}, "write a whole number"),
        ({"interval_s": True}, "write a whole number"),
        ({"inverted": 1}, "write true or false"),
        ({"gain": "high"}, "write a number"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused(tank: Profile, overrides: dict[str, object], says: str) -> None:
    """The refusal names the setting and says what would fit."""
    with pytest.raises(SettingError, match=next(iter(overrides))) as caught:
        tank.firmware_config(overrides)
    assert says in str(caught.value)


def test_captures_hold_bytes_and_their_meaning(tank: Profile) -> None:
    """Captures are read beside the profile, good ones and refusals alike."""
    good, bad = load_captures(tank)
    assert (bytes.fromhex(good.raw), good.expect, bad.error) == (b"\x01\xf4", {"level": 500}, "no echo")


def test_the_profile_on_the_page_for_authors_is_right(tmp_path: Path) -> None:
    """Who copies the example of docs/profiles.md starts without a mistake."""
    page = (Path(__file__).parents[3] / "docs" / "profiles.md").read_text(encoding="utf-8")
    found = dict(re.findall(r"^```toml (\S+)\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE))
    write_profile(tmp_path, found["profile.toml"], found["captures.toml"], name="acme-wl100")
    profiles, captures_count, mistakes = find_mistakes(tmp_path)
    assert ([str(mistake) for mistake in mistakes], len(profiles), captures_count) == ([], 1, 2)
    assert all(f"`{name}`" in page for name in OWN_NAMES)


def test_folders_without_a_profile_are_not_devices(tmp_path: Path) -> None:
    """A folder beside the devices (a cache, a README's pictures) is no mistake."""
    write_profile(tmp_path)
    (tmp_path / "pictures").mkdir()
    assert set(load_profiles(tmp_path)) == {"tank-l1"}
    assert PROFILE.startswith("#")
