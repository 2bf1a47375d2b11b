# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A good profile, and what a node and a gateway get from it."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from device_profiles import Profile, SettingError, find_mistakes, load_captures, load_profiles
from device_profiles.profile import KIND_LETTERS, mantissa_of
from tests.support.profile_folder import PROFILE, write_profile

OWN_NAMES = {"boot", "reset", "fw", "batt", "rssi", "heap", "fault", "anchor", "lost", "cmd"}


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
        **dict.fromkeys(("fault", "cmd"), "record"),
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
    }


def test_the_firmware_says_of_itself_what_own_toml_says(tank: Profile) -> None:
    """The firmware's own table of own records has the units, kinds, lanes and deadlines of own.toml."""
    source = Path(__file__).parents[3] / "firmware" / "node_core" / "configuration.py"
    table = runpy.run_path(str(source))["OWN"]
    rows = {name: tank.measurements[name] for name in table}
    assert table == {name: [m.unit, KIND_LETTERS[m.kind], m.exponent, m.lane, m.deadline_s] for name, m in rows.items()}
    assert all(measurement.is_own for measurement in rows.values())


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


def test_folders_without_a_profile_are_not_devices(tmp_path: Path) -> None:
    """A folder beside the devices (a cache, a README's pictures) is no mistake."""
    write_profile(tmp_path)
    (tmp_path / "pictures").mkdir()
    assert set(load_profiles(tmp_path)) == {"tank-l1"}
    assert PROFILE.startswith("#")
